"""Distances of the frames of a group: closest atoms, closest contact, and whether bonds hold.

Covalent radii are those of Cordero 2008, as in ASE.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
from ase.data import covalent_radii
from matscipy.neighbours import neighbour_list

from e3d.arrays import Floats, Ints, Masks
from e3d.connectivity import distances_intact
from e3d.store.group import Group

NOBLE: Final = np.isin(np.arange(len(covalent_radii)), (2, 10, 18, 36, 54, 86))
"""Noble gases, by atomic number: their contacts say nothing of the scale of a geometry."""
LARGEST_OF_ALL_PAIRS: Final = 2000
"""In larger frames only neighbours are looked at, not all pairs of atoms."""
_NEIGHBOUR_ANG = 1.0
_PAIRS_AT_ONCE = 500_000
_SMALL_CELL_PAIRS = 120
_NEIGHBOUR_CELLS = np.array(list(product((-1, 0, 1), repeat=3)), dtype=np.float64)


@dataclass(frozen=True)
class Geometry:
    """What the distances of M frames of N atoms say.

    Parameters
    ----------
    closest
        Shortest distance of each frame (M,), Å; infinite for a single atom.
    pair
        The two rows that are so close (M, 2).
    contact
        Shortest distance over the sum of the covalent radii (M,), noble gases apart; infinite where
        there is none.
    intact
        Whether each frame has exactly the bonds given (M,); all True where none are given.
    intact_at
        The same, were the frame larger by each of some factors (M, F).
    """

    closest: Floats
    pair: Ints
    contact: Floats
    intact: Masks
    intact_at: Masks


def geometry(group: Group, bonds: Ints | None, factors: tuple[float, ...] = ()) -> Geometry:
    """Return the distances of a group, those of a periodic one to the nearest image.

    ``bonds`` (B, 2) are those a molecule should have, None where they are not known. ``factors``
    are tried on frames without these bonds.
    """
    m, numbers = len(group.energy), group.atomic_numbers
    if len(numbers) > LARGEST_OF_ALL_PAIRS and bonds is None:
        return _of_neighbours(group, factors)
    first, second = np.triu_indices(len(numbers), k=1)
    closest, contact = np.full(m, np.inf), np.full(m, np.inf)
    pair = np.zeros((m, 2), dtype=np.int64)
    intact, intact_at = np.ones(m, dtype=bool), np.zeros((m, len(factors)), dtype=bool)
    if len(numbers) < 2:
        return Geometry(closest, pair, contact, intact, intact_at)
    reach = covalent_radii[numbers][first] + covalent_radii[numbers][second]
    noble = NOBLE[numbers]
    per_reach = np.where(noble[first] | noble[second], 1e9, 1 / reach)
    for rows, distances in _distances(group, first, second):
        near = distances.argmin(axis=1)
        closest[rows] = distances[np.arange(len(near)), near]
        pair[rows] = np.column_stack([first[near], second[near]])
        ratio = (distances * per_reach).min(axis=1)
        contact[rows] = np.where(ratio < 1e6, ratio, np.inf)
        if bonds is not None:
            intact[rows] = distances_intact(distances, numbers, bonds)
            changed = np.flatnonzero(~intact[rows])
            for k, factor in enumerate(factors if len(changed) else ()):
                found = distances_intact(distances[changed] * factor, numbers, bonds)
                intact_at[rows.start + changed, k] = found
    return Geometry(closest, pair, contact, intact, intact_at)


def _of_neighbours(group: Group, factors: tuple[float, ...]) -> Geometry:
    """Return the closest atoms of large frames; nothing is known of contacts and bonds."""
    m = len(group.energy)
    closest, pair = np.full(m, np.inf), np.zeros((m, 2), dtype=np.int64)
    for k in range(m):
        box: dict[str, Any] = {}
        if group.cell is not None and group.pbc is not None:
            box = {"cell": group.cell[k], "pbc": group.pbc[k]}
        i, j, r = neighbour_list("ijd", positions=group.positions[k], cutoff=_NEIGHBOUR_ANG, **box)
        if len(r):
            near = int(r.argmin())
            closest[k], pair[k] = r[near], (i[near], j[near])
    all_intact = np.ones(m, dtype=bool)
    return Geometry(
        closest, pair, np.full(m, np.inf), all_intact, np.zeros((m, len(factors)), bool)
    )


def _distances(group: Group, first: Ints, second: Ints) -> Iterator[tuple[slice, Floats]]:
    """Yield rows of frames and the distances (M', P), Å, of the pairs ``first`` < ``second``."""
    images = len(_NEIGHBOUR_CELLS) if group.cell is not None else 1
    step = max(1, _PAIRS_AT_ONCE // (images * len(first)))
    for start in range(0, len(group.energy), step):
        rows = slice(start, start + step)
        vectors = group.positions[rows, first] - group.positions[rows, second]
        if group.cell is None or group.pbc is None:
            yield rows, _lengths(vectors)
        else:
            yield rows, _to_nearest_image(vectors, group.cell[rows], group.pbc[rows])


def _to_nearest_image(vectors: Floats, cell: Floats, pbc: Masks) -> Floats:
    """Return the length of vectors (M, P, 3), Å, to the nearest periodic image.

    Rounding fractional coordinates finds every image within half of the cell's smallest height; in
    small cells, where that may be less than a bond, the 26 around it are tried too.
    """
    turns = np.round(vectors @ np.linalg.pinv(cell)) * pbc[:, None]
    vectors = vectors - turns @ cell
    if vectors.shape[1] > _SMALL_CELL_PAIRS:
        return _lengths(vectors)
    shifts = (_NEIGHBOUR_CELLS * pbc[:, None]) @ cell  # (M, 27, 3)
    return np.asarray(_lengths(vectors[:, :, None] + shifts[:, None]).min(axis=2))


def _lengths(vectors: Floats) -> Floats:
    return np.asarray(np.sqrt(np.einsum("...x,...x->...", vectors, vectors)))
