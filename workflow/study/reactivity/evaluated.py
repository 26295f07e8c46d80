"""Energy, forces and D of every pair, frame by frame: what the reactivity tables are made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from e3d.pairs import check_sum_rule, pair_up
from e3d.potential import EdgePotential
from e3d.structures import Structure

Floats = NDArray[np.float64]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Evaluated:
    """A frame seen by the model: energy (eV), forces (N, 3) eV/Å, and D (eV) of the pairs within the cutoff."""

    energy: float
    forces: Floats
    bond_energy: dict[Pair, float]

    def d(self, pair: Pair) -> float:
        """Return D of a pair i < j; 0 beyond the cutoff, where there is no edge and so no energy."""
        return self.bond_energy.get(pair, 0.0)


def evaluate(model: EdgePotential, structures: Sequence[Structure]) -> list[Evaluated]:
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
        found += [
            Evaluated(float(e), f, d) for e, f, d in zip(energy, parts, by_frame, strict=True)
        ]
    return found


def distance(structure: Structure, pair: Pair) -> float:
    """Return the distance of two rows (Å)."""
    return float(np.linalg.norm(structure.positions[pair[1]] - structure.positions[pair[0]]))


def all_pairs(structure: Structure) -> list[Pair]:
    """Return every pair of rows i < j."""
    n = len(structure.atomic_numbers)
    return [(i, j) for i in range(n) for j in range(i + 1, n)]
