"""What a file that says it is a store must hold, looked at before anything is read from it."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d.errors import InputError, one_line
from e3d.fields import Store as F
from e3d.store.files.hdf5 import damage_named, dataset, printable

_MENDED: Final = "The store is damaged or was changed by hand: make it again with `e3d data read`."
_TEXTS: Final = (F.GROUP_SMILES, F.MOLECULE_SMILES, F.COMPONENTS, F.SUBSET_NAMES, F.PART_NAMES)
_OF_ATOMS: Final = (F.POSITIONS, F.FORCES, F.ATOMIC_NUMBERS)
_ROWS_OF: Final = {
    F.MOLECULE: F.MOLECULE_SMILES,
    F.GROUP: F.GROUP_SMILES,
    F.SUBSET: F.SUBSET_NAMES,
    F.PART: F.PART_NAMES,
}
"""Arrays with the rows of others, by frame."""
_OPTIONAL: Final = (F.CELL, F.PBC, F.STRESS, F.PART, F.PART_NAMES, F.PART_SHARES)


def require_intact(
    file: h5py.File, path: Path, kinds: Mapping[F, tuple[Any, tuple[int, ...]]], atoms: str
) -> None:
    """Refuse a store whose arrays are not those of a store, in type, shape, and as they refer.

    Parameters
    ----------
    file, path
        The open store and where it is.
    kinds
        Type and shape of a row, of every array of frames or atoms.
    atoms
        Name of the attribute with the energies of isolated atoms.

    Raises
    ------
    InputError
        Naming the array and what is wrong with it.
    """
    where = str(path)
    with damage_named(where):
        names = [printable(str(name)) for name in file]
        present = [name for name in F if file.get(name, getlink=True) is not None]
    missing = [str(name) for name in F if name not in present and name not in _OPTIONAL]
    if (F.PART_NAMES in present) != (F.PART_SHARES in present):
        missing.append(f"one of {F.PART_NAMES} and {F.PART_SHARES}")
    if missing:
        raise InputError(f"{where}: lacks {', '.join(missing)} among {', '.join(names)}. {_MENDED}")
    arrays = {name: dataset(file, name, where) for name in present}
    with damage_named(where):
        pointers = _pointers(arrays[F.FRAME_PTR], where)
        for name, kind in kinds.items():
            if name in arrays:
                rows = int(pointers[-1]) if name in _OF_ATOMS else len(pointers) - 1
                _require_kind(arrays[name], name, np.dtype(kind[0]), (rows, *kind[1]), where)
        for name in _TEXTS:
            if name in arrays:
                _require_texts(arrays[name], name, where)
        for name, other in _ROWS_OF.items():
            if name in arrays:
                _require_rows(arrays[name][()], name, len(arrays[other]), other, where)
    _require_attributes(file, atoms, where)


def _pointers(array: h5py.Dataset, where: str) -> NDArray[np.int64]:
    """Return where each frame's atoms start, which must ascend from 0."""
    if array.dtype != np.int64 or array.ndim != 1 or not len(array):
        raise InputError(
            f"{where}: {F.FRAME_PTR} holds {array.dtype} of shape {array.shape}, expected int64 of "
            f"shape (frames + 1,). {_MENDED}"
        )
    pointers: NDArray[np.int64] = array[()]
    if pointers[0] != 0 or not (np.diff(pointers) > 0).all():
        raise InputError(f"{where}: {F.FRAME_PTR} does not ascend from 0. {_MENDED}")
    return pointers


def _require_kind(
    array: h5py.Dataset, name: F, dtype: np.dtype[Any], shape: tuple[int, ...], where: str
) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise InputError(
            f"{where}: {name} holds {array.dtype} of shape {array.shape}, expected {dtype} of "
            f"shape {shape}. {_MENDED}"
        )


def _require_texts(array: h5py.Dataset, name: F, where: str) -> None:
    if h5py.check_string_dtype(array.dtype) is None or array.ndim != 1:
        raise InputError(
            f"{where}: {name} holds {array.dtype}, expected a list of texts. {_MENDED}"
        )
    for text in array[()]:
        try:
            text.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{where}: {name}: {one_line(error)}. {_MENDED}") from None


def _require_rows(rows: NDArray[Any], name: F, number: int, other: F, where: str) -> None:
    bad = (rows < 0) | (rows >= number)
    if bad.any():
        raise InputError(
            f"{where}: {name} of frame {int(bad.argmax())} is {rows[bad][0]}, and {other} has "
            f"{number} rows. {_MENDED}"
        )


def _require_attributes(file: h5py.File, atoms: str, where: str) -> None:
    """Refuse a store that does not say its elements and isolated atoms."""
    checks: dict[str, Callable[[Any], bool]] = {
        atoms: lambda found: all(math.isfinite(float(found[z])) and int(z) for z in found),
        "elements": lambda found: all(0 < int(z) < 256 for z in found),
    }
    for name, check in checks.items():
        try:
            good = check(json.loads(file.attrs[name]))
        except (KeyError, ValueError, TypeError, OSError, RuntimeError, RecursionError):
            good = False
        if not good:
            raise InputError(f"{where}: the attribute {name} is missing or damaged. {_MENDED}")
