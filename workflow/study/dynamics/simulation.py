"""Langevin dynamics of many replicas of small molecules on a model: r and D of every bond.

Replicas of all molecules and temperatures are one ``Atoms`` object: ASE's integrator takes a
temperature for each atom, and one call of the model serves all of them. They do not see each other,
since the calculator hands each replica to the model as a structure of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.data import covalent_radii
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta

from e3d.connectivity import BROKEN_FACTOR
from e3d.errors import InputError
from e3d.graphs import make_batch
from e3d.potential import EdgePotential
from e3d.structures import Structure
from study.dynamics.series import Floats, Ints, Outcome, Series, bond_classes
from study.dynamics.settings import Settings
from study.reactivity.evaluated import bond_energies

COLLAPSED_FACTOR: Final = 0.5
"""Atoms closer than this times the sum of covalent radii have collapsed; C-H at 0.78 is 2 eV up."""
HOLE_EV: Final = 5.0
"""An energy so far below the relaxed molecule's is a hole of the model: no isomer lies there."""
MAX_FORCE_EV_ANG: Final = 200.0


def simulate(
    model: EdgePotential, molecules: Sequence[Structure], settings: Settings
) -> list[Series]:
    """Run replicas of every molecule at every temperature; return a series of each of the two.

    Langevin dynamics from the given geometry, with momenta drawn at twice the temperature: half of
    that energy goes into the vibrations. A replica is followed until a bond is longer than
    ``BROKEN_FACTOR`` times the sum of covalent radii, or until it explodes. The centre of mass is
    left free.
    """
    plan = list(zip(settings.temperatures_K, settings.replicas, strict=True))
    groups = [(molecule, t, n) for molecule in molecules for t, n in plan]
    replicas = [molecule for molecule, _, n in groups for _ in range(n)]
    if not replicas:
        return []
    temperature = np.concatenate(
        [np.full(n * len(molecule.atomic_numbers), t) for molecule, t, n in groups]
    )
    atoms = Atoms(
        np.concatenate([structure.atomic_numbers for structure in replicas]),
        positions=np.concatenate([structure.positions for structure in replicas]),
    )
    calculator = _Replicas(model, replicas)
    atoms.calc = calculator
    rng = np.random.default_rng(settings.seed)
    thermalize_momenta(atoms, 2 * temperature, rng=rng)
    dynamics = Langevin(
        atoms,
        settings.time_step_fs * units.fs,
        temperature_K=temperature[:, None],
        friction=1 / (settings.friction_fs * units.fs),
        fixcm=False,
        rng=rng,
    )
    atoms.get_forces()
    recorder = _Recorder(model, calculator, settings)
    for sample in range(settings.n_samples):
        if sample:
            dynamics.run(settings.sample_every)
        recorder.take(atoms, sample)
        if not calculator.running.any():
            break
    ends = np.cumsum([n for _, _, n in groups]).tolist()
    return [
        recorder.series(slice(end - n, end), t) for end, (_, t, n) in zip(ends, groups, strict=True)
    ]


class _Replicas(Calculator):  # type: ignore[misc]
    """Forces of the replicas that are still followed, zero of the others."""

    implemented_properties = ("energy", "forces")

    def __init__(self, model: EdgePotential, structures: Sequence[Structure]) -> None:
        super().__init__()
        self._model, self.structures = model, structures
        sizes = [len(structure.atomic_numbers) for structure in structures]
        self.ptr = np.concatenate([[0], np.cumsum(sizes)])
        self._replica = np.repeat(np.arange(len(sizes)), sizes)
        within = [np.stack(np.triu_indices(n, k=1)) for n in sizes]
        ends = [pairs + start for pairs, start in zip(within, self.ptr[:-1], strict=True)]
        self._i, self._j = np.concatenate(ends, axis=1)
        radii = covalent_radii[np.concatenate([s.atomic_numbers for s in structures])]
        self._least = COLLAPSED_FACTOR * (radii[self._i] + radii[self._j])
        self.running = np.ones(len(structures), dtype=bool)
        self.energy = np.zeros(len(structures))
        self._start: Floats | None = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("forces",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Fill in the forces (A, 3) of all atoms, and stop the replicas that have exploded."""
        super().calculate(atoms, properties, system_changes)
        forces = np.zeros((self.ptr[-1], 3))
        self._stop_collapsed()
        live = np.flatnonzero(self.running)
        if len(live):
            batch = make_batch(self.at(live), self._model.r_max)
            energy, found = self._model.energies_and_forces(batch)
            self.energy[live], forces[self.running[self._replica]] = energy, found
            self._start = self.energy.copy() if self._start is None else self._start
            largest = np.maximum.reduceat(np.abs(forces).max(axis=1), self.ptr[:-1])
            change = self.change
            sane = (largest < MAX_FORCE_EV_ANG) & (np.abs(change) < np.inf) & (change > -HOLE_EV)
            self.running &= sane
            forces[~self.running[self._replica]] = 0.0
        self.results = {"energy": float(self.energy[self.running].sum()), "forces": forces}

    @property
    def change(self) -> Floats:
        """Potential energy (replicas,) minus that of the start, eV."""
        return np.asarray(self.energy - (0.0 if self._start is None else self._start))

    def at(self, replicas: Iterable[int]) -> list[Structure]:
        """Return replicas at their current positions."""
        parts = np.split(self.atoms.positions, self.ptr[1:-1])
        return [replace(self.structures[k], positions=parts[k].copy()) for k in replicas]

    def _stop_collapsed(self) -> None:
        """Stop replicas with atoms too close for any model, or positions that are no numbers."""
        r = _distances(self.atoms.positions, self._i, self._j)
        self.running[self._replica[self._i[~(r > self._least)]]] = False  # nan is not more


class _Recorder:
    """Keeps r and D of every bond of every replica, sample by sample, and what broke."""

    def __init__(self, model: EdgePotential, calculator: _Replicas, settings: Settings) -> None:
        self._model, self._calculator, self._settings = model, calculator, settings
        n, self._samples = len(calculator.structures), settings.n_samples
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
        d = bond_energies(self._model.edge_energies(make_batch(structures, self._model.r_max)))
        twice = (atoms.get_momenta() ** 2).sum(axis=1) / atoms.get_masses()
        kinetic = np.add.reduceat(twice, calculator.ptr[:-1])
        equilibrated = sample * self._settings.sample_fs >= self._settings.equilibration_fs
        for k, structure, own in zip(live, structures, d, strict=True):
            i, j, reach = self._bonds[k]
            r = _distances(structure.positions, i, j)
            self._r[k][sample], self._energy[k][sample] = r, own[i, j]
            if equilibrated:
                self._kinetic[k] += kinetic[k] / (3 * len(structure.atomic_numbers) * units.kB)
                self._counted[k] += 1
            stretch = r / (BROKEN_FACTOR * reach)
            if (stretch > 1).any():  # of several within one sample, the one that has gone farthest
                self._broken[k], self._stopped[k] = int(stretch.argmax()), sample
                calculator.running[k] = False

    def series(self, rows: slice, temperature: float) -> Series:
        """Return the replicas ``rows``, of one molecule at one temperature (K)."""
        structure = self._calculator.structures[rows.start]
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
            reach=self._bonds[rows.start][2],
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
            f"{structure.label}: has no known bonds to follow. Give its mapped SMILES, or leave it "
            "out."
        )
    i, j = np.array([(bond.i, bond.j) for bond in structure.bonds], dtype=np.int64).T
    radii = covalent_radii[structure.atomic_numbers]  # Cordero 2008
    return i, j, radii[i] + radii[j]


def _distances(positions: Floats, i: Ints, j: Ints) -> Floats:
    return np.asarray(np.linalg.norm(positions[i] - positions[j], axis=1))
