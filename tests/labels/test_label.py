"""Labels: two programs against independent numbers, and geometries that cannot be labelled."""

import importlib.util
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import ase.build
import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from e3d.options import read_yaml
from e3d.theory import GFN2, SPICE
from e3d.units import BOHR_ANG, HARTREE_EV
from e3d_labels import dft
from e3d_labels.dft import Dft, mayer
from e3d_labels.embed import xtb
from e3d_labels.geometries import read_geometries
from e3d_labels.programs import program_of, require
from e3d_labels.task import Task
from e3d_labels.xtb import Xtb
from label_fixtures import H2, Frames, diatomic, geometries, stretched
from study.cli import main

Expect = Callable[..., AbstractContextManager[None]]


def bohr(name: str) -> tuple[NDArray[np.int64], Frames]:
    """Atomic numbers and positions (bohr) of a G2 molecule, a little off its minimum."""
    atoms = ase.build.molecule(name)
    rng = np.random.default_rng(len(name))
    return atoms.numbers, (
        atoms.positions + rng.normal(scale=0.05, size=atoms.positions.shape)
    ) / BOHR_ANG


# --- GFN2-xTB


@pytest.mark.parametrize(
    ("name", "multiplicity"), [("H2O", 1), ("CH3CHO", 1), ("CH3", 2), ("O2", 3)]
)
def test_gfn2_agrees_with_tblites_own_calculator(name: str, multiplicity: int) -> None:
    numbers, positions = bohr(name)
    label = Xtb().label(Task(name, numbers, positions, multiplicity=multiplicity))
    atoms = ase.Atoms(numbers, positions * BOHR_ANG)
    atoms.calc = xtb(multiplicity=multiplicity)
    # two convergence thresholds, 0.01 and 1 times 1e-6 hartree; ASE's hartree differs in digit 9
    assert label.energy * HARTREE_EV == pytest.approx(atoms.get_potential_energy(), abs=5e-6)
    np.testing.assert_allclose(
        -label.gradient * HARTREE_EV / BOHR_ANG, atoms.get_forces(), atol=1e-3
    )


def test_gfn2_gradient_is_the_slope_of_the_energy() -> None:
    numbers, positions = bohr("CH3OH")
    labeller, step = Xtb(), 1e-3
    slope = np.zeros_like(positions)
    for index in np.ndindex(positions.shape):
        moved = np.zeros_like(positions)
        moved[index] = step
        up, down = (
            labeller.label(Task("x", numbers, positions + sign * moved)).energy for sign in (1, -1)
        )
        slope[index] = (up - down) / (2 * step)
    # energies converged to 1e-8 over 2e-3 bohr, and the curvature's third derivative times step^2
    np.testing.assert_allclose(
        labeller.label(Task("x", numbers, positions)).gradient, slope, atol=2e-5
    )


def test_gfn2_bond_orders_count_bonds() -> None:
    numbers, positions = bohr("C2H4")
    orders = Xtb().label(Task("x", numbers, positions)).mayer
    assert orders[0, 1] == pytest.approx(2.0, abs=0.15)
    assert orders[0, 2] == pytest.approx(1.0, abs=0.1)
    np.testing.assert_array_equal(orders, orders.T)
    assert np.diagonal(orders).tolist() == [0.0] * 6
    # minimal basis, one electron pair in sigma and two pi bonds, two electrons of one spin in pi*:
    # Mayer's formula gives 0.5 + 1.5
    oxygen = Xtb().label(diatomic([8, 8], 1.21, multiplicity=3)).mayer
    np.testing.assert_allclose(oxygen, [[0, 2], [2, 0]], atol=0.05)


# --- wB97M-D3(BJ)/def2-TZVPPD


@pytest.mark.parametrize("name", ["[H][H]", "O"])
def test_dft_reproduces_the_shipped_labels(name: str, minispice: Path) -> None:
    with h5py.File(minispice) as file:
        group = {key: values[()] for key, values in file[name].items()}
    label = Dft().label(
        Task(name, group["atomic_numbers"], group["conformations"][0].astype(float))
    )
    assert label.energy == pytest.approx(group["dft_total_energy"][0], abs=1e-6)
    # the shipped gradient is float32; without the grid's response both repeat to about 1e-6
    np.testing.assert_allclose(label.gradient, group["dft_total_gradient"][0], atol=5e-6)
    assert label.method == "RKS"


@pytest.fixture
def small_basis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use def2-SVP: spins are treated alike in any basis, in a tenth of the time."""
    monkeypatch.setattr(dft, "BASIS", "def2-svp")


@pytest.mark.usefixtures("small_basis")
def test_a_dissociated_bond_takes_broken_symmetry() -> None:
    labeller = Dft()
    atom = labeller.label(Task("H", np.array([1]), np.zeros((1, 3)), multiplicity=2))
    closed = labeller.label(diatomic(H2, 6.0))
    broken = labeller.label(diatomic(H2, 6.0, stretched=True))
    assert atom.method == "UKS"
    assert atom.spin_square == pytest.approx(0.75, abs=1e-6)
    assert broken.method == "broken-symmetry UKS"
    assert broken.spin_square == pytest.approx(1.0, abs=0.01)
    assert broken.energy == pytest.approx(2 * atom.energy, abs=1e-4)
    assert broken.mayer[0, 1] < 0.01
    # negative control: restricted orbitals keep the ionic half of the wave function
    assert closed.energy - 2 * atom.energy > 0.05
    assert closed.mayer[0, 1] == pytest.approx(1.0, abs=0.01)


def test_a_bond_at_its_length_stays_closed_though_broken_symmetry_is_tried() -> None:
    plain, tried = (Dft().label(diatomic(H2, 0.74, stretched=flag)) for flag in (False, True))
    assert (plain.method, tried.method) == ("RKS", "RKS")
    assert plain.energy == pytest.approx(tried.energy, abs=1e-9)
    assert plain.mayer[0, 1] == pytest.approx(1.0, abs=0.02)


@pytest.mark.usefixtures("small_basis")
def test_bond_orders_of_nitrogen_and_triplet_oxygen() -> None:
    nitrogen = Dft().label(diatomic([7, 7], 1.10))
    oxygen = Dft().label(diatomic([8, 8], 1.21, multiplicity=3))
    assert nitrogen.mayer[0, 1] == pytest.approx(3.0, abs=0.2)
    assert oxygen.method == "UKS"
    assert oxygen.spin_square == pytest.approx(2.0, abs=0.05)
    assert oxygen.mayer[0, 1] == pytest.approx(2.0, abs=0.3)  # 0.5 by one spin and 1.5 by the other


def test_mayers_formula_on_paper() -> None:
    # an orbital on each of two atoms, no overlap: the bonding one holds an electron of each spin
    bonding = np.full((2, 2), 0.5)
    owners = np.array([0, 1])
    np.testing.assert_allclose(mayer(bonding, bonding, np.eye(2), owners), [[0, 1], [1, 0]])
    np.testing.assert_allclose(mayer(bonding, 0 * bonding, np.eye(2), owners), [[0, 0.5], [0.5, 0]])


# --- what cannot be labelled

WATER = {
    "smiles": ["[O:1]([H:2])[H:3]"],
    "atomic_numbers": np.array([8, 1, 1]),
    "conformations": np.ones((2, 3, 3), dtype=np.float32),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conformations": None}, "lacks conformations"),
        ({"conformations": np.ones((2, 4, 3))}, "do not fit 3 atoms"),
        (
            {"conformations": np.full((2, 3, 3), np.nan)},
            "conformation 0 are not finite (2 of 2 affected)",
        ),
        ({"conformations": np.zeros((0, 3, 3))}, "holds no conformations in 1 groups"),
        ({"atomic_numbers": np.array([1, 8, 1])}, "do not follow the map numbers"),
        ({"smiles": ["O"]}, "map number"),
        ({"smiles": ["C("]}, "group 'water': SMILES 'C(' cannot be read"),
        ({"smiles": [""]}, "needs `charge` and `multiplicity`"),
        ({"multiplicity": np.array([2])}, "multiplicity 2 does not fit 10 electrons"),
        ({"sample_index": np.array([0])}, "sample_index has 1 numbers, expected 2"),
    ],
)
def test_geometries_that_cannot_be_labelled_are_one_line(
    change: dict[str, Any], message: str, tmp_path: Path, input_error: Expect
) -> None:
    group = {key: value for key, value in (WATER | change).items() if value is not None}
    with input_error("geometries.hdf5", message):
        read_geometries(geometries(tmp_path / "geometries.hdf5", {"water": group}))


@pytest.mark.parametrize("shape", [(1,), ()])
def test_charge_and_spin_that_no_smiles_says(shape: tuple[int, ...], tmp_path: Path) -> None:
    arrays = {
        "smiles": [""],
        "atomic_numbers": np.array([8, 8]),
        "conformations": stretched(1.2) / BOHR_ANG,
        "charge": np.full(shape, 0),
        "multiplicity": np.full(shape, 3),
    }
    (group,) = read_geometries(geometries(tmp_path / "g.hdf5", {"oxygen": arrays}))
    assert (group.task(0).charge, group.task(0).multiplicity) == (0, 3)


@pytest.mark.parametrize(
    ("factor", "message"), [(BOHR_ANG, "Å were taken as bohr"), (0.1 * BOHR_ANG, "0.3")]
)
def test_coordinates_in_another_unit_are_not_labelled(
    factor: float, message: str, tmp_path: Path, input_error: Expect
) -> None:
    """In Å and in nm, where bohr are expected: before hours of labelling."""
    molecules = {"O": "H2O", "C": "CH4", "N": "NH3", "C=C": "C2H4", "CC": "C2H6"}
    groups = {
        smiles: np.repeat(factor * ase.build.molecule(name).positions[None], 2, axis=0)
        for smiles, name in molecules.items()
    }
    with input_error("g.hdf5", message):
        read_geometries(geometries(tmp_path / "g.hdf5", groups))


@pytest.mark.parametrize("name", ["H2O", "CH4", "C2H2", "H2"])
def test_one_molecule_in_angstrom_is_not_labelled_as_bohr(
    name: str, tmp_path: Path, input_error: Expect
) -> None:
    """O-H of 0.51 Å; with the unit beside them, such coordinates are what they say."""
    atoms = ase.build.molecule(name)
    arrays = {
        "smiles": [""],
        "atomic_numbers": atoms.numbers,
        "conformations": atoms.positions[None],
        "charge": 0,
        "multiplicity": 1,
    }
    path = geometries(tmp_path / "g.hdf5", {name: arrays})
    with input_error("g.hdf5", name, "Å were taken as bohr", "the attribute `units`"):
        read_geometries(path)
    for unit, factor in (("bohr", 1.0), ("angstrom", 1 / BOHR_ANG)):
        with h5py.File(path, "a") as file:
            file[name]["conformations"].attrs["units"] = unit
        (group,) = read_geometries(path)
        np.testing.assert_allclose(group.positions[0], factor * atoms.positions, atol=1e-6)


def test_theories_by_short_name(input_error: Expect) -> None:
    assert program_of("spice").theory == SPICE.name
    assert program_of(GFN2.name).theory == program_of("gfn2").theory == "GFN2-xTB"
    with input_error("theory 'spise'", "did you mean 'spice'?"):
        program_of("spise")


@pytest.mark.parametrize(
    ("name", "missing"), [("spice", "pyscf.dispersion"), ("spice", "pyscf"), ("gfn2", "tblite")]
)
def test_a_missing_program_is_one_line(
    name: str, missing: str, monkeypatch: pytest.MonkeyPatch, input_error: Expect
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda what: None if what == missing else real(what)
    )
    with input_error(f"{missing} is not installed", "pip install 'e3d[labels]'"):
        require(*program_of(name).packages)


@pytest.mark.parametrize(
    "option", [["--jobs", "0"], ["--chunk", "x"], ["--max-hours", "-1"], ["--max-hours", "nan"]]
)
def test_options_out_of_range_are_refused(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["data", "label", "none.hdf5", "--theory", "gfn2", "-o", "out.hdf5", *option])
    assert "must be a" in capsys.readouterr().err


def test_the_shipped_labels_were_checked(root: Path) -> None:
    """Twenty random ones of the file that ships, computed again: within 1e-6 hartree."""
    table = pd.read_csv(root / "resources" / "minispice_check.csv")
    assert len(table) == 20
    assert table["energy_difference_hartree"].abs().max() < 1e-6
    assert table["gradient_difference_max_hartree_per_bohr"].max() < 2e-5
    note = json.loads((root / "resources" / "minispice_check.csv.provenance.json").read_text())
    digests = list(note["inputs"].values())
    assert digests == [read_yaml(root / "config" / "datasets.yaml")["minispice"]["sha256"]]
