"""Energies that do not vary, are zero, or hardly bind: labels that are missing or mixed.

A program that finds no energy writes 0, or the last one again. Copies of a conformation, turned or
moved, have one energy for good reasons, and forces of the same sizes.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np

from e3d.errors import InputError
from e3d.store.checks.force_work import NOISE_EV_PER_ANG
from e3d.store.geometry import NOBLE
from e3d.store.group import Group, named

log = logging.getLogger(__name__)

MOST_ZERO: Final = 0.2
MOST_REPEATED: Final = 0.5
LEAST_WRONG: Final = 5
WEAKLY_BOUND_EV_PER_ATOM: Final = -0.5
"""Mercury, the weakest metal, has -0.67 eV per atom; 2 of 999 frames of MPtrj lie above."""
LEAST_FRAMES: Final = 20
_LEAST_ATOMS: Final = 3
"""Of a molecule: F2 in a frame of minispice is bound by 0.64 eV per atom, Na2 by 0.37."""
MOST_WEAK: Final = 0.2
_OTHER_FORCES: Final = 0.01


class Energies:
    """Counts what is odd about energies while a file is read."""

    def __init__(self, atoms: Mapping[int, float]) -> None:
        """Take the energies (eV) of isolated atoms by atomic number."""
        self._atoms = atoms
        self._frames = self._zero = self._repeated = 0
        self._bound: Counter[str] = Counter()
        self._weak: Counter[str] = Counter()
        self._example = ""
        self._last = (b"", np.nan, 0.0)

    def add(self, group: Group) -> None:
        """Count the frames of a group; single atoms without a cell may have any energy."""
        numbers, energy = group.atomic_numbers, group.energy
        if not len(energy) or (group.cell is None and len(numbers) == 1):
            return
        self._frames += len(energy)
        zero = energy == 0
        self._zero += int(zero.sum())
        self._count_repeated(group)
        if zero.any() and not self._example:
            self._example = named(group, int(zero.argmax()))
        kind = "molecules" if group.cell is None else "crystals"
        if not NOBLE[numbers].all() and (group.cell is not None or len(numbers) >= _LEAST_ATOMS):
            binding = (energy - sum(self._atoms[int(z)] for z in numbers)) / len(numbers)
            self._bound[kind] += len(energy)
            self._weak[kind] += int((binding > WEAKLY_BOUND_EV_PER_ATOM).sum())

    def _count_repeated(self, group: Group) -> None:
        """Count energies equal to the one before, of frames that are not the same moved."""
        kind = group.atomic_numbers.tobytes()
        last_kind, last_energy, last_size = self._last
        sizes = np.concatenate([[last_size], np.linalg.norm(group.forces, axis=(1, 2))])
        energy = np.concatenate([[last_energy], group.energy])
        other = np.abs(np.diff(sizes)) > np.maximum(_OTHER_FORCES * sizes[1:], NOISE_EV_PER_ANG)
        other[0] |= kind != last_kind
        self._repeated += int((other & (np.diff(energy) == 0)).sum())
        self._last = (kind, float(energy[-1]), float(sizes[-1]))

    def finish(self) -> None:
        """Check the file as a whole.

        Raises
        ------
        InputError
            For energies that are missing.
        """
        if self._zero > max(LEAST_WRONG - 1, MOST_ZERO * self._frames):
            raise InputError(
                f"energies of {self._zero} of {self._frames} frames are zero to the last digit, "
                f"the first {self._example} - at most {MOST_ZERO:.0%} may be, no program gives "
                "such. Leave frames without energies out of the file, or label them."
            )
        if self._repeated > max(LEAST_WRONG - 1, MOST_REPEATED * self._frames):
            raise InputError(
                f"{self._repeated} of {self._frames} frames have the energy of the frame before to "
                f"the last digit and other forces or atoms - at most {MOST_REPEATED:.0%} may. The "
                "energies are not those of the frames: label them."
            )
        for kind, frames in self._bound.items():
            if frames >= LEAST_FRAMES and self._weak[kind] > MOST_WEAK * frames:
                log.warning(
                    "%d of %d %s are bound by less than %g eV per atom, weaker than any metal: "
                    "the energies may be in another unit (hartree, Ry), or relative to something, "
                    "or the isolated atoms of another level",
                    self._weak[kind],
                    frames,
                    kind,
                    -WEAKLY_BOUND_EV_PER_ATOM,
                )
