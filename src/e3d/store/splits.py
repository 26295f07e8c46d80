"""Read which frames of a store are in the training pool, in a test set, in a subset.

Both tables number the frames of one store. They carry its hash, and are refused with another store.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d import lineage, tables
from e3d.errors import InputError, choices, shown
from e3d.fields import (
    POOL,
    TEST_CONFORMATIONS,
    TEST_IONIC,
    TEST_MOLECULES,
    TEST_SPLITS,
    UNUSED,
    VALIDATION,
    Column,
)
from e3d.lineage import SPLITS, STORE, SUBSET
from e3d.store.reader import StoreReader

_NAMES: Final = (POOL, VALIDATION, *TEST_SPLITS, TEST_IONIC, UNUSED)
_OF_POOL: Final = (POOL, VALIDATION, TEST_CONFORMATIONS)
"""Where frames of molecules go that are trained on."""


def read_splits(splits: Path, reader: StoreReader) -> pd.DataFrame:
    """Return the table of splits of a store.

    Raises
    ------
    InputError
        If it lists other frames or molecules than those of the store, was made from another store,
        names splits that are not known, or has a molecule of the pool that is held out as well.
    """
    table = tables.read(splits, columns=(Column.FRAME, Column.SPLIT, Column.MOLECULE))
    if not np.array_equal(table[Column.FRAME].to_numpy(), np.arange(len(reader))):
        raise InputError(
            f"{splits}: its frames are not the {len(reader)} of {reader.path}, in order. It is the "
            "table of another store: make it with `e3d data split`."
        )
    remedy = "Give the store's own table, or make it with `e3d data split`."
    for name in table[Column.SPLIT].unique():
        if name not in _NAMES:
            raise InputError(f"{splits}: split {name!r} - {choices(name, _NAMES)}. {remedy}")
    said = lineage.origin(splits).made_from.get(STORE)
    if said is not None:
        _require_store(splits, said, reader, remedy)
    _require_molecules(table, np.arange(len(reader)), splits, reader, remedy)
    _require_apart(table, splits, reader, remedy)
    return table


def _require_molecules(
    table: pd.DataFrame, frames: NDArray[np.int64], path: Path, reader: StoreReader, remedy: str
) -> None:
    """Refuse rows that call the molecules of their frames otherwise than the store does."""
    molecule = reader.molecule[frames]
    names = np.array(reader.molecule_smiles, dtype=object)
    for column, own in ((Column.SMILES, names[molecule]), (Column.MOLECULE, molecule)):
        if column not in table:
            continue
        given = table[column].to_numpy(dtype=object)
        if (other := given != own.astype(object)).any():
            row = int(np.argmax(other))
            raise InputError(
                f"{path}: row {row + 1}: frame {frames[row]} has {column} {shown(given[row])}, and "
                f"{own[row]} in {reader.path}: other molecules. It is the table of another store, "
                f"or was changed. {remedy}"
            )


def _require_apart(table: pd.DataFrame, splits: Path, reader: StoreReader, remedy: str) -> None:
    """Refuse molecules that are both held out and trained on, or tested as those trained on."""
    first: dict[tuple[str, ...], int] = {}
    rows = [first.setdefault(names, row) for row, names in enumerate(reader.components)]
    molecule, split = np.array(rows)[reader.molecule], table[Column.SPLIT].to_numpy()
    held_out = molecule[split == TEST_MOLECULES]
    both = np.isin(molecule, held_out) & np.isin(split, _OF_POOL)
    if both.any():
        frame = int(np.argmax(both))
        name = reader.molecule_smiles[reader.molecule[frame]]
        raise InputError(
            f"{splits}: frame {frame} of {name} is in {split[frame]!r}, and other frames of this "
            f"molecule are in {TEST_MOLECULES!r}, which holds molecules that are nowhere else. "
            f"{remedy}"
        )


def _require_store(path: Path, said: str, reader: StoreReader, remedy: str) -> None:
    if said != reader.content:
        raise InputError(
            f"{path}: made from a store with the hash {said}, and {reader.path} has "
            f"{reader.content}. {remedy}"
        )


def frames_of(splits: Path, name: str) -> NDArray[np.int64]:
    """Return the frames (F,) of one split, ascending.

    Raises
    ------
    InputError
        If it has none.
    """
    return frames_in(tables.read(splits, columns=(Column.FRAME, Column.SPLIT)), splits, name)


def frames_in(table: pd.DataFrame, splits: Path, name: str) -> NDArray[np.int64]:
    """Return the frames (F,) of one split of a table that was read from ``splits``, ascending.

    Raises
    ------
    InputError
        If it has none.
    """
    frames = table.loc[table[Column.SPLIT] == name, Column.FRAME].to_numpy(dtype=np.int64)
    if not len(frames):
        raise InputError(
            f"{splits}: no frame in split {name!r}; it has "
            f"{', '.join(sorted(set(table[Column.SPLIT].astype(str))))}. Name one of these."
        )
    return frames


def hash_of_splits(table: pd.DataFrame, store: str) -> str:
    """Return the hash of a table of splits of the store with the hash ``store``."""
    return lineage.content_hash(f"{name}\0".encode() for name in (store, *table[Column.SPLIT]))


def hash_of_subset(frames: Iterable[int], store: str) -> str:
    """Return the hash of training frames, in their order, of the store with the hash ``store``."""
    numbers = np.asarray(list(frames), dtype="<i8")
    return lineage.content_hash([f"{store}\0".encode(), numbers.tobytes()])


def read_subset(
    subset: Path, reader: StoreReader, splits: Path | None = None
) -> tuple[NDArray[np.int64], dict[str, str]]:
    """Return the frames of a subset (n,), checked, and the hashes of what they were chosen from.

    Parameters
    ----------
    subset
        Table with a column ``frame``, as ``study data subset`` writes it.
    reader
        The store whose frames these are.
    splits
        The store's table of splits: every frame must be in its pool.

    Raises
    ------
    InputError
        If it has no frame, or one that is no whole number, not in the store, there twice, of
        another molecule or not in the training pool; or if it was made from another store or other
        splits.
    """
    table = tables.read(subset, columns=(Column.FRAME,))
    frames = _whole_numbers(table[Column.FRAME], subset, reader)
    _require_own(table, frames, subset, reader)
    found = {STORE: reader.content, SUBSET: hash_of_subset(frames, reader.content)}
    if splits is None:
        return frames, made_from(table) | found
    everything = read_splits(splits, reader)
    found[SPLITS] = hash_of_splits(everything, reader.content)
    said = [(subset, {SPLITS: one}) for one in _said(table, Column.SPLITS)]
    lineage.merged([(splits, {SPLITS: found[SPLITS]}), *said])
    other = everything[Column.SPLIT].to_numpy()[frames] != POOL
    if other.any():
        frame = int(frames[other][0])
        raise InputError(
            f"{subset}: {int(other.sum())} of {len(frames)} frames are not in the training pool of "
            f"{splits}: frame {frame} is in {everything[Column.SPLIT].iloc[frame]!r}. Make the "
            "subset again with `study data subset`."
        )
    return frames, found


def _whole_numbers(
    column: "pd.Series[int]", subset: Path, reader: StoreReader
) -> NDArray[np.int64]:
    """Return the column as frames of a store, each of them once."""
    last = len(reader) - 1
    fits = pd.api.types.is_integer_dtype(column) and len(column) and column.between(0, last).all()
    if not fits:
        numbers = pd.to_numeric(column, errors="coerce")
        bad = column[~(numbers.between(0, last) & (numbers % 1 == 0))]
        wrong = next(iter([*bad, *column]), "no frame")
        raise InputError(
            f"{subset}: {wrong} - allowed are whole numbers 0..{last}, the frames of "
            f"{reader.path}, and at least one. Make the subset again from this store."
        )
    twice = column[column.duplicated()]
    if len(twice):
        raise InputError(
            f"{subset}: frame {twice.iloc[0]} stands there more than once, allowed is once. "
            "Remove the repeated rows, or make the subset again."
        )
    return np.asarray(column, dtype=np.int64)


def _said(table: pd.DataFrame, column: Column) -> list[str]:
    """Return what a column of hashes says, each once."""
    return [str(value) for value in table[column].unique()] if column in table else []


def _require_own(
    table: pd.DataFrame, frames: NDArray[np.int64], subset: Path, reader: StoreReader
) -> None:
    """Refuse a subset of another store: by its hash, and by its molecules if it names them."""
    remedy = "Give the store's own subset, or make it with `study data subset`."
    for one in _said(table, Column.STORE):
        _require_store(subset, one, reader, remedy)
    _require_molecules(table, frames, subset, reader, remedy)


def made_from(subset: pd.DataFrame) -> dict[str, str]:
    """Return the hashes that a subset's own columns say; none for one of an earlier version."""
    found = {
        key: said[0]
        for key, column in ((STORE, Column.STORE), (SPLITS, Column.SPLITS))
        if (said := _said(subset, column))
    }
    if STORE in found:
        found[SUBSET] = hash_of_subset(subset[Column.FRAME], found[STORE])
    return found
