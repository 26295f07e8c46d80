"""However a command ends, no user reads a traceback: one line, a code, and where the log is."""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e3d import options, tables
from e3d.command_line import Command, argument, run_program
from e3d.errors import InputError
from e3d.provenance import file_digest
from e3d.sources import file_or_smiles
from planning import PYTHONPATH

PROGRAM = """
import sys, types
from e3d.command_line import Command, run_program
module = types.ModuleType("made_up")
exec("def fail(output):\\n " + sys.argv.pop(1), module.__dict__)
sys.modules["made_up"] = module
raise SystemExit(run_program("e3d", "", [Command("fail", "made_up:fail", "", default_output="x")]))
"""
MENDABLE = [
    ("raise InputError('x: is no y. Fix it.')", "x: is no y. Fix it."),
    ("raise OSError(28, 'No space left on device', 'a.h5')", "a.h5: No space left on device."),
    ("raise MemoryError('for 8 TiB')", "the memory does not suffice (for 8 TiB)"),
    ("raise RuntimeError('DefaultCPUAllocator: can\\'t allocate memory')", "does not suffice"),
]
FAULTS = [
    ("raise TypeError('two\\nlines')", "two lines: this is a fault of the program (TypeError)"),
    ("raise KeyError('x')", "'x': this is a fault of the program (KeyError)"),
    ("raise AssertionError", "AssertionError: this is a fault of the program"),
    ("raise UnicodeDecodeError('utf-8', b'\\xff', 0, 1, 'bad')", "(UnicodeDecodeError)"),
    ("raise OverflowError('\\x1b[2J' + 'x' * 9999)", r"\x1b[2J"),
    ("raise ExceptionGroup('several', [ValueError('one')])", "(ExceptionGroup)"),
    ("return fail(output)", "(RecursionError)"),
    ("raise ValueError('name \\udcff')", r"name \udcff"),
]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[Command]]:
    """A program whose one command runs a line."""

    def make(line: str) -> list[Command]:
        def fail(output: Path) -> None:
            exec(line, {"InputError": InputError, "fail": fail, "output": output})  # noqa: S102

        if line.startswith("return"):

            def fail(output: Path) -> None:
                return fail(output)

        monkeypatch.setattr(sys.modules[__name__], "called", fail, raising=False)
        return [Command("fail", f"{__name__}:called", "", default_output="x")]

    return make


@pytest.mark.parametrize("to_log", [False, True])
@pytest.mark.parametrize(("line", "text"), MENDABLE + FAULTS)
def test_any_exception_is_one_line(
    line: str,
    text: str,
    to_log: bool,
    failing: Callable[[str], list[Command]],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    log = tmp_path / "a.log"
    code = run_program("e3d", "", failing(line), ["fail", *(["--log", str(log)] * to_log)])
    error = capfd.readouterr().err
    assert code == (2 if (line, text) in MENDABLE else 70)
    assert error.startswith("e3d: error: ")
    assert error.count("\n") == 1
    assert len(error) < 1700
    assert error.strip().isprintable()
    assert text in error
    written = list((tmp_path / "temporary").iterdir())
    if code == 2:
        assert not written
        return
    if to_log:
        assert f"The traceback is in {log}" in error
        written = [log]
    (place,) = written
    assert str(place) in error
    assert "Traceback (most recent call last)" in place.read_text()
    assert ", in fail" in place.read_text()


def run(code: str, *, within: str = "{}") -> subprocess.CompletedProcess[str]:
    """Run a program whose one command runs a line, in a shell."""
    environment = os.environ | {"PYTHONPATH": PYTHONPATH, "PROGRAM": PROGRAM, "LINE": code}
    command = f'{sys.executable} -c "$PROGRAM" "$LINE" fail'
    return subprocess.run(
        ["bash", "-c", within.format(command)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_nobody_reads_what_is_printed() -> None:
    """``e3d ... | head``: quiet, and the exit code that any program has there."""
    many = "import sys; [sys.stdout.write('line\\n' * 99) for _ in range(999)]"
    done = run(many, within="{} | head -n 1; exit ${{PIPESTATUS[0]}}")
    assert (done.stdout, done.stderr, done.returncode) == ("line\n", "", 141)
    done = run("import sys; sys.stdout.write('short')", within="{} | true; exit ${{PIPESTATUS[0]}}")
    assert done.stderr == ""
    assert done.returncode in (0, 141)  # which of the two ends first


def test_a_pipe_inside_that_breaks_is_an_error() -> None:
    done = run("raise BrokenPipeError(32, 'Broken pipe')")
    assert done.returncode == 2
    assert done.stderr == (
        "e3d: error: a file: Broken pipe. Check the path, its permissions and the disk.\n"
    )


def test_closed_standard_streams_are_no_files(tmp_path: Path) -> None:
    """The first file opened would take the number of standard error, and the message its place."""
    file = tmp_path / "a.txt"
    line = f"file = open({str(file)!r}, 'w'); file.write('whole'); file.flush(); raise TypeError"
    done = run(line, within="{} 0<&- 1>&- 2>&-")
    assert done.returncode == 70
    assert file.read_text() == "whole"


def test_a_traceback_that_cannot_be_written_is_said() -> None:
    line = "import tempfile; tempfile.tempdir = '/nowhere'; raise TypeError('x')"
    done = run(line)
    assert done.returncode == 70
    assert "The traceback is in no file" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "given",
    ["--", "-1", "1.5", "", "9" * 5000, str(2**31), "²", "1e3", "0x1", "\x1b[2J", "1\n", "\udcff"],
)
def test_a_wrong_option_is_one_line(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = Command(
        "x", "e3d:x", "", (argument("--seed", type=options.natural),), default_output="x"
    )
    with pytest.raises(SystemExit) as done:
        run_program("e3d", "", [command], ["x", f"--seed={given}"])
    assert done.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("e3d x: error: argument --seed: ")
    assert error.endswith(". See e3d x --help.\n")
    assert error.count("\n") == 1
    assert error.strip().isprintable()
    assert len(error) < 400


@pytest.mark.parametrize("given", ["=1", "a=nan", "a=inf", "a", "a=1e999", "a=" + "1" * 9999])
def test_named_numbers_are_finite_and_named(given: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        options.share(given)


def test_deep_json_is_one_line(input_error: Callable[..., object]) -> None:
    with input_error("is not JSON"):  # type: ignore[attr-defined]
        options.json_object("[" * 100_000)


def test_the_line_of_a_fault_asks_for_a_report() -> None:
    done = run("raise TypeError('x')")
    found = re.fullmatch(
        r"e3d: error: x: this is a fault of the program \(TypeError\), not of what was given\. "
        r"The traceback is in (\S+): please report it\.\n",
        done.stderr,
    )
    assert found, done.stderr
    Path(found[1]).unlink()


@pytest.mark.parametrize("prefix", ["", "sha256:", "SHA256:", " "])
def test_a_checksum_is_read_as_tools_print_it(prefix: str) -> None:
    assert options.sha256(f"{prefix}{'0A' * 32}") == "0a" * 32


@pytest.mark.parametrize("given", ["0a" * 16, "0g" * 32, "md5:" + "0a" * 32, "0a" * 33])
def test_what_is_no_checksum_is_said(given: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be 64 hexadecimal digits"):
        options.sha256(given)


@pytest.mark.parametrize("read", [options.read_yaml, tables.read, file_digest, file_or_smiles])
def test_a_folder_in_place_of_a_file_is_said(
    read: Callable[[Any], object], tmp_path: Path, input_error: Callable[..., Any]
) -> None:
    """It was said not to be there."""
    given = str(tmp_path) if read is file_or_smiles else tmp_path
    with input_error(str(tmp_path), "is a folder, and a file is expected"):
        read(given)
