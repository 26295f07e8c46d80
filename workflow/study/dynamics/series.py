"""Time series of bonds along molecular dynamics, and how each replica ended. Arrays only; no model here."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray
from rdkit import Chem

from e3d.chemistry import Bond, parse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Outcome(StrEnum):
    """How a replica ended."""

    INTACT = "intact"  # no bond broke in the time simulated
    BROKEN = "broken"  # a bond became longer than the criterion of connectivity
    EXPLODED = "exploded"  # atoms collapsed, or energy or forces left every plausible range


@dataclass(frozen=True)
class Series:
    """Bonds of R independent replicas of one molecule at one temperature: S samples, B bonds.

    ``r`` and ``bond_energy`` (R, S, B) in Å and eV, NaN from where a replica was no longer followed;
    sample 0 is the start. ``bond_class`` (B,) is equal for bonds that a symmetry of the molecule
    exchanges, ``reach`` (B,) the sum of covalent radii (Å). ``stopped`` (R,) is the first sample that
    is not intact (S of an intact replica), ``outcome`` (R,) an :class:`Outcome`, ``broken`` (R,) the
    bond that broke first or -1, ``energy_change`` (R,) the potential energy when a replica was last
    followed minus that of the start, eV, ``kinetic_K`` (R,) the mean kinetic temperature.
    """

    molecule: str
    temperature_K: float
    bonds: tuple[Bond, ...]
    bond_class: Ints
    reach: Floats
    sample_fs: float
    r: Floats
    bond_energy: Floats
    stopped: Ints
    outcome: NDArray[np.object_]
    broken: Ints
    energy_change: Floats
    kinetic_K: Floats

    def segments(self, quantity: Floats, bond: int, first: int) -> list[Floats]:
        """Return a quantity (R, S, B) of one bond over the intact samples of each replica from ``first`` on."""
        return [
            quantity[k, first:end, bond] if end > first else np.empty(0)
            for k, end in enumerate(self.stopped.tolist())
        ]


def bond_classes(mapped_smiles: str, bonds: tuple[Bond, ...]) -> Ints:
    """Return a number (B,) for each bond, equal where a symmetry of the molecular graph exchanges bonds.

    Stereochemistry is left out: mirror images have the same energy.
    """
    mol = parse(mapped_smiles)
    rows = [atom.GetAtomMapNum() - 1 for atom in mol.GetAtoms()]
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    ranks = dict(
        zip(
            rows, Chem.CanonicalRankAtoms(mol, breakTies=False, includeChirality=False), strict=True
        )
    )
    keys = [(*sorted((ranks[bond.i], ranks[bond.j])), bond.bond_type) for bond in bonds]
    known: dict[tuple[object, ...], int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64)


def reaches(atomic_numbers: Ints, i: Ints, j: Ints) -> Floats:
    """Return the sums of covalent radii (Å) of pairs of rows (Cordero 2008, as in ASE)."""
    return np.asarray(
        covalent_radii[atomic_numbers[i]] + covalent_radii[atomic_numbers[j]], dtype=np.float64
    )
