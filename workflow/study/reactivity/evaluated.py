"""Energy, forces and D of every pair, frame by frame: what the tables are made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from e3d.edges import EdgeEnergies
from e3d.pairs import check_sum_rule, pair_up
from e3d.potential import EdgePotential
from e3d.structures import Structure

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evaluated:
    """A frame of N atoms as the model sees it."""

    energy: float  # total, eV
    forces: Floats  # (N, 3), eV/Å
    bond_energy: Floats  # D (N, N) of the pairs i < j, eV


def bond_energies(edges: EdgeEnergies) -> Floats:
    """Return D (F, N, N), eV, of the pairs i < j of F frames of at most N atoms (no cell).

    0 elsewhere: beyond the cutoff there is no edge, and so no energy.
    """
    pairs = pair_up(edges)
    start = edges.frame_ptr[pairs.frame]
    n = int(np.diff(edges.frame_ptr).max(initial=0))
    d = np.zeros((len(edges.frame_ptr) - 1, n, n))
    d[pairs.frame, pairs.i - start, pairs.j - start] = pairs.bond_energy
    return d


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
        parts = np.split(forces, edges.frame_ptr[1:-1])
        frames = zip(energy, parts, bond_energies(edges), strict=True)
        found += [Evaluated(float(e), f, d[: len(f), : len(f)]) for e, f, d in frames]
    return found
