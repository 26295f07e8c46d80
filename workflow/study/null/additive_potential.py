"""Bond additivity as a potential: energies from the bonds of a structure, and no forces."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d.graphs import Batch, batches
from e3d.structures import Structure
from study.null.additivity import Additivity, Molecules, shrunk_to_parents
from study.null.names import ADDITIVITY_TYPES, FINE
from study.null.pair_potential import isolated

Floats = NDArray[np.float64]
_NO_EDGES_ANG = 0.1


def type_counts(structure: Structure, null: str) -> Counter[str]:
    """Count the bonds of each type of a structure whose bonds are known."""
    bonds = structure.bonds or ()
    return Counter(bond.fine_type if null == FINE else bond.bond_type for bond in bonds)


def molecules_of(
    structures: Iterable[Structure], atoms: Mapping[int, float], null: str
) -> Molecules:
    """Return what additivity is fitted to: frames whose geometry has the bonds of their SMILES, by molecule.

    ``atoms`` holds the energies of isolated atoms (eV).
    """
    counts: dict[str, Counter[str]] = {}
    energy: dict[str, list[float]] = {}
    parents: dict[str, str] = {}
    for structure in structures:
        if not structure.bonds or not structure.intact or structure.energy is None:
            continue
        counts.setdefault(structure.smiles, type_counts(structure, null))
        parents |= {
            bond.fine_type if null == FINE else bond.bond_type: bond.bond_type
            for bond in structure.bonds
        }
        alone = sum(atoms[z] for z in structure.atomic_numbers.tolist())
        energy.setdefault(structure.smiles, []).append(structure.energy - alone)
    names = sorted(counts)
    types = tuple(sorted(parents))
    table = np.array([[counts[name][kind] for kind in types] for name in names], dtype=float)
    return Molecules(
        types=types,
        counts=table.reshape(len(names), len(types)),
        energy=np.array([np.mean(energy[name]) for name in names]),
        frames=np.array([len(energy[name]) for name in names], dtype=float),
        spread=shrunk_to_parents([parents[kind] for kind in types])
        if null == FINE
        else np.eye(len(types)),
    )


@dataclass(frozen=True)
class AdditivePotential:
    """A fitted additivity that gives total energies; its forces are zero."""

    null: str
    fitted: Additivity
    atoms: Mapping[int, float]

    @property
    def r_max(self) -> float:
        """Return a cutoff (Å) that no two atoms are within: additivity has no edges."""
        return _NO_EDGES_ANG

    def knows(self, structure: Structure) -> bool:
        """Say whether the bonds of a structure are known and every type of them was trained on."""
        return bool(structure.bonds) and set(type_counts(structure, self.null)) <= set(
            self.fitted.data.types
        )

    def batches(self, structures: Iterable[Structure]) -> Iterator[Batch]:
        """Group structures, in order, into batches."""
        return batches(structures, self.r_max)

    def energies_and_forces(self, batch: Batch) -> tuple[Floats, Floats]:
        """Return total energies (F,) in eV and forces (A, 3) of zero."""
        counts = [type_counts(structure, self.null) for structure in batch.structures]
        table = np.array(
            [[count[kind] for kind in self.fitted.data.types] for count in counts], dtype=float
        )
        return self.fitted.energies(table) + isolated(batch, self.atoms), np.zeros_like(
            batch.positions
        )

    def bond_energies(self, means: pd.DataFrame) -> Floats:
        """Return D (eV) of each row of a table of bonds, NaN where training had no bond of its type."""
        known = dict(zip(self.fitted.data.types, self.fitted.bond_energy.tolist(), strict=True))
        return means[ADDITIVITY_TYPES[self.null]].map(known).to_numpy(dtype=float)
