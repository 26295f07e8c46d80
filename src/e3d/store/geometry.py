"""Distances of the frames of a group: closest atoms, closest contact, and whether bonds hold.

Covalent radii are those of Cordero 2008, as in ASE.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from ase.data import covalent_radii

from e3d.arrays import Floats, Ints, Masks
from e3d.connectivity import distances_intact
from e3d.store.group import Group

NOBLE: Final = np.isin(np.arange(len(covalent_radii)), (2, 10, 18, 36, 54, 86))
"""Noble gases, by atomic number: their contacts say nothing of the scale of a geometry."""
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
    first, second = np.triu_indices(len(numbers), k=1)
    closest, contact = np.full(m, np.inf), np.full(m, np.inf)
    pair = np.zeros((m, 2), dtype=np.int64)
    intact, intact_at = np.ones(m, dtype=bool), np.zeros((m, len(factors)), dtype=bool)
    if len(numbers) < 2:
        return Geometry(closest, pair, contact, intact, intact_at)
    reach = covalent_radii[numbers][first] + covalent_radii[numbers][second]
    noble = NOBLE[numbers]
    reach = np.where(noble[first] | noble[second], 0.0, reach)
    with np.errstate(divide="ignore"):
        per_reach = 1 / reach
    for rows, distances in _distances(group, first, second):
        near = distances.argmin(axis=1)
        closest[rows] = distances[np.arange(len(near)), near]
        pair[rows] = np.column_stack([first[near], second[near]])
        contact[rows] = (distances * per_reach).min(axis=1)
        if bonds is not None:
            intact[rows] = distances_intact(distances, numbers, bonds)
            changed = np.flatnonzero(~intact[rows])
            for k, factor in enumerate(factors if len(changed) else ()):
                found = distances_intact(distances[changed] * factor, numbers, bonds)
                intact_at[rows.start + changed, k] = found
    return Geometry(closest, pair, contact, intact, intact_at)


def _distances(group: Group, first: Ints, second: Ints) -> Iterator[tuple[slice, Floats]]:
    """Yield rows of frames and the distances (M', P), Å, of the pairs ``first`` < ``second``."""
    images = len(_NEIGHBOUR_CELLS) if group.cell is not None else 1
    step = max(1, _PAIRS_AT_ONCE // (images * len(first)))
    for start in range(0, len(group.energy), step):
        rows = slice(start, start + step)
        vectors = group.positions[rows, first] - group.positions[rows, second]
        if group.cell is None or group.pbc is None:
            yield rows, np.sqrt(np.einsum("mpx,mpx->mp", vectors, vectors))
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
        return np.asarray(np.linalg.norm(vectors, axis=-1))
    shifts = (_NEIGHBOUR_CELLS * pbc[:, None]) @ cell  # (M, 27, 3)
    lengths = np.linalg.norm(vectors[:, :, None] + shifts[:, None], axis=-1)
    return np.asarray(lengths.min(axis=2))
