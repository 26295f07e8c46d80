"""Tables: what is written is read back, bad files are named, the run's columns come first."""

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from e3d import tables

TABLE = pd.DataFrame(
    {"name": ["a,b", "c"], "n": [1, 2], "energy_eV": [0.1 + 0.2, np.nan], "flag": [True, False]}
)


def _run(n: int, seed: int, model: str = "nano") -> dict[str, Any]:
    return {
        "run": f"a/n{n}/{model}/s{seed}",
        "dataset": "a",
        "n_train": n,
        "model": model,
        "seed": seed,
    }


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_round_trip_with_provenance_and_same_bytes(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"table.{suffix}"
    tables.write(TABLE, path, settings={"w": 0.05})
    # CSV keeps ten significant digits
    pd.testing.assert_frame_equal(tables.read(path, columns=("n", "flag")), TABLE, rtol=1e-9)
    beside = json.loads((tmp_path / f"table.{suffix}.provenance.json").read_text())
    assert beside["settings"] == {"w": 0.05}
    first = path.read_bytes()
    tables.write(TABLE, path)
    assert path.read_bytes() == first
    assert b"wall" not in first


def test_csv_is_plain(tmp_path: Path) -> None:
    tables.write(TABLE, tmp_path / "t.csv")
    assert (
        tmp_path / "t.csv"
    ).read_bytes() == b'name,n,energy_eV,flag\n"a,b",1,0.3,True\nc,2,,False\n'


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    bad = pd.DataFrame({"a": [1, "text", {"x": object()}]})
    with pytest.raises(Exception, match=r"."):
        tables.write(bad, tmp_path / "t.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_summary_is_a_table_of_one_row(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"run": "r", "bonded_share": 0.9, "n": null}')
    table = tables.read(tmp_path / "summary.json", columns=("run", "bonded_share"))
    assert table.to_dict("records") == [{"run": "r", "bonded_share": 0.9, "n": None}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b""),
        ("t.csv", b"\xff\xfe\x80\x81"),
        ("t.csv", b'a,b\n1,2\n3,4,5,6\n"'),
        ("t.parquet", b"PAR1 but not really"),
        ("t.parquet", b""),
        ("t.json", b"{"),
        ("t.json", b""),
    ],
)
def test_files_that_are_no_tables(
    name: str, content: bytes, tmp_path: Path, input_error: Any
) -> None:
    (tmp_path / name).write_bytes(content)
    with input_error(name, "not a readable table", "make it again"):
        tables.read(tmp_path / name)


@pytest.mark.parametrize(
    ("pack", "what"),
    [
        (gzip.compress, "compressed with gzip"),
        (bz2.compress, "compressed with bzip2"),
        (lzma.compress, "compressed with xz"),
        (lambda text: text.decode().encode("utf-16"), "text as UTF-16"),
        (lambda text: b"PK\x03\x04" + text, "a ZIP archive or an Excel file"),
    ],
)
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t"])
def test_what_is_no_plain_text_is_said(
    name: str, pack: Callable[[bytes], bytes], what: str, tmp_path: Path, input_error: Any
) -> None:
    (tmp_path / name).write_bytes(pack(b"a,b\n1,2\n"))
    with input_error(name, f"it is {what}", "CSV in UTF-8"):
        tables.read(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("a,b\n1,2\n3\n", ["line 3 has 1 fields", "names 2"]),
        ("a,b\n1,2\n3,4,5\n", ["line 3 has 3 fields", "names 2"]),
        ("# made by me\na,b\n1,2\n", ["line 2 has 2 fields", "names 1"]),
        ("a;b\n1,5;2\n", ["has ';' between the names", "commas"]),
        ("a\tb\n1\t2\n", ["between the names", "commas"]),
    ],
)
def test_every_row_has_a_field_for_each_name(
    content: str, texts: list[str], tmp_path: Path, input_error: Any
) -> None:
    (tmp_path / "t.csv").write_text(content)
    with input_error("t.csv", *texts):
        tables.read(tmp_path / "t.csv")


@pytest.mark.parametrize(
    "content",
    [b"a,b\n1,2", b"a,b\r\n1,2\r\n", b"\xef\xbb\xbfa,b\n1,2\n", b"\na,b\n\n1,2\n\n", b"a,b\r1,2\r"],
)
def test_what_editors_do_to_a_table_changes_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    assert tables.read(tmp_path / "t.csv").to_dict("list") == {"a": [1], "b": [2]}


def test_a_column_is_there_once(tmp_path: Path, input_error: Any) -> None:
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "t.parquet")
    with input_error("t.parquet", "two columns 'a'"):
        tables.read(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("bond_energy_eV,de_eV,de_error_eV\n4.5,4,0.5\n103.8,4,0.5\n", "row 2: de_error_eV is 0.5"),
        ("bond_energy_eV,de_eV,de_error_eV\n4.5,4,-0.5\n", "bond_energy_eV minus de_eV is 0.5"),
        ("de_bond_energy_eV,de_kcal_mol,de_error_eV\n4.5,4,0.5\n", "in eV, is 4.3265"),
        ("label_eV,literature_eV,labels_error_eV\n4.5,4,1\n", "row 1: labels_error_eV is 1"),
    ],
)
def test_a_difference_is_that_of_its_columns(
    content: str, text: str, tmp_path: Path, input_error: Any
) -> None:
    (tmp_path / "t.csv").write_text(content)
    with input_error("t.csv", text):
        tables.read(tmp_path / "t.csv")


def test_columns_of_a_difference_may_be_rounded_and_missing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("bond_energy_eV,de_eV,de_error_eV\n4.5,4,0.501\n4.5,,\n")
    assert len(tables.read(tmp_path / "t.csv")) == 2


def test_what_a_table_must_have(tmp_path: Path, input_error: Any) -> None:
    with input_error("none.csv", "no such table"):
        tables.read(tmp_path / "none.csv")
    tables.write(TABLE, tmp_path / "t.csv")
    with input_error("t.csv", "no column seed, run", "it has name, n, energy_eV, flag"):
        tables.read(tmp_path / "t.csv", columns=("seed", "n", "run"))
    (tmp_path / "list.json").write_text("[1, 2]")
    with input_error("list.json", "no column run"):
        tables.read(tmp_path / "list.json", columns=("run",))


def test_run_columns_come_first() -> None:
    table = tables.with_run(TABLE, _run(32, 0))
    assert table.columns[:5].tolist() == ["run", "dataset", "n_train", "model", "seed"]
    assert table["n_train"].tolist() == [32, 32]
    assert TABLE.columns[0] == "name", "the table given is not changed"
    assert tables.with_run(pd.DataFrame(), _run(32, 0)).columns.tolist()[:1] == ["run"]
