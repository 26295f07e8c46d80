"""Rigid stretches of named bonds: geometries to label, from relaxed molecules.

The fragments on both sides of the bond move along it as they are; nothing relaxes. The result has
the SPICE layout and goes into ``e3d data label``.
"""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d import provenance, tables
from e3d.chemistry import equivalent_bonds, fragment_rows
from e3d.errors import InputError, choices
from e3d.store.layouts.spice import BOND_ROWS, RELAXED_ROW
from e3d.structures import Structure, from_file
from e3d.units import BOHR_ANG
from e3d_labels.geometries import new_file, write_group

SHORTEST_ANG, LONGEST_ANG = 0.8, 3.0
_BELOW, _ABOVE = 4, 9
_DENSITY = 1.7  # above 1: distances are denser near the minimum
_SHORTEST_FACTOR = 0.75  # of the relaxed length, where that is below the shortest distance (H-H)


def stretch_bonds(table: Path, molecules: Path, output: Path, *, bonds: Sequence[str]) -> None:
    """Write scans of bonds, a group each.

    Parameters
    ----------
    table
        Table of named bonds with the columns ``bond`` and ``smiles`` (map numbers 1 and 2 on it).
    molecules
        Relaxed molecules with their mapped SMILES in ``info`` (``e3d data relax``).
    bonds
        Names of the bonds to stretch.

    Raises
    ------
    InputError
        For a bond that the table or the molecules lack, that is given twice or is part of a ring;
        for molecules that cannot be read.
    """
    repeated = next((name for name in bonds if list(bonds).count(name) > 1), None)
    if repeated is not None:
        raise InputError(f"bond {repeated!r} is given twice, each makes one group. Fix --bonds.")
    named = tables.read(table, columns=("bond", "smiles")).set_index("bond")["smiles"]
    frames = [frame for frame in from_file(molecules) if frame.mapped_smiles is not None]
    with new_file(output) as file:
        for name in bonds:
            if name not in named.index:
                raise InputError(
                    f"bond {name!r} - {choices(name, named.index)}, of {table}. Fix --bonds."
                )
            where = f"{table}, bond {name!r}"
            _write(file, name, *_named(frames, str(named[name]), where, molecules))
    provenance.record(output, inputs=[table, molecules], settings={"bonds": list(bonds)})


def _named(
    frames: Sequence[Structure], named: str, where: str, molecules: Path
) -> tuple[Structure, tuple[int, int]]:
    """Return the relaxed molecule and the first of the bonds equivalent to the named one."""
    for frame in frames:
        found = equivalent_bonds(named, frame.mapped_smiles or "")
        if found:
            return frame, min(found)
    raise InputError(
        f"{where}: {molecules} has no such molecule. Make it from this table: e3d data relax."
    )


def distances(relaxed: float) -> NDArray[np.float64]:
    """Return the distances (14,), Å, of a scan around a relaxed bond length, which is one of them.

    >>> distances(1.4).round(2)[[0, 4, -1]].tolist()
    [0.8, 1.4, 3.0]
    """
    shortest = min(SHORTEST_ANG, _SHORTEST_FACTOR * relaxed)
    below = relaxed - (relaxed - shortest) * (np.arange(_BELOW, 0, -1) / _BELOW) ** _DENSITY
    above = relaxed + (LONGEST_ANG - relaxed) * (np.arange(1, _ABOVE + 1) / _ABOVE) ** _DENSITY
    return np.concatenate([below, [relaxed], above])


def stretched(
    positions: NDArray[np.float64], bond: tuple[int, int], rows: Sequence[int], r: float
) -> NDArray[np.float64]:
    """Return ``positions`` (N, 3) with ``rows`` moved along the bond until it is ``r`` long (Å)."""
    axis = positions[bond[1]] - positions[bond[0]]
    length = float(np.linalg.norm(axis))
    moved = positions.copy()
    moved[list(rows)] += axis / length * (r - length)
    return moved


def _write(file: h5py.File, name: str, frame: Structure, bond: tuple[int, int]) -> None:
    smiles = frame.mapped_smiles or ""
    rows = fragment_rows(smiles, bond)
    lengths = distances(float(np.linalg.norm(frame.positions[bond[1]] - frame.positions[bond[0]])))
    positions = np.array([stretched(frame.positions, bond, rows, r) for r in lengths])
    scan = {RELAXED_ROW: np.array([_BELOW], np.int32), BOND_ROWS: np.array(bond, np.int16)}
    write_group(
        file,
        name,
        smiles=smiles,
        subset="stretch scans",
        numbers=frame.atomic_numbers,
        positions=positions / BOHR_ANG,
        more=scan,
    )
