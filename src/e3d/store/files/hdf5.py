"""Read HDF5 files of other people: a clear message for whatever is not as it should be."""

import contextlib
import errno
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d.errors import InputError, absent, one_line
from e3d.store.files.heaps import require_finite_heaps

_H5PY_RAISES: Final = (
    *(OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError),
    *(MemoryError, OverflowError, SystemError),
)
_MAX_Z: Final = 118
_MOST_PACKED: Final = 1100
"""Bytes that deflate makes of one at most: an array that is larger was never written."""
_LARGEST_WHOLE: Final = 2.0**53


def open_hdf5(path: Path, *, called: Path | None = None) -> h5py.File:
    """Open an HDF5 file for reading; ``called`` names it in messages if it is a copy of another.

    Raises
    ------
    InputError
        If it is missing, open in another program, truncated or not HDF5.
    PermissionError
        If it may not be read.
    """
    if not path.is_file():
        raise InputError(f"{path}: {absent(path)}. Fix the path, or fetch the dataset first.")
    path.open("rb").close()  # a file that may not be read is not a damaged one
    require_finite_heaps(path, called or path)
    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError, ValueError) as error:
        reason, mend = _why_not(error, path)
    size = path.stat().st_size
    raise InputError(f"{called or path}: not a readable HDF5 file ({size} bytes; {reason}). {mend}")


def _why_not(error: Exception, path: Path) -> tuple[str, str]:
    """Return HDF5's reason in short, and what to do about it."""
    text = one_line(error).removeprefix("[Errno 11] ")
    if "unable to lock file" in text:
        if getattr(error, "errno", None) in (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP):
            return "its file system has no locks", "Set HDF5_USE_FILE_LOCKING=FALSE."
        return (
            "locked: another program has it open for writing",
            "Wait until that program has closed it, or end it.",
        )
    if "file is already open" in text:
        return (
            "marked as open for writing: a program is writing it, or was stopped while it did",
            f"Wait for that program; if there is none, make the file again, or run `h5clear -s "
            f"{path}` and check what it holds.",
        )
    if "signature not found" in text:
        return (
            "another format",
            "Give a store (.h5), or HDF5 as the layout says; `e3d data read FILE --layout LAYOUT "
            "-o STORE.h5` makes a store of other formats. Fetch a damaged file again.",
        )
    reason = text
    if cut := re.search(r"truncated file: eof = (\d+), .*stored_eof = (\d+)", text):
        reason = f"truncated: it has {cut[1]} of {cut[2]} bytes"
    return reason, "Fetch it again and compare its checksum."


@contextlib.contextmanager
def damage_named(where: str) -> Iterator[None]:
    """Turn what h5py raises over damaged files into one line that says where."""
    try:
        yield
    except InputError:
        raise
    except _H5PY_RAISES as error:
        raise InputError(
            f"{where}: cannot be read, HDF5 says: {one_line(error)}. The file is damaged, or a "
            "filter that packed it is not installed: fetch it again and compare its checksum."
        ) from None


def subgroups(
    group: h5py.Group, where: str, *, expected: str = ""
) -> Iterator[tuple[str, h5py.Group]]:
    """Yield name and content of every group in ``group``; datasets are passed over.

    Names are made printable.

    Raises
    ------
    InputError
        If a link leads nowhere or out of the file, or there is no group although some are
        ``expected``, or a unit stands beside them.
    """
    with damage_named(where):
        names = list(group)
    found = False
    for name in names:
        item = _linked(group, name, where)
        if isinstance(item, h5py.Group):
            found = True
            yield printable(name), item
        elif expected and re.search(r"(?i)(^|[_\-. ])units?([_\-. ]|$)", name):
            raise InputError(
                f"{where}: {printable(name)} is a dataset beside the groups - expected a unit as "
                "an attribute of the file, of the same name. Make it one."
            )
    if expected and not found:
        raise InputError(f"{where}: holds no groups; {expected}. Check the file or its `layout`.")


def around(group: h5py.Group) -> list[h5py.Group]:
    """Return a group and those it is in, from within to the file's own."""
    name = group.name if isinstance(group.name, str) else ""  # bytes that are no UTF-8
    parts = name.strip("/").split("/")
    return [group, *(group.file["/".join(parts[:k]) or "/"] for k in range(len(parts) - 1, -1, -1))]


def texts_around(group: h5py.Group, wanted: Callable[[str], bool], where: str) -> dict[str, str]:
    """Return the attributes of a group, and of those it is in, whose names are ``wanted``."""
    with damage_named(where):
        owners = [one for one in reversed(around(group)) if h5py.h5a.get_num_attrs(one.id)]
        return {
            name: one_text(one.attrs[name]) for one in owners for name in one.attrs if wanted(name)
        }


def printable(name: str | bytes) -> str:
    """Return a name of HDF5 as it can be printed in one line, whatever bytes it has."""
    return name if isinstance(name, str) and name.isprintable() else repr(name)


def _linked(group: h5py.Group, name: str, where: str) -> Any:
    """Return what a link of ``group`` leads to; links out of the file are not followed."""
    with damage_named(f"{where}, {printable(name)!r}"):
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.HardLink):
            return group[name]
        if link is None:
            raise InputError(f"{where}: lacks {name}. Check the file or its `layout`.")
        item = group.get(name) if isinstance(link, h5py.SoftLink) else None
        outside = item is not None and item.file.filename != group.file.filename
    if outside or isinstance(link, h5py.ExternalLink):
        raise InputError(
            f"{where}: link {printable(name)!r} leads to another file, expected the data itself. "
            "Copy the data into one file (h5repack, h5copy)."
        )
    if item is None:
        raise InputError(
            f"{where}: link {printable(name)!r} leads nowhere, expected a group. Fetch the file "
            "again."
        )
    return item


def require(group: h5py.Group, keys: Iterable[str], layout: str, where: str) -> None:
    """Refuse a group that lacks any of ``keys``.

    Raises
    ------
    InputError
        Naming what is missing and what ``layout`` needs.
    """
    with damage_named(where):
        there = set(group)
    missing = [key for key in keys if key not in there]
    if missing:
        raise InputError(
            f"{where}: lacks {', '.join(missing)}; the {layout} layout needs {', '.join(keys)}. "
            "Check the file or its `layout`."
        )


def dataset(group: h5py.Group, key: str, where: str) -> h5py.Dataset:
    """Return a dataset whose values are in this file.

    Raises
    ------
    InputError
        If ``key`` is missing or a group, or its values are elsewhere, were never written, or are
        neither numbers nor texts.
    """
    found = _linked(group, key, where)
    if not isinstance(found, h5py.Dataset):
        raise InputError(f"{where}: {key} is a group, expected an array. Fix the file.")
    with damage_named(f"{where}, {key}"):
        plan = found.id.get_create_plist()
        elsewhere = plan.get_layout() == h5py.h5d.VIRTUAL or plan.get_external_count() > 0
        size = 0 if found.shape is None else found.size * found.dtype.itemsize
        stored = found.id.get_storage_size()
        sequences = found.dtype.kind == "O" and h5py.check_string_dtype(found.dtype) is None
    if sequences:  # or a damaged text, over which HDF5 crashes
        raise InputError(
            f"{where}: {key} holds sequences of any length or references, expected numbers or a "
            "text. Fix the file, or fetch it again."
        )
    if elsewhere:
        raise InputError(
            f"{where}: {key} has its values in another file, expected them in this one. Copy the "
            "data into one file (h5repack)."
        )
    if size > _MOST_PACKED * stored:
        raise InputError(
            f"{where}: {key} has the shape {found.shape}, but {stored} bytes in the file - most of "
            "it was never written. Make or fetch the file again."
        )
    return found


def array(group: h5py.Group, key: str, shape: str, where: str) -> NDArray[np.float64]:
    """Read numbers with as many axes as ``shape`` names; their lengths are checked with the group.

    Raises
    ------
    InputError
        If it cannot be read, holds no real numbers, or has another number of axes.
    """
    return numbers_in(dataset(group, key, where), key, shape, where)


def numbers_in(found: h5py.Dataset, key: str, shape: str, where: str) -> NDArray[np.float64]:
    """Read the numbers of a dataset that :func:`dataset` gave, as :func:`array`."""
    if found.dtype.kind not in "iuf" or found.dtype == np.float16:  # too coarse for energies
        raise InputError(
            f"{where}: {key} holds {found.dtype}, expected numbers of shape {shape}. Fix the group."
        )
    if found.shape is None or found.ndim != len(re.findall(r"\w+", shape)):
        raise InputError(
            f"{where}: {key} has shape {found.shape}, expected {shape}. Fix the group."
        )
    with damage_named(f"{where}, {key}"):
        values: NDArray[np.float64] = np.asarray(found[()], dtype=np.float64)
    return values


def integers(group: h5py.Group, key: str, shape: str, where: str) -> NDArray[np.int64]:
    """Read whole numbers, as :func:`array`.

    Raises
    ------
    InputError
        Also if one is a fraction.
    """
    values = array(group, key, shape, where)
    bad = ~((values == np.round(values)) & (np.abs(values) < _LARGEST_WHOLE))
    if bad.any():
        raise InputError(
            f"{where}: {key} holds {values[bad][0]:g}, expected whole numbers. Fix the group."
        )
    return values.astype(np.int64)


def atomic_numbers(group: h5py.Group, key: str, shape: str, where: str) -> NDArray[np.int64]:
    """Read atomic numbers, as :func:`integers`.

    Raises
    ------
    InputError
        Also if one is of no element.
    """
    numbers = integers(group, key, shape, where)
    if not ((numbers >= 1) & (numbers <= _MAX_Z)).all():
        raise InputError(
            f"{where}: {key} {np.unique(numbers).tolist()[:10]} must be 1..{_MAX_Z}. Fix the group."
        )
    return numbers


def one_text(value: Any) -> str:
    """Return a text that HDF5 may hold as bytes, as an array of one, or not at all."""
    one = np.ravel(value)[0] if np.size(value) == 1 else value
    return one.decode(errors="backslashreplace") if isinstance(one, bytes) else str(one)


def text(found: h5py.Dataset, where: str) -> str:
    """Read the one string of a dataset.

    Raises
    ------
    InputError
        If it holds none or several, or bytes that are no UTF-8.
    """
    name = printable(str(found.name))
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "OS":
        kind = found.dtype if isinstance(found, h5py.Dataset) else "a group"
        raise InputError(f"{where}: {name} holds {kind}, expected a text. Fix the file.")
    with damage_named(f"{where}, {name}"):
        value = np.ravel(found[()])
    if value.size != 1:
        raise InputError(f"{where}: {name} holds {value.size} strings, expected 1. Fix the file.")
    try:
        read = value[0].decode() if isinstance(value[0], bytes) else str(value[0])
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where}: {name} is no UTF-8 ({one_line(error)}). Write it as UTF-8, or fetch the "
            "file again."
        ) from None
    return read
