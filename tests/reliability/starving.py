"""Commands run with a small disk, one that may not be written, or too little memory.

They are forked from a process that has imported what they need: starting Python, PyTorch and
nequip is most of the time of a small job.
"""

import contextlib
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

import planning

_ = planning
# after `planning`, which has another list; a process of tests has one server of forks
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        *("pytest", "lightning.pytorch", "matplotlib.figure", "nequip.scripts.train"),
        *("e3d.cli", "e3d.decomposition.tables", "e3d.evaluate", "e3d.models.load"),
        *("e3d.report.write", "e3d.store.convert", "study.cli", "study.train.training"),
    ]
)

MB = 2**20
PAGE = 4096
PATIENCE_S = 300
NOBODY = 65534


class Done(NamedTuple):
    """How a command ended, and what it wrote to the terminal."""

    code: int | None
    text: str

    @property
    def errors(self) -> list[str]:
        """The lines that say what went wrong."""
        return [line for line in self.text.splitlines() if "error:" in line]


def command(
    words: Sequence[str],
    folder: Path,
    terminal: Path,
    *,
    program: str = "study",
    memory: int | None = None,
    nobody: bool = False,
) -> Done:
    """Run a command of ``study`` or ``e3d`` in ``folder``.

    Parameters
    ----------
    terminal
        Where standard output and error go.
    memory
        How many bytes of address space the command may take more than a process that has imported
        everything.
    nobody
        Whether it runs as a user without rights.
    """
    process = _FORKS.Process(
        target=_run, args=(list(words), folder, terminal, program, memory, nobody)
    )
    process.start()
    process.join(PATIENCE_S)
    if process.is_alive():
        process.kill()
        raise AssertionError(f"{' '.join(words)} hangs")
    return Done(process.exitcode, terminal.read_text(encoding="utf-8", errors="replace"))


def _run(
    words: list[str], folder: Path, terminal: Path, program: str, memory: int | None, nobody: bool
) -> None:
    os.chdir(folder)
    with terminal.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if nobody:
        os.environ["HOME"] = "/nonexistent"
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    if memory is not None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if program == "study":
        from study.cli import main
    else:
        from e3d.cli import main
    sys.exit(main(words))


def killed(function: Callable[..., None], *arguments: object, **options: object) -> None:
    """Call a function that ends its process by SIGKILL."""
    process = _FORKS.Process(target=function, args=arguments, kwargs=options)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@contextlib.contextmanager
def disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a small disk; skip the test where that is not permitted."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={max(PAGE, size)},mode=777", "tmpfs", str(folder)]
    _mounted("mount", *options)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    """Change a mounted disk: ``ro``, ``rw,size=64m``."""
    _mounted("mount", "-o", f"remount,{options}", str(folder))


def _mounted(*words: str) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", "") or str(error)
        pytest.skip(f"disks cannot be mounted here: {reason.strip()}")


def fill(folder: Path, left: int = 0) -> Path:
    """Write a file that leaves so many bytes of a disk; return it."""
    path = folder / "others"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with path.open("wb") as file:
        file.write(b"\0" * max(0, free - left))
    return path
