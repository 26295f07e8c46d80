"""What ASE's ``Atoms`` hold, checked before it is used."""

import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from e3d.arrays import Floats, Ints
from e3d.chemistry import Molecule, molecule
from e3d.errors import InputError
from e3d.store.layouts.cells import require_cell
from e3d.store.layouts.charge_and_spin import charge_and_multiplicity, stated_of
from e3d.store.layouts.frames import formula, numbers_of
from e3d.store.layouts.label_sets import labels
from e3d.store.layouts.stated_units import require_ev_and_ang

log = logging.getLogger(__name__)

_FARTHEST_ANG: Final = 1e9
"""From the origin: beyond it, in a simulation that exploded, float64 cannot resolve distances."""

_HEAVY: Final = frozenset((6, 7, 8, 15, 16))
_LONGEST: Final[Mapping[str, float]] = {"=": 0.96, "#": 0.87}
"""Of bonds of an order, over the sum of covalent radii: C=C 1.46 Å as in C60, C#C 1.32 Å."""


def warn_of_missing_hydrogens(numbers: Ints, positions: Floats, mapped: str | None) -> None:
    """Warn where a molecule of carbon without hydrogen has no bonds that make sense.

    Parameters
    ----------
    numbers, positions
        (N,) and (N, 3), Å.
    mapped
        The mapped SMILES perceived from them, None where nothing fits.
    """
    elements = set(numbers.tolist())
    if len(numbers) < 2 or 6 not in elements or not elements <= _HEAVY:
        return
    if mapped is None or "[C+" in mapped or _too_long(molecule(mapped), numbers, positions):
        _warn_once(formula(numbers))


def _too_long(found: Molecule, numbers: Ints, positions: Floats) -> bool:
    i, j = found.bond_index.T
    reach = covalent_radii[numbers[i]] + covalent_radii[numbers[j]]
    relative = (np.linalg.norm(positions[i] - positions[j], axis=1) / reach).tolist()
    return any(
        ratio > longest
        for bond, ratio in zip(found.bonds, relative, strict=True)
        for sign, longest in _LONGEST.items()
        if sign in bond.bond_type
    )


@lru_cache(maxsize=1000)
def _warn_once(hill: str) -> None:
    log.warning(
        "%s: has no hydrogens, and its bonds are too long for the orders that it needs without "
        "them; hydrogens may be missing",
        hill,
    )


@lru_cache(maxsize=1000)
def warn_of_charge(smiles: str, charge: int) -> None:
    """Warn of a charged species, once: shifts are neutral atoms, and most models see no charge."""
    log.warning(
        "%s: has charge %+d, of which the model knows nothing unless it was trained on such; the "
        "sum of its D is no atomisation energy",
        smiles,
        charge,
    )


def warn_of_one_object_twice(sources: Sequence[object]) -> None:
    """Warn of one ``Atoms`` in several places: what was changed in one of them changed in all."""
    own = [id(one) for one in sources if isinstance(one, Atoms)]
    if len(own) > len(set(own)):
        log.warning(
            "structures: %d entries are %d Atoms objects, so some frames are the same, with the "
            "positions that the object has now; for frames of a trajectory append atoms.copy()",
            len(own),
            len(set(own)),
        )


def no_structure(given: object) -> InputError:
    """Return the error for what is no structure, nor several."""
    return InputError(
        f"structures: {type(given).__name__} is no structure - allowed are ASE's Atoms, a path, a "
        "SMILES, or a flat list of these. Give one of them."
    )


def require_usable(atoms: Atoms, label: str) -> None:
    """Refuse atoms that no model can be run on; ``label`` is what messages call them.

    Raises
    ------
    InputError
        If there are none, or positions or cell cannot be used.
    """
    n, shape = len(atoms.numbers), atoms.positions.shape
    kinds = atoms.positions.dtype.kind, atoms.numbers.dtype.kind
    if shape != (n, 3) or kinds[0] not in "fiu" or kinds[1] not in "iu":
        raise InputError(
            f"{label}: positions {shape} of {atoms.positions.dtype} and {atoms.numbers.dtype} "
            f"atomic numbers - expected ({n}, 3) real numbers of Å, and whole numbers. "
            "Correct the arrays of the Atoms."
        )
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
