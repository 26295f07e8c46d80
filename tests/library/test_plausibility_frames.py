"""Mistakes in frames without SMILES: single conformations, molecules in a box, a crystal.

The sources are single conformations of ``resources/spice2_real.xyz``, the first molecules of
minispice, and a copper cell by EMT.
"""

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.morse import MorsePotential
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from e3d.errors import InputError
from e3d.store.checks.levels import LEAST_ATOMS, least_absolute
from e3d.store.checks.structures import COMMON, odd_frames
from e3d.store.checks.varying import Energies
from e3d.store.convert import write_store
from e3d.store.group import Group
from e3d.units import BOHR_ANG, EV_KCAL_MOL, HARTREE_EV
from mutation_fixtures import MOLECULES, Arrays, E, G, Mutation, X, permuted, rewritten, scaled


def per_atom(arrays: Arrays) -> None:
    arrays["e"] = arrays["e"] / len(arrays["x"])


SINGLE: dict[str, tuple[Mutation, str]] = {
    "hartree": (scaled(e=1 / HARTREE_EV), "energies in hartree were taken as eV"),
    "kcal/mol": (scaled(e=EV_KCAL_MOL), "energies in kcal/mol were taken as eV"),
    "per atom": (per_atom, "if energies per atom were taken as those of molecules"),
    "bohr": (scaled(x=1 / BOHR_ANG), "coordinates in bohr were taken as Å"),
    "bohr, the other way": (scaled(x=BOHR_ANG), "coordinates in Å were taken as bohr"),
    "nm": (scaled(x=0.1), "Å apart"),
    "order of atoms": (permuted(0, "f"), "torque"),
    "order of axes": (permuted(1, "f"), "torque"),
    "no forces": (scaled(f=0.0), "zero to the last digit"),
}


@pytest.mark.parametrize(
    ("change", "text"), [pytest.param(*case, id=name) for name, case in SINGLE.items()]
)
def test_one_conformation_of_each_molecule(
    change: Mutation, text: str, singles: list[Atoms], tmp_path: Path, input_error: Any
) -> None:
    path = rewritten(singles, tmp_path / "single.xyz", change)
    with input_error("single.xyz", text):
        write_store(path, tmp_path / "store.h5", layout="extxyz")


def test_one_conformation_of_each_molecule_is_read(singles: list[Atoms], tmp_path: Path) -> None:
    path = rewritten(singles, tmp_path / "single.xyz", lambda arrays: None)
    report = write_store(path, tmp_path / "store.h5", layout="extxyz").as_dict()
    assert (report["frames"], report["frames_dropped"]) == (40, {})
    assert report["forces_against_energies"]["all"]["slope"] is None, "nothing is near"


def in_a_box(arrays: Arrays) -> None:
    arrays["x"] = (arrays["x"] - arrays["x"].mean(axis=0)) % 20.0


def turned(arrays: Arrays) -> None:
    arrays["f"] = arrays["f"][:, [1, 2, 0]]


def pulled(*force: float) -> Mutation:
    """Add a force (3,), eV/Å, to every atom."""

    def change(arrays: Arrays) -> None:
        arrays["f"] = arrays["f"] + np.array(force)

    return change


UNBALANCED: dict[str, tuple[Mutation, int, str]] = {
    "pulled": (pulled(0.3, 0.3, 0.3), 1, "in 40 of 40 frames the net force is"),
    "pulled a little": (pulled(0, 0, 0.1), 1, "at most half may be"),
    "pulled, few": (pulled(0, 0, 0.5), 8, "in 5 of 40 frames the net force is"),
    "cut by a box": (in_a_box, 3, "frames the torque is"),
    "turned, few": (turned, 7, "frames the torque is"),
    "order of atoms, few": (permuted(0, "f"), 8, "frames the torque is"),
}


@pytest.mark.parametrize(
    ("change", "every", "text"), [pytest.param(*case, id=name) for name, case in UNBALANCED.items()]
)
def test_forces_cancel_in_every_frame(
    change: Mutation, every: int, text: str, singles: list[Atoms], tmp_path: Path, input_error: Any
) -> None:
    changes = iter(range(len(singles)))
    path = rewritten(
        singles,
        tmp_path / "single.xyz",
        lambda arrays: change(arrays) if next(changes) % every == 0 else None,
    )
    with input_error("single.xyz", text, "conformation"):
        write_store(path, tmp_path / "store.h5", layout="extxyz")


def reversed_elements(frame: Atoms) -> None:
    frame.numbers = frame.numbers[::-1].copy()


def one_decimal(frame: Atoms) -> None:
    frame.positions = frame.positions.round(1)


def one_decimal_of_bohr(frame: Atoms) -> None:
    frame.positions = ((frame.positions / BOHR_ANG).round(1) * BOHR_ANG).round(8)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (reversed_elements, "elements are in another order"),
        (one_decimal, "of 33 compositions have one decimal"),
        (one_decimal_of_bohr, "of 33 compositions have one decimal (Å or bohr)"),
    ],
)
def test_what_no_molecule_has(
    change: Any, text: str, singles: list[Atoms], tmp_path: Path, input_error: Any
) -> None:
    frames = []
    for source in singles:
        frame, results = source.copy(), dict(source.calc.results)
        change(frame)
        frame.calc = SinglePointCalculator(frame, **results)
        frames.append(frame)
    write(tmp_path / "single.xyz", frames, format="extxyz")
    with input_error("single.xyz", text):
        write_store(tmp_path / "single.xyz", tmp_path / "store.h5", layout="extxyz")


def test_what_is_said_of_right_frames(root: Path) -> None:
    """The numbers of docs/datasets.md: neighbours, and what a sum over elements leaves."""
    real = list(read(root / "resources" / "spice2_real.xyz", index=":"))
    common = [frame for frame in real if len(frame) > 3 and set(frame.numbers) <= {*COMMON}]
    odd = [odd_frames(frame.positions[None], frame.numbers)[0] for frame in common]
    wrong = [odd_frames(frame.positions[None], frame.numbers[::-1])[0] for frame in common]
    assert np.mean(odd) <= 0.003
    assert np.mean(wrong) >= 0.82
    large = [frame for frame in real if len(frame) >= LEAST_ATOMS]
    elements = sorted({z for frame in large for z in frame.numbers})
    share = np.array([[np.mean(frame.numbers == z) for z in elements] for frame in large])
    energy = np.array([frame.get_potential_energy() / len(frame) for frame in large])
    left = energy - share @ least_absolute(share, energy)
    assert np.abs(left).max() < 0.4


def morse(frame: Atoms) -> Atoms:
    """Return a frame with a Morse potential's labels, energies below isolated atoms."""
    frame.calc = MorsePotential(epsilon=3.0, r0=1.09, rho0=3.0, rcut1=20.0, rcut2=21.0)
    labels = {"energy": frame.get_potential_energy(), "forces": frame.get_forces()}
    frame.calc = SinglePointCalculator(frame, **labels)
    return frame


def stretched(name: str) -> list[Atoms]:
    """Return a molecule whose last atom is pulled away in small steps."""
    frames = []
    for k in range(24):
        frame = molecule(name)
        away = frame.positions[-1] - frame.positions[0]
        frame.positions[-1] += 0.1 * k * away / np.linalg.norm(away)
        frames.append(morse(frame))
    return frames


def boxed_dimer() -> list[Atoms]:
    """Return a dimer's curve in a periodic box, as potentials are trained on it."""
    return [
        morse(Atoms("Si2", [[0, 0, 0], [0, 0, 2 + 0.2 * k]], cell=[25.0] * 3, pbc=True))
        for k in range(20)
    ]


def on_a_grid() -> list[Atoms]:
    """Return chains of hydrogen whose coordinates have one decimal for good reasons."""
    return [
        morse(Atoms(f"H{n}", [[0, 0, round(d * i, 1)] for i in range(n)]))
        for n in (4, 6, 8, 10)
        for d in (0.8, 0.9, 1.0, 1.1, 1.2)
    ]


@pytest.mark.parametrize(
    "frames",
    [
        partial(stretched, "CH4"),
        partial(stretched, "CH3OH"),
        partial(stretched, "NH3"),
        boxed_dimer,
        on_a_grid,
    ],
)
def test_scans_are_read(frames: Any, tmp_path: Path) -> None:
    """What looks odd in most frames of few molecules is what the author wanted."""
    atoms = dict.fromkeys(("H", "C", "N", "O", "Si"), 0.0)
    write(tmp_path / "scan.xyz", frames(), format="extxyz")
    report = write_store(
        tmp_path / "scan.xyz",
        tmp_path / "store.h5",
        layout="extxyz",
        theory="Morse",
        isolated_atom_energy=atoms,
    )
    assert report.frames >= 20


@pytest.mark.parametrize("every", [2, 4])
def test_two_levels_of_theory(every: int, root: Path, tmp_path: Path, input_error: Any) -> None:
    frames = list(read(root / "resources" / "spice2_real.xyz", index="0:80"))
    for k, frame in enumerate(frames):
        results = dict(frame.calc.results)
        results["energy"] += (k % every == 0) * 3.0 * len(frame)
        frame.calc = SinglePointCalculator(frame, **results)
    write(tmp_path / "single.xyz", frames, format="extxyz")
    with input_error("single.xyz", "Two levels of theory"):
        write_store(tmp_path / "single.xyz", tmp_path / "store.h5", layout="extxyz")


# -- molecules in a periodic box -----------------------------------------------------------------


@pytest.fixture(scope="module")
def boxed(minispice_groups: dict[str, Arrays]) -> list[Atoms]:
    """Ten conformations of each molecule in boxes of 20 to 25 Å, cut by their faces, shuffled."""
    rng = np.random.default_rng(0)
    frames = []
    for arrays in minispice_groups.values():
        for k in range(10):
            atoms = Atoms(arrays["atomic_numbers"], arrays[X][k] * BOHR_ANG, pbc=True)
            atoms.cell = np.diag(rng.uniform(20, 25, size=3)) + 2.0 * np.eye(3, k=-1)
            atoms.positions += rng.uniform(-20, 20, size=3)
            atoms.wrap()
            forces = -arrays[G][k] * HARTREE_EV / BOHR_ANG
            energy = float(arrays[E][k] * HARTREE_EV)
            atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
            frames.append(atoms)
    return [frames[k] for k in rng.permutation(len(frames))]


BOXED = {
    "gradients": (scaled(f=-1.0), "opposite sign"),
    "hartree/bohr": (scaled(f=1 / 51.42), "forces are in hartree/bohr"),
    "eV/bohr": (scaled(f=BOHR_ANG), "eV/bohr"),
    "order of atoms": (permuted(0, "f"), "different conformations"),
    "order of axes": (turned, "different conformations"),
    "no forces": (scaled(f=0.0), "zero to the last digit"),
}


@pytest.mark.parametrize(
    ("change", "text"), [pytest.param(*case, id=name) for name, case in BOXED.items()]
)
def test_molecules_in_a_box(
    change: Mutation, text: str, boxed: list[Atoms], tmp_path: Path, input_error: Any
) -> None:
    path = rewritten(boxed, tmp_path / "boxed.xyz", change)
    with input_error("boxed.xyz", text):
        write_store(path, tmp_path / "store.h5", layout="extxyz")


def test_molecules_in_a_box_are_read(boxed: list[Atoms], tmp_path: Path) -> None:
    path = rewritten(boxed, tmp_path / "boxed.xyz", lambda arrays: None)
    report = write_store(path, tmp_path / "store.h5", layout="extxyz")
    found = report.forces_against_energies["all"]
    assert report.frames_periodic == report.frames == 10 * MOLECULES
    assert found["steps"] >= 20
    assert found["slope"] == pytest.approx(1, abs=0.08)


@pytest.fixture(scope="module")
def copper() -> list[Atoms]:
    """Thirty frames of a copper cell whose atoms walk in small steps, across its faces, by EMT.

    Energies are relative to isolated atoms, lowered by 3.5 eV each, as copper is bound.
    """
    atoms = bulk("Cu", cubic=True).repeat((2, 2, 1))
    rng = np.random.default_rng(0)
    rest = atoms.positions.copy()
    walk = np.zeros_like(rest)
    frames = []
    for _ in range(30):
        walk = 0.9 * walk + rng.normal(scale=0.06, size=rest.shape)
        frame = atoms.copy()
        frame.positions = rest + walk
        frame.wrap()
        frame.calc = EMT()
        energy = frame.get_potential_energy() - 3.5 * len(frame)
        labels = {"energy": energy, "forces": frame.get_forces()}
        frame.calc = SinglePointCalculator(frame, **labels)
        frames.append(frame)
    return frames


EMT_ATOM: Any = {"layout": "extxyz", "theory": "EMT", "isolated_atom_energy": {"Cu": 0.0}}
CRYSTAL = {
    "gradients": (scaled(f=-1.0), "opposite sign"),
    "hartree/bohr": (scaled(f=1 / 51.42), "forces are in hartree/bohr"),
    "order of atoms": (permuted(0, "f"), "times the work"),
    "no forces": (scaled(f=0.0), "forces are zero"),
    "energies in kcal/mol": (scaled(e=EV_KCAL_MOL), "binding energy"),
    "energies per atom": (scaled(e=1 / 16), "times the work"),
    "no energies": (scaled(e=0.0), "energies of 30 of 30 frames are zero"),
    "one energy": (
        lambda arrays: arrays.update(e=np.array(-56.0)),
        "the energy of the frame before",
    ),
    "pulled": (pulled(0.3, 0.3, 0.3), "in 30 of 30 frames the net force is"),
}


@pytest.mark.parametrize("factor", [BOHR_ANG, 1 / BOHR_ANG])
def test_every_third_crystal_in_another_unit(
    factor: float, tmp_path: Path, input_error: Any
) -> None:
    metals = ("Cu", "Ag", "Au", "Ni", "Pd", "Pt")
    frames = []
    for k, metal in enumerate(metals * 5):
        frame = bulk(metal, cubic=True)
        frame.rattle(0.05, seed=k)
        frame.calc = EMT()
        energy = frame.get_potential_energy() - 3.5 * len(frame)
        labels = {"energy": energy, "forces": frame.get_forces()}
        if k // len(metals) < 2:
            frame.set_cell(frame.cell * factor, scale_atoms=True)
        frame.calc = SinglePointCalculator(frame, **labels)
        frames.append(frame)
    write(tmp_path / "metals.xyz", frames, format="extxyz")
    atoms: Any = EMT_ATOM | {"isolated_atom_energy": dict.fromkeys(metals, 0.0)}
    with input_error("metals.xyz", "closest atoms of 25% of the frames or more", "bohr"):
        write_store(tmp_path / "metals.xyz", tmp_path / "store.h5", **atoms)


def test_crystals_without_forces_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The forces of a cell of one atom are zero by symmetry: right, and worth a line."""
    frames = [bulk("Cu", a=3.4 + 0.02 * k) for k in range(10)]
    for frame in frames:
        frame.calc = EMT()
        energy = frame.get_potential_energy() - 3.5
        labels = {"energy": energy, "forces": np.zeros((1, 3))}
        frame.calc = SinglePointCalculator(frame, **labels)
    write(tmp_path / "copper.xyz", frames, format="extxyz")
    report = write_store(tmp_path / "copper.xyz", tmp_path / "store.h5", **EMT_ATOM)
    assert report.frames == 10
    assert "forces of 10 of 10 frames of crystals are exactly zero" in caplog.text


@pytest.mark.parametrize(
    ("change", "text"), [pytest.param(*case, id=name) for name, case in CRYSTAL.items()]
)
def test_a_crystal(
    change: Mutation, text: str, copper: list[Atoms], tmp_path: Path, input_error: Any
) -> None:
    path = rewritten(copper, tmp_path / "copper.xyz", change)
    with input_error("copper.xyz", text):
        write_store(path, tmp_path / "store.h5", **EMT_ATOM)


@pytest.mark.parametrize(("size", "wrong"), [(0.002, False), (1.0, True)])
def test_energies_that_repeat(size: float, wrong: bool, copper: list[Atoms]) -> None:
    """Rounded ones of relaxed structures may, those beside forces that change may not."""
    m, n = 20, len(copper[0])
    positions = np.tile(copper[0].positions, (m, 1, 1))
    forces = size * np.random.default_rng(0).normal(size=(m, n, 3))
    energies = Energies({29: 0.0})
    numbers = copper[0].numbers.astype(int)
    energies.add(Group("", "copper", numbers, positions, np.full(m, -3.5 * n), forces))
    with (
        pytest.raises(InputError, match="the energy of the frame before")
        if wrong
        else nullcontext()
    ):
        energies.finish()


def test_a_crystal_is_read(copper: list[Atoms], tmp_path: Path) -> None:
    path = rewritten(copper, tmp_path / "copper.xyz", lambda arrays: None)
    found = write_store(path, tmp_path / "store.h5", **EMT_ATOM).forces_against_energies["all"]
    assert found["steps"] >= 20
    assert found["slope"] == pytest.approx(1, abs=0.03)
    assert found["agreement"] > 0.95


def test_weakly_bound_crystals_are_warned_of(
    copper: list[Atoms], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = rewritten(copper, tmp_path / "hartree.xyz", scaled(e=1 / HARTREE_EV, f=1 / HARTREE_EV))
    write_store(path, tmp_path / "store.h5", **EMT_ATOM)
    assert "30 of 30 crystals are bound by less than 0.5 eV per atom" in caplog.text
