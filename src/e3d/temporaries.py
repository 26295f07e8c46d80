"""Names of temporary files and folders, and what killed processes left under them."""

import glob
import hashlib
import os
import platform
import re
import shutil
import time
from functools import lru_cache
from pathlib import Path

_ABANDONED_S = 7 * 86400.0  # a job may be suspended, or wait for days between two writes


def temporary_path(path: Path) -> Path:
    """Return where this process writes what takes the place of ``path``."""
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}.tmp")


@lru_cache(maxsize=1)
def _machine() -> str:
    """Return a short hash of where the numbers of processes count: a machine, a container in it."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes left beside ``path``; a folder that was moved aside comes back.

    Other names that begin as that of ``path`` are left alone: they are another file's.
    """
    name = re.compile(rf"\.{re.escape(path.name)}\.([0-9a-f]{{8}})-([0-9]+)\.(tmp|old)")
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        found = name.fullmatch(left.name)
        if found is None or not _abandoned(left, found[1], int(found[2])):
            continue
        if found[3] == "old" and not path.exists():
            left.rename(path)
        else:
            _remove(left)


def _abandoned(left: Path, machine: str, process: int) -> bool:
    """Say whether the process that wrote ``left`` is gone."""
    if machine == _machine():
        try:
            os.kill(process, 0)  # sends nothing
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):  # another user's, or no number of a process
            pass
    # of another machine, or of a process whose number another has now
    try:
        written = max(one.lstat().st_mtime for one in (left, *left.rglob("*")))
    except OSError:  # its writer is at work
        return False
    return time.time() - written > _ABANDONED_S


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
