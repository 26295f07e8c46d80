"""Heaps of an HDF5 file, which hold its texts of any length: a damaged one that HDF5 never leaves.

A heap is ``GCOL``, a version, its size, and objects one after the other, each with its own size
(HDF5 File Format Specification 3.0, III.E). The rest is object 0. Where zeros took the place of it,
as in a file that was not written or fetched to its end, HDF5 2.0 steps on by 0 bytes for ever.
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from e3d.errors import InputError

_HEAP: Final = b"GCOL\x01\0\0\0"
_HEADER: Final = 16
_MOST_BYTES: Final = 1 << 28
"""Of a file that is searched: this takes a fifth of a second. Larger ones are not."""


def require_finite_heaps(path: Path, called: Path) -> None:
    """Refuse an HDF5 file with a heap that HDF5 would read for ever.

    Raises
    ------
    InputError
        Naming the file as ``called``.
    """
    if not 0 < path.stat().st_size <= _MOST_BYTES:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if any(_is_endless(content, start) for start in _heaps(content)):
            raise InputError(
                f"{called}: its heap of texts is damaged (a size is zero). Fetch it again "
                "and compare its checksum."
            )


def _heaps(content: mmap.mmap) -> Iterator[int]:
    """Yield where heaps start."""
    start = content.find(_HEAP)
    while start >= 0:
        yield start
        start = content.find(_HEAP, start + 1)


def _is_endless(content: mmap.mmap, start: int) -> bool:
    """Say whether the objects of a heap do not lead to its end."""
    if start + _HEADER > len(content):
        return False
    (size,) = struct.unpack_from("<Q", content, start + 8)
    place, end = start + _HEADER, min(start + size, len(content))
    while place + _HEADER <= end:
        number, _, _, length = struct.unpack_from("<HHIQ", content, place)
        step = length if number == 0 else _HEADER + -(-length // 8) * 8
        if step == 0:
            return True
        place += step
    return False
