"""Read HDF5 files of other people: a clear message for whatever is not as it should be."""

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d.errors import InputError


def open_hdf5(path: Path, *, called: Path | None = None) -> h5py.File:
    """Open an HDF5 file for reading; ``called`` names it in messages if it is a copy of another.

    Raises
    ------
    InputError
        If it is missing, truncated or not HDF5.
    PermissionError
        If it may not be read.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file. Fix the path, or fetch the dataset first.")
    path.open("rb").close()  # a file that may not be read is not a damaged one
    with contextlib.suppress(OSError):
        return h5py.File(path, "r")
    raise InputError(
        f"{called or path}: not a readable HDF5 file ({path.stat().st_size} bytes; truncated or "
        "another format). Fetch it again and compare its checksum."
    )


def subgroups(
    group: h5py.Group, where: str, *, expected: str = ""
) -> Iterator[tuple[str, h5py.Group]]:
    """Yield name and content of every group in ``group``; datasets are passed over.

    Raises
    ------
    InputError
        If a link leads nowhere, or there is no group although some are ``expected``.
    """
    if expected and not any(isinstance(item, h5py.Group) for item in group.values()):
        raise InputError(f"{where}: holds no groups; {expected}. Check the file or its `layout`.")
    for name, item in group.items():
        if item is None:
            raise InputError(
                f"{where}: link {name!r} leads nowhere, expected a group. Fetch the file again."
            )
        if isinstance(item, h5py.Group):
            yield name, item


def require(group: h5py.Group, keys: Iterable[str], layout: str, where: str) -> None:
    """Refuse a group that lacks any of ``keys``.

    Raises
    ------
    InputError
        Naming what is missing and what ``layout`` needs.
    """
    missing = [key for key in keys if key not in group]
    if missing:
        raise InputError(
            f"{where}: lacks {', '.join(missing)}; the {layout} layout needs {', '.join(keys)}. "
            "Check the file or its `layout`."
        )


def array(group: h5py.Group, key: str, shape: str, where: str) -> NDArray[np.float64]:
    """Read numbers with as many axes as ``shape`` names; their lengths are checked with the group.

    Raises
    ------
    InputError
        If it cannot be read as numbers, or has another number of axes.
    """
    try:
        values = np.asarray(group[key][()], dtype=np.float64)
    except (TypeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{where}: {key} cannot be read, expected numbers of shape {shape} ({reason}). "
            "Fix the group, or fetch the file again."
        ) from None
    if values.ndim != len(re.findall(r"\w+", shape)):
        raise InputError(
            f"{where}: {key} has shape {values.shape}, expected {shape}. Fix the group."
        )
    return values


def text(dataset: h5py.Dataset, where: str) -> str:
    """Read the one string of a dataset.

    Raises
    ------
    InputError
        If it holds none or several.
    """
    value = np.ravel(dataset[()])
    if value.size != 1:
        raise InputError(
            f"{where}: {dataset.name} holds {value.size} strings, expected 1. Fix the file."
        )
    return value[0].decode() if isinstance(value[0], bytes) else str(value[0])
