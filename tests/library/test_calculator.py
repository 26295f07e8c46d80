"""The ASE calculator: derivatives, dynamics, cells, and D as the decomposition gives it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.fd import calculate_numerical_forces
from ase.io import read
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS

import e3d
from e3d.edges import EdgeEnergies
from e3d.models import AnalysisModel

INDEX = ["i", "j", "s_x", "s_y", "s_z"]
Build = Callable[..., AnalysisModel]


class Counting:
    """A model that counts how often it is asked for what."""

    def __init__(self, model: AnalysisModel) -> None:
        self._model = model
        self.forces = self.edges = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def energies_and_forces(self, batch: e3d.Batch) -> Any:
        self.forces += 1
        return self._model.energies_and_forces(batch)

    def edge_energies(self, batch: e3d.Batch) -> EdgeEnergies:
        self.edges += 1
        return self._model.edge_energies(batch)


def ice(*, pbc: bool | tuple[bool, bool, bool] = True) -> Atoms:
    """Two waters in a skewed cell, smaller than the cutoff: edges to images, also of itself."""
    atoms = Atoms("OH2OH2", cell=[[3.1, 0, 0], [0.6, 3.4, 0], [0, 0.3, 4.2]], pbc=pbc)
    water = molecule("H2O").positions
    atoms.positions = np.concatenate([water, water[:, [1, 2, 0]] + [1.5, 1.7, 2.3]])
    atoms.wrap()  # a hydrogen of the first is across the cell
    return atoms


def slab() -> Atoms:
    return ice(pbc=(True, True, False))


@pytest.mark.parametrize("make", [lambda: molecule("CH3OH"), ice, slab])
def test_forces_are_the_derivative_of_the_energy(
    make: Callable[[], Atoms], build_model: Build
) -> None:
    atoms = make()
    atoms.rattle(0.05, seed=3)
    atoms.calc = e3d.EdgeCalculator(build_model())
    numerical = calculate_numerical_forces(atoms, eps=1e-4)
    error = np.abs(atoms.get_forces() - numerical).max()
    assert np.abs(numerical).max() > 0.05
    assert error < 1e-6, error
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()


@pytest.mark.parametrize("make", [lambda: molecule("CH3OH"), ice, slab])
def test_bond_energies_are_those_of_a_decomposition(
    make: Callable[[], Atoms], build_model: Build
) -> None:
    model, atoms = build_model(), make()
    atoms.calc = e3d.EdgeCalculator(model)
    atoms.get_potential_energy()
    table = e3d.decompose(model, atoms)
    assert len(table) > 3
    np.testing.assert_array_equal(atoms.calc.get_property("bonds", atoms), table[INDEX])
    found = atoms.calc.get_property("bond_energies", atoms)
    np.testing.assert_array_equal(found, table["bond_energy_eV"])
    assert {"energy", "forces"} <= atoms.calc.results.keys()  # both are of these positions


def test_images_count_in_a_small_cell(build_model: Build) -> None:
    atoms = ice()
    atoms.calc = e3d.EdgeCalculator(build_model())
    assert atoms.calc.get_property("bonds", atoms)[:, 2:].any()
    whole = atoms.get_potential_energy()
    twice = atoms.repeat((2, 1, 1))
    twice.calc = e3d.EdgeCalculator(build_model())
    assert twice.get_potential_energy() == pytest.approx(2 * whole, abs=1e-8)


def test_dynamics_conserve_energy_and_never_ask_for_bonds(
    build_model: Build, tmp_path: Path
) -> None:
    model = Counting(build_model())
    atoms = molecule("CH3OH")
    atoms.calc = e3d.EdgeCalculator(model)  # type: ignore[arg-type]  # a stand-in
    atoms.set_momenta(np.random.default_rng(0).normal(scale=0.5, size=(6, 3)))
    total = atoms.get_total_energy()
    path = tmp_path / "run.traj"
    with VelocityVerlet(atoms, timestep=0.2 * units.fs, trajectory=str(path)) as dynamics:
        dynamics.run(40)
    moved = np.abs(atoms.positions - molecule("CH3OH").positions).max()
    assert moved > 0.05
    assert abs(atoms.get_total_energy() - total) < 1e-3
    assert (model.forces, model.edges) == (41, 0)
    first = atoms.calc.get_property("bond_energies", atoms)
    atoms.calc.get_property("bonds", atoms)
    assert model.edges == 1  # both came together
    atoms.positions[0] += 0.01
    assert (atoms.calc.get_property("bond_energies", atoms) != first).all()
    assert read(path, index=0).get_total_energy() == pytest.approx(total)


def test_relaxations_end(model: AnalysisModel) -> None:
    atoms = molecule("H2O")
    atoms.info["smiles"] = "[O:1]([H:2])[H:3]"  # the minimum of so poor a model is no water
    atoms.calc = e3d.EdgeCalculator(model)
    with BFGS(atoms, logfile=None) as relaxation:
        assert relaxation.run(fmax=0.01, steps=200)
    assert np.abs(atoms.get_forces()).max() < 0.01
    assert len(atoms.calc.get_property("bond_energies", atoms)) == 2


def test_a_smiles_keeps_the_bonds_of_a_stretched_molecule(build_model: Build) -> None:
    atoms = molecule("H2O")
    atoms.info["smiles"] = "[O:1]([H:2])[H:3]"
    atoms.positions[1] += [0, 1.0, 0]
    atoms.calc = e3d.EdgeCalculator(build_model())
    assert atoms.calc.get_property("bonds", atoms)[:, :2].tolist() == [[0, 1], [0, 2]]


def test_unknown_elements_are_one_line(build_model: Build, input_error: Any) -> None:
    atoms = Atoms("HBr", positions=[[0, 0, 0], [0, 0, 1.4]])
    atoms.calc = e3d.EdgeCalculator(build_model())
    for property_name in ("energy", "bond_energies"):
        with input_error("does not know Br"):
            atoms.calc.get_property(property_name, atoms)
