"""Energies of isolated neutral atoms, through the same programs that label molecules."""

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from e3d import provenance
from e3d.chemistry import number
from e3d.errors import InputError, choices
from e3d.theory import Theory
from e3d.units import HARTREE_EV
from e3d_labels.labelling import label_one
from e3d_labels.task import Label, Task
from e3d_labels.theories import check_installed, make_labeller, settings_of, sources, theory_named

log = logging.getLogger(__name__)

COLUMNS: Final = ("theory", "element", "energy_eV", "source")

_GROUND_STATES = {
    1: "He Be Ne Mg Ar Ca Zn Kr Sr Cd Xe",
    2: "H Li B F Na Al Cl Sc K Cu Ga Br Rb Ag In I",
    3: "C O Si S Ti Ni Ge Se Sn Te",
    4: "N P V Co As Sb",
    5: "Fe",
    6: "Mn",
    7: "Cr",
}
MULTIPLICITY: Final = {
    element: spin for spin, elements in _GROUND_STATES.items() for element in elements.split()
}
"""2S+1 of the ground state of neutral atoms: NIST Atomic Spectra Database, ground levels (physics.nist.gov/asd)."""


def atoms_table(theory: Theory, elements: Sequence[str], output: Path) -> None:
    """Write the energy (eV) of each isolated neutral atom in its ground state as CSV.

    The columns are those of ``src/e3d/isolated_atoms.csv``.

    Raises
    ------
    InputError
        For an element that is unknown, given twice or not converged, or a program that is not installed.
    """
    for position, element in enumerate(elements):
        if element not in MULTIPLICITY or element in elements[:position]:
            raise InputError(
                f"--elements {element}: given twice, or an element whose ground state is not listed - "
                f"{choices(element, MULTIPLICITY)}. Fix --elements."
            )
    check_installed(theory)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for element in elements:
        energy = atom_energy(theory, element)
        log.info("%s at %s: %.9f eV", element, theory.name, energy)
        table.writerow((theory.name, element, repr(energy), sources(theory)))
    provenance.write_text(output, text.getvalue())
    provenance.record(output, settings=settings_of(theory))


def atom_energy(theory: Theory, element: str) -> float:
    """Return the energy (eV) of an isolated neutral atom in its ground state's multiplicity.

    Raises
    ------
    InputError
        If it does not converge, or the theory has no such element.
    """
    task = Task(
        element, np.array([number(element)]), np.zeros((1, 3)), multiplicity=MULTIPLICITY[element]
    )
    outcome = label_one(make_labeller(theory), task)
    if not isinstance(outcome, Label):
        raise InputError(
            f"{element} at {theory.name}: no energy ({outcome}). Leave the element out of --elements."
        )
    return outcome.energy * HARTREE_EV


def write_atoms(elements: Sequence[str], theory: str, output: Path) -> None:
    """Write the energies of isolated atoms at the theory that a name or a short name says."""
    atoms_table(theory_named(theory), elements, output)
