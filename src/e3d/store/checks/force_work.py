"""The work of the forces between near conformations of one structure, to compare with energies.

For molecules it is the trapezoid rule along inverse interatomic distances q = 1/r, which do not
depend on how the two conformations lie in space:

    -work = (f_a + f_b) (q_b - q_a) / 2,    F = f dq/dx    (the shortest f that gives F)

For periodic frames, and molecules too large for that, it is the same rule along Cartesian
displacements in one cell. The error is of third order in the step.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from e3d.arrays import Floats, Ints
from e3d.store.group import Group

NEAR_LOG: Final = 0.26
"""Conformations are near if no distance differs by more than this in its logarithm (30 %)."""
COPY_LOG: Final = 1e-3
"""Conformations whose distances differ by less are one, turned or moved; so is each with itself."""
NEAR_ANG: Final = (0.02, 0.3)
"""Frames in one cell are near, and two, if the atom that moves farthest moves so far."""
SAME_CELL_ANG: Final = 1e-3
LARGEST_MOLECULE: Final = 220
MOST_FRAMES: Final = 32
MOST_STEPS: Final = 8
"""Of a group, those with the largest change of energy."""
NOISE_EV_PER_ANG: Final = 0.1
"""Forces of relaxed structures are no larger than the noise of a grid: they say nothing."""
GRID_NOISE_EV_PER_ANG: Final = 0.03
"""Standard deviation of a component, as by the coarser grids of published datasets. Sums over atoms
that are within twice of what it gives are no sign of a mistake."""
_ELEMENTS = 50_000  # of all matrices of atoms by atoms that are held at once
_RIDGE = 1e-8
_NO_STEPS: Final = (np.empty(0), np.empty((0, 2)), np.empty((0, 2), dtype=np.int64))


@dataclass(frozen=True)
class Steps:
    """P steps between near conformations: change of energy (P,), and what the forces do, eV.

    ``halves`` (P, 2) are the parts that the forces of either conformation have in the work, and
    ``ends`` (P, 2) the rows of the two in their group. ``displaced`` says that the work is along
    Cartesian displacements.
    """

    change: Floats
    halves: Floats
    ends: Ints
    displaced: bool = False

    @property
    def work(self) -> Floats:
        """Work of the forces (P,), eV."""
        return np.asarray(self.halves.sum(axis=1))


def steps(group: Group) -> Steps:
    """Return the steps between the first conformations of a group that are near each other."""
    n = len(group.atomic_numbers)
    if n < 2 or not len(group.energy):
        return Steps(*_NO_STEPS)
    if group.cell is not None or n > LARGEST_MOLECULE:
        return Steps(*_displaced(group), displaced=True)
    return Steps(*_deformed(group))


def _deformed(group: Group) -> tuple[Floats, Floats, Ints]:
    """Return change (P,), halves and ends (P, 2) from each conformation to the nearest one."""
    n, m = len(group.atomic_numbers), len(group.energy)
    first, second = np.triu_indices(n, k=1)
    looked_at = min(m, MOST_FRAMES)
    for rows in (np.arange(looked_at), np.linspace(0, m - 1, looked_at).astype(np.int64)):
        vectors = group.positions[rows][:, first] - group.positions[rows][:, second]
        distances = np.sqrt(np.einsum("mpx,mpx->mp", vectors, vectors))
        pairs = _nearest(np.log(distances))
        if len(pairs):
            break  # else the first ones may all be copies
    if not len(pairs):
        return _NO_STEPS
    energy, forces = group.energy[rows], group.forces[rows]
    telling = np.argsort(-np.abs(energy[pairs[:, 1]] - energy[pairs[:, 0]]))
    pairs = pairs[telling[: min(MOST_STEPS, max(2, _ELEMENTS // n**2))]]
    used, own = np.unique(pairs, return_inverse=True)
    a, b = own.reshape(pairs.shape).T
    along = _along_inverse_distances(vectors[used], distances[used], forces[used])
    inverse = 1 / distances[used]
    halves = [-0.5 * np.einsum("kp,kp->k", along[k], inverse[b] - inverse[a]) for k in (a, b)]
    return energy[used[b]] - energy[used[a]], np.column_stack(halves), rows[pairs]


def _nearest(logarithms: Floats) -> Ints:
    """Return the pairs (P, 2) of a conformation and its nearest one that are near.

    ``logarithms`` (M, N(N-1)/2) are those of the distances. Copies, turned or moved, do not count.
    """
    found: set[tuple[int, int]] = set()
    for k, own in enumerate(logarithms):
        apart = np.abs(logarithms - own).max(axis=1)
        apart[apart < COPY_LOG] = np.inf
        nearest = int(apart.argmin())
        if apart[nearest] < NEAR_LOG:
            found.add((min(k, nearest), max(k, nearest)))
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)


def _along_inverse_distances(vectors: Floats, distances: Floats, forces: Floats) -> Floats:
    """Return the shortest f (K, P), eV Å, with F = f dq/dx.

    ``vectors`` (K, P, 3) and ``distances`` (K, P), Å, of the pairs i < j; ``forces`` (K, N, 3).
    """
    m, n = forces.shape[:2]
    first, second = np.triu_indices(n, k=1)
    gradient = -vectors / distances[..., None] ** 3
    blocks = gradient[..., :, None] * gradient[..., None, :]
    normal = np.zeros((m, n, n, 3, 3))
    normal[:, first, second] = normal[:, second, first] = -blocks
    normal[:, np.arange(n), np.arange(n)] = -normal.sum(axis=2)
    matrix = normal.transpose(0, 1, 3, 2, 4).reshape(m, 3 * n, 3 * n)
    own = np.arange(3 * n)
    size = np.trace(matrix, axis1=1, axis2=2) / (3 * n)
    matrix[:, own, own] += _RIDGE * size[:, None]  # rigid motions change no distance
    solved = np.linalg.solve(matrix, forces.reshape(m, 3 * n, 1)).reshape(m, n, 3)
    along: Floats = np.einsum("kpx,kpx->kp", gradient, solved[:, first] - solved[:, second])
    return along


def _displaced(group: Group) -> tuple[Floats, Floats, Ints]:
    """Return change (P,), halves and ends (P, 2) from each frame to the next one if it is near."""
    moved = np.diff(group.positions, axis=0)
    moved -= moved[:, :1]  # a copy may be moved as a whole, and that is no work
    near = np.ones(len(moved), dtype=bool)
    if group.cell is not None and group.pbc is not None:
        near = np.abs(np.diff(group.cell, axis=0)).max(axis=(1, 2)) < SAME_CELL_ANG
        inverse = np.linalg.pinv(group.cell[:-1])
        turns = np.round(moved @ inverse) * group.pbc[:-1, None]
        moved = moved - turns @ group.cell[:-1]
    moved -= moved.mean(axis=1, keepdims=True)
    farthest = np.linalg.norm(moved, axis=-1).max(axis=1)
    near &= (farthest > NEAR_ANG[0]) & (farthest < NEAR_ANG[1])
    halves = [
        -0.5 * np.einsum("mnx,mnx->m", forces, moved)
        for forces in (group.forces[:-1], group.forces[1:])
    ]
    first = np.flatnonzero(near)
    ends = np.column_stack([first, first + 1])
    return np.diff(group.energy)[near], np.column_stack(halves)[near], ends


def torque_share(positions: Floats, forces: Floats) -> Floats:
    """Return |sum x F| over sum |x| (|F| + noise) (M,), about the mean position.

    What noise alone may give is taken off.
    """
    arms = positions - positions.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(arms, axis=-1)
    torque = np.linalg.norm(np.cross(arms, forces).sum(axis=1), axis=-1)
    by_noise = GRID_NOISE_EV_PER_ANG * np.sqrt(2 * (lengths**2).sum(axis=1))
    sizes = np.linalg.norm(forces, axis=-1) + NOISE_EV_PER_ANG
    return np.asarray(np.maximum(torque - 2 * by_noise, 0) / (lengths * sizes).sum(axis=1))


def net_share(forces: Floats) -> Floats:
    """Return |sum F| over sum (|F| + noise) (M,) of ``forces`` (M, N, 3), less that of noise."""
    net = np.linalg.norm(forces.sum(axis=1), axis=-1)
    by_noise = GRID_NOISE_EV_PER_ANG * np.sqrt(3 * forces.shape[1])
    sizes = np.linalg.norm(forces, axis=-1) + NOISE_EV_PER_ANG
    return np.asarray(np.maximum(net - 2 * by_noise, 0) / sizes.sum(axis=1))
