"""Bond additivity as a potential: energies from the bonds of a structure, and no forces."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from e3d.arrays import Floats
from e3d.fields import Column as C
from e3d.graphs import Batch
from e3d.potential import Potential
from e3d.statistics import NO, YES, interval_columns
from e3d.structures import Structure, from_store
from study.null.additivity import Additivity, Molecules, fit, shrunk_to_parents
from study.null.fitted import Facts, Training
from study.null.normal_equations import isolated

_NO_EDGES_ANG = 0.1


def molecules_of(
    structures: Iterable[Structure], atoms: Mapping[int, float], *, fine: bool
) -> Molecules:
    """Return what additivity is fitted to: the frames with the bonds of their SMILES, by molecule.

    ``atoms`` holds the energies of isolated atoms (eV); ``fine`` types have the hybridisation.
    """
    counts: dict[str, Counter[str]] = {}
    energy: dict[str, list[float]] = {}
    parents: dict[str, str] = {}
    for structure in structures:
        if not structure.bonds or not structure.intact or structure.energy is None:
            continue
        counts.setdefault(structure.smiles, _type_counts(structure, fine=fine))
        parents |= {b.fine_type if fine else b.bond_type: b.bond_type for b in structure.bonds}
        alone = sum(atoms[z] for z in structure.atomic_numbers.tolist())
        energy.setdefault(structure.smiles, []).append(structure.energy - alone)
    names, types = sorted(counts), tuple(sorted(parents))
    return Molecules(
        types=types,
        counts=_table([counts[name] for name in names], types),
        energy=np.array([np.mean(energy[name]) for name in names]),
        frames=np.array([len(energy[name]) for name in names], dtype=float),
        spread=shrunk_to_parents([parents[kind] for kind in types]) if fine else np.eye(len(types)),
    )


def _type_counts(structure: Structure, *, fine: bool) -> Counter[str]:
    """Count the bonds of each type of a structure whose bonds are known."""
    bonds = structure.bonds or ()
    return Counter(bond.fine_type if fine else bond.bond_type for bond in bonds)


def _table(counts: list[Counter[str]], types: tuple[str, ...]) -> Floats:
    """Return counts of bonds as (M, T)."""
    rows = [[count[kind] for kind in types] for count in counts]
    return np.array(rows, dtype=float).reshape(len(counts), len(types))


@dataclass(frozen=True)
class AdditivePotential(Potential):
    """A fitted additivity that gives total energies; its forces are zero."""

    fitted: Additivity
    atoms: Mapping[int, float]
    fine: bool

    @property
    def r_max(self) -> float:
        """Return a cutoff (Å) that no two atoms are within: additivity has no edges."""
        return _NO_EDGES_ANG

    def knows(self, structure: Structure) -> bool:
        """Say whether a structure's bonds are known and training had every type of them."""
        here = set(_type_counts(structure, fine=self.fine))
        return bool(here) and here <= set(self.fitted.data.types)

    def energies_and_forces(self, batch: Batch) -> tuple[Floats, Floats]:
        """Return total energies (F,) in eV and forces (A, 3) of zero."""
        counts = [_type_counts(structure, fine=self.fine) for structure in batch.structures]
        binding = -_table(counts, self.fitted.data.types) @ self.fitted.bond_energy
        return binding + isolated(batch, self.atoms), np.zeros_like(batch.positions)

    @property
    def facts(self) -> Facts:
        """How it was fitted."""
        cv = self.fitted.cv_rmse_eV
        return Facts(
            frames_fitted=int(self.fitted.data.frames.sum()),
            n_parameters=len(self.fitted.data.types),
            effective_parameters=self.fitted.effective_parameters,
            rank=self.fitted.rank,
            condition=self.fitted.condition,
            ridge=self.fitted.ridge,
            ridge_chosen_by="cross-validation over molecules"
            if np.isfinite(cv)
            else "none could be left out: the smallest",
            cv_rmse_eV=cv,
        )

    def bond_energies(self, bonds: pd.DataFrame) -> Floats:
        """Return D (B,) of bonds in eV, NaN where training had no bond of the type."""
        known = dict(zip(self.fitted.data.types, self.fitted.bond_energy.tolist(), strict=True))
        kinds = bonds[C.FINE_TYPE if self.fine else C.BOND_TYPE]
        return kinds.map(known).to_numpy(dtype=float)

    def types(self) -> pd.DataFrame:
        """Return a row per bond type: its D (eV) and what determines it."""
        made, counts = self.fitted, self.fitted.data.counts
        d, (error, half) = made.bond_energy, made.jackknife()
        return pd.DataFrame(
            {
                C.BOND_TYPE: made.data.types,
                C.N: (counts * made.data.frames[:, None]).sum(axis=0).astype(int),
                C.N_MOLECULES: (counts > 0).sum(axis=0),
                **dict(zip(interval_columns(C.BOND_ENERGY), (d, d - half, d + half), strict=True)),
                "bond_energy_se_eV": error,
                "ridge_sd_eV": made.ridge_sd(),
                "resolution": made.resolution,
                "determined": np.where(made.determined, YES, NO),
            }
        )


def fit_coarse(training: Training) -> AdditivePotential:
    """Fit one bond energy per bond type to training frames."""
    return _fit(training, fine=False)


def fit_fine(training: Training) -> AdditivePotential:
    """Fit one bond energy per bond type with hybridisation to training frames."""
    return _fit(training, fine=True)


def _fit(training: Training, *, fine: bool) -> AdditivePotential:
    atoms = training.reader.isolated_atom_energy
    structures = from_store(training.reader, training.frames)
    return AdditivePotential(fit(molecules_of(structures, atoms, fine=fine)), atoms, fine)
