"""Integers for names and for rows of integers, so that arrays take the place of loops."""

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np

from e3d.arrays import Ints

_LIMIT = 2**62
Name = TypeVar("Name", bound=Hashable)


class Vocabulary(Generic[Name]):
    """Numbers names in the order in which they first come.

    >>> names = Vocabulary()
    >>> [names.code(name) for name in ("C-H", "C-C", "C-H")], names.names
    ([0, 1, 0], ['C-H', 'C-C'])
    """

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


def pack(columns: Sequence[Ints]) -> Ints:
    """Return one integer (R,), at most 2^62, for each row of the columns (R,); it sorts as they do.

    >>> pack([np.array([2, 1, 1]), np.array([0, 5, -5])]).argsort().tolist()
    [2, 1, 0]
    """
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
