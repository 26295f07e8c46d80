"""Isolated atoms of a theory that has none: fitted, so that its bond energies are another's.

A network knows no isolated atoms. Its total energies differ from those of the level it stands for
by a constant for each element, apart from its errors. The constants come from frames labelled at
that level, and with them a sum of D means the same at both.
"""

import csv
import io
import logging
from pathlib import Path
from typing import Final

import numpy as np

from e3d import provenance
from e3d.arrays import Floats
from e3d.chemistry import symbol
from e3d.errors import InputError
from e3d.fields import Store as F
from e3d.store.reader import StoreReader
from e3d.theory import ATOM_COLUMNS
from e3d.units import BOHR_ANG, HARTREE_EV
from e3d_labels.labelling import label_one
from e3d_labels.programs import program_of
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
    labeller = program.make_labeller()
    counts, differences = [], []
    with StoreReader(store) as reader:
        atoms = reader.isolated_atom_energy
        for row in np.flatnonzero(reader[F.CHARGE] == 0).tolist():
            frame = reader.frame(row)
            numbers = frame.atomic_numbers.astype(np.int64)
            if numbers.sum() % 2:  # a radical
                continue
            found = label_one(
                labeller, Task("", numbers, frame.positions.astype(np.float64) / BOHR_ANG)
            )
            if isinstance(found, Label):
                counts.append([np.count_nonzero(numbers == z) for z in sorted(atoms)])
                differences.append(found.energy * HARTREE_EV - frame.energy)
    if not counts:
        raise InputError(
            f"{store}: none of its frames can be labelled at {program.theory} - at least one is "
            "needed. Take a store with neutral molecules of its elements."
        )
    share = np.array(counts) / np.sum(counts, axis=1, keepdims=True)
    target = np.array(differences) / np.sum(counts, axis=1)
    seen = share.any(axis=0)
    elements = [z for z, known in zip(sorted(atoms), seen, strict=True) if known]
    offsets, _, rank, _ = np.linalg.lstsq(share[:, seen], target, rcond=None)
    _require_determined(store, elements, offsets, int(rank))
    left = target - share[:, seen] @ offsets
    fit = {
        "frames": len(left),
        "mean_left_meV_per_atom": round(float(np.abs(left).mean()) * 1e3, 3),
    }
    log.info("%s: %s", output, fit)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(ATOM_COLUMNS)
    source = f"this project: fitted to {len(left)} frames of {store.stem} (e3d data fit-atoms)"
    for z, offset in zip(elements, offsets.tolist(), strict=True):
        log.info("%s: %+.4f eV", symbol(z), offset)
        table.writerow((program.theory, symbol(z), f"{atoms[z] + offset:.6f}", source))
    provenance.write_text(output, text.getvalue())
    provenance.record(output, inputs=[store], settings=program.settings | fit)


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
