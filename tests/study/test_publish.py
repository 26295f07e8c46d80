"""Publishing a study: what is copied, what it cost, and that an unfinished one is refused."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ase.build import molecule as molecule_of_ase

import e3d
from e3d import tables
from e3d.errors import InputError
from e3d.fields import RUN_COLUMNS
from e3d.models.analysis import AnalysisModel
from e3d.provenance import note
from study.collect import collect_tables
from study.costs import costs
from study.crate import crate_text
from study.findings.sections import write_findings
from study.publish import publish
from study.robustness.tables import BOND_COLUMNS, PAIR_COLUMNS
from study.stages import FIGURES, figures_made, findings_tables, kept_of, tables_made
from study_tables import study

HEADER = "s\th:m:s\tmax_rss\n"


OTHER = {"a/store": "sha256:2"}
RUN = {"run": "a/n1/b/s0", "dataset": "a", "n_train": 1, "model": "b", "seed": 0}


def _write(_: object, output: Path, *__: object) -> None:
    output.parent.mkdir(exist_ok=True)
    output.write_text("- of these tables\n")


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of a made-up study: all figures, three jobs, two of them side by side."""
    results = tmp_path / "results"
    (results / "figures").mkdir(parents=True)
    for name in FIGURES:
        (results / "figures" / f"{name}.png").write_bytes(b"\x89PNG")
        (results / "figures" / f"{name}.pdf").write_bytes(b"pdf")
    (results / "figures" / "findings.md").write_text("- of another study\n")
    empty = pd.DataFrame([RUN], columns=list(RUN_COLUMNS))
    for name in tables_made(sets=1):
        tables.write(empty, results / f"{name}.csv", made_from={"a/store": "sha256:1"})
    (results / "bde" / "named (copy).csv").write_text("a\n1\n")
    monkeypatch.setattr("study.publish.write_findings", _write)
    for name, seconds, end in (
        ("train/run/x/s0", 10.0, 1010),
        ("train/run/x/s1", 20.0, 1020),
        ("bde/x/s0", 5.0, 1025),
    ):
        path = results / "costs" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{HEADER}{seconds}\t0\t100\n")
        os.utime(path, (end, end))
    return results


def test_what_is_published(finished: Path, tmp_path: Path) -> None:
    output = tmp_path / "published"
    (output / "old").mkdir(parents=True)
    (output / "costs.csv").touch()
    publish(finished, output)
    names = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert names == {
        *(f"{name}.csv" for name in tables_made(sets=1)),
        "costs.csv",
        "machine.json",
        "Snakefile",
        "ro-crate-metadata.json",
        "figures/findings.md",
        *(f"figures/{name}.png" for name in figures_made(sets=1)),
    }
    assert not (output / "old").exists()
    assert (output / "figures" / "findings.md").read_text() == "- of these tables\n"
    assert json.loads((output / "machine.json").read_text())["finished"] == "1970-01-01"
    described = (output / "ro-crate-metadata.json").read_text(encoding="utf-8")
    assert described == crate_text(output, "published")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_text(path.read_text() + "x\n"), "the table was changed"),
        (lambda path: note(path).unlink(), "no note beside it"),
        (lambda path: path.unlink(), "no such file"),
        (lambda path: tables.write(pd.read_csv(path), path, made_from=OTHER), "sha256:2"),
    ],
    ids=["edited", "without a note", "missing", "of another study"],
)
def test_tables_are_those_that_the_study_wrote(
    change: Callable[[Path], object], message: str, finished: Path, tmp_path: Path, input_error: Any
) -> None:
    change(finished / "null" / "compare.csv")
    with input_error("compare.csv", message):
        publish(finished, tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_a_figure_is_one(finished: Path, tmp_path: Path, input_error: Any) -> None:
    (finished / "figures" / "parity.png").write_bytes(b"")
    with input_error("parity.png: is no PNG"):
        publish(finished, tmp_path / "published")


@pytest.mark.parametrize("place", [".", "results", "keep"])
def test_nothing_else_is_ever_replaced(finished: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep" / "precious").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="not a published study"):
        publish(finished, tmp_path / place)
    assert sorted(tmp_path.rglob("*")) == before


def test_time_without_jobs_does_not_count(finished: Path) -> None:
    late = finished / "costs" / "figures" / "parity.tsv"  # drawn again an hour later
    late.parent.mkdir()
    late.write_text(f"{HEADER}2.0\t0\t100\n")
    os.utime(late, (5000, 5000))
    assert costs(finished / "costs").loc[0, "total_s"] == 27.0


def test_costs(finished: Path) -> None:
    table = costs(finished / "costs").set_index("rule")
    # 1000 to 1025: two trainings side by side, then a table
    assert table.loc["study", "total_s"] == 25.0
    assert table.loc["train/run", "jobs"] == 2
    assert table.loc["train/run", "mean_s"] == 15.0
    assert table.loc["bde", "total_s"] == 5.0
    assert pd.isna(table.loc["study", "max_rss_MB"])


def test_an_unfinished_study_is_refused_and_nothing_is_lost(finished: Path, tmp_path: Path) -> None:
    output = tmp_path / "published"
    (output / "old").mkdir(parents=True)
    (finished / "figures" / "parity.png").unlink()
    with pytest.raises(InputError, match=r"parity\.png"):
        publish(finished, output)
    assert (output / "old").exists()


def test_weights_are_published_that_decompose_alike(
    finished: Path, tmp_path: Path, trained: Path, model: AnalysisModel, input_error: Any
) -> None:
    run, output = "a/n1/b/s0", tmp_path / "published"
    with input_error("--weights 'a/n1/b/s0'", "no such file", "that were trained"):
        publish(finished, output, weights=[run])
    folder = finished / "train" / run
    folder.mkdir(parents=True)
    shutil.copy(trained / "model.ckpt", folder)
    publish(finished, output, weights=[run])
    lean = output / "weights" / f"{run}.ckpt"
    assert lean.stat().st_size < 0.8 * (folder / "model.ckpt").stat().st_size
    ethanol = [molecule_of_ase("CH3CH2OH")]
    same, again = (e3d.decompose(one, ethanol) for one in (model, e3d.load(lean)))
    pd.testing.assert_frame_equal(same, again)


def test_stages_alone_are_published_with_their_findings(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.publish.write_findings", write_findings)
    of_sets = {
        "robustness/pairs": pd.DataFrame(columns=list(PAIR_COLUMNS)),
        "robustness/bonds": pd.DataFrame(columns=list(BOND_COLUMNS)),
    }
    for name, table in {**study(), **of_sets}.items():
        tables.write(table, finished / f"{name}.csv")
    output = tmp_path / "published"
    publish(finished, output, ["robustness"])
    names = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    needed = (*FIGURES["robustness"].tables, *findings_tables(["robustness"]))
    assert names == {
        "costs.csv",
        "machine.json",
        "Snakefile",
        "ro-crate-metadata.json",
        "figures/findings.md",
        "figures/robustness.png",
        *(f"{name}.csv" for name in needed),
    }
    assert "**Robustness" in (output / "figures" / "findings.md").read_text(encoding="utf-8")
    with pytest.raises(InputError, match=r"--only 'guage'.*gauge"):
        publish(finished, output, ["guage"])


def test_long_tables_are_kept_whole_and_stacked_with_those_of_other_runs(
    finished: Path, tmp_path: Path
) -> None:
    names = ("answers/answers", "answers/types", "answers/cells")
    for name in (*names, *kept_of(["answers"])):
        rows = pd.DataFrame([RUN]).assign(question=1, bond_energy_eV=1 / 3)
        tables.write(rows, finished / f"{name}.csv", made_from={"a/store": "sha256:1"})
    output = tmp_path / "published"
    publish(finished, output, ["answers"])
    assert kept_of(["answers"]) == ["answers/bonds", "answers/barriers"]
    for name in kept_of(["answers"]):
        assert not (output / f"{name}.csv").exists()
        pd.testing.assert_frame_equal(
            tables.read(output / f"{name}.parquet"), tables.read(finished / f"{name}.csv")
        )
    more = {**RUN, "run": "a/n1/b/s1", "seed": 1}
    rows = pd.DataFrame([more]).assign(question=1, bond_energy_eV=2 / 3)
    tables.write(rows, tmp_path / "more.csv", made_from={"store": "sha256:1"})
    kept = output / "answers" / "bonds.parquet"
    collect_tables([kept, tmp_path / "more.csv"], tmp_path / "both.csv")
    assert tables.read(tmp_path / "both.csv")["seed"].tolist() == [0, 1]
    tables.write(rows, tmp_path / "more.csv", made_from={"store": "sha256:2"})
    with pytest.raises(InputError, match="sha256:2"):
        collect_tables([kept, tmp_path / "more.csv"], tmp_path / "both.csv")
    (finished / "answers" / "bonds.csv").unlink()
    with pytest.raises(InputError, match=r"bonds\.csv: no such file"):
        publish(finished, output, ["answers"])
