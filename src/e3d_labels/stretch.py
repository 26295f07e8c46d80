"""Rigid stretches of named bonds: geometries to label, from the relaxed molecules of ``e3d data relax``.

The fragments on both sides of the bond move along it as they are; nothing relaxes. The result has the
SPICE layout (atomic units) and goes into ``e3d data label``.
"""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from e3d import provenance, tables
from e3d.chemistry import equivalent_bonds, molecule
from e3d.errors import InputError, choices
from e3d.store.layouts.spice import SAMPLE_INDEX
from e3d.structures import Structure, from_file
from e3d.units import BOHR_ANG

SHORTEST_ANG, LONGEST_ANG = 0.8, 3.0
BOND = "bond"
"""Dataset of a group: the two rows (2,) whose distance is scanned."""
RELAXED = "relaxed_row"
"""Dataset of a group: which conformation (1,) is the relaxed one."""
_BELOW, _ABOVE = 4, 9
_DENSITY = 1.7  # above 1: distances are denser near the minimum
_SHORTEST_FACTOR = (
    0.75  # of the relaxed length, where that is shorter than the shortest distance (H-H)
)


def stretch_file(table: Path, molecules: Path, bonds: Sequence[str], output: Path) -> None:
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
    twice = next((name for name in bonds if list(bonds).count(name) > 1), None)
    if twice is not None:
        raise InputError(f"bond {twice!r} is given twice, each makes one group. Fix --bonds.")
    named = tables.read(table, columns=("bond", "smiles")).set_index("bond")["smiles"]
    frames = [frame for frame in from_file(molecules) if frame.mapped_smiles is not None]
    with (
        provenance.atomic(output) as temporary,
        h5py.File(temporary, "w", libver="v110", track_order=True) as file,
    ):
        for name in bonds:
            if name not in named.index:
                raise InputError(
                    f"bond {name!r} - {choices(name, named.index)}, of {table}. Fix --bonds."
                )
            where = f"{table}, bond {name!r}"
            _write(file, name, *_named(frames, str(named[name]), where, molecules))
    provenance.record(output, inputs=[table, molecules], settings={"bonds": list(bonds)})


def _named(
    frames: Sequence[Structure], named: str, where: str, geometries: Path
) -> tuple[Structure, tuple[int, int]]:
    """Return the relaxed molecule and the first of the bonds equivalent to the named one."""
    for frame in frames:
        found = equivalent_bonds(named, frame.mapped_smiles or "")
        if found:
            return frame, min(found)
    raise InputError(
        f"{where}: {geometries} has no such molecule. Make it from this table: e3d data relax."
    )


def distances(relaxed: float) -> NDArray[np.float64]:
    """Return the distances (Å) of a scan around a relaxed bond length, which is one of them."""
    shortest = min(SHORTEST_ANG, _SHORTEST_FACTOR * relaxed)
    below = relaxed - (relaxed - shortest) * (np.arange(_BELOW, 0, -1) / _BELOW) ** _DENSITY
    above = relaxed + (LONGEST_ANG - relaxed) * (np.arange(1, _ABOVE + 1) / _ABOVE) ** _DENSITY
    return np.concatenate([below, [relaxed], above])


def moving_rows(smiles: str, bond: tuple[int, int]) -> list[int]:
    """Return the rows of the fragment of ``bond[1]`` once the bond is cut.

    Raises
    ------
    InputError
        If cutting the bond leaves one piece: it is part of a ring.
    """
    known = molecule(smiles)
    mol = Chem.RWMol()
    for z in known.atomic_numbers:
        mol.AddAtom(Chem.Atom(z))
    for one in known.bonds:
        if (one.i, one.j) != tuple(sorted(bond)):
            mol.AddBond(one.i, one.j, Chem.BondType.SINGLE)
    rows = next(part for part in Chem.GetMolFrags(mol) if bond[1] in part)
    if bond[0] in rows:
        raise InputError(
            f"{smiles}: the bond of rows {bond} is part of a ring, a stretch needs two fragments."
        )
    return sorted(rows)


def stretched(
    positions: NDArray[np.float64], bond: tuple[int, int], rows: Sequence[int], r: float
) -> NDArray[np.float64]:
    """Return ``positions`` (N, 3) with the ``rows`` moved along the bond until it is ``r`` long (Å)."""
    axis = positions[bond[1]] - positions[bond[0]]
    length = float(np.linalg.norm(axis))
    moved = positions.copy()
    moved[list(rows)] += axis / length * (r - length)
    return moved


def _write(file: h5py.File, name: str, frame: Structure, bond: tuple[int, int]) -> None:
    smiles = frame.mapped_smiles or ""
    rows = moving_rows(smiles, bond)
    lengths = distances(float(np.linalg.norm(frame.positions[bond[1]] - frame.positions[bond[0]])))
    positions = np.array([stretched(frame.positions, bond, rows, r) for r in lengths])
    group = file.create_group(name)
    text = h5py.string_dtype()
    group.create_dataset("smiles", data=[smiles], dtype=text)
    group.create_dataset("subset", data=["stretch scans"], dtype=text)
    group["atomic_numbers"] = frame.atomic_numbers.astype(np.int16)
    group["conformations"] = (positions / BOHR_ANG).astype(np.float32)
    group[SAMPLE_INDEX] = np.arange(len(lengths), dtype=np.int32)
    group[RELAXED] = np.array([_BELOW], dtype=np.int32)
    group[BOND] = np.array(bond, dtype=np.int16)
