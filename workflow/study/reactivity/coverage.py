"""What a run was trained on: molecules, and distances of pairs of elements and of bonds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from e3d import lineage
from e3d.chemistry import FORMULA, flat
from e3d.potential import LoadedModel
from e3d.store.reader import StoreReader
from e3d.store.splits import read_subset
from e3d.structures import Structure, from_store

BIN_ANG = 0.05
"""Two distances closer than this are one; those of thermal frames lie denser."""
Bins = set[tuple[int, int, int]]
"""Atomic numbers of a pair, the smaller first, and its distance in bins of ``BIN_ANG``."""


@dataclass
class Coverage:
    """Molecules and distances that occur in training."""

    r_max: float  # cutoff of the model, Å: longer distances do not count
    molecules: set[str] = field(default_factory=set)  # SMILES without stereochemistry, or formulas
    bins: Bins = field(default_factory=set)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Shortest and longest bond (Å) of each bond type in intact frames."""

    def add(self, structure: Structure) -> None:
        """Take in one training frame (of a crystal: the pairs of its own cell)."""
        self.molecules |= _names(structure.smiles)
        self.bins |= _occupied(structure, self.r_max)
        if structure.intact:
            x = structure.positions
            for bond in structure.bonds or ():
                r = float(np.linalg.norm(x[bond.j] - x[bond.i]))
                low, high = self.ranges.get(bond.bond_type, (r, r))
                self.ranges[bond.bond_type] = min(low, r), max(high, r)

    def covers(self, structure: Structure) -> bool:
        """Say whether every distance within the cutoff occurs in training, or one a bin away.

        A necessary condition only: distances that occur one by one need not occur together.
        """
        return all(
            any((a, b, near) in self.bins for near in (k - 1, k, k + 1))
            for a, b, k in _occupied(structure, self.r_max)
        )

    def trained_on(self, structures: Iterable[Structure]) -> bool:
        """Say whether every one of these molecules is in training."""
        return all(_names(structure.smiles) <= self.molecules for structure in structures)


def _names(smiles: str) -> set[str]:
    """Return what a split keeps apart: the components without stereochemistry, or a formula."""
    return {smiles} if smiles.startswith(FORMULA) else set(flat(smiles).split("."))


def _occupied(structure: Structure, r_max: float) -> Bins:
    first, second = np.triu_indices(len(structure.atomic_numbers), k=1)
    r = np.linalg.norm(structure.positions[first] - structure.positions[second], axis=1)
    z = np.sort(structure.atomic_numbers[np.stack([first, second])], axis=0)
    inside = r < r_max
    bins = (r[inside] / BIN_ANG).astype(np.int64)
    return set(zip(*z[:, inside].tolist(), bins.tolist(), strict=True))


def read_coverage(store: Path, subset: Path, model: LoadedModel) -> tuple[Coverage, str]:
    """Return what the training frames of a model cover, and their store's level of theory.

    Raises
    ------
    InputError
        If the model says that it was trained on others.
    """
    found = Coverage(model.r_max)
    with StoreReader(store) as reader:
        frames, hashes = read_subset(subset, reader)
        lineage.require_training(model, hashes, subset)
        for structure in from_store(reader, frames):
            found.add(structure)
        return found, str(reader.attributes["theory"])
