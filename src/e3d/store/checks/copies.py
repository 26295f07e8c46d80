"""Frames that are others of their molecule again: turned, mirrored, moved, or rounded.

Such copies, as augmentation makes them, are no duplicates atom by atom. Splits do not know them, so
that a test frame may be one that trained.
"""

import logging
from collections import defaultdict
from collections.abc import Hashable
from typing import Final

import numpy as np

from e3d.arrays import Floats, Masks
from e3d.chemistry import Molecule
from e3d.store.group import Group

log = logging.getLogger(__name__)

MOST_COPIES: Final = 0.01
"""Share of frames: by chance two frames of a molecule agree so in none of the files here."""
LEAST_COPIES: Final = 5
_SAME_EV: Final = 1e-5
_SAME_SHAPE: Final = 1e-3
"""Relative; coordinates of three digits change the two sums by less."""
_LEAST_ATOMS: Final = 3
_NEAREST: Final = 20
"""Frames of equal energy that each is compared with: more say nothing that fewer do not."""


class Copies:
    """Energies and shapes of the frames of every molecule, while a file is read."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._shapes: defaultdict[Hashable, list[Floats]] = defaultdict(list)
        self._labels: dict[Hashable, str] = {}

    def add(self, group: Group, molecule: Molecule) -> None:
        """Keep three numbers of each frame of a molecule without a cell, of three atoms or more."""
        if group.cell is None and len(group.atomic_numbers) >= _LEAST_ATOMS and len(group.energy):
            same = molecule.smiles, molecule.charge, molecule.multiplicity
            self._shapes[same].append(_shapes(group))
            self._labels.setdefault(same, group.label)

    def finish(self) -> None:
        """Warn of copies, if there are more than a few."""
        frames, copies, example = 0, 0, ""
        for same, parts in self._shapes.items():
            found = int(copied(np.concatenate(parts)).sum())
            frames += sum(map(len, parts))
            copies += found
            example = example or (self._labels[same] if found else "")
        if copies >= LEAST_COPIES and copies > MOST_COPIES * frames:
            log.warning(
                "%d of %d frames have the energy and the distances of another frame of their "
                "molecule, for one %s: copies that are turned, moved or rounded. Test frames may "
                "then be copies of training frames, and their errors too small; keep one of each",
                copies,
                frames,
                example,
            )


def copied(shapes: Floats) -> Masks:
    """Say which rows (M,) agree with another one before in order of energy.

    ``shapes`` (M, 3) are energies, eV, and two numbers that are compared relatively.
    """
    rows = shapes[np.argsort(shapes[:, 0], kind="stable")]
    found = np.zeros(len(rows), dtype=bool)
    for k in range(1, min(_NEAREST, len(rows) - 1) + 1):
        near = np.abs(rows[k:, 0] - rows[:-k, 0]) <= _SAME_EV
        if not near.any():
            break
        off = np.abs(rows[k:, 1:] - rows[:-k, 1:])
        found[k:] |= near & (off <= _SAME_SHAPE * np.abs(rows[k:, 1:])).all(axis=1)
    return found


def _shapes(group: Group) -> Floats:
    """Return energies, sums of z z' / r, and of z z' r over the pairs of atoms of a frame, (M, 3).

    The two sums do not depend on orientation, place or order of atoms.
    """
    charges = group.atomic_numbers.astype(np.float64)
    i, j = np.triu_indices(len(charges), k=1)
    pairs = charges[i] * charges[j]
    r = np.array([np.linalg.norm(x[i] - x[j], axis=1) for x in group.positions])
    return np.column_stack([group.energy, (pairs / r).sum(axis=1), (pairs * r).sum(axis=1)])
