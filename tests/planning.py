"""Snakemake for tests: real runs, and dry runs by the rules they plan."""

import contextlib
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
PARTS = (
    *("Snakefile", "CITATION.cff", "src", "workflow", "config", "profiles", "resources", "envs"),
    "cluster",
)
BIN = Path(sys.executable).parent
PYTHONPATH = f"{ROOT / 'src'}{os.pathsep}{ROOT / 'workflow'}"
SMOKE = ("--configfile", "config/smoke.yaml")

# Dry runs are forked from a process that has imported Snakemake, which is half of their time.
# The packages must not be among the imports: every dry run takes them from the folder it plans.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["pytest", "snakemake.cli"])


class Done(NamedTuple):
    """How a dry run ended, and both its streams together."""

    returncode: int | None
    text: str


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in ``folder`` as a user would, with nothing of this checkout on the path."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"OMP_NUM_THREADS": "1", "PATH": f"{BIN}:{environment['PATH']}"}
    return subprocess.run(
        [str(BIN / "snakemake"), "--cores", "2", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def dry_run(folder: Path, *arguments: str, path: Path = BIN) -> Done:
    """Run ``snakemake -n`` in ``folder``, with commands from ``path`` before all others."""
    output = folder / ".dry-run"
    process = _FORKS.Process(
        target=_dry_run, args=(folder, [*arguments, "-n", "--cores", "2"], path, output)
    )
    process.start()
    process.join()
    done = Done(process.exitcode, output.read_text(encoding="utf-8"))
    output.unlink()
    return done


def _dry_run(folder: Path, arguments: list[str], path: Path, output: Path) -> None:
    os.chdir(folder)
    os.environ["PATH"] = f"{path}:{BIN}:{os.environ['PATH']}"
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv[1:] = arguments  # where the profile finds the configuration files
    from snakemake.cli import main

    main(arguments)  # exits


def plan(folder: Path, *arguments: str, path: Path = BIN) -> dict[str, int]:
    """Return the number of jobs of each rule that a dry run plans."""
    done = dry_run(folder, *arguments, path=path)
    assert done.returncode == 0, done.text
    return planned(done.text)


def planned(text: str) -> dict[str, int]:
    """Return the number of jobs of each rule from what Snakemake said before it ran them."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", text, flags=re.MULTILINE | re.DOTALL)
    if table is None:
        assert "Nothing to be done" in text, text
        return {}
    return {rule: int(count) for rule, count in (line.split() for line in table[1].splitlines())}


def copy_project(folder: Path) -> Path:
    """Copy what a study needs, without results."""
    for name in PARTS:
        if (ROOT / name).is_dir():
            leave_out = shutil.ignore_patterns("__pycache__", "*.part")
            shutil.copytree(ROOT / name, folder / name, ignore=leave_out)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def overlay(folder: Path, **values: object) -> tuple[str, ...]:
    """Write ``values`` as an overlay of the smoke study; return the arguments that name both."""
    (folder / "more.yaml").write_text(yaml.safe_dump(values))
    return *SMOKE, str(folder / "more.yaml")


@contextlib.contextmanager
def edited(*paths: Path, old: str = "", new: str = "# edited\n") -> Iterator[None]:
    """Put ``new`` for ``old``, or at the end, of text files; put text and time back afterwards."""
    before = [(path, path.read_text(encoding="utf-8"), path.stat().st_mtime_ns) for path in paths]
    try:
        for path, text, _ in before:
            assert old in text
            path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")
        yield
    finally:
        for path, text, time in before:
            path.write_text(text, encoding="utf-8")
            os.utime(path, ns=(time, time))


def with_those_below(root: Path, name: str) -> list[str]:
    """Return the configuration files that an overlay's own command names: those below it first."""
    text = (root / "config" / name).read_text(encoding="utf-8")
    pattern = rf"--configfile ((?:\S+ )*config/{name})(?:$|  )"
    (files,) = re.findall(pattern, text, flags=re.MULTILINE)
    return str(files).split()
