"""Duplicates: found across the groups of a molecule in any atom order; nothing else dropped."""

import json
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from e3d.fields import Store as F
from e3d.store.convert import DUPLICATE, write_store
from e3d.store.duplicates import TOLERANCE_ANG, Duplicates, matching
from e3d.store.reader import StoreReader
from e3d.units import HARTREE_EV

NUMBERS = np.array([8, 1, 1, 6, 1, 1])


class Kept:
    """What a store would hold: frames by number, as float32."""

    def __init__(self) -> None:
        self.frames: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.duplicates = Duplicates(lambda frame: self.frames[frame])

    def add(
        self, numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray | None = None
    ) -> list[bool]:
        labels = (np.zeros(len(positions)), np.zeros_like(positions))
        fresh = self.duplicates.fresh(0, numbers, positions, cell, *labels, len(self.frames))
        self.frames += [
            (numbers.astype(np.uint8), x.astype(np.float32), np.zeros_like(x, dtype=np.float32))
            for x in positions[fresh]
        ]
        return [bool(flag) for flag in fresh]


def _frames(m: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=3.0, size=(m, len(NUMBERS), 3))


@pytest.mark.parametrize(
    ("shift", "same"), [(0.0, True), (0.9 * TOLERANCE_ANG, True), (1.2 * TOLERANCE_ANG, False)]
)
def test_the_tolerance_is_on_each_coordinate(shift: float, same: bool) -> None:
    kept, frames = Kept(), _frames(20)
    assert all(kept.add(NUMBERS, frames))
    moved = frames.copy()
    moved[:, 3, 1] += shift
    assert kept.add(NUMBERS, moved) == [not same] * 20


def test_within_a_group_the_first_one_stays() -> None:
    frames = _frames(3)
    assert Kept().add(NUMBERS, frames[[0, 1, 0, 2, 1, 0]]) == [
        True,
        True,
        False,
        True,
        False,
        False,
    ]


def test_another_order_of_atoms_is_the_same_structure() -> None:
    kept, frames = Kept(), _frames(50)
    kept.add(NUMBERS, frames)
    order = np.array([3, 5, 0, 1, 4, 2])
    assert not any(kept.add(NUMBERS[order], frames[:, order]))


def test_swapped_elements_are_another_structure() -> None:
    kept, frames = Kept(), _frames(1)
    kept.add(NUMBERS, frames)
    assert kept.add(NUMBERS, frames[:, [3, 1, 2, 0, 4, 5]]) == [True]


def test_a_chain_of_near_frames_is_compared_with_what_stayed() -> None:
    frames = np.repeat(_frames(1), 3, axis=0)
    frames[1, 0, 0] += 0.7 * TOLERANCE_ANG
    frames[2, 0, 0] += 1.4 * TOLERANCE_ANG  # near the second, which is gone; not near the first
    assert Kept().add(NUMBERS, frames) == [True, False, True]


def test_another_cell_is_another_structure() -> None:
    kept, frames = Kept(), _frames(1)
    cell = np.eye(3)[None] * 6.0
    kept.add(NUMBERS, frames, cell)
    assert kept.add(NUMBERS, frames, cell) == [False]
    assert kept.add(NUMBERS, frames, cell * 1.01) == [True]


@pytest.mark.parametrize("other", [(3.1, 2.9, 3.0), (3.0, 2.9, 3.1)])
def test_cells_are_compared_entry_by_entry(other: tuple[float, float, float]) -> None:
    """A strain that keeps the sum of the entries leaves the one atom at the origin where it is."""
    kept, frames, iron = Kept(), np.zeros((1, 1, 3)), np.array([26])
    assert kept.add(iron, frames, np.eye(3)[None] * 3.0) == [True]
    assert kept.add(iron, frames, np.diag(other)[None]) == [True]
    assert kept.add(iron, frames, np.diag(other)[None] + 0.9 * TOLERANCE_ANG) == [False]


def test_a_periodic_frame_and_a_molecule_of_one_name_are_two() -> None:
    kept, frames = Kept(), _frames(1)
    kept.add(NUMBERS, frames)
    assert kept.add(NUMBERS, frames, np.eye(3)[None] * 9.0) == [True]
    assert kept.add(NUMBERS, frames) == [False]


def test_charges_and_spins_of_one_geometry_are_not_duplicates(tmp_path: Path) -> None:
    """Vertical ionisation, or a singlet and a triplet: one geometry, several energies."""
    frame = (
        "2\nProperties=species:S:1:pos:R:3:forces:R:3 energy=-4000.0 charge={} multiplicity={}\n"
    )
    frame += "O 0 0 0 0 0 -0.1\nO 0 0 1.2 0 0 0.1\n"
    source = tmp_path / "oxygen.xyz"
    source.write_text("".join(frame.format(*state) for state in ((0, 3), (0, 1), (1, 2), (0, 3))))
    entry = {
        "layout": "extxyz",
        "theory": "t",
        "isolated_atom_energy": {"O": -1998.0},
        "include_ionic": True,
    }
    report = write_store(source, tmp_path / "store.h5", **entry)
    assert (report.frames, report.frames_dropped) == (3, {DUPLICATE: 1})


def test_against_all_pairs() -> None:
    """The keys only point at candidates: the outcome is that of comparing every pair."""
    rng = np.random.default_rng(1)
    base = _frames(40, seed=2)
    frames = np.concatenate(
        [base, base[rng.integers(0, 40, 40)] + rng.normal(scale=TOLERANCE_ANG / 2, size=(40, 6, 3))]
    )
    expected: list[bool] = []
    for k, frame in enumerate(frames):
        earlier = [frames[e] for e in range(k) if expected[e]]
        expected.append(all(matching(NUMBERS, frame, NUMBERS, other) is None for other in earlier))
    assert Kept().add(NUMBERS, frames) == expected
    assert 0 < expected.count(False) < 40


def test_reading_a_dataset_drops_and_reports_them(
    spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    group = spice_group("CO", 4)
    again = {**group, "conformations": group["conformations"][[2, 0]] + 1e-5}
    for name in ("dft_total_energy", "dft_total_gradient", "formation_energy"):
        again[name] = group[name][[2, 0]]
    other = spice_group("CC", 2)
    report = write_store(spice_file({"a": group, "b": again, "c": other}), tmp_path / "store.h5")
    assert report.frames_dropped == {DUPLICATE: 2}
    assert json.loads((tmp_path / "store.h5.report.json").read_text())["frames_dropped"] == {
        DUPLICATE: 2
    }
    with StoreReader(tmp_path / "store.h5") as reader:
        assert len(reader) == 6
        assert reader[F.ENERGY].shape == (6,)


@pytest.mark.parametrize(
    ("energy", "forces", "good"),
    [
        (1e-3, 1.0, True),  # another program, another convergence
        (0.0, np.float32(1 / 3) * 3, True),
        (0.1, 1.0, False),
        (0.0, -1.0, False),
        (0.0, 0.9, False),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_duplicates_have_the_same_labels(
    energy: float,
    forces: float,
    good: bool,
    together: bool,
    spice_file: Any,
    spice_group: Any,
    tmp_path: Path,
    input_error: Any,
) -> None:
    """In one group or two, atoms in another order or not: one of two other labels is wrong."""
    group = spice_group("CO", 4)
    again = {key: value.copy() for key, value in group.items()}
    again["dft_total_energy"] = again["dft_total_energy"] + energy / HARTREE_EV
    again["formation_energy"] = again["formation_energy"] + energy / HARTREE_EV
    again["dft_total_gradient"] = again["dft_total_gradient"] * forces
    groups = {"a": group, "b": again}
    if together:
        rows = ("conformations", "dft_total_energy", "dft_total_gradient", "formation_energy")
        groups = {"a": group | {key: np.concatenate([group[key], again[key]]) for key in rows}}
    if good:
        report = write_store(spice_file(groups), tmp_path / "store.h5")
        assert report.frames_dropped == {DUPLICATE: 4}
        return
    with input_error("repeats an earlier frame", "earlier -", "other labels"):
        write_store(spice_file(groups), tmp_path / "store.h5")


def test_crystals_of_two_energies_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two magnetic orders of one geometry, which no frame states."""
    iron = bulk("Fe", cubic=True)
    frames = []
    for energy in (-16.0, -16.0, -15.2):
        frames.append(iron.copy())
        frames[-1].calc = SinglePointCalculator(iron, energy=energy, forces=np.zeros((2, 3)))
    ase.io.write(tmp_path / "iron.xyz", frames, format="extxyz")
    entry: Any = {"layout": "extxyz", "theory": "t", "isolated_atom_energy": {"Fe": -3.0}}
    report = write_store(tmp_path / "iron.xyz", tmp_path / "store.h5", **entry)
    assert (report.frames, report.frames_dropped) == (1, {DUPLICATE: 2})
    assert "1 duplicates of crystals or single atoms have other energies" in caplog.text
