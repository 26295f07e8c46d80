"""Are the coordinates of a file in Å? Contacts and bonds of all its frames say so.

A file in nm or bohr that is taken as Å, or the reverse, has every distance too large or too small
by one factor. Single stretched or squeezed structures are data, and so are reactions: there many
bonds differ from the SMILES, and no factor mends them.
"""

import logging
from collections import Counter
from typing import Final

import numpy as np

from e3d.arrays import Floats, Ints
from e3d.errors import InputError
from e3d.store.checks.structures import LEAST_COMPOSITIONS
from e3d.store.geometry import NOBLE, Geometry
from e3d.store.group import Group, composition
from e3d.units import BOHR_ANG, NM_ANG

log = logging.getLogger(__name__)

MIXUPS: Final = {
    BOHR_ANG: "coordinates in bohr were taken as Å",
    1 / BOHR_ANG: "coordinates in Å were taken as bohr",
    NM_ANG: "coordinates in nm were taken as Å",
    1 / NM_ANG: "coordinates in Å were taken as nm",
    NM_ANG / BOHR_ANG: "coordinates in nm were taken as bohr",
    BOHR_ANG / NM_ANG: "coordinates in bohr were taken as nm",
}
"""The factor that mends coordinates, and what went wrong."""
FACTORS: Final = tuple(MIXUPS)
CONTACT: Final = (0.65, 1.4)
"""Usual closest contact over covalent radii.

Of molecules it is 0.73 to 1.2, of MPtrj's cells 0.59 to 1.22 (medians 0.9); bohr as Å 1.4 to 2.3,
Å as bohr 0.39 to 0.6."""
MOST_UNUSUAL: Final = (0.9, 0.25)
"""Share of frames with unusual contacts: of fewer compositions, as scans are, and of five or more.
"""
EMPTIEST_ANG3: Final = 400.0
"""A cell with more volume for each atom is a box around molecules."""
USUAL_CONTACT: Final = (0.68, 1.3)
MOST_CHANGED: Final = 0.2
MENDED: Final = 0.8
LEAST_FRAMES: Final = 5
_BINS = np.geomspace(1e-3, 1e3, 601)


class LengthScale:
    """Closest contacts by subset, and frames and groups whose bonds are not those of the SMILES."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._contacts: dict[str, tuple[Ints, set[bytes]]] = {}
        self._mended = np.zeros(len(FACTORS), dtype=np.int64)
        self._seen: Counter[str] = Counter()
        self._changed = ""

    def add(self, group: Group, found: Geometry, *, known_bonds: bool) -> None:
        """Count the frames of a group."""
        if not len(group.energy):
            return
        usual = (~NOBLE[group.atomic_numbers]).sum()
        if (group.atomic_numbers == 1).all():  # chains and crystals of hydrogen have any spacing
            usual = 0
        if usual > 2 or (usual > 1 and _is_full(group)):
            self._count_contacts(group, found.contact[np.isfinite(found.contact)])
        if known_bonds and len(group.atomic_numbers) > 2:
            self._seen["frames"] += len(found.intact)
            self._seen["changed"] += int((~found.intact).sum())
            self._changed = self._changed or (group.label if not found.intact.all() else "")
            self._seen["groups"] += 1
            self._seen["groups never intact"] += not found.intact.any()
            self._mended += found.intact_at.sum(axis=0)

    def _count_contacts(self, group: Group, contact: Floats) -> None:
        empty = np.zeros(len(_BINS) + 1, dtype=np.int64), set[bytes]()
        counts, unusual = self._contacts.setdefault(group.subset, empty)
        counts += np.bincount(np.searchsorted(_BINS, contact), minlength=len(counts))
        if ((contact < CONTACT[0]) | (contact > CONTACT[1])).any():
            unusual.add(composition(group))

    def check(self) -> None:
        """Refuse coordinates in another unit, and atoms in another order than the SMILES.

        Raises
        ------
        InputError
            Naming the factor that fits, if one does.
        """
        self._check_bonds()
        for subset, (counts, unusual) in sorted(self._contacts.items()):
            most = MOST_UNUSUAL[len(unusual) >= LEAST_COMPOSITIONS]
            if counts.sum() >= LEAST_FRAMES:
                _check_contacts(subset, counts, most)

    def _check_bonds(self) -> None:
        """Refuse many molecules none of whose frames has its bonds: a path or stretch has one."""
        changed, frames = self._seen["changed"], self._seen["frames"]
        never, groups = self._seen["groups never intact"], self._seen["groups"]
        few = changed <= MOST_CHANGED * frames or never <= MOST_CHANGED * groups
        if few or groups < LEAST_FRAMES:
            if changed:
                log.warning(
                    "%d of %d frames have other bonds than their SMILES, and %d of %d molecules "
                    "have them in no frame, for one %s; such frames are in no statistics of bonds",
                    *(changed, frames, never, groups, self._changed),
                )
            return
        share = (
            f"{changed} of {frames} frames have other bonds than their SMILES, and {never} of "
            f"{groups} molecules have them in no frame - at most {MOST_CHANGED:.0%} may"
        )
        best = int(self._mended.argmax())
        if self._mended[best] >= MENDED * changed:
            raise InputError(
                f"{share}. With distances {FACTORS[best]:.4g} times as large {self._mended[best]} "
                f"more would have them: {MIXUPS[FACTORS[best]]}. Correct the file or its `layout`."
            )
        raise InputError(
            f"{share}. Their atoms are not in the order of the SMILES' map numbers, or it is of "
            "another molecule: correct the file, or leave the SMILES out."
        )


def _is_full(group: Group) -> bool:
    """Say whether the cells of a group hold a crystal, and no molecule in a box."""
    if group.cell is None:
        return False
    volume = np.abs(np.linalg.det(group.cell)) / len(group.atomic_numbers)
    return bool(np.median(volume) < EMPTIEST_ANG3)


def _check_contacts(subset: str, counts: Ints, most: float) -> None:
    """Refuse contacts that are unusual in more than a share ``most`` and fit a mix-up of units."""
    low, high = _quantile(counts, most), _quantile(counts, 1 - most)
    for typical, unusual in ((low, low < CONTACT[0]), (high, high > CONTACT[1])):
        fits = [f for f in FACTORS if USUAL_CONTACT[0] <= typical * f <= USUAL_CONTACT[1]]
        if unusual and fits:
            raise InputError(
                f"subset {subset!r}: the closest atoms of {most:.0%} of the frames or more are "
                f"{'within' if typical == low else 'beyond'} {typical:.2g} times the sum of their "
                f"covalent radii - {CONTACT[0]:g} to {CONTACT[1]:g} is usual. Distances "
                f"{fits[0]:.4g} times as large would be: {MIXUPS[fits[0]]}. Correct the file or "
                "its `layout`."
            )


def _quantile(counts: Ints, share: float) -> float:
    """Return the upper edge of the bin of a quantile."""
    edges: Floats = np.append(_BINS, np.inf)
    return float(edges[np.searchsorted(counts.cumsum(), share * counts.sum())])
