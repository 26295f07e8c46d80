"""Labels with one mistake each: every reader's frames pass one gate, and it says what is wrong.

The sources are the first molecules of ``resources/minispice.hdf5``.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from ase import Atoms

from e3d.errors import InputError
from e3d.store import geometry
from e3d.store.checks.gate import EXCESSIVE, MOSTLY_EXCESSIVE
from e3d.store.checks.plausibility import check_frames
from e3d.store.convert import write_store
from e3d.store.group import Group, check_groups
from e3d.units import (
    BOHR_ANG,
    EV_KCAL_MOL,
    EV_KJ_MOL,
    HARTREE_EV,
    HARTREE_PER_BOHR_EV_PER_ANG,
)
from mutation_fixtures import F0, MOLECULES, Arrays, E, G, Mutation, X, permuted, scaled

WATER_ATOMS = {1: -13.5, 8: -2043.9}


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


def test_the_rest_of_a_molecule_with_excessive_forces_is_left_out_too(
    spoilt: Any, tmp_path: Path
) -> None:
    """Forces of one molecule in another unit: those below the limit are as wrong."""

    def change(arrays: Arrays) -> None:
        arrays[G][:15] = arrays[G][:15] * 1e4

    report = write_store(spoilt(change, only=1), tmp_path / "store.h5").as_dict()
    assert report["frames"] == 20 * (MOLECULES - 1)
    assert report["frames_dropped"] == {EXCESSIVE: 15, MOSTLY_EXCESSIVE: 5}


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


def noisy(relaxed: float) -> Mutation:
    """Add the noise of a coarse grid, 30 meV/Å; ``relaxed`` scales forces and changes of energy."""

    def change(arrays: Arrays) -> None:
        arrays.pop(F0)
        noise = 0.03 / HARTREE_PER_BOHR_EV_PER_ANG
        shape = arrays[G].shape
        arrays[G] = relaxed * arrays[G] + noise * np.random.default_rng(0).normal(size=shape)
        arrays[E] = arrays[E].mean() + relaxed * (arrays[E] - arrays[E].mean())

    return change


@pytest.mark.parametrize("relaxed", [1.0, 0.01])
def test_noise_is_no_mistake(relaxed: float, spoilt: Any, tmp_path: Path) -> None:
    assert write_store(spoilt(noisy(relaxed)), tmp_path / "store.h5").frames == 20 * MOLECULES


def test_the_only_molecule_of_a_file(
    minispice_groups: dict[str, Arrays], tmp_path: Path, input_error: Any
) -> None:
    """Eight steps are too few to judge a file, and enough where all of them are wrong."""
    name, arrays = next(iter(minispice_groups.items()))
    with h5py.File(tmp_path / "one.hdf5", "w") as file:
        for key, value in arrays.items():
            file[f"{name}/{key}"] = -value if key == G else value
    with input_error("forces of 1 of 1 molecules"):
        write_store(tmp_path / "one.hdf5", tmp_path / "store.h5")


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


def _one_energy(arrays: Arrays) -> None:
    arrays.pop(F0, None)
    arrays[E][3] += 5 / HARTREE_EV


def _one_turned(arrays: Arrays) -> None:
    arrays.pop(F0, None)
    arrays[G][3] = arrays[G][3][:, [1, 2, 0]]


@pytest.mark.parametrize(
    ("change", "text"),
    [(_one_energy, "changes by more than 3 eV beside the work"), (_one_turned, "the torque is mo")],
)
def test_a_single_wrong_frame_is_warned_of(
    change: Mutation,
    text: str,
    spoilt: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Too few to say what is wrong with the file, and not to be passed over in silence."""
    write_store(spoilt(lambda arrays: None), tmp_path / "right.h5")
    assert "Look at" not in caplog.text
    write_store(spoilt(change, only=1), tmp_path / "store.h5")
    (line,) = [line for line in caplog.messages if text in line]
    assert "Look at" in line
    assert "conformation 3 " in line
