"""Atomic writes, hashes, and what is written beside a table."""

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from e3d import __version__, provenance


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_write_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    provenance.write_text(path, "old é\n")

    def fail() -> None:
        with provenance.atomic(path) as temporary:
            temporary.write_text("half")
            assert path.read_text(encoding="utf-8") == "old é\n"
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    assert path.read_text(encoding="utf-8") == "old é\n"
    assert list(path.parent.iterdir()) == [path]
    provenance.write_text(path, "new")
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_first_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        provenance.write_json(tmp_path / "file.json", {"a": {1, 2}})
    assert list(tmp_path.iterdir()) == []


def name_of(path: Path, process: int, machine: str = "", suffix: str = "tmp") -> Path:
    """Return where a process keeps what it writes before it becomes ``path``."""
    other = path.with_name("other")
    with provenance.atomic(other) as temporary:
        temporary.touch()
        here = temporary.name.removeprefix(".other.").partition("-")[0]
    other.unlink()
    return path.with_name(f".{path.name}.{machine or here}-{process}.{suffix}")


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path, gone: int) -> None:
    path = tmp_path / "bonds.parquet"
    week_ago = time.time() - 8 * 86400
    left = [
        name_of(path, gone),
        name_of(path, gone, "0123abcd"),  # on another machine, a week ago
        name_of(path, 1),  # a week ago; another process has its number now
    ]
    for file in left[1:]:
        file.write_text("half")
        os.utime(file, (week_ago, week_ago))
    others = [
        name_of(path, os.getppid()),  # a writer at work
        name_of(path, gone, "89abcdef"),  # on another machine
        name_of(tmp_path / "bonds.parquet.json", gone),  # of another file
        tmp_path / ".bonds.parquet.old.tmp",
    ]
    for file in (left[0], *others):
        file.write_text("half")
    with provenance.atomic(path) as temporary:  # before the write: a full disk may need the space
        assert set(tmp_path.iterdir()) == set(others)
        temporary.write_text("new")
    assert set(tmp_path.iterdir()) == {path, *others}


def test_a_folder_that_was_killed_while_it_changed_places_comes_back(
    tmp_path: Path, gone: int
) -> None:
    folder = tmp_path / "report"
    aside = name_of(folder, gone, suffix="old")
    aside.mkdir()
    (aside / "page").write_text("old")
    with pytest.raises(KeyError), provenance.whole_folder(folder):
        raise KeyError("stop")
    assert (folder / "page").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]
    aside.mkdir()
    with provenance.whole_folder(folder) as temporary:
        (temporary / "page").write_text("new")
    assert (folder / "page").read_text() == "new"
    assert list(tmp_path.iterdir()) == [folder]


def test_json_is_readable(tmp_path: Path) -> None:
    provenance.write_json(tmp_path / "a.json", {"b": 1, "a": [1, 2]})
    text = (tmp_path / "a.json").read_text()
    assert text.endswith("}\n")
    assert list(json.loads(text)) == ["b", "a"]


def test_digest_knows_values_and_not_the_order_of_keys() -> None:
    a = provenance.digest({"x": 1, "y": {"p": [1, 2], "q": None}})
    assert a == provenance.digest({"y": {"q": None, "p": [1, 2]}, "x": 1})
    assert re.fullmatch(r"[0-9a-f]{16}", a)
    others = [
        {"x": 2, "y": {"p": [1, 2], "q": None}},
        {"x": 1, "y": {"p": [2, 1], "q": None}},
        {"x": 1},
    ]
    assert len({a, *(provenance.digest(other) for other in others)}) == 4


def test_file_digest(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert provenance.file_digest(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
    (tmp_path / "a").write_bytes(b"abcd")  # hashed once per state of the file, and this is another
    assert provenance.file_digest(tmp_path / "a") == hashlib.sha256(b"abcd").hexdigest()


def test_record(tmp_path: Path) -> None:
    output, source = tmp_path / "table.csv", tmp_path / "input.csv"
    output.write_text("a\n1\n")
    source.write_text("b\n")
    provenance.record(output, inputs=[source], settings={"n": 3})
    found = json.loads((tmp_path / "table.csv.provenance.json").read_text())
    assert {
        "output",
        "sha256",
        "commit",
        "versions",
        "settings",
        "settings_hash",
        "inputs",
        "wall_time_s",
    } <= set(found)
    assert found["output"] == "table.csv"
    assert found["sha256"] == provenance.file_digest(output)
    seen = os.path.relpath(source)  # of no machine: from the working directory
    assert found["inputs"] == {seen: provenance.file_digest(source)}
    assert found["settings"] == {"n": 3}
    assert found["settings_hash"] == provenance.digest({"n": 3})
    assert found["versions"]["e3d"] == __version__
    assert {"python", "numpy", "torch", "nequip", "nequip-allegro"} <= set(found["versions"])
    assert found["wall_time_s"] >= 0


def test_commit_is_a_hash_or_nothing_outside_git(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = provenance.commit.__wrapped__  # asked again, not remembered
    found = commit()
    assert found is None or re.fullmatch(r"[0-9a-f]{12}(-dirty)?", found)
    monkeypatch.setenv("PATH", "")
    assert commit() is None
