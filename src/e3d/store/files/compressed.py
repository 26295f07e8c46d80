"""Open files that may be gzip-compressed: their first bytes decide, not their name."""

import contextlib
import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from e3d.errors import InputError
from e3d.provenance import scratch

_MAGIC = b"\x1f\x8b"


def is_gzip(path: Path) -> bool:
    """Say whether a file is gzip-compressed.

    Raises
    ------
    InputError
        If there is no such file.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file. Fix the path, or fetch the dataset first.")
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


@contextlib.contextmanager
def open_stream(path: Path) -> "Iterator[BufferedReader[Any]]":
    """Open a file for reading bytes, decompressing as it goes.

    Raises
    ------
    InputError
        If it is missing, or its compressed data are damaged or cut short.
    """
    compressed = is_gzip(path)
    with _damage_named(path):
        if compressed:
            with gzip.open(path) as packed, BufferedReader(packed) as stream:
                yield stream
        else:
            with path.open("rb") as stream:
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
    if not is_gzip(path):
        yield path
        return
    with scratch(Path(tempfile.gettempdir(), path.name)) as copy:
        # x: a link that somebody else put there is not followed
        with open_stream(path) as stream, copy.open("xb") as file:
            shutil.copyfileobj(stream, file)
        yield copy


@contextlib.contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(
            f"{path}: its gzip data are damaged or cut short ({path.stat().st_size} bytes). "
            "Fetch it again and compare its checksum."
        ) from None
