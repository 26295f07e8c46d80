"""Tables of several runs are stacked in run order, if they belong together."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d import lineage, provenance, tables
from e3d.fields import TABLE_VERSION
from study.cli import main
from study.collect import collect, collect_tables
from study.soundness.fields import LAWS
from study.tables import read_tables


def _run(n: int, seed: int, model: str = "nano") -> dict[str, Any]:
    name = f"a/n{n}/{model}/s{seed}"
    return {"run": name, "dataset": "a", "n_train": n, "model": model, "seed": seed}


def test_collect_stacks_in_run_order(tmp_path: Path, input_error: Any) -> None:
    runs = [_run(256, 0), _run(32, 1), _run(32, 0), _run(32, 0, "micro")]
    paths = []
    for k, run in enumerate(runs):
        paths.append(tmp_path / f"{k}.csv")
        tables.write(
            tables.with_run(pd.DataFrame({"row": [0, 1], "lo": [np.nan, 1.0 + k]}), run), paths[-1]
        )
    paths.append(tmp_path / "empty.csv")
    tables.write(tables.with_run(pd.DataFrame({"row": []}), _run(64, 0)), paths[-1])
    table = collect(paths)
    assert table["run"].tolist()[::2] == [
        "a/n32/micro/s0",
        "a/n32/nano/s0",
        "a/n32/nano/s1",
        "a/n256/nano/s0",
    ]
    assert table["row"].tolist() == [0, 1] * 4
    pd.testing.assert_frame_equal(table, collect(paths[::-1]), check_dtype=False)
    tables.write(pd.DataFrame({"row": [0]}), tmp_path / "other.csv")
    with input_error("other.csv", "no column run, dataset"):
        collect([*paths, tmp_path / "other.csv"])


def test_a_check_refuses_a_stacked_table(tmp_path: Path) -> None:
    for k in (0, 1):
        tables.write(tables.with_run(pd.DataFrame({"n": [k]}), _run(32, k)), tmp_path / f"{k}.csv")
    paths, output = [tmp_path / "0.csv", tmp_path / "1.csv"], tmp_path / "all.csv"
    with pytest.raises(ValueError, match="refused 2 rows"):
        collect_tables(paths, output, f"{__name__}:_refuse")
    assert not output.exists()
    collect_tables(paths, output)
    assert len(tables.read(output)) == 2


def _refuse(table: pd.DataFrame) -> None:
    raise ValueError(f"refused {len(table)} rows")


def _table(path: Path, n: int, *, dataset: str = "a", store: str = "sha256:1", **more: Any) -> Path:
    run = _run(n, 0) | {"run": f"{dataset}/n{n}/nano/s0", "dataset": dataset}
    table = tables.with_run(pd.DataFrame({"row": [1.0, 2.0], **more}), run)
    tables.write(table, path, made_from={"store": store, "subset": f"sha256:n{n}"})
    return path


def test_a_table_is_stacked_once(tmp_path: Path, input_error: Any) -> None:
    first, second = _table(tmp_path / "8.csv", 8), _table(tmp_path / "32.csv", 32)
    with input_error("8.csv: given twice"):
        collect([first, second, first])
    copy = tmp_path / "copy.csv"
    shutil.copy(first, copy)
    with input_error("copy.csv: has rows of a/n8/nano/s0", "8.csv"):
        collect([first, second, copy])


def test_structures_of_one_run_are_tables_of_their_own(tmp_path: Path, input_error: Any) -> None:
    parts = [_table(tmp_path / f"{name}.csv", 8, structures=name) for name in ("x", "y")]
    assert collect(parts)["structures"].tolist() == ["x", "x", "y", "y"]
    with input_error("again.csv: has rows of a/n8/nano/s0 on x"):
        collect([*parts, _table(tmp_path / "again.csv", 8, structures="x")])


def test_unlike_tables_are_refused(tmp_path: Path, input_error: Any) -> None:
    first = _table(tmp_path / "8.csv", 8)
    with input_error("more.csv: has other, unlike", "8.csv"):
        collect([first, _table(tmp_path / "more.csv", 32, other=0)])
    with input_error("8.csv: lacks other, unlike", "more.csv"):
        collect([tmp_path / "more.csv", first])
    blank = _table(tmp_path / "blank.csv", 64)
    table = pd.read_csv(blank)
    table.loc[1, "run"] = np.nan
    table.to_csv(blank, index=False)
    with input_error("blank.csv: row 2 is of no run"):
        collect([first, blank])


def test_runs_of_one_dataset_are_of_one_store(tmp_path: Path, input_error: Any) -> None:
    """Runs differ in their subsets, datasets in their stores."""
    first, second = _table(tmp_path / "8.csv", 8), _table(tmp_path / "32.csv", 32)
    other = _table(tmp_path / "b.csv", 64, dataset="b", store="sha256:2")
    output = tmp_path / "all" / "named.csv"
    collect_tables([first, second, other], output)
    hashes = {"a/store": "sha256:1", "b/store": "sha256:2"}
    assert lineage.origin(output) == lineage.Origin(TABLE_VERSION, hashes)
    stale = _table(tmp_path / "stale.csv", 64, store="sha256:2")
    with input_error("stale.csv", "the store of a sha256:2", "sha256:1"):
        collect_tables([first, stale], tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_tables_of_an_older_version_are_stacked_with_each_other_alone(
    tmp_path: Path, input_error: Any
) -> None:
    paths = [_table(tmp_path / f"{n}.csv", n) for n in (8, 32, 64)]
    for path in paths[:2]:
        provenance.record(path)  # as it was written before tables said their version
    collect_tables(paths[:2], tmp_path / "out.csv")
    with input_error("8.csv: a table of version 1", f"64.csv is of version {TABLE_VERSION}"):
        collect_tables(paths, tmp_path / "out.csv")


def test_a_table_that_its_note_is_not_of_is_refused(tmp_path: Path, input_error: Any) -> None:
    paths = [_table(tmp_path / f"{n}.csv", n) for n in (8, 32)]
    paths[1].write_text(paths[1].read_text().replace("2.0", "9.0").replace(",2", ",9"))
    with input_error("32.csv", "was changed", "remove the note"):
        collect_tables(paths, tmp_path / "out.csv")
    provenance.note(paths[1]).unlink()
    provenance.note(paths[0]).unlink()
    collect_tables(paths, tmp_path / "out.csv")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_a_later_version_is_refused(
    suffix: str, tmp_path: Path, input_error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"t.{suffix}"
    with monkeypatch.context() as later:
        later.setattr(lineage, "TABLE_VERSION", TABLE_VERSION + 1)
        tables.write(pd.DataFrame({"a": [1]}), path)
        assert len(tables.read(path)) == 1
    with input_error(path.name, f"version {TABLE_VERSION + 1}", f"1..{TABLE_VERSION}"):
        tables.read(path)


def test_a_note_that_is_not_json_is_named(tmp_path: Path, input_error: Any) -> None:
    path = _table(tmp_path / "8.csv", 8)
    for text in ("{", "[]", json.dumps({"table_version": "x"})):
        provenance.note(path).write_text(text)
        with input_error("8.csv.provenance.json", "Make the table again"):
            tables.read(path)


def test_tables_of_two_studies_are_not_read_together(tmp_path: Path, input_error: Any) -> None:
    """As a figure would: by their names, each once, and made from the same."""
    for name, store in (("one", "sha256:1"), ("two", "sha256:2")):
        part = _table(tmp_path / f"{name}.csv", 8, store=store)
        for table in ("bde/named", "evaluate/errors"):
            collect_tables([part], tmp_path / name / f"{table}.csv")
    named, errors = tmp_path / "one/bde/named.csv", tmp_path / "two/evaluate/errors.csv"
    needed = ["bde/named", "evaluate/errors"]
    assert set(read_tables([tmp_path / "one"], needed)) == set(needed)
    with input_error("errors.csv", "the store of a", "sha256:1", "sha256:2"):
        read_tables([named, errors], needed)
    with input_error("one/bde/named.csv", "two/bde/named.csv", "read once"):
        read_tables([tmp_path / "two/bde/named.csv", errors, named], needed)


def _errors(path: Path, seed: int = 0) -> Path:
    """Write a table of errors as a study's, without a note."""
    rows = {
        "group_kind": ["all", "element"],
        "group": ["all", "H"],
        "n_frames": [4, 0],
        "energy_mae_meV_per_atom": [5.0, np.nan],
        "energy_mae_meV_per_atom_lo": [-1.0, np.nan],
        "energy_mae_meV_per_atom_hi": [11.0, np.nan],
        "force_mae_meV_per_ang": [50.0, 40.0],
        "bond_energy_eV": [-0.5, 4.0],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    tables.with_run(pd.DataFrame(rows), _run(8, seed)).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("energy_mae_meV_per_atom", -5.0, "is -5.0 - allowed are numbers from 0"),
        ("energy_mae_meV_per_atom", 12.0, "its interval is -1.0 to 11.0"),
        ("energy_mae_meV_per_atom", np.nan, "is nan - its interval is -1.0 to 11.0"),
        ("force_mae_meV_per_ang", np.nan, "is nan, and its frames were tested"),
        ("force_mae_meV_per_ang", np.inf, "is inf - allowed are finite numbers"),
        ("force_mae_meV_per_ang", "50 meV", "is '50 meV', and it holds numbers"),
        ("bond_energy_eV", "strong", "is 'strong', and it holds numbers"),
        ("n_frames", -4, "is -4 - allowed are numbers from 0"),
        ("n_train", -8, "allowed are whole numbers from 0"),
        ("n_train", "8 frames", "is '8 frames', and it holds numbers"),
        ("n_train", 16, "has n_train 16, and its name says 8"),
        ("seed", 7, "has seed 7, and its name says 0"),
        ("dataset", "b", "has dataset 'b', and its name says a"),
        ("model", "micro", "has model 'micro', and its name says nano"),
        ("n_train", np.nan, "has n_train nan, and its name says 8"),
    ],
)
def test_a_table_without_a_note_holds_what_can_be(
    column: str, value: object, text: str, tmp_path: Path, input_error: Any
) -> None:
    good, bad = _errors(tmp_path / "good.csv", seed=1), _errors(tmp_path / "bad.csv")
    collect_tables([good, bad], tmp_path / "out.csv")
    table = pd.read_csv(bad).astype({column: object})
    table.loc[0, column] = value
    table.to_csv(bad, index=False)
    (tmp_path / "out.csv").unlink()
    with input_error("bad.csv", text):
        collect_tables([good, bad], tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_rows_are_there_once_and_of_the_run_of_their_path(tmp_path: Path, input_error: Any) -> None:
    path = _errors(tmp_path / "evaluate" / "a" / "n8" / "nano" / "s0.summary.csv")
    collect_tables([path], tmp_path / "out.csv")
    shutil.copy(path, path.with_name("s1.summary.csv"))
    with input_error("s1.summary.csv", "rows of run a/n8/nano/s0", "that of a/n8/nano/s1"):
        collect_tables([path.with_name("s1.summary.csv")], tmp_path / "out.csv")
    pd.concat([pd.read_csv(path)] * 2).to_csv(path, index=False)
    with input_error("s0.summary.csv: row 3 is there twice"):
        collect_tables([path], tmp_path / "out.csv")


def test_runs_that_break_a_law_may_have_no_errors(tmp_path: Path) -> None:
    """They are left out, whatever numbers they have."""
    good, bad = _errors(tmp_path / "good.csv", seed=1), _errors(tmp_path / "bad.csv")
    bad.write_text(bad.read_text().replace("50.0", "inf"))
    for path, obeyed in ((good, "yes"), (bad, "no")):
        run = str(pd.read_csv(path)["run"][0])
        laws = tmp_path / "laws" / f"{run}.csv"
        laws.parent.mkdir(parents=True, exist_ok=True)
        row = {"quantity": "force", "deviation": 0, "limit": 0, "unit": "eV/A", "obeyed": obeyed}
        rows = [{"law": law, **row, **_run(8, int(run[-1]))} for law in LAWS]
        pd.DataFrame(rows).to_csv(laws, index=False)
    collect_tables([good, bad], tmp_path / "out.csv", laws=tmp_path / "laws")
    assert set(pd.read_csv(tmp_path / "out.csv")["seed"]) == {1}


def test_a_table_without_the_note_of_others_says_so(tmp_path: Path, input_error: Any) -> None:
    paths = [_table(tmp_path / f"{n}.csv", n) for n in (8, 32)]
    paths[1].write_text("\ufeff" + paths[1].read_text(), encoding="utf-8")
    provenance.note(paths[1]).unlink()
    assert len(collect([paths[1]])) == 2  # as a spreadsheet saves it
    with input_error("32.csv: no 32.csv.provenance.json is beside it", "8.csv is of version 2"):
        collect_tables(paths, tmp_path / "out.csv")


@pytest.mark.parametrize("name", ["os:system", "builtins:print", "study.cli:main", "nosuch"])
def test_checks_are_those_that_stages_declare(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = _errors(tmp_path / "8.csv")
    with pytest.raises(SystemExit) as end:
        main(["collect", str(path), f"--check={name}", "-o", str(tmp_path / "out.csv")])
    assert end.value.code == 2
    assert "is no check of a table" in capfd.readouterr().err
    assert not (tmp_path / "out.csv").exists()
    assert main(["collect", str(path), "--check=", "-o", str(tmp_path / "out.csv")]) == 0
