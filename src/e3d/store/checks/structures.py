"""Structures that no molecules are: elements in another order, coordinates of one decimal.

One scan, reaction or cluster may look odd in all its frames, and be right. So at least five
compositions must be odd in every frame, and more than half of all.
"""

import logging
from typing import Final

import numpy as np

from e3d.arrays import Floats, Ints, Masks
from e3d.chemistry import symbol
from e3d.connectivity import FORMED_FACTOR, GEOMETRIC_FACTOR, contact_ratios
from e3d.errors import InputError
from e3d.store.group import Group, composition, named
from e3d.units import BOHR_ANG

log = logging.getLogger(__name__)

MOST_NEIGHBOURS: Final = {1: 1, 6: 4, 7: 4, 8: 3, 9: 1}
"""Of an atom by atomic number; also of ions."""
COMMON: Final = (1, 6, 7, 8, 9, 14, 15, 16, 17, 35, 53)
MOST_ODD: Final = 0.5
UNSAID_ODD: Final = 0.05
"""Share of odd compositions that no line is worth: right frames have 0.003."""
LEAST_COMPOSITIONS: Final = 5
"""What is odd in fewer may be a scan, a reaction or a cluster."""
_LEAST_ATOMS: Final = 4
_LARGEST: Final = 200
_AT_ONCE: Final = 100
_DECIMALS_ANG: Final = (0.1, 0.1 * BOHR_ANG)
"""One decimal in Å or bohr; in nm it is one in Å too."""
_ROUNDED_ANG: Final = 1e-5
"""What float32 leaves of a coordinate."""


class Structures:
    """Compositions and whether all their frames are odd, while a file is read."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._rounded: dict[bytes, bool] = {}
        self._odd: dict[bytes, bool] = {}
        self._example = ""

    def add(self, group: Group) -> None:
        """Look at the frames of a group of molecules.

        Neighbours are counted where the molecule has carbon and common elements alone, and no
        SMILES.
        """
        numbers = group.atomic_numbers
        if group.cell is not None or len(numbers) < _LEAST_ATOMS or not len(group.energy):
            return
        key = composition(group)
        rounded = any(_off(group.positions, step) < _ROUNDED_ANG for step in _DECIMALS_ANG)
        self._rounded[key] = self._rounded.get(key, True) and rounded
        common = 6 in numbers and bool(np.isin(numbers, COMMON).all())
        if group.smiles or len(numbers) > _LARGEST or not common:
            return
        odd = bool(odd_frames(group.positions[:_AT_ONCE], numbers).all())
        self._odd[key] = self._odd.get(key, True) and odd
        if odd and not self._example:
            self._example = named(group, 0)

    def finish(self) -> None:
        """Check the file as a whole.

        Raises
        ------
        InputError
            Where most of the molecules cannot be right.
        """
        if _most(self._rounded):
            raise InputError(
                f"coordinates of {sum(self._rounded.values())} of {len(self._rounded)} "
                "compositions have one decimal (Å or bohr) in every frame - at most "
                f"{MOST_ODD:.0%} may. Energies and forces are those of other coordinates: give all "
                "digits."
            )
        most = ", ".join(f"{symbol(z)} {n}" for z, n in MOST_NEIGHBOURS.items())
        said = (
            f"{sum(self._odd.values())} of {len(self._odd)} compositions have, in every frame, "
            f"hydrogen without a neighbour or atoms with too many (more than {most}), the "
            f"first {self._example}"
        )
        if _most(self._odd):
            raise InputError(
                f"{said} - at most {MOST_ODD:.0%} may. The elements are in another order than the "
                "coordinates: correct the file."
            )
        if _most(self._odd, share=UNSAID_ODD):
            log.warning(
                "%s: scans, reactions and clusters may, else their elements are in another order "
                "than the coordinates",
                said,
            )


def _off(positions: Floats, step: float) -> float:
    """Return how far from whole steps positions (M, N, 3), Å, are at most."""
    steps = positions / step
    return float(np.abs(steps - np.round(steps)).max()) * step


def _most(odd: dict[bytes, bool], share: float = MOST_ODD) -> bool:
    wrong = sum(odd.values())
    return wrong >= LEAST_COMPOSITIONS and wrong > share * len(odd)


def odd_frames(positions: Floats, numbers: Ints) -> Masks:
    """Say which frames (M,) of ``positions`` (M, N, 3), Å, have neighbours that nothing real has.

    Hydrogen is alone if nothing lies within 1.25 times the sum of the covalent radii, and an atom
    has too many neighbours if they lie within 1.15 times it.
    """
    ratio = contact_ratios(positions, numbers)
    near, bonded = ((ratio <= f).sum(axis=2) - 1 for f in (GEOMETRIC_FACTOR, FORMED_FACTOR))
    most = np.array([MOST_NEIGHBOURS.get(int(z), len(numbers)) for z in numbers])
    alone = (near == 0) & (numbers == 1)
    return np.asarray((alone | (bonded > most)).any(axis=1))
