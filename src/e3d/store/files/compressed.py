"""Open files that may be compressed (gzip, bzip2, xz): their first bytes decide, not the name."""

import bz2
import contextlib
import gzip
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from e3d.errors import InputError, absent
from e3d.provenance import scratch

_OPEN: Final[Mapping[bytes, Callable[[Path], Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}


def _opener(path: Path) -> Callable[[Path], Any] | None:
    """Return what opens a compressed file, None for a plain one.

    Raises
    ------
    InputError
        If there is no such file.
    """
    if not path.is_file():
        raise InputError(f"{path}: {absent(path)}. Fix the path, or fetch the dataset first.")
    with path.open("rb") as file:
        start = file.read(max(map(len, _OPEN)))
    return next((unpack for magic, unpack in _OPEN.items() if start.startswith(magic)), None)


@contextlib.contextmanager
def open_stream(path: Path) -> "Iterator[BufferedReader[Any]]":
    """Open a file for reading bytes, decompressing as it goes.

    Raises
    ------
    InputError
        If it is missing, or its compressed data are damaged or cut short.
    """
    unpack = _opener(path)
    if unpack is None:
        with path.open("rb") as stream:
            yield stream
        return
    with (
        _damage_named(path, unpack.__module__),
        unpack(path) as packed,
        BufferedReader(packed) as stream,
    ):
        yield stream


@contextlib.contextmanager
def plain(path: Path) -> Iterator[Path]:
    """Yield a path whose content is not compressed: the file itself, or a temporary copy.

    What a killed process left of such a copy goes before the next one is made.

    Raises
    ------
    InputError
        As :func:`open_stream`.
    """
    if _opener(path) is None:
        yield path
        return
    with scratch(Path(tempfile.gettempdir(), path.name)) as copy:
        # x: a link that somebody else put there is not followed
        with open_stream(path) as stream, copy.open("xb") as file:
            shutil.copyfileobj(stream, file)
        yield copy


@contextlib.contextmanager
def _damage_named(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile):
        raise _damaged(path, kind) from None
    except OSError as error:
        if error.errno is not None:  # bz2 has no error of its own
            raise
        raise _damaged(path, kind) from None


def _damaged(path: Path, kind: str) -> InputError:
    return InputError(
        f"{path}: its {kind} data are damaged or cut short ({path.stat().st_size} bytes). "
        "Fetch it again and compare its checksum."
    )
