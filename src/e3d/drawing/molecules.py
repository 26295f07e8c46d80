"""Molecules with D on their bonds, over some frames: what drawings are made from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.arrays import Floats, Ints
from e3d.chemistry import symbol
from e3d.fields import Column as C
from e3d.structures import Structure

_BOND: Final = (C.I, C.J, C.S_X, C.S_Y, C.S_Z, C.BOND_TYPE)
COLUMNS: Final = (C.FRAME, C.MOLECULE, *_BOND, C.BOND_ENERGY)
"""Columns of a table of bonds that drawings need."""
Bond = tuple[int, int, int, int, int, str]
"""Atoms i and j, the cell shift of j, and the bond type."""


@dataclass(frozen=True)
class Molecule:
    """N atoms that are the same in F frames, with B bonds.

    Parameters
    ----------
    name
        SMILES or formula.
    mapped_smiles
        None where the bonds come from distances.
    symbols
        Symbols of its elements (N,).
    frames
        Their numbers in the source (F,).
    positions
        (F, N, 3), Å.
    cells
        Cell vectors in rows (F, 3, 3), Å; None for a molecule.
    bonds
        Those of all frames.
    bond_energies
        D (F, B), eV; NaN where a frame has no such bond.
    """

    name: str
    mapped_smiles: str | None
    symbols: tuple[str, ...]
    frames: Ints
    positions: Floats
    cells: Floats | None
    bonds: tuple[Bond, ...]
    bond_energies: Floats

    @property
    def means(self) -> Floats:
        """Mean of D over the frames that have the bond (B,), eV."""
        there = np.isfinite(self.bond_energies)
        with np.errstate(invalid="ignore"):
            sums = np.where(there, self.bond_energies, 0.0).sum(axis=0)
            return np.asarray(sums / there.sum(axis=0))


def species(structure: Structure) -> tuple[Any, ...]:
    """Return what the frames of one molecule share: its atoms in their order, and its bonds."""
    numbers = tuple(structure.atomic_numbers.tolist())
    return structure.mapped_smiles, numbers, structure.pbc, structure.smiles


def collect(structures: Iterable[Structure], bonds: pd.DataFrame) -> list[Molecule]:
    """Join structures and their bond energies, a molecule for all frames of the same atoms.

    Parameters
    ----------
    structures
        No two with the same frame number.
    bonds
        Rows of :func:`e3d.decompose`, of these frames and perhaps of others.
    """
    rows: dict[Any, Any] = dict(bonds.groupby(C.FRAME).indices)
    groups: dict[tuple[Any, ...], list[Structure]] = {}
    for one in structures:
        groups.setdefault(species(one), []).append(one)
    return [_molecule(group, bonds, rows) for group in groups.values()]


def _molecule(
    group: Sequence[Structure], bonds: pd.DataFrame, rows: Mapping[int, Ints]
) -> Molecule:
    first, place = group[0], dict[Bond, int]()
    found: list[tuple[int, int, float]] = []
    for k, structure in enumerate(group):
        if structure.frame not in rows:
            continue
        part = bonds.iloc[rows[structure.frame]]
        columns = [part[name].tolist() for name in (*_BOND, C.BOND_ENERGY)]
        for *bond, d in zip(*columns, strict=True):
            found.append((k, place.setdefault(tuple(bond), len(place)), d))
    energies = np.full((len(group), len(place)), np.nan)
    for k, bond_number, d in found:
        energies[k, bond_number] = d
    periodic = first.cell is not None
    return Molecule(
        name=first.smiles,
        mapped_smiles=first.mapped_smiles,
        symbols=tuple(symbol(int(z)) for z in first.atomic_numbers),
        frames=np.array([one.frame for one in group]),
        positions=np.stack([one.positions for one in group]),
        cells=np.stack([_periodic_cell(one) for one in group]) if periodic else None,
        bonds=tuple(place),
        bond_energies=energies,
    )


def _periodic_cell(structure: Structure) -> Floats:
    """Return the cell with zeros along directions that are not periodic."""
    cell = np.zeros((3, 3)) if structure.cell is None else structure.cell
    return np.asarray(cell * np.array(structure.pbc, dtype=float)[:, None])
