"""Find frames of one molecule that are the same structure, while a store is written.

Two frames are duplicates when every atom of one lies within :data:`TOLERANCE_ANG` of an atom of the
same element in the other (atom order differs between the groups of one molecule). Each frame has
five numbers that barely change where its coordinates change by less than the tolerance. Frames that
agree in all five, within bounds, are read back and compared atom by atom. The cells of periodic
frames are compared entry by entry.

Duplicates have the same labels, or one of the two is wrong (:func:`contradiction`).
"""

from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e3d.errors import InputError

TOLERANCE_ANG = 1e-4
SAME_ENERGY_EV: Final = 0.01
"""Two programs at one level of theory differ by up to 3 meV for an atom, convergence by less."""
SAME_FORCE: Final = 0.05
"""eV/Å. Stiff bonds, 100 eV/Å², change a force by 0.01 to 0.02 within the tolerance."""
_SINGLE: Final = 2.0**-23
"""Relative rounding of labels in single precision."""

Lookup = Callable[[int], tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]]


class _Kept(NamedTuple):
    """Frames of a molecule that were new: their numbers to compare (K, 5), rows and energies."""

    keys: NDArray[np.float64]
    frames: NDArray[np.int64]
    energy: NDArray[np.float64]


class Duplicates:
    """The frames kept so far, by molecule; five numbers each (14 if periodic) stay in memory."""

    def __init__(self, lookup: Lookup) -> None:
        """Take what returns numbers (N,), positions and forces (N, 3) of a frame kept before."""
        self._lookup = lookup
        self._kept: dict[Hashable, _Kept] = {}
        self.with_other_labels = 0
        """Duplicates of crystals and single atoms so far whose labels are not those that stay."""

    def fresh(
        self,
        molecule: Hashable,
        numbers: NDArray[np.int64],
        positions: NDArray[np.float64],
        cell: NDArray[np.float64] | None,
        energy: NDArray[np.float64],
        forces: NDArray[np.float64],
        first_frame: int,
    ) -> NDArray[np.bool_]:
        """Say which conformations of a group are new, (M,); those are remembered.

        Parameters
        ----------
        molecule
            Differs between structures that are never the same: molecules, charges, spins.
        numbers, positions, cell
            Atomic numbers (N,), coordinates (M, N, 3) and cells (M, 3, 3), Å; no cell: None.
        energy, forces
            Labels (M,), eV, and (M, N, 3), eV/Å.
        first_frame
            The new ones become the frames ``first_frame``, ``first_frame + 1``, ... of the store.

        Raises
        ------
        InputError
            If a molecule's duplicate has other labels than the frame it repeats. Single atoms and
            crystals may have: an excited state, or magnetic order, is no part of a frame.
        """
        keys, bounds = structure_keys(numbers, positions, cell)
        nothing = _Kept(np.empty((0, keys.shape[1])), np.empty(0, dtype=np.int64), np.empty(0))
        old = self._kept.get((molecule, cell is None), nothing)
        n_old = len(old.keys)
        keep = np.ones(len(positions), dtype=bool)
        for later, earlier in candidates(np.concatenate([old.keys, keys]), bounds, n_old):
            k = earlier - n_old
            if not keep[later] or (k >= 0 and not keep[k]):
                continue
            before, other_numbers, other_positions, other_forces = (
                (old.energy[earlier], *self._lookup(int(old.frames[earlier])))
                if k < 0
                else (energy[k], numbers, positions[k].astype(np.float32), forces[k])
            )
            same = matching(numbers, positions[later], other_numbers, other_positions)
            if same is None:
                continue
            keep[later] = False
            found = contradiction(energy[later], forces[later], before, other_forces[same])
            if found and cell is None and len(numbers) > 1:
                raise InputError(f"conformation {later}: {found}")
            self.with_other_labels += bool(found)
        new_frames = first_frame + np.arange(int(keep.sum()))
        self._kept[molecule, cell is None] = _Kept(
            np.concatenate([old.keys, keys[keep]]),
            np.concatenate([old.frames, new_frames]),
            np.concatenate([old.energy, energy[keep]]),
        )
        return keep


def same_structure(
    numbers: NDArray[np.integer[Any]],
    positions: NDArray[np.floating[Any]],
    other_numbers: NDArray[np.integer[Any]],
    other_positions: NDArray[np.floating[Any]],
) -> bool:
    """Say whether two frames (N, 3) are the same up to the order of equal atoms."""
    return matching(numbers, positions, other_numbers, other_positions) is not None


def matching(
    numbers: NDArray[np.integer[Any]],
    positions: NDArray[np.floating[Any]],
    other_numbers: NDArray[np.integer[Any]],
    other_positions: NDArray[np.floating[Any]],
) -> NDArray[np.int64] | None:
    """Return the row of the other frame (N, 3) for each atom (N,), None if they are not the same.

    They are the same up to the order of equal atoms.
    """
    if len(numbers) != len(other_numbers):
        return None
    apart = np.abs(positions[:, None] - other_positions[None]).max(axis=-1) > TOLERANCE_ANG
    near = ~apart & (numbers[:, None] == other_numbers[None])
    same = near.any(axis=0).all() and near.any(axis=1).all()
    return np.asarray(near.argmax(axis=1)) if same else None


def contradiction(
    energy: float,
    forces: NDArray[np.floating[Any]],
    other_energy: float,
    other_forces: NDArray[np.floating[Any]],
) -> str:
    """Say how labels of one geometry differ, "" where only by rounding and its small change.

    Energies are in eV, forces (N, 3), atom by atom, in eV/Å.
    """
    work = TOLERANCE_ANG * float(np.abs(forces).sum())
    off = abs(energy - other_energy)
    turned = float(np.abs(forces - other_forces).max(initial=0.0))
    large = 0.01 * float(np.abs(forces).max(initial=0.0))
    if off <= SAME_ENERGY_EV + work + _SINGLE * abs(energy) and turned <= SAME_FORCE + large:
        return ""
    return (
        f"repeats an earlier frame of the same molecule within {TOLERANCE_ANG:g} Å with other "
        f"labels - energy {energy:.6f} eV, earlier {other_energy:.6f} eV, forces up to "
        f"{turned:.3g} eV/Å apart, where {SAME_ENERGY_EV:g} eV and {SAME_FORCE:g} eV/Å may be. "
        "Correct or remove one of the two, or state charge and multiplicity where they differ."
    )


def structure_keys(
    numbers: NDArray[np.int64], positions: NDArray[np.float64], cell: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return numbers of every conformation (M, K) and how far those of a duplicate may be (M, K).

    They are sum z |x - c|² (c: centre of charge), sum z x (three numbers), the number of atoms and,
    with a cell, its nine entries.
    """
    z = numbers.astype(np.float64)
    linear = np.einsum("n,mnx->mx", z, positions)
    offset = positions - linear[:, None] / z.sum()
    distance = np.linalg.norm(offset, axis=-1)
    spread = np.einsum("n,mn->m", z, distance**2)
    m = len(positions)
    exact = [np.full((m, 1), float(len(numbers)))] + ([] if cell is None else [cell.reshape(m, 9)])
    step = 2 * TOLERANCE_ANG  # the store's float32 included
    bound_spread = 2 * step * np.sqrt(3) * np.einsum("n,mn->m", z, distance) + step**2 * z.sum()
    bounds = [
        bound_spread,
        np.full((m, 3), step * z.sum()),
        *(np.full(part.shape, TOLERANCE_ANG) for part in exact),
    ]
    return np.column_stack([spread, linear, *exact]), np.column_stack(bounds)


def candidates(
    keys: NDArray[np.float64], bounds: NDArray[np.float64], n_old: int
) -> list[tuple[int, int]]:
    """Return pairs of a conformation and an earlier row of ``keys`` that agree within bounds.

    ``keys`` (R, K) holds the old rows, ``n_old`` of them, then the new ones; ``bounds`` (M, K) is
    of the new ones, which the first of each pair counts from 0, ascending.
    """
    order = np.argsort(keys[:, 0], kind="stable")
    ordered, own = keys[order, 0], keys[n_old:, 0]
    low = np.searchsorted(ordered, own - bounds[:, 0], side="left")
    high = np.searchsorted(ordered, own + bounds[:, 0], side="right")
    found = []
    for new in np.flatnonzero(high - low > 1):  # each finds itself
        row = n_old + new
        near = order[low[new] : high[new]]
        near = near[near < row]
        near = near[(np.abs(keys[near] - keys[row]) <= bounds[new]).all(axis=1)]
        found += [(int(new), int(earlier)) for earlier in np.sort(near)]
    return found
