"""Energies of isolated neutral atoms, through the same programs that label molecules."""

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from e3d import provenance
from e3d.chemistry import number
from e3d.errors import InputError, choices
from e3d.theory import ATOM_COLUMNS
from e3d.units import HARTREE_EV
from e3d_labels.labelling import label_one
from e3d_labels.programs import Program, program_of
from e3d_labels.task import Label, Task

log = logging.getLogger(__name__)

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
"""2S+1 of the ground state of neutral atoms.

Source: NIST Atomic Spectra Database, ground levels (physics.nist.gov/asd).
"""


def write_atoms(elements: Sequence[str], output: Path, *, theory: str) -> None:
    """Write the energy (eV) of each isolated neutral atom in its ground state as CSV.

    The table is one that :func:`e3d.theory.read_theories` reads.

    Raises
    ------
    InputError
        For an element that is unknown, given twice or not converged, or a program that is not
        installed.
    """
    program = program_of(theory)
    for position, element in enumerate(elements):
        if element not in MULTIPLICITY or element in elements[:position]:
            raise InputError(
                f"--elements {element}: given twice, or an element whose ground state is not "
                f"listed - {choices(element, MULTIPLICITY)}. Fix --elements."
            )
    program.require()
    energies = {}
    for element in elements:
        energies[element] = atom_energy(program, element)
        log.info("%s at %s: %.9f eV", element, program.theory, energies[element])
    source = f"this project: {program.description} (e3d data atoms)"
    write_table(output, program.theory, energies, source)
    provenance.record(output, settings=program.settings)


def write_table(output: Path, theory: str, energies: Mapping[str, float], source: str) -> None:
    """Write energies (eV) by element as :func:`e3d.theory.read_theories` reads them."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(ATOM_COLUMNS)
    for element, energy in energies.items():
        table.writerow((theory, element, repr(energy), source))
    provenance.write_text(output, text.getvalue())


def atom_energy(program: Program, element: str) -> float:
    """Return the energy (eV) of an isolated neutral atom in its ground state's multiplicity.

    Raises
    ------
    InputError
        If it does not converge, or the theory has no such element.
    """
    task = Task(
        element, np.array([number(element)]), np.zeros((1, 3)), multiplicity=MULTIPLICITY[element]
    )
    outcome = label_one(program.make_labeller(), task)
    if not isinstance(outcome, Label):
        raise InputError(
            f"{element} at {program.theory}: no energy ({outcome}). "
            "Leave the element out of --elements."
        )
    return outcome.energy * HARTREE_EV
