"""Molecules in a periodic box, with vacuum around them: what isolated molecules obey, they obey.

Programs with plane waves write a molecule in a large box, often cut by its faces. Along every
periodic direction the widest layer without atoms is sought, and the molecule put together on the
other side of it. Where each such layer is wide, no image touches the molecule.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from e3d.arrays import Floats, Masks
from e3d.store.group import Group, select

VACUUM_ANG: Final = 6.0
"""No atom of an isolated molecule is nearer to an image. Neighbours in metals are up to 5.4 Å."""


def parts(group: Group) -> Iterator[Group]:
    """Yield the frames of isolated molecules, put together and without a cell, then the others."""
    cell, pbc = group.cell, group.pbc
    if cell is None or pbc is None:
        yield group
        return
    if group.source_index is None:
        group = replace(group, source_index=np.arange(len(group.energy)))
    positions, alone = _put_together(group.positions, cell, pbc)
    if alone.any():
        whole = replace(select(group, alone), positions=positions[alone])
        yield replace(whole, cell=None, pbc=None, stress=None)
    if not alone.all():
        yield select(group, ~alone)


def _put_together(positions: Floats, cell: Floats, pbc: Masks) -> tuple[Floats, Masks]:
    """Return positions (M, N, 3), Å, cut in the widest layers of vacuum, and where all are wide.

    ``cell`` (M, 3, 3), Å; ``pbc`` (M, 3). The mask is (M,).
    """
    reciprocal = np.linalg.pinv(cell)
    fractions = positions @ reciprocal
    heights = 1 / np.maximum(np.linalg.norm(reciprocal, axis=1), 1e-12)  # (M, 3), Å
    turns = np.floor(fractions)
    inside = np.sort(fractions - turns, axis=1)
    gaps = np.diff(inside, axis=1, append=inside[:, :1] + 1)
    widest = gaps.argmax(axis=1)[:, None]
    last = np.take_along_axis(inside, widest, axis=1)  # the atom before the vacuum
    turns += (fractions - turns) > last
    wide = np.take_along_axis(gaps, widest, axis=1)[:, 0] * heights >= VACUUM_ANG
    alone = (wide | ~pbc).all(axis=1)
    return positions - (turns * pbc[:, None]) @ cell, np.asarray(alone)
