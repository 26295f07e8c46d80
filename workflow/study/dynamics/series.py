"""Time series of bonds along molecular dynamics, and how each replica ended. No model here."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
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
    """R independent replicas of one molecule at one temperature: S samples of B bonds.

    Sample 0 is the start. A replica is no longer followed once it has broken or exploded.
    """

    molecule: str
    temperature_K: float
    bonds: tuple[Bond, ...]
    bond_class: Ints  # (B,), equal for bonds that a symmetry of the molecule exchanges
    reach: Floats  # (B,), sum of covalent radii, Å
    sample_fs: float
    r: Floats  # (R, S, B), Å; NaN once a replica is no longer followed
    bond_energy: Floats  # (R, S, B), eV, as r
    stopped: Ints  # (R,), first sample that is not intact; S of an intact replica
    outcome: NDArray[np.object_]  # (R,), an Outcome each
    broken: Ints  # (R,), the bond that broke first, or -1
    energy_change: Floats  # (R,), potential energy when last followed minus that of the start, eV
    kinetic_K: Floats  # (R,), mean kinetic temperature

    def segments(self, quantity: Floats, bond: int, first: int) -> list[Floats]:
        """Return ``quantity`` (R, S, B) of a bond over the intact samples from ``first`` on.

        One array for each replica, empty where it stopped earlier.
        """
        return [quantity[k, first:end, bond] for k, end in enumerate(self.stopped.tolist())]

    def all_broken(self) -> list[int]:
        """Return the replicas in which a bond broke."""
        return [int(k) for k in np.flatnonzero(self.outcome == Outcome.BROKEN)]


def bond_classes(mapped_smiles: str, bonds: tuple[Bond, ...]) -> Ints:
    """Return a number (B,) for each bond, equal where a symmetry of the graph exchanges bonds.

    Stereochemistry is left out: mirror images have the same energy.
    """
    mol = parse(mapped_smiles)
    rows = [atom.GetAtomMapNum() - 1 for atom in mol.GetAtoms()]
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    ranks = Chem.CanonicalRankAtoms(mol, breakTies=False, includeChirality=False)
    rank = dict(zip(rows, ranks, strict=True))
    keys = [(*sorted((rank[bond.i], rank[bond.j])), bond.bond_type) for bond in bonds]
    known: dict[tuple[object, ...], int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64)
