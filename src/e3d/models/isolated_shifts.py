"""Shifts of a model beside the isolated atoms of known theories: a wrong unit, or wrong elements.

A model says neither its unit of energy nor its theory. Where its shifts are the isolated atoms of a
known theory, times the factor of another unit or with elements exchanged, its D would be wrong by
as much. Nothing is concluded from other shifts: of pseudopotentials, mean energies, or none.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from e3d.errors import InputError
from e3d.theory import theories
from e3d.units import EV_KCAL_MOL, EV_KJ_MOL, HARTREE_EV

_UNITS: Final = {"hartree": 1 / HARTREE_EV, "kcal/mol": EV_KCAL_MOL, "kJ/mol": EV_KJ_MOL}
"""What one eV is."""
_SAME: Final = 1e-3
"""Relative: the same atoms by two programs differ by less."""
_LEAST_EV: Final = 5.0
"""Isolated atoms of less energy, as plane waves give some, are too near to each other."""


def require_ev(shifts: Mapping[str, float], path: Path) -> None:
    """Refuse shifts (eV, by element) that are known isolated atoms in another unit or exchanged.

    Raises
    ------
    InputError
        Naming the theory, and the unit or the elements.
    """
    for theory in theories().values():
        atoms = theory.isolated_atom_energy
        if len(shifts) < 2 or not all(atoms.get(one, 0.0) < -_LEAST_EV for one in shifts):
            continue
        if all(_same(shift, atoms[one]) for one, shift in shifts.items()):
            return
        for unit, factor in _UNITS.items():
            if all(_same(shift / factor, atoms[one]) for one, shift in shifts.items()):
                raise InputError(
                    f"{path}: its shifts are the isolated atoms of {theory.name} in {unit} - "
                    "energies in eV, and lengths in Å, are expected. Train the model on labels in "
                    "eV, or convert its scales and shifts."
                )
        whose = {one: _whose(shift, atoms) for one, shift in shifts.items()}
        if sorted(whose.values()) == sorted(shifts):
            exchanged = ", ".join(f"{one} has that of {w}" for one, w in whose.items() if w != one)
            raise InputError(
                f"{path}: its shifts are the isolated atoms of {theory.name} in another order: "
                f"{exchanged}. The names of its types were changed: get the file again from where "
                "it was trained or published."
            )


def _same(shift: float, atom: float) -> bool:
    return abs(shift - atom) <= _SAME * abs(atom)


def _whose(shift: float, atoms: Mapping[str, float]) -> str:
    """Return the element whose isolated atom a shift is; empty if it is none."""
    return next((one for one, atom in atoms.items() if _same(shift, atom)), "")
