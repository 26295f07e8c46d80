"""What ASE's ``Atoms`` hold, checked before it is used."""

from typing import Final

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell

from e3d.arrays import Floats
from e3d.errors import InputError
from e3d.store.layouts.extxyz import check_units, labels
from e3d.store.layouts.frames import numbers_of

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
    cell = atoms.cell.array
    if not np.isfinite(cell).all() or (np.linalg.norm(cell, axis=1)[atoms.pbc] == 0).any():
        raise InputError(
            f"{label}: is periodic along a cell vector of no length. Give its Lattice, or set pbc "
            "to F."
        )
    if any(atoms.pbc) and np.linalg.matrix_rank(complete_cell(cell)) < 3:
        raise InputError(
            f"{label}: its cell vectors lie in one plane. Fix its Lattice, or set pbc to F."
        )


def labels_of(atoms: Atoms, label: str) -> tuple[float | None, Floats | None]:
    """Return energy, eV, and forces (N, 3), eV/Å, each None where there is none.

    Raises
    ------
    InputError
        If they are not numbers, of another shape, or stated to be in other units.
    """
    energy, forces, _ = labels(atoms)
    if energy is None and forces is None:
        return None, None
    check_units(atoms.info, label)
    shapes = {"energy": ((), energy), "forces": (atoms.positions.shape, forces)}
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


def charge_of(atoms: Atoms, label: str) -> int:
    """Return the total charge that ``info`` states, e; 0 if it states none.

    Raises
    ------
    InputError
        If it is no whole number.
    """
    charge = atoms.info.get("charge", 0)
    try:
        if int(charge) == float(charge):
            return int(charge)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{label}: charge = '{charge}' - expected a whole number. Fix it in the file.")
