"""Publishing a study: what is copied, what it cost, and that an unfinished one is refused."""

import os
from pathlib import Path

import pandas as pd
import pytest

from e3d.errors import InputError
from study.costs import costs
from study.publish import publish
from study.robustness.tables import PAIR_COLUMNS
from study.stages import FIGURES, findings_tables
from study_tables import study

HEADER = "s\th:m:s\tmax_rss\n"


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """Results of a made-up study: one table, all figures, three jobs, two of them side by side."""
    results = tmp_path / "results"
    (results / "bde").mkdir(parents=True)
    (results / "bde" / "named.csv").write_text("a\n1\n")
    (results / "bde" / "named.csv.provenance.json").write_text("{}")
    (results / "decompose").mkdir()
    (results / "decompose" / "summary.csv").write_text("run,dataset,model\na/n1/b/s0,a,b\n")
    (results / "figures").mkdir()
    for name in FIGURES:
        (results / "figures" / f"{name}.png").write_bytes(b"png")
        (results / "figures" / f"{name}.pdf").write_bytes(b"pdf")
    (results / "figures" / "findings.md").write_text("- text\n")
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
        "bde/named.csv",
        "decompose/summary.csv",
        "costs.csv",
        "machine.json",
        "figures/findings.md",
        *(f"figures/{name}.png" for name in FIGURES),
    }
    assert not (output / "old").exists()


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


def test_stages_alone_are_published_with_their_findings(finished: Path, tmp_path: Path) -> None:
    for name, table in {
        **study(),
        "robustness/pairs": pd.DataFrame(columns=list(PAIR_COLUMNS)),
    }.items():
        path = finished / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        table.to_csv(path, index=False)
    (finished / "robustness" / "bonds.csv").write_text("a\n")
    for name in ("order", "summary", "named"):
        (finished / "bde" / f"{name}.csv").write_text("a\n")
    output = tmp_path / "published"
    publish(finished, output, ["robustness"])
    names = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    tables = {
        f"{name}.csv" for name in (*FIGURES["robustness"].tables, *findings_tables(["robustness"]))
    }
    assert names == {
        "costs.csv",
        "machine.json",
        "figures/findings.md",
        "figures/robustness.png",
        *tables,
    }
    assert "**Robustness" in (output / "figures" / "findings.md").read_text(encoding="utf-8")
    with pytest.raises(InputError, match=r"--only 'guage'.*gauge"):
        publish(finished, output, ["guage"])
