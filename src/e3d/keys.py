"""Integers for names and for rows of integers, so that arrays take the place of loops."""

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_LIMIT = 2**62
Name = TypeVar("Name", bound=Hashable)


class Vocabulary(Generic[Name]):
    """Numbers names in the order in which they first come: 0, 1, 2, ..."""

    def __init__(self) -> None:
        self._codes: dict[Name, int] = {}
        self.names: list[Name] = []
        """All names, by number."""

    def __len__(self) -> int:
        return len(self.names)

    def code(self, name: Name) -> int:
        """Return the number of a name, a new one if it was never seen."""
        code = self._codes.setdefault(name, len(self.names))
        if code == len(self.names):
            self.names.append(name)
        return code


def pack(columns: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return one integer (R,) per row of the columns, each (R,), that sorts as the rows do; at most 2^62."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    if not len(key):
        return key
    size = 1
    for column in columns:
        low = int(column.min())
        span = int(column.max()) - low + 1
        if size > _LIMIT // span:  # as many values as rows remain
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
            size = int(key.max()) + 1
        key = key * span + (column - low)
        size *= span
    return key
