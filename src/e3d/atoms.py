"""What ASE's ``Atoms`` hold, checked before it is used."""

from typing import Final

import numpy as np
from ase import Atoms

from e3d.arrays import Floats
from e3d.errors import InputError
from e3d.store.layouts.cells import require_cell
from e3d.store.layouts.charge_and_spin import charge_and_multiplicity, stated_of
from e3d.store.layouts.frames import numbers_of
from e3d.store.layouts.label_sets import labels
from e3d.store.layouts.stated_units import require_ev_and_ang

_FARTHEST_ANG: Final = 1e9
"""From the origin: beyond it, in a simulation that exploded, float64 cannot resolve distances."""


def require_usable(atoms: Atoms, label: str) -> None:
    """Refuse atoms that no model can be run on; ``label`` is what messages call them.

    Raises
    ------
    InputError
        If there are none, or positions or cell cannot be used.
    """
    if not len(atoms) or not (np.abs(atoms.positions) < _FARTHEST_ANG).all():  # nan is not less
        raise InputError(
            f"{label}: has no atoms, or positions that are not numbers of Å below "
            f"{_FARTHEST_ANG:g}. Fix or remove the frame."
        )
    require_ev_and_ang(atoms.info, label, "length")
    require_cell(atoms.cell.array, atoms.pbc, len(atoms), label)


def labels_of(atoms: Atoms, label: str) -> tuple[float | None, Floats | None]:
    """Return energy, eV, and forces (N, 3), eV/Å, each None where there is none.

    Raises
    ------
    InputError
        If they are not numbers, of another shape, of two sets, or stated to be in other units.
    """
    given = labels(atoms, label)
    if given.empty:
        return None, None
    require_ev_and_ang(atoms.info, label, "energy", "force")
    shapes = {"energy": ((), given.energy), "forces": (atoms.positions.shape, given.forces)}
    found = {
        key: None if value is None else numbers_of(value, key, shape, label)
        for key, (shape, value) in shapes.items()
    }
    for key, value in found.items():
        if value is not None and not np.isfinite(value).all():
            raise InputError(
                f"{label}: {key} with values that are not finite - allowed: numbers, or no {key} "
                "at all. Correct or remove them."
            )
    one = found["energy"]
    return None if one is None else float(one), found["forces"]


def charge_of(atoms: Atoms, label: str) -> int | None:
    """Return the total charge that ``info`` states, e; None if it states none.

    Raises
    ------
    InputError
        As :func:`e3d.store.layouts.charge_and_spin.charge_and_multiplicity`.
    """
    return charge_and_multiplicity(
        stated_of(atoms), atoms.numbers, label, periodic=bool(atoms.pbc.any())
    )[0]
