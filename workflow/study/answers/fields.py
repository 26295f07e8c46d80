"""Columns of the stage's tables, and the questions that it answers."""

from typing import Final

from e3d.fields import Column as C

DE: Final = "de_eV"
MEAN: Final = "mean_bond_energy_eV"
ADDITIVE: Final = "additivity_eV"
OWN_DE: Final = "own_de_eV"  # the model's energy of both radicals, less that of the molecule
TEACHER: Final = "teacher_eV"  # D of the model that made the labels
NAME: Final = "bond"  # of a named bond, else empty
BARRIER: Final = "barrier_eV"  # the model's
LABEL: Final = "label_eV"  # the same barrier by the labels' own theory
MOLECULE_ENERGY: Final = "molecule_energy_eV"  # the model's, without isolated atoms

BOND: Final = (C.MOLECULE, C.I, C.J)
"""What a bond is known by."""
