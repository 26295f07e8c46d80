"""Isolated atoms of a theory that has none: fitted, so that its bond energies are another's.

A network knows no isolated atoms. Its total energies differ from those of the level it stands for
by a constant for each element, apart from its errors. The constants come from frames labelled at
that level, and with them a sum of D means the same at both.
"""

import logging
from pathlib import Path
from typing import Final

import numpy as np

from e3d import provenance
from e3d.arrays import Floats, Ints
from e3d.chemistry import symbol
from e3d.errors import InputError
from e3d.fields import Store as F
from e3d.store.reader import StoreReader
from e3d.units import BOHR_ANG, EV_MEV, HARTREE_EV
from e3d_labels.atoms import write_table
from e3d_labels.each_molecule import Progress
from e3d_labels.labelling import label_one
from e3d_labels.programs import Program, program_of
from e3d_labels.task import Label, Task

log = logging.getLogger(__name__)

LARGEST_OFFSET_EV: Final = 3.0


def fit_atoms(store: Path, output: Path, *, theory: str) -> None:
    """Write isolated atoms (eV) of ``theory`` that fit the neutral frames of a store best.

    The energies (E,) minimise the sum of squared differences, per atom, of binding energies at both
    levels. The table is one that :func:`e3d.theory.read_theories` reads.

    Raises
    ------
    InputError
        For a program that is not installed, a store without a frame that it can label, or frames
        that leave an element open or are of quite another level.
    """
    program = program_of(theory)
    program.require()
    counts, differences, atoms = _differences(store, program)
    if not differences.size:
        raise InputError(
            f"{store}: none of its frames can be labelled at {program.theory} - at least one is "
            "needed. Take a store with neutral molecules of its elements."
        )
    seen = np.asarray(counts.any(axis=0))
    elements = [z for z, known in zip(atoms, seen, strict=True) if known]
    sizes = counts.sum(axis=1)
    share, target = counts[:, seen] / sizes[:, None], differences / sizes
    offsets, _, rank, _ = np.linalg.lstsq(share, target, rcond=None)
    _require_determined(store, elements, offsets, int(rank))
    left = float(np.abs(target - share @ offsets).mean()) * EV_MEV
    fit = {"frames": len(target), "mean_left_meV_per_atom": round(left, 3)}
    log.info("%s: %s", output, fit)
    energies = {}
    for z, offset in zip(elements, offsets.tolist(), strict=True):
        log.info("%s: %+.4f eV", symbol(z), offset)
        energies[symbol(z)] = round(atoms[z] + offset, 6)
    source = f"this project: fitted to {len(target)} frames of {store.stem} (e3d data fit-atoms)"
    write_table(output, program.theory, energies, source)
    provenance.record(output, inputs=[store], settings=program.settings | fit)


def _differences(store: Path, program: Program) -> tuple[Ints, Floats, dict[int, float]]:
    """Return what closed shells of a store differ by from their labels.

    Atoms of each element (F, E), total energies less those of the store (F,), eV, and the store's
    isolated atoms, eV, by atomic number, in the order of the elements.
    """
    labeller = program.make_labeller()
    counts, differences = [], []
    with StoreReader(store) as reader:
        atoms = dict(sorted(reader.isolated_atom_energy.items()))
        rows = np.flatnonzero(reader[F.CHARGE] == 0).tolist()
        log.info("%s: %d neutral frames to label at %s", store, len(rows), program.theory)
        for row in Progress(f"%d of {len(rows)} labelled").of(rows):
            frame = reader.frame(row)
            numbers = frame.atomic_numbers.astype(np.int64)
            if numbers.sum() % 2:  # a radical
                continue
            positions = frame.positions.astype(np.float64) / BOHR_ANG
            found = label_one(labeller, Task("", numbers, positions))
            if isinstance(found, Label):
                counts.append([np.count_nonzero(numbers == z) for z in atoms])
                differences.append(found.energy * HARTREE_EV - frame.energy)
    return np.array(counts, dtype=np.int64), np.array(differences), atoms


def _require_determined(store: Path, elements: list[int], offsets: Floats, rank: int) -> None:
    """Refuse compositions that do not tell elements apart, and offsets of another level."""
    names = ", ".join(symbol(z) for z in elements)
    if rank < len(elements):
        raise InputError(
            f"{store}: its compositions do not tell {names} apart - as many independent ones as "
            "elements are needed. Take a store with more kinds of molecules."
        )
    largest = float(np.abs(offsets).max())
    if largest > LARGEST_OFFSET_EV:
        raise InputError(
            f"{store}: an atom of {names} would differ by {largest:.3g} eV - at most "
            f"{LARGEST_OFFSET_EV:g} between a network and the level that it stands for. Take a "
            "store of that level."
        )
