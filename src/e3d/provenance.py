"""Where a file came from: atomic writes and the ``.provenance.json`` beside every table."""

import contextlib
import errno
import hashlib
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from e3d import __version__
from e3d.errors import InputError, absent
from e3d.temporaries import remove_leftovers, temporary_path

_STARTED = time.time()
_UNWRITABLE = [os.strerror(n) for n in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)]
_PACKAGES = (
    *("torch", "nequip", "nequip-allegro", "e3nn", "numpy", "pandas", "scipy", "rdkit", "ase"),
    *("pyscf", "pyscf-dispersion", "tblite"),
)


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it when the block ends without error.

    A reader sees the old file or the whole new one; a failed writer leaves nothing behind, and what
    a killed one (SIGKILL, out of memory) left goes before the next write on the same machine. On
    another machine it goes when nobody has written to it for a week.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with atomic(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     print(*(path.name for path in Path(folder).iterdir()))
    a.txt
    """
    temporary = temporary_path(path)
    with naming(path), made_folder(path.parent):
        remove_leftovers(path)
        try:
            yield temporary
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def together(folder: Path) -> Iterator[Path]:
    """Yield a folder whose files go into ``folder`` at once when the block ends without error.

    So files that belong together are all of one writer, also where an earlier one's are replaced.
    Others in ``folder`` stay.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with together(Path(folder) / "set") as temporary:
    ...         _ = (temporary / "a.txt").write_text("whole")
    ...     print(*(path.name for path in Path(folder, "set").iterdir()))
    a.txt
    """
    temporary = temporary_path(folder)
    with naming(folder), made_folder(folder):
        remove_leftovers(folder)
        try:
            temporary.mkdir()
            yield temporary
            files = {path: folder / path.name for path in sorted(temporary.iterdir())}
            for target in files.values():
                if target.is_dir():
                    raise InputError(
                        f"{target}: is a folder, and a file goes there. Remove it, or give "
                        "another -o."
                    )
            for path, target in files.items():
                os.replace(path, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder that takes the place of ``folder`` when the block ends without error.

    One that was killed while it changed places is put back before the next write.
    """
    temporary = temporary_path(folder)
    old = temporary.with_suffix(".old")
    with naming(folder), made_folder(folder.parent):
        remove_leftovers(folder)
        try:
            temporary.mkdir()
            yield temporary
            if folder.exists():
                folder.rename(old)
            temporary.rename(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            if old.exists() and not folder.exists():
                old.rename(folder)
            raise
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that goes when the block ends.

    What a killed process left there goes before the next block with the same ``path``.
    """
    temporary = temporary_path(path)
    with naming(path):
        remove_leftovers(path)
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of a write say which file it was: the system's do not, where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is None and any(reason in str(error) for reason in _UNWRITABLE):
            error.filename = str(path)
        raise


@contextlib.contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder for the block; if that fails, what was made and is empty goes again."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for one in made:
            with contextlib.suppress(OSError):  # it was not made, or is not empty
                one.rmdir()
        raise


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` atomically as indented JSON."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def digest(value: Any) -> str:
    """Return a short hash of a JSON-like value that does not depend on the order of its keys.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises
    ------
    InputError
        If the file is missing.
    """
    if not path.is_file():
        raise InputError(f"{path}: {absent(path)}. Fix the path, or make the file first.")
    state = path.stat()
    return _hash(path.resolve(), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1000)
def _hash(path: Path, size: int, mtime_ns: int) -> str:
    """Hash a file once per state of it: a store is an input of several outputs of one command."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@lru_cache(maxsize=1)  # a process of git; what was imported stays what it is
def commit() -> str | None:
    """Return the commit the code runs from, ``-dirty`` if it was edited; None outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


@lru_cache(maxsize=1)  # 13 ms, for each of many tables
def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages a result depends on."""
    found = {"e3d": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def note(output: Path) -> Path:
    """Return where the note of an output lies."""
    return output.with_name(output.name + ".provenance.json")


def portable(path: Path | str) -> str:
    """Return a path as seen from the working directory: what is published names no machine."""
    return os.path.relpath(path) if os.path.isabs(path) else str(path)


def record(
    output: Path,
    *,
    inputs: Iterable[Path] = (),
    settings: Mapping[str, Any] | None = None,
    stamp: Mapping[str, Any] | None = None,
    written: Path | None = None,
) -> None:
    """Write ``<output>.provenance.json``: commit, versions, settings, input hashes, wall time.

    Wall times live here and never in a table, so that tables are byte-identical from run to run.

    Parameters
    ----------
    output
        The file that was written.
    inputs
        The files it was made from.
    settings
        What else decided what it holds.
    stamp
        What a table says of itself, see :func:`e3d.lineage.stamp`.
    written
        Where the file is while it has not its name yet.
    """
    settings = dict(settings or {})
    write_json(
        note(output),
        {
            "output": output.name,
            "sha256": file_digest(written or output),
            **(stamp or {}),
            "commit": commit(),
            "versions": versions(),
            "settings": settings,
            "settings_hash": digest(settings),
            "inputs": {portable(path): file_digest(path) for path in inputs},
            "wall_time_s": round(time.time() - _STARTED, 2),
        },
    )
