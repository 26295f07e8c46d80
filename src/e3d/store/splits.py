"""Read a table of splits: which frame of a store is in the training pool or in which test set."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d import tables
from e3d.errors import InputError
from e3d.fields import Column
from e3d.store.reader import StoreReader


def read_splits(splits: Path, reader: StoreReader) -> pd.DataFrame:
    """Return the table of splits of a store.

    Raises
    ------
    InputError
        If it lists other frames than those of the store.
    """
    table = tables.read(splits, columns=(Column.FRAME, Column.SPLIT, Column.MOLECULE))
    if not np.array_equal(table[Column.FRAME].to_numpy(), np.arange(len(reader))):
        raise InputError(
            f"{splits}: its frames are not the {len(reader)} of {reader.path}, in order. It is the "
            "table of another store: make it with `e3d data split`."
        )
    return table


def frames_of(splits: Path, name: str) -> NDArray[np.int64]:
    """Return the frames (F,) of one split, ascending.

    Raises
    ------
    InputError
        If it has none.
    """
    table = tables.read(splits, columns=(Column.FRAME, Column.SPLIT))
    frames = table.loc[table[Column.SPLIT] == name, Column.FRAME].to_numpy(dtype=np.int64)
    if not len(frames):
        raise InputError(
            f"{splits}: no frame in split {name!r}; it has "
            f"{', '.join(sorted(set(table[Column.SPLIT])))}. Name one of these."
        )
    return frames
