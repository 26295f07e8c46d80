"""Labels with one mistake each: every reader's frames pass one gate, and it says what is wrong.

The sources are the first molecules of ``resources/minispice.hdf5``, single conformations of
``resources/spice2_real.xyz`` without their SMILES, and a copper cell by EMT.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from e3d.errors import InputError
from e3d.store import geometry
from e3d.store.checks.gate import EXCESSIVE
from e3d.store.checks.plausibility import check_frames
from e3d.store.convert import write_store
from e3d.store.group import Group, check_groups
from e3d.theory import SPICE
from e3d.units import BOHR_ANG, EV_KCAL_MOL, EV_KJ_MOL, HARTREE_EV

MOLECULES = 14
WATER_ATOMS = {1: -13.5, 8: -2043.9}
X, E, G, F0 = "conformations", "dft_total_energy", "dft_total_gradient", "formation_energy"
Arrays = dict[str, np.ndarray[Any, Any]]
Mutation = Callable[[Arrays], None]


@pytest.fixture(scope="module")
def source(minispice: Path) -> dict[str, Arrays]:
    """The first groups of minispice, as arrays."""
    with h5py.File(minispice) as file:
        names = [name for name in file if len(file[name]["atomic_numbers"]) > 3][:MOLECULES]
        return {name: {key: file[name][key][()] for key in file[name]} for name in names}


@pytest.fixture
def spoilt(source: dict[str, Arrays], tmp_path: Path) -> Callable[..., Path]:
    """Write the groups in SPICE's layout, each changed by a function."""

    def write_groups(change: Mutation, *, only: int = MOLECULES) -> Path:
        path = tmp_path / "spoilt.hdf5"
        with h5py.File(path, "w") as file:
            for k, (name, arrays) in enumerate(source.items()):
                changed = {key: value.copy() for key, value in arrays.items()}
                if k < only:
                    change(changed)
                group = file.create_group(name)
                for key, value in changed.items():
                    group[key] = value
        return path

    return write_groups


def scaled(**factors: float) -> Mutation:
    """Multiply arrays by factors; a formation energy would contradict the energy, so it goes."""

    def change(arrays: Arrays) -> None:
        arrays.pop(F0, None)
        for key, factor in factors.items():
            arrays[key] = arrays[key] * factor

    return change


def permuted(axis: int, key: str = G) -> Mutation:
    """Put an array's frames (0), atoms (1) or axes (2) in another order."""

    def change(arrays: Arrays) -> None:
        arrays.pop(F0, None)
        arrays[key] = np.roll(arrays[key], 1, axis=axis)

    return change


def set_one(key: str, value: float) -> Mutation:
    """Set one number of every group."""

    def change(arrays: Arrays) -> None:
        arrays.pop(F0, None)
        arrays[key] = arrays[key].astype(np.float64)
        arrays[key].reshape(-1)[3] = value

    return change


def on_top(arrays: Arrays) -> None:
    arrays[X][2, 1] = arrays[X][2, 0] + 0.1


ENERGIES = {
    "eV as hartree": (scaled(**{E: HARTREE_EV}), "if energies in eV were taken as hartree"),
    "kcal/mol as hartree": (
        scaled(**{E: HARTREE_EV * EV_KCAL_MOL}),
        "if energies in kcal/mol were taken as hartree",
    ),
    "kJ/mol as hartree": (
        scaled(**{E: HARTREE_EV * EV_KJ_MOL}),
        "if energies in kJ/mol were taken as hartree",
    ),
    "hartree as eV": (scaled(**{E: 1 / HARTREE_EV}), "if energies in hartree were taken as eV"),
    "of the other sign": (scaled(**{E: -1.0}), "binding energy"),
    "formation energies": (
        lambda arrays: arrays.update({E: arrays.pop(F0)}),
        "relative to isolated atoms already",
    ),
    "no number of this world": (set_one(E, 1e30), "conformation 3: binding energy"),
    "denormal": (set_one(E, 1e-310), "no number that a program gives"),
}
POSITIONS = {
    "Å as bohr": (scaled(**{X: BOHR_ANG}), "coordinates in Å were taken as bohr"),
    "bohr twice": (scaled(**{X: 1 / BOHR_ANG}), "coordinates in bohr were taken as Å"),
    "nm": (scaled(**{X: BOHR_ANG / 10}), "Å apart"),
    "nm, the other way": (scaled(**{X: 10.0}), "coordinates in Å were taken as nm"),
    "too far": (set_one(X, 1e6), "single precision"),
    "two atoms in one place": (on_top, "atoms 0 and 1"),
    "other order of atoms": (permuted(1, X), "map numbers"),
}
FORCES = {
    "of the other sign": (scaled(**{G: -1.0}), "opposite sign"),
    "eV/Å as hartree/bohr": (scaled(**{G: 51.42}), "1 hartree/bohr"),
    "hartree/bohr as eV/Å": (scaled(**{G: 1 / 51.42}), "forces are in hartree/bohr"),
    "hartree/Å as hartree/bohr": (scaled(**{G: 1 / BOHR_ANG}), "times the work"),
    "hartree/bohr as hartree/Å": (scaled(**{G: BOHR_ANG}), "eV/bohr"),
    "kcal/mol/bohr": (scaled(**{G: 0.1 * EV_KCAL_MOL}), "times the work"),
    "of another frame": (permuted(0), "different conformations"),
    "of another atom": (permuted(1), "different conformations"),
    "of another axis": (permuted(2), "different conformations"),
    "zero": (scaled(**{G: 0.0}), "zero to the last digit"),
    "ten times": (scaled(**{G: 10.0}), "eV/nm"),
}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param(*case, id=f"{what}: {name}")
        for what, table in (("energy", ENERGIES), ("coordinates", POSITIONS), ("forces", FORCES))
        for name, case in table.items()
    ],
)
def test_one_mistake_in_all_molecules(
    change: Mutation, text: str, spoilt: Any, tmp_path: Path, input_error: Any
) -> None:
    with input_error("spoilt.hdf5", text):
        write_store(spoilt(change), tmp_path / "store.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["spoilt.hdf5"]


@pytest.mark.parametrize(
    ("factor", "every", "text"),
    [
        (-1.0, 5, "had the opposite sign"),
        (-1.0, 10, "had the opposite sign"),
        (EV_KCAL_MOL, 6, "multiplied by 23.1"),
        (1 / EV_KCAL_MOL, 10, "multiplied by 0.0434"),
        (1 / 51.422, 5, "multiplied by 0.0194"),
        (1 / BOHR_ANG, 4, "multiplied by 1.89"),
    ],
)
def test_a_mistake_in_few_frames_of_all_molecules(
    factor: float, every: int, text: str, spoilt: Any, tmp_path: Path
) -> None:
    """Most steps are right and so is the slope: the frames are found by what would mend them."""
    wrong: list[float] = []

    def change(arrays: Arrays) -> None:
        arrays[G][::every] *= factor
        wrong.extend(HARTREE_EV * arrays[E][::every])

    with pytest.raises(InputError, match=f"{text}, while") as caught:
        write_store(spoilt(change), tmp_path / "store.h5")
    named = [float(energy) for energy in re.findall(r"\(([-\d.]+) eV\)", str(caught.value))]
    found = [min(abs(energy - one) for one in wrong) < 1e-5 for energy in named]
    assert len(found) == 3
    assert sum(found) >= (2 if factor == 1 / BOHR_ANG else 3)  # such a step may suit either end


def test_molecules_with_other_bonds_than_their_smiles_are_counted(
    spoilt: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two stretched molecules of fourteen: too few to refuse the file."""

    def change(arrays: Arrays) -> None:
        arrays[X][3] *= 1.6
        arrays[X][3] -= 0.6 * arrays[X][3].mean(axis=0)

    write_store(spoilt(change, only=2), tmp_path / "store.h5")
    assert "2 of 280 frames have other bonds than their SMILES, and 0 of 14" in caplog.text


def test_without_a_mistake(spoilt: Any, tmp_path: Path) -> None:
    report = write_store(spoilt(lambda arrays: None), tmp_path / "store.h5").as_dict()
    assert (report["frames"], report["frames_dropped"]) == (20 * MOLECULES, {})
    found = report["forces_against_energies"]["all"]
    assert found["steps"] > 40
    assert found["slope"] == pytest.approx(1, abs=0.05)
    assert found["agreement"] > 0.95
    assert found["torque"] < 1e-3
    assert (
        -6 < report["binding_energy_eV_per_atom"][0] < report["binding_energy_eV_per_atom"][1] < 0
    )


def test_few_frames_with_excessive_forces_are_left_out_and_counted(
    spoilt: Any, tmp_path: Path
) -> None:
    """As a broken grid of the program left them; one such frame moves a model's scale by 1e4."""
    report = write_store(spoilt(set_one(G, 3000.0), only=2), tmp_path / "store.h5").as_dict()
    assert report["frames"] == 20 * MOLECULES - 2
    assert report["frames_dropped"] == {EXCESSIVE: 2}
    assert report["force_norm_eV_per_ang"][1] < 51.5 * np.sqrt(3)


def test_excessive_forces_everywhere_are_a_unit(
    spoilt: Any, tmp_path: Path, input_error: Any
) -> None:
    with input_error(f"{20 * MOLECULES} of {20 * MOLECULES} frames have forces", "another unit"):
        write_store(spoilt(scaled(**{G: 1e4})), tmp_path / "store.h5")


def signs(arrays: Arrays) -> None:
    arrays[G] *= -1


def zeros(arrays: Arrays) -> None:
    arrays[G][:8] = 0


@pytest.mark.parametrize("mistake", [signs, zeros])
def test_a_subset_with_a_mistake_is_named(
    mistake: Mutation, spoilt: Any, tmp_path: Path, input_error: Any
) -> None:
    """Seven good molecules beside seven whose forces are not, or not all, their own."""

    def change(arrays: Arrays) -> None:
        arrays["subset"] = np.array([b"theirs"])
        mistake(arrays)

    with input_error("subset 'theirs'", "forces against energies"):
        write_store(spoilt(change, only=MOLECULES // 2), tmp_path / "store.h5")


def energies_reversed(arrays: Arrays) -> None:
    arrays.pop(F0)
    arrays[E] = arrays[E][::-1]


@pytest.mark.parametrize("n", [2, 3])
def test_a_few_molecules_with_a_mistake_are_named(
    n: int, spoilt: Any, tmp_path: Path, input_error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Too few to move the slope of all: warned of, and refused when they are more than a tenth."""
    source = spoilt(energies_reversed, only=n)
    if n == 2:
        write_store(source, tmp_path / "store.h5")
        assert "forces of 2 of 12 molecules looked at are at odds" in caplog.text
    else:
        with input_error("forces of 3 of 12 molecules", "[C:1]([H:2])([H:3])([H:4])[H:5]"):
            write_store(source, tmp_path / "store.h5")


def test_one_molecule_with_forces_of_another_order_is_named(
    spoilt: Any, tmp_path: Path, input_error: Any
) -> None:
    with input_error("in 20 of 280 frames the torque", "[C:1]([H:2])([H:3])([H:4])[H:5], conform"):
        write_store(spoilt(permuted(1), only=1), tmp_path / "store.h5")


def with_turned_copies(of_each: int) -> Mutation:
    """Give gradients of the other sign, and each conformation and turned and moved copies of it."""

    def change(arrays: Arrays) -> None:
        turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
        m = len(arrays[E])
        for key, values in arrays.items():
            if len(values) == m:
                arrays[key] = np.repeat(values[:10], of_each, axis=0)
        arrays[G] *= -1
        for k in range(1, of_each):
            arrays[X][k::of_each] = arrays[X][k - 1 :: of_each] @ turn.T + 1.0
            arrays[G][k::of_each] = arrays[G][k - 1 :: of_each] @ turn.T

    return change


@pytest.mark.parametrize("of_each", [2, 35])
def test_copies_do_not_hide_a_mistake(
    of_each: int, spoilt: Any, tmp_path: Path, input_error: Any
) -> None:
    with input_error("opposite sign"):
        write_store(spoilt(with_turned_copies(of_each)), tmp_path / "store.h5")


def test_two_molecules_of_the_other_sign_are_a_minority(
    spoilt: Any, tmp_path: Path, input_error: Any
) -> None:
    with input_error("had the opposite sign", "[C:1]([H:2])([H:3])([H:4])[H:5], conformation"):
        write_store(spoilt(scaled(**{G: -1.0}), only=2), tmp_path / "store.h5")


# -- layouts without SMILES, single conformations, crystals --------------------------------------


@pytest.fixture(scope="module")
def singles(root: Path) -> list[Atoms]:
    """Forty frames of real SPICE 2, all of different molecules, without their SMILES."""
    frames = read(root / "resources" / "spice2_real.xyz", index="0:40")
    for frame in frames:
        frame.info = {}
    return list(frames)


def _rewritten(frames: list[Atoms], path: Path, change: Callable[[Arrays], None]) -> Path:
    changed = []
    for frame in frames:
        results = frame.calc.results
        arrays = {"x": frame.positions.copy(), "f": results["forces"].copy()}
        arrays["e"] = np.array(results["energy"])
        change(arrays)
        other = frame.copy()
        other.positions = arrays["x"]
        other.calc = SinglePointCalculator(other, energy=float(arrays["e"]), forces=arrays["f"])
        changed.append(other)
    write(path, changed, format="extxyz")
    return path


SINGLE: dict[str, tuple[Mutation, str]] = {
    "hartree": (scaled(e=1 / HARTREE_EV), "energies in hartree were taken as eV"),
    "kcal/mol": (scaled(e=EV_KCAL_MOL), "energies in kcal/mol were taken as eV"),
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
    path = _rewritten(singles, tmp_path / "single.xyz", change)
    with input_error("single.xyz", text):
        write_store(path, tmp_path / "store.h5", layout="extxyz")


def test_one_conformation_of_each_molecule_is_read(singles: list[Atoms], tmp_path: Path) -> None:
    path = _rewritten(singles, tmp_path / "single.xyz", lambda arrays: None)
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
    "pulled a little": (pulled(0, 0, 0.05), 1, "at most half may be"),
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
    path = _rewritten(
        singles,
        tmp_path / "single.xyz",
        lambda arrays: change(arrays) if next(changes) % every == 0 else None,
    )
    with input_error("single.xyz", text, "conformation"):
        write_store(path, tmp_path / "store.h5", layout="extxyz")


# -- molecules in a periodic box -----------------------------------------------------------------


@pytest.fixture(scope="module")
def boxed(source: dict[str, Arrays]) -> list[Atoms]:
    """Ten conformations of each molecule in boxes of 20 to 25 Å, cut by their faces, shuffled."""
    rng = np.random.default_rng(0)
    frames = []
    for arrays in source.values():
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
    path = _rewritten(boxed, tmp_path / "boxed.xyz", change)
    with input_error("boxed.xyz", text):
        write_store(path, tmp_path / "store.h5", layout="extxyz")


def test_molecules_in_a_box_are_read(boxed: list[Atoms], tmp_path: Path) -> None:
    path = _rewritten(boxed, tmp_path / "boxed.xyz", lambda arrays: None)
    report = write_store(path, tmp_path / "store.h5", layout="extxyz")
    found = report.forces_against_energies["all"]
    assert report.frames_periodic == report.frames == 10 * MOLECULES
    assert found["steps"] >= 20
    assert found["slope"] == pytest.approx(1, abs=0.08)
    assert found["torque"] < 1e-3


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


@pytest.mark.parametrize(
    ("change", "text"), [pytest.param(*case, id=name) for name, case in CRYSTAL.items()]
)
def test_a_crystal(
    change: Mutation, text: str, copper: list[Atoms], tmp_path: Path, input_error: Any
) -> None:
    path = _rewritten(copper, tmp_path / "copper.xyz", change)
    with input_error("copper.xyz", text):
        write_store(path, tmp_path / "store.h5", **EMT_ATOM)


def test_a_crystal_is_read(copper: list[Atoms], tmp_path: Path) -> None:
    path = _rewritten(copper, tmp_path / "copper.xyz", lambda arrays: None)
    found = write_store(path, tmp_path / "store.h5", **EMT_ATOM).forces_against_energies["all"]
    assert found["steps"] >= 20
    assert found["slope"] == pytest.approx(1, abs=0.03)
    assert found["agreement"] > 0.95


def test_weakly_bound_crystals_are_warned_of(
    copper: list[Atoms], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = _rewritten(copper, tmp_path / "hartree.xyz", scaled(e=1 / HARTREE_EV, f=1 / HARTREE_EV))
    write_store(path, tmp_path / "store.h5", **EMT_ATOM)
    assert "30 of 30 crystals are bound by less than 0.5 eV per atom" in caplog.text


# -- frames and atoms ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "layout", "frames", "dropped"),
    [
        ("reactions.hdf5", "spice", 108, {}),  # half of them with other bonds than their SMILES
        ("scans.hdf5", "spice", 132, {EXCESSIVE: 8}),  # bonds squeezed to 0.8 times their length
        ("spice2_real.xyz", "extxyz", 357, {}),
    ],
)
def test_real_data_is_read(
    file: str, layout: str, frames: int, dropped: dict[str, int], root: Path, tmp_path: Path
) -> None:
    report = write_store(root / "resources" / file, tmp_path / "store.h5", layout=layout)
    assert (report.frames, dict(report.frames_dropped)) == (frames, dropped)


def _water() -> Group:
    rest = np.array([[0.0, 0.0, 0.1], [0.0, 0.76, -0.5], [0.0, -0.76, -0.5]])
    return Group(
        smiles="",
        name="H2O",
        subset="water",
        atomic_numbers=np.array([8, 1, 1]),
        positions=np.tile(rest, (5, 1, 1)),
        energy=np.full(5, -2080.9),
        forces=np.full((5, 3, 3), 0.1),
    )


@pytest.mark.parametrize("n", [5, 40])
@pytest.mark.parametrize("pbc", ["FFF", "TTT", "TFT"])
@pytest.mark.parametrize("neighbours", [False, True])
def test_closest_atoms_are_those_of_ase(
    n: int, pbc: str, neighbours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By all pairs and by neighbours alone, in small skewed cells too."""
    if neighbours:
        monkeypatch.setattr(geometry, "LARGEST_OF_ALL_PAIRS", 1)
    rng = np.random.default_rng(n)
    cell = np.array([[3.0, 0, 0], [1.0, 4.0, 0], [0.5, 1.0, 5.0]]) * (n / 5) ** (1 / 3)
    flags = [flag == "T" for flag in pbc]
    frames = [Atoms("C" * n, rng.random((n, 3)) @ cell, cell=cell, pbc=flags) for _ in range(3)]
    periodic = any(flags)
    group = Group(
        smiles="",
        subset="random",
        atomic_numbers=frames[0].numbers.astype(int),
        positions=np.array([frame.positions for frame in frames]),
        energy=np.zeros(3),
        forces=np.zeros((3, n, 3)),
        cell=np.tile(cell, (3, 1, 1)) if periodic else None,
        pbc=np.tile(flags, (3, 1)) if periodic else None,
    )
    found = geometry.geometry(group, None)
    for k, frame in enumerate(frames):
        expected = frame.get_all_distances(mic=True) + 1e3 * np.eye(n)
        if neighbours and expected.min() > 1:
            assert found.closest[k] == np.inf
            continue
        assert found.closest[k] == pytest.approx(expected.min(), abs=1e-9)
        assert expected[tuple(found.pair[k])] == pytest.approx(expected.min(), abs=1e-9)


def _atom_file(path: Path, *energies: float, **box: Any) -> Path:
    atoms = [Atoms("O", **box) for _ in energies]
    for atom, energy in zip(atoms, energies, strict=True):
        atom.calc = SinglePointCalculator(atom, energy=energy, forces=np.zeros((1, 3)))
    write(path, atoms, format="extxyz")
    return path


@pytest.mark.parametrize("box", [{}, {"cell": [9, 9, 9], "pbc": True}], ids=["free", "in a box"])
def test_single_atoms_tell_isolated_atoms_of_another_level(
    box: dict[str, Any], tmp_path: Path, input_error: Any
) -> None:
    """An excited atom is data; an atom below the isolated one is not, even as a duplicate."""
    source = _atom_file(tmp_path / "atoms.xyz", -2039.0, -2041.0, **box)
    entry: Any = {"layout": "extxyz", "theory": "mine"}
    with input_error("atoms.xyz", "a single O atom", ", 1 eV below", "another level"):
        write_store(source, tmp_path / "a.h5", isolated_atom_energy={"O": -2040.0}, **entry)
    report = write_store(source, tmp_path / "a.h5", isolated_atom_energy={"O": -2041.1}, **entry)
    assert report.binding_energy_eV == pytest.approx([2.1, 2.1])


ION = "1\nProperties=species:S:1:pos:R:3 energy=-2717.4 charge=-1 multiplicity=1\nF 0 0 0\n"
ATOM = "1\nProperties=species:S:1:pos:R:3 energy=-2714.0\nF 0 0 0\n"
FCC = (
    '1\nLattice="0 2 2 2 0 2 2 2 0" pbc="T T T" Properties=species:S:1:pos:R:3:forces:R:3 '
    "energy=-2718.0\nF 0 0 0 0 0 0\n"
)


def test_ions_and_crystals_are_no_isolated_atoms(
    tmp_path: Path, input_error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Fluoride lies below fluorine, and so does any crystal of one atom in its cell."""
    source, atoms = tmp_path / "source.xyz", tmp_path / "atoms.xyz"
    source.write_text(ATOM.replace("2714.0", "2713.5"))
    entry: Any = {"layout": "extxyz", "theory": "mine", "isolated_atoms": atoms}
    atoms.write_text(ION + ATOM + FCC)
    report = write_store(source, tmp_path / "store.h5", **entry)
    assert report.binding_energy_eV == pytest.approx([0.5, 0.5])
    assert "left out: F of charge -1, crystals of F" in caplog.text
    atoms.write_text(ION)
    with input_error("atoms.xyz", "no single atom, only F of charge -1"):
        write_store(source, tmp_path / "other.h5", **entry)


@pytest.mark.parametrize("energy", [2040.0, float("nan")])
def test_isolated_atoms_are_bound(energy: float, tmp_path: Path, input_error: Any) -> None:
    source = _atom_file(tmp_path / "atoms.xyz", -2041.0)
    with input_error("isolated atom O", "negative"):
        write_store(
            source,
            tmp_path / "a.h5",
            layout="extxyz",
            theory="mine",
            isolated_atom_energy={"O": energy},
        )


def test_isolated_atoms_in_hartree(singles: list[Atoms], tmp_path: Path, input_error: Any) -> None:
    path = _rewritten(singles, tmp_path / "single.xyz", lambda arrays: None)
    atoms = {e: energy / HARTREE_EV for e, energy in SPICE.isolated_atom_energy.items()}
    with input_error("if the isolated atoms are in hartree"):
        write_store(path, tmp_path / "a.h5", layout="extxyz", isolated_atom_energy=atoms)


def test_labels_of_another_level(singles: list[Atoms], tmp_path: Path, input_error: Any) -> None:
    path = _rewritten(singles, tmp_path / "single.xyz", lambda arrays: None)
    with input_error(f"with the isolated atoms of theory '{SPICE.name}'"):
        write_store(path, tmp_path / "a.h5", layout="extxyz", theory="GFN2-xTB")


def test_isolated_atoms_unlike_those_of_the_level_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = _atom_file(tmp_path / "atoms.xyz", -2041.0)
    write_store(source, tmp_path / "a.h5", layout="extxyz", isolated_atom_energy={"O": -2041.0})
    assert "O +2.93" in caplog.text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"multiplicity": 2}, "multiplicity 2 with 10 electrons"),
        ({"multiplicity": 0}, "multiplicity 0"),
        ({"pbc": np.ones((5, 3), dtype=bool)}, "periodic and has no cell"),
        ({"charge": 1}, "multiplicity 1 with 9 electrons"),
    ],
)
def test_states_and_cells_that_cannot_be(
    change: dict[str, Any], text: str, input_error: Any
) -> None:
    water = replace(_water(), multiplicity=1)
    check_frames(water, 0, WATER_ATOMS)
    group = replace(water, **change)
    with input_error("H2O", text):
        check_frames(group, group.charge or 0, WATER_ATOMS)


@pytest.mark.parametrize(
    ("name", "dtype", "text"),
    [
        ("positions", "c16", "positions is of type complex128, expected real"),
        ("energy", "O", "energy is of type object"),
        ("atomic_numbers", "f8", "atomic_numbers is of type float64, expected whole"),
        ("forces", "?", "forces is of type bool"),
    ],
)
def test_arrays_of_another_kind(name: str, dtype: str, text: str, input_error: Any) -> None:
    water = _water()
    with input_error("H2O", text):
        list(check_groups([replace(water, **{name: getattr(water, name).astype(dtype)})]))
