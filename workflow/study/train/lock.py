"""One training at a time in a folder: a job that was submitted twice must not write twice."""

import contextlib
import fcntl
import logging
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from e3d.errors import InputError

log = logging.getLogger(__name__)

LOCK_FILE = "lock"


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold ``folder``, made if need be, for as long as the block runs.

    The kernel takes the lock back when the process ends, for whatever reason. An empty folder is
    removed with the lock.

    Raises
    ------
    InputError
        If another process holds it.
    """
    file = _locked(folder / LOCK_FILE)
    try:
        file.truncate(0)
        file.write(_myself())
        file.flush()
        yield
    finally:
        (folder / LOCK_FILE).unlink(missing_ok=True)
        file.close()
        with contextlib.suppress(OSError):  # checkpoints are left
            folder.rmdir()


def _locked(path: Path) -> IO[str]:
    """Open and lock ``path``, anew if its holder removed it in between."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("a+", encoding="utf-8")
        except FileNotFoundError:  # its holder has just removed the folder
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise InputError(
                f"{path.parent.parent}: being trained at this moment by {holder}; a second "
                "training would overwrite it. Wait for it, or end it and run again: training "
                "resumes from the last checkpoint."
            ) from None
        except OSError as error:
            text = "%s: this file system has no locks (%s), so nothing prevents a second training"
            log.warning(text, path, error)
            return file
        if _is(file, path):
            return file
        file.close()


def _is(file: IO[str], path: Path) -> bool:
    """Say whether ``file`` is what ``path`` names now."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _myself() -> str:
    """Name this process to whoever finds the lock."""
    job = os.environ.get("SLURM_JOB_ID")
    return f"process {os.getpid()} on {platform.node()}" + (f", Slurm job {job}" if job else "")
