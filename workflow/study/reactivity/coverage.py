"""What a run was trained on, as far as reactivity asks: molecules, elements, distances of pairs and of bonds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from e3d import tables
from e3d.chemistry import FORMULA, flat
from e3d.fields import Column as C
from e3d.store.reader import StoreReader
from e3d.structures import Structure, from_store
from study.reactivity.evaluated import distance

BIN_ANG = 0.05
"""Two distances closer than this are one; those of thermal frames lie denser."""


@dataclass
class Coverage:
    """Distances that occur in training.

    ``molecules``: SMILES without stereochemistry; ``bins``: for each pair of atomic numbers, which bins of
    ``BIN_ANG`` occur; ``ranges``: shortest and longest bond (Å) of each bond type in intact frames.
    """

    r_max: float
    molecules: set[str] = field(default_factory=set)
    bins: dict[tuple[int, int], NDArray[np.bool_]] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)

    def add(self, structure: Structure) -> None:
        """Take in one training frame (of a crystal: the pairs of its own cell)."""
        self.molecules |= _names(structure.smiles)
        for elements, bins in _occupied(structure, self.r_max).items():
            known = self.bins.setdefault(
                elements, np.zeros(int(self.r_max / BIN_ANG) + 1, dtype=bool)
            )
            known[bins] = True
        if structure.intact:
            for bond in structure.bonds or ():
                r = distance(structure, (bond.i, bond.j))
                low, high = self.ranges.get(bond.bond_type, (r, r))
                self.ranges[bond.bond_type] = min(low, r), max(high, r)

    def covers(self, structure: Structure) -> bool:
        """Say whether every distance within the cutoff occurs in training, in its bin or the next to it.

        A necessary condition only: distances that occur one by one need not occur together.
        """
        return all(
            self._near(elements, bins)
            for elements, bins in _occupied(structure, self.r_max).items()
        )

    def _near(self, elements: tuple[int, int], bins: NDArray[np.int64]) -> bool:
        known = self.bins.get(elements)
        return known is not None and all(known[max(k - 1, 0) : k + 2].any() for k in bins)

    def trained_on(self, structures: Iterable[Structure]) -> bool:
        """Say whether every one of these molecules is in training."""
        return all(_names(structure.smiles) <= self.molecules for structure in structures)


def _names(smiles: str) -> set[str]:
    """Return what a split keeps apart: the components without stereochemistry, or a formula."""
    return {smiles} if smiles.startswith(FORMULA) else set(flat(smiles).split("."))


def _occupied(structure: Structure, r_max: float) -> dict[tuple[int, int], NDArray[np.int64]]:
    """Return the bins of distance that occur, by pair of atomic numbers."""
    first, second = np.triu_indices(len(structure.atomic_numbers), k=1)
    r = np.linalg.norm(structure.positions[first] - structure.positions[second], axis=1)
    z = np.sort(structure.atomic_numbers[np.stack([first, second])], axis=0)
    inside = r < r_max
    rows = np.unique(
        np.stack([*z[:, inside], (r[inside] / BIN_ANG).astype(np.int64)], axis=1), axis=0
    )
    return {
        (int(a), int(b)): rows[(rows[:, :2] == (a, b)).all(axis=1), 2]
        for a, b in np.unique(rows[:, :2], axis=0)
    }


def coverage(store: Path, subset: Path, r_max: float) -> tuple[Coverage, str]:
    """Return what the frames of a subset cover, and the store's level of theory."""
    frames = tables.read(subset, columns=(C.FRAME,))[C.FRAME].to_list()
    found = Coverage(r_max)
    with StoreReader(store) as reader:
        for structure in from_store(reader, frames):
            found.add(structure)
        return found, str(reader.attributes["theory"])
