"""Run Langevin dynamics of many replicas of small molecules on a model, and keep r and D of every bond.

Replicas of all molecules and temperatures are one ``Atoms`` object: ASE's integrator takes a
temperature per atom, and one call of the model serves all of them. They do not see each other, since
the calculator hands each replica to the model as a structure of its own.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from e3d.connectivity import BROKEN_FACTOR
from e3d.edges import EdgeEnergies
from e3d.errors import InputError
from e3d.graphs import make_batch
from e3d.pairs import pair_up
from e3d.potential import EdgePotential
from e3d.structures import Structure
from numpy.typing import NDArray
from study.dynamics.series import Floats, Ints, Outcome, Series, bond_classes, reaches

log = logging.getLogger(__name__)

COLLAPSED_FACTOR = 0.5
"""Atoms closer than this times the sum of covalent radii have collapsed; 2 eV up the wall of C-H are 0.78."""
HOLE_EV = 5.0
"""An energy so far below the relaxed molecule's is a hole of the model: no isomer of a small molecule is there."""
MAX_FORCE_EV_ANG = 200.0


@dataclass(frozen=True)
class Settings:
    """How dynamics run: the config key ``dynamics`` without its molecules."""

    temperatures_K: tuple[float, ...]
    replicas: tuple[int, ...]
    time_step_fs: float
    steps: int
    sample_every: int
    friction_fs: float
    equilibration_fs: float
    seed: int

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Settings":
        """Build the settings from a validated mapping; other keys are ignored."""
        fields = {name: values[name] for name in cls.__dataclass_fields__}
        temperatures, replicas = zip(
            *sorted(zip(fields["temperatures_K"], fields["replicas"], strict=True)), strict=True
        )
        return cls(**fields | {"temperatures_K": temperatures, "replicas": replicas})

    @property
    def sample_fs(self) -> float:
        """Time between two samples, fs."""
        return self.time_step_fs * self.sample_every


class _Replicas(Calculator):  # type: ignore[misc]
    """Forces of the replicas that are still followed, zero of the others."""

    implemented_properties = ("energy", "forces")

    def __init__(self, model: EdgePotential, structures: Sequence[Structure]) -> None:
        super().__init__()
        self._model, self.structures = model, list(structures)
        sizes = np.array([len(structure.atomic_numbers) for structure in structures])
        self.ptr = np.concatenate([[0], np.cumsum(sizes)])
        self.running = np.ones(len(structures), dtype=bool)
        self.energy = np.zeros(len(structures))
        self._start: Floats | None = None
        self._close = [_close_pairs(structure) for structure in structures]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("forces",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Fill in the forces (A, 3) of all atoms, and stop the replicas that have exploded."""
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None  # for mypy: set by the line above
        forces = np.zeros((self.ptr[-1], 3))
        live = [k for k in np.flatnonzero(self.running).tolist() if not self._collapsed(k)]
        if live:
            energy, found = self._model.energies_and_forces(
                make_batch(self.at(live), self._model.r_max)
            )
            self.energy[live] = energy
            forces[self._rows(live)] = found
            self._start = self.energy.copy() if self._start is None else self._start
            largest = np.maximum.reduceat(np.abs(forces).max(axis=1), self.ptr[:-1])[live]
            sane = (
                (largest < MAX_FORCE_EV_ANG)
                & (np.abs(self.change[live]) < np.inf)
                & (self.change[live] > -HOLE_EV)
            )
            self.running[live] = sane
            forces[self._rows([k for k, kept in zip(live, sane, strict=True) if not kept])] = 0.0
        self.results = {"energy": float(self.energy[self.running].sum()), "forces": forces}

    @property
    def change(self) -> Floats:
        """Potential energy (replicas,) minus that of the start, eV."""
        return np.asarray(self.energy - (0.0 if self._start is None else self._start))

    def at(self, replicas: Sequence[int]) -> list[Structure]:
        """Return replicas at their current positions."""
        positions = self.atoms.positions
        return [
            replace(self.structures[k], positions=positions[self.ptr[k] : self.ptr[k + 1]].copy())
            for k in replicas
        ]

    def _rows(self, replicas: Sequence[int]) -> Ints:
        parts = [np.arange(self.ptr[k], self.ptr[k + 1]) for k in replicas]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def _collapsed(self, k: int) -> bool:
        """Stop a replica two of whose atoms are too close for any model, or whose positions are no numbers."""
        i, j, least = self._close[k]
        positions = self.atoms.positions[self.ptr[k] : self.ptr[k + 1]]
        apart = (
            np.linalg.norm(positions[i] - positions[j], axis=1) > least
        ).all()  # nan is not more
        self.running[k] = bool(apart)
        return not apart


def _close_pairs(structure: Structure) -> tuple[Ints, Ints, Floats]:
    i, j = np.triu_indices(len(structure.atomic_numbers), k=1)
    return i, j, COLLAPSED_FACTOR * reaches(structure.atomic_numbers, i, j)


def simulate(
    model: EdgePotential, molecules: Sequence[Structure], settings: Settings
) -> list[Series]:
    """Run replicas of every molecule at every temperature; return a series of each (molecule, temperature).

    Langevin dynamics from the given geometry, with momenta drawn at twice the temperature: half of that
    energy goes into the vibrations. A replica is followed until a bond is longer than ``BROKEN_FACTOR``
    times the sum of covalent radii, or until it explodes. The centre of mass is left free.
    """
    groups = [
        (s, t, n)
        for s in molecules
        for t, n in zip(settings.temperatures_K, settings.replicas, strict=True)
    ]
    replicas = [structure for structure, _, n in groups for _ in range(n)]
    if not replicas:
        return []
    temperature = np.repeat([t for _, t, _ in groups], [n for _, _, n in groups])
    per_atom = np.repeat(temperature, [len(structure.atomic_numbers) for structure in replicas])
    atoms = Atoms(
        np.concatenate([s.atomic_numbers for s in replicas]),
        positions=np.concatenate([s.positions for s in replicas]),
    )
    calculator = _Replicas(model, replicas)
    atoms.calc = calculator
    rng = np.random.default_rng(settings.seed)
    thermalize_momenta(atoms, 2 * per_atom, rng=rng)
    dynamics = Langevin(
        atoms,
        settings.time_step_fs * units.fs,
        temperature_K=per_atom[:, None],
        friction=1 / (settings.friction_fs * units.fs),
        fixcm=False,
        rng=rng,
    )
    atoms.get_forces()
    recorder = _Recorder(model, calculator, settings)
    for sample in range(1 + settings.steps // settings.sample_every):
        if sample:
            dynamics.run(settings.sample_every)
        recorder.take(atoms, sample)
        if not calculator.running.any():
            break
    ends = np.cumsum([n for _, _, n in groups]).tolist()
    return [recorder.series(end - n, end, t) for end, (_, t, n) in zip(ends, groups, strict=True)]


class _Recorder:
    """Keeps r and D of every bond of every replica, sample by sample, and what broke."""

    def __init__(self, model: EdgePotential, calculator: _Replicas, settings: Settings) -> None:
        self._model, self._calculator, self._settings = model, calculator, settings
        n, self._samples = len(calculator.structures), 1 + settings.steps // settings.sample_every
        self._bonds = [_bonds_of(structure) for structure in calculator.structures]
        self._r = [np.full((self._samples, len(bonds[0])), np.nan) for bonds in self._bonds]
        self._energy = [np.full_like(r, np.nan) for r in self._r]
        self._stopped = np.full(n, self._samples)
        self._broken = np.full(n, -1)
        self._kinetic, self._counted = np.zeros(n), np.zeros(n)

    def take(self, atoms: Atoms, sample: int) -> None:
        """Record the replicas that run; stop those in which a bond has broken."""
        calculator = self._calculator
        gone = ~calculator.running & (self._stopped == self._samples)
        self._stopped[gone] = sample
        live = np.flatnonzero(calculator.running).tolist()
        if not live:
            return
        structures = calculator.at(live)
        edges = self._model.edge_energies(make_batch(structures, self._model.r_max))
        energies = _bond_energies(edges, [self._bonds[k] for k in live])
        kinetic = np.add.reduceat(
            (atoms.get_momenta() ** 2).sum(axis=1) / atoms.get_masses(), calculator.ptr[:-1]
        )
        equilibrated = sample * self._settings.sample_fs >= self._settings.equilibration_fs
        for k, structure, energy in zip(live, structures, energies, strict=True):
            i, j, reach = self._bonds[k]
            r = np.linalg.norm(structure.positions[i] - structure.positions[j], axis=1)
            self._r[k][sample], self._energy[k][sample] = r, energy
            if equilibrated:
                self._kinetic[k] += kinetic[k] / (3 * len(structure.atomic_numbers) * units.kB)
                self._counted[k] += 1
            stretch = r / (BROKEN_FACTOR * reach)
            if (stretch > 1).any():  # of several within one sample, the one that has gone farthest
                self._broken[k], self._stopped[k] = int(stretch.argmax()), sample
                calculator.running[k] = False

    def series(self, first: int, last: int, temperature: float) -> Series:
        """Return the replicas first..last-1, of one molecule at one temperature (K)."""
        structure = self._calculator.structures[first]
        rows = slice(first, last)
        stopped, broken = self._stopped[rows], self._broken[rows]
        ended = np.where(stopped < self._samples, Outcome.EXPLODED, Outcome.INTACT)
        assert structure.bonds is not None  # for mypy: _bonds_of has refused such a structure
        assert structure.mapped_smiles is not None
        with np.errstate(invalid="ignore"):
            kinetic = self._kinetic[rows] / self._counted[rows]
        return Series(
            molecule=structure.smiles,
            temperature_K=temperature,
            bonds=structure.bonds,
            bond_class=bond_classes(structure.mapped_smiles, structure.bonds),
            reach=self._bonds[first][2],
            sample_fs=self._settings.sample_fs,
            r=np.array(self._r[rows]),
            bond_energy=np.array(self._energy[rows]),
            stopped=stopped,
            outcome=np.where(broken >= 0, Outcome.BROKEN, ended).astype(object),
            broken=broken,
            energy_change=self._calculator.change[rows],
            kinetic_K=kinetic,
        )


def _bonds_of(structure: Structure) -> tuple[Ints, Ints, Floats]:
    """Return rows i, j (B,) and the sum of covalent radii (Å) of each bond.

    Raises
    ------
    InputError
        If the structure has no known bonds.
    """
    if not structure.bonds or structure.mapped_smiles is None:
        raise InputError(
            f"{structure.label}: has no known bonds to follow. Give its mapped SMILES, or leave it out."
        )
    i, j = np.array([(bond.i, bond.j) for bond in structure.bonds], dtype=np.int64).T
    return i, j, reaches(structure.atomic_numbers, i, j)


def _bond_energies(
    edges: EdgeEnergies, bonds: Sequence[tuple[Ints, Ints, Floats]]
) -> list[NDArray[np.float64]]:
    """Return D (eV) of the bonds of every frame; 0 of a bond beyond the model's cutoff, which has no edge."""
    pairs = pair_up(edges)
    n_atoms = len(edges.atomic_numbers)
    keys = pairs.i * n_atoms + pairs.j
    starts = edges.frame_ptr[:-1].tolist()
    wanted = np.concatenate(
        [(i + start) * n_atoms + j + start for (i, j, _), start in zip(bonds, starts, strict=True)]
    )
    place = np.searchsorted(keys, wanted).clip(max=max(len(keys) - 1, 0))
    found = (
        np.where(keys[place] == wanted, pairs.bond_energy[place], 0.0)
        if len(keys)
        else np.zeros(len(wanted))
    )
    return np.split(found, np.cumsum([len(i) for i, _, _ in bonds])[:-1])
