"""What a command writes: whole or not at all, where it was told to, and over no input."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ase.build import molecule
from ase.io import write

from e3d import provenance, tables
from e3d.cli import main
from e3d.sources import name_of
from model_fixtures import Prepared

PAIRS = """\
r_max_ang: 6
pairs:
  C-H: {depth_eV: 4.3, length_ang: 1.09, steepness_per_ang: 1.9}
  H-H: {depth_eV: 4.5, length_ang: 0.74, steepness_per_ang: 1.9}
"""

KILLED = """
import os, signal
from pathlib import Path
from e3d import provenance
with provenance.whole_folder(Path("out")) as folder:
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a model and a molecule."""
    monkeypatch.chdir(tmp_path)
    Path("morse.pair.yaml").write_text(PAIRS)
    write("methane.xyz", molecule("CH4"), format="extxyz")
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def error_line(capfd: pytest.CaptureFixture[str]) -> str:
    lines = capfd.readouterr().err.splitlines()
    [line] = [line for line in lines if "error:" in line]
    assert line == lines[-1], "an error has one line"
    return line


def test_an_earlier_decomposition_stays_whole_where_a_later_one_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["decompose", "morse.pair.yaml", "methane.xyz", "-o", "out"]
    assert main([*command, "--csv"]) == 0
    before = contents(folder)
    written = []
    real = tables.write

    def full_disk(table: Any, path: Path, **more: Any) -> None:
        real(table, path, **more)
        written.append(path)
        if len(written) == 2:
            raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(tables, "write", full_disk)
    write("methane.xyz", molecule("CH3"), format="extxyz")
    before[folder / "methane.xyz"] = (folder / "methane.xyz").read_bytes()
    assert main(command) == 2
    assert len(written) == 2
    assert contents(folder) == before
    assert not list(folder.rglob(".*"))


def test_files_go_together_and_others_stay(tmp_path: Path) -> None:
    target = tmp_path / "new" / "set"
    with pytest.raises(FileNotFoundError), provenance.together(target) as temporary:
        shutil.copyfile(tmp_path / "nowhere", temporary / "a")
    assert not list(tmp_path.iterdir())
    target.mkdir(parents=True)
    (target / "a").write_text("old")
    (target / "mine").write_text("mine")
    with provenance.together(target) as temporary:
        (temporary / "a").write_text("new")
        assert (target / "a").read_text() == "old"
    assert {path.name: path.read_text() for path in target.iterdir()} == {
        "a": "new",
        "mine": "mine",
    }
    assert [path.name for path in target.parent.iterdir()] == ["set"]


def test_a_killed_report_leaves_the_earlier_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM and Ctrl-C become ``SystemExit``; what SIGKILL leaves goes with the next report."""
    command = ["report", "morse.pair.yaml", "methane.xyz", "-o", "out"]
    assert main(command) == 0
    before = contents(folder)

    def killed(*_: Any) -> str:
        assert list(folder.glob(".out.*.tmp/*")), "it is at work"
        raise SystemExit(143)

    with monkeypatch.context() as patch:
        patch.setattr("e3d.report.write.report_page", killed)
        with pytest.raises(SystemExit):
            main(command)
    assert contents(folder) == before
    assert not list(folder.glob(".*"))
    gone = subprocess.Popen([sys.executable, "-c", KILLED])
    assert gone.wait() == -signal.SIGKILL
    assert list(folder.glob(".out.*.tmp/half"))
    assert main(command) == 0
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(
    "output", ["store.h5", "./store.h5", "morse.pair.yaml", "link.csv", "hard.csv"]
)
def test_an_input_is_not_overwritten(
    output: str, folder: Path, prepared: Prepared, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(prepared.store, "store.h5")
    Path("link.csv").symlink_to("store.h5")
    Path("hard.csv").hardlink_to("store.h5")
    before = contents(folder)
    assert main(["evaluate", "morse.pair.yaml", "store.h5", "-o", output]) == 2
    assert f"{Path(output)}: is an input of this command" in error_line(capfd)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("log", "text"),
    [
        ("methane.xyz", "an input"),
        ("./methane.xyz", "an input"),
        ("{folder}/methane.xyz", "an input"),
        ("soft.log", "an input"),
        ("hard.log", "an input"),
        ("morse.pair.yaml", "an input"),
        ("store.h5", r"a file that does not end in .log or .txt"),
        ("out", "the output"),
        ("./out", "the output"),
    ],
)
def test_a_log_takes_the_place_of_no_input(
    log: str, text: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A log destroyed the file. The control is an earlier log, which is replaced."""
    Path("soft.log").symlink_to("methane.xyz")
    Path("hard.log").hardlink_to("methane.xyz")
    Path("store.h5").write_bytes(b"that the command does not name")
    Path("earlier.log").write_text("earlier")
    before = contents(folder)
    command = ["decompose", "morse.pair.yaml", "methane.xyz", "-o", "out", "--log"]
    assert main([*command, log.format(folder=folder)]) == 2
    assert f"is {text}" in error_line(capfd)
    assert contents(folder) == before
    assert main([*command, "earlier.log"]) == 0
    assert Path("earlier.log").read_text() != "earlier"


def test_tables_of_a_store_above_stay_in_the_output(
    folder: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(prepared.store, "store.h5")
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    name = name_of(folder / "store.h5")
    assert name_of(Path("../store.h5")) == name
    options = ["--skip-unknown-elements", "-o", "a/out"]
    assert main(["decompose", "../morse.pair.yaml", "../store.h5", *options]) == 0
    assert [path.name for path in Path("a").iterdir()] == ["out"]
    assert [path.name for path in Path("a/out").iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["decompose", "no\nmodel.ckpt", "C", "-o", "out"], r"no\nmodel.ckpt: no such file"),
        (["decompose", "morse.pair.yaml", "C", "store.h5", "--splits", "store.h5", "-o", "out"],
         "C is no store"),
        (["decompose", "morse.pair.yaml", "none.cif", "-o", "out"],
         "none.cif: ASE finds no structure in it"),
        (["decompose", "morse.pair.yaml", "CO", "-o", "out"], "does not know O; it knows H, C"),
        (["evaluate", "morse.pair.yaml", "store.h5", "store.h5", "-o", "e.csv"],
         "several test sets would be called store"),
        (["report", "morse.pair.yaml", "report.html.xyz", "-o", "out"], "the folder of their"),
        (["report", "morse.pair.yaml", "-o", "."], "holds"),
        (["report", "morse.pair.yaml", "-o", "../other/"], "is the folder that you are in"),
    ],
)  # fmt: skip
def test_it_is_one_line_and_nothing_is_written(
    arguments: list[str], text: str, folder: Path, monkeypatch: pytest.MonkeyPatch,
    prepared: Prepared, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shutil.copyfile(prepared.store, "store.h5")
    Path("none.cif").write_text("data_none\n")
    shutil.copyfile("methane.xyz", "report.html.xyz")
    if "../other/" in arguments:
        (folder / "other").mkdir()
        arguments[1] = "../morse.pair.yaml"
        monkeypatch.chdir(folder / "other")
    before = contents(folder)
    assert main(arguments) == 2
    assert text in error_line(capfd)
    assert contents(folder) == before
    assert not list(folder.rglob(".*"))


def test_a_link_to_a_folder_stays_a_link(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "out").symlink_to("real")
    assert main(["report", "morse.pair.yaml", "methane.xyz", "-o", "out"]) == 0
    assert (folder / "out").is_symlink()
    assert (folder / "real" / "report.html").is_file()


def test_a_device_stays_a_device(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """``-o /dev/null`` would replace it by a file, ``--log /dev/null`` remove it."""
    os.mkfifo("pipe")
    command = ["decompose", "morse.pair.yaml", "methane.xyz", "-o"]
    assert main(["evaluate", "morse.pair.yaml", "store.h5", "-o", "pipe"]) == 2
    assert "pipe: is a device or a pipe" in error_line(capfd)
    assert Path("pipe").is_fifo()
    try:
        os.mknod("null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only the superuser makes a device")
    assert main([*command, "out", "--log", "null"]) == 0
    assert Path("null").is_char_device()
    assert {path.name for path in folder.iterdir()} == {
        *("null", "pipe", "out", "morse.pair.yaml", "methane.xyz")
    }
