"""What the reactivity tables need of a model: energy, forces and D of every pair, frame by frame."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from e3d.edges import EdgeEnergies
from e3d.graphs import Batch
from e3d.pairs import check_sum_rule, pair_up
from e3d.structures import Structure

Floats = NDArray[np.float64]
Pair = tuple[int, int]


class Potential(Protocol):
    """A trained model (:class:`e3d.models.AnalysisModel`), or an exact one in tests."""

    r_max: float

    def knows(self, structure: Structure) -> bool:
        """Say whether the model has a type for every element of a structure."""

    def batches(self, structures: Iterable[Structure]) -> Iterator[Batch]:
        """Group structures, in order, into batches."""

    def energies_and_forces(self, structures: Batch) -> tuple[Floats, Floats]:
        """Return total energies (F,) in eV and forces (A, 3) in eV/Å."""

    def edge_energies(self, structures: Batch) -> EdgeEnergies:
        """Return the directed edge energies, eV."""


@dataclass(frozen=True)
class Evaluated:
    """A frame seen by the model: energy (eV), forces (N, 3) eV/Å, and D (eV) of the pairs within the cutoff."""

    energy: float
    forces: Floats
    bond_energy: dict[Pair, float]

    def d(self, pair: Pair) -> float:
        """Return D of a pair i < j; 0 beyond the cutoff, where there is no edge and so no energy."""
        return self.bond_energy.get(pair, 0.0)


def evaluate(model: Potential, structures: Sequence[Structure]) -> list[Evaluated]:
    """Evaluate molecules (no cell) with known elements; the sum rule is checked on every frame.

    Raises
    ------
    InputError
        If the sum rule fails.
    """
    found: list[Evaluated] = []
    for batch in model.batches(structures):
        energy, forces = model.energies_and_forces(batch)
        edges = model.edge_energies(batch)
        check_sum_rule(edges, [structure.label for structure in batch.structures])
        pairs = pair_up(edges)
        by_frame: list[dict[Pair, float]] = [{} for _ in batch.structures]
        start = edges.frame_ptr[pairs.frame]
        rows = zip(pairs.frame, pairs.i - start, pairs.j - start, pairs.bond_energy, strict=True)
        for frame, i, j, d in rows:
            by_frame[int(frame)][int(i), int(j)] = float(d)
        parts = np.split(forces, edges.frame_ptr[1:-1])
        found += [Evaluated(float(e), f, d) for e, f, d in zip(energy, parts, by_frame, strict=True)]
    return found


def distance(structure: Structure, pair: Pair) -> float:
    """Return the distance of two rows (Å)."""
    return float(np.linalg.norm(structure.positions[pair[1]] - structure.positions[pair[0]]))


def all_pairs(structure: Structure) -> list[Pair]:
    """Return every pair of rows i < j."""
    n = len(structure.atomic_numbers)
    return [(i, j) for i in range(n) for j in range(i + 1, n)]
