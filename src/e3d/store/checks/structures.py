"""Structures that no molecules are: elements in another order, coordinates of one decimal.

Only molecules of common elements without a SMILES are looked at, whose bonds nothing else tells.
"""

from typing import Final

import numpy as np
from ase.data import covalent_radii

from e3d.arrays import Floats, Ints, Masks
from e3d.chemistry import symbol
from e3d.connectivity import GEOMETRIC_FACTOR
from e3d.errors import InputError
from e3d.store.group import Group, named

MOST_BONDS: Final = {1: 1, 6: 4, 7: 4, 8: 3, 9: 1}
"""Neighbours of an atom by atomic number; also of ions."""
COMMON: Final = (1, 6, 7, 8, 9, 14, 15, 16, 17, 35, 53)
MOST_ODD: Final = 0.5
LEAST_FRAMES: Final = 5
_LARGEST: Final = 200
_AT_ONCE: Final = 100
_DECIMAL_ANG: Final = 0.1
_ROUNDED_ANG: Final = 1e-6


class Structures:
    """Counts what is odd about molecules while a file is read."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._frames = self._odd = self._molecules = self._rounded = 0
        self._example = ""

    def add(self, group: Group) -> None:
        """Count the frames of a group of molecules."""
        numbers = group.atomic_numbers
        if group.cell is not None or len(numbers) < 4 or not len(group.energy):
            return
        steps = group.positions / _DECIMAL_ANG
        off = np.abs(steps - np.round(steps)).max(axis=(1, 2)) * _DECIMAL_ANG
        self._molecules += len(off)
        self._rounded += int((off < _ROUNDED_ANG).sum())
        if group.smiles or len(numbers) > _LARGEST or not np.isin(numbers, COMMON).all():
            return
        odd = _odd(group.positions[:_AT_ONCE], numbers)
        self._frames += len(odd)
        self._odd += int(odd.sum())
        if odd.any() and not self._example:
            self._example = named(group, int(odd.argmax()))

    def finish(self) -> None:
        """Check the file as a whole.

        Raises
        ------
        InputError
            Where most of the molecules cannot be right.
        """
        if self._rounded > max(LEAST_FRAMES - 1, MOST_ODD * self._molecules):
            raise InputError(
                f"coordinates of {self._rounded} of {self._molecules} frames of molecules have one "
                f"decimal (Å) - at most {MOST_ODD:.0%} may. Energies and forces are those of other "
                "coordinates: give all digits."
            )
        if self._odd > max(LEAST_FRAMES - 1, MOST_ODD * self._frames):
            bonds = ", ".join(f"{symbol(z)} {most}" for z, most in MOST_BONDS.items())
            raise InputError(
                f"{self._odd} of {self._frames} frames of molecules have hydrogen without a "
                f"neighbour or atoms with too many (more than {bonds}), the first {self._example} "
                f"- at most {MOST_ODD:.0%} may. The elements are in another order than the "
                "coordinates, or these are in another unit: correct the file."
            )


def _odd(positions: Floats, numbers: Ints) -> Masks:
    """Say which frames (M,) of ``positions`` (M, N, 3), Å, have neighbours that nothing real has.

    Two atoms are neighbours within 1.25 times the sum of the covalent radii.
    """
    vectors = positions[:, :, None] - positions[:, None]
    reach = GEOMETRIC_FACTOR * (covalent_radii[numbers][:, None] + covalent_radii[numbers])
    near = np.einsum("mijx,mijx->mij", vectors, vectors) <= reach**2
    neighbours = near.sum(axis=2) - 1
    most = np.array([MOST_BONDS.get(int(z), len(numbers)) for z in numbers])
    alone = (neighbours == 0) & (numbers == 1)
    return np.asarray((alone | (neighbours > most)).any(axis=1))
