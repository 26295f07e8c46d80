"""Frames that may be right and seldom are: a line warns of them, and right ones pass without it.

The sources are the first molecules of minispice, and single conformations of SPICE 2.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from scipy.stats import ortho_group

from e3d.store.checks.copies import LEAST_COPIES, copied
from e3d.store.convert import write_store
from e3d.store.layouts.spice import SAMPLE_INDEX
from mutation_fixtures import F0, MOLECULES, Arrays, E, G, Mutation, X


def turned(x: Any, g: Any) -> tuple[Any, Any]:
    turn = ortho_group.rvs(3, random_state=1)  # with or without a mirror
    return x @ turn + 1.7, g @ turn


def rounded(x: Any, g: Any) -> tuple[Any, Any]:
    return np.round(x, 3), g


def copies(change: Any, rows: slice) -> Mutation:
    """Add changed copies of some frames, with their energies."""

    def add(arrays: Arrays) -> None:
        arrays.pop(F0, None)
        arrays.pop(SAMPLE_INDEX, None)
        x, g = change(arrays[X][rows], arrays[G][rows])
        arrays[X], arrays[G] = (np.concatenate(p) for p in ((arrays[X], x), (arrays[G], g)))
        arrays[E] = np.concatenate([arrays[E], arrays[E][rows]])

    return add


@pytest.mark.parametrize("change", [turned, rounded])
def test_copies_that_are_no_duplicates(
    change: Any, spoilt: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = spoilt(copies(change, slice(0, 3)))
    report = write_store(path, tmp_path / "store.h5")
    assert not report.frames_dropped
    assert f"{3 * MOLECULES} of {report.frames} frames have the energy" in caplog.text


def test_few_copies_and_none_are_not_said(
    spoilt: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_store(spoilt(lambda arrays: None), tmp_path / "none.h5")
    few = spoilt(copies(turned, slice(0, 1)), only=LEAST_COPIES - 1)
    write_store(few, tmp_path / "few.h5")
    assert "frames have the energy" not in caplog.text


def test_frames_of_one_energy_and_other_shapes_are_no_copies() -> None:
    shapes = np.array([[-1.0, 9.0, 4.0], [-1.0, 9.2, 4.0], [-1.0, 9.0, 4.1], [-2.0, 9.0, 4.0]])
    assert not copied(shapes).any()
    assert copied(np.tile(shapes, (2, 1))).sum() == len(shapes)


def written(frames: list[Atoms], path: Path, change: Any) -> Path:
    """Write frames, the numbers and the energy of each changed."""
    made = []
    for frame in frames:
        numbers, energy = change(frame.numbers, frame.get_potential_energy())
        one = Atoms(numbers, frame.positions)
        one.calc = SinglePointCalculator(one, energy=energy, forces=frame.get_forces())
        made.append(one)
    write(path, made, format="extxyz")
    return path


def test_elements_of_some_molecules_in_another_order(
    singles: list[Atoms], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    count = itertools.count()
    path = written(
        singles, tmp_path / "a.xyz", lambda z, e: (z[::-1] if next(count) % 4 == 0 else z, e)
    )
    write_store(path, tmp_path / "store.h5", layout="extxyz")
    assert "compositions have, in every frame, hydrogen without a neighbour" in caplog.text
    caplog.clear()
    path = written(singles, tmp_path / "b.xyz", lambda z, e: (z, e))
    write_store(path, tmp_path / "store.h5", layout="extxyz")
    assert "compositions have" not in caplog.text


@pytest.mark.parametrize("few", [0, 3])
def test_two_spins_of_one_molecule(
    few: int, singles: list[Atoms], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Some molecules are there as triplets too, 3.5 eV higher."""
    made = []
    for k, frame in enumerate(singles):
        for spin in (1, 3) if k < few else (1,):
            one = Atoms(frame.numbers, frame.positions)
            energy = frame.get_potential_energy() + 1.75 * (spin - 1)
            one.info = {"multiplicity": spin}
            one.calc = SinglePointCalculator(one, energy=energy, forces=frame.get_forces())
            made.append(one)
    write(tmp_path / "a.xyz", made, format="extxyz")
    write_store(tmp_path / "a.xyz", tmp_path / "store.h5", layout="extxyz")
    said = f"{few} molecules have frames of several multiplicities, {few} frames another"
    assert (said in caplog.text) == ("multiplicities" in caplog.text) == bool(few)


def test_molecules_that_nothing_binds(
    singles: list[Atoms], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Energies relative to each molecule's own minimum, given as relative to atoms of no energy."""
    path = written(singles, tmp_path / "a.xyz", lambda z, e: (z, 0.01 * len(z)))
    atoms = {symbol: 0.0 for frame in singles for symbol in frame.get_chemical_symbols()}
    write_store(
        path, tmp_path / "store.h5", layout="extxyz", theory="own", isolated_atom_energy=atoms
    )
    assert f"{len(singles)} of {len(singles)} molecules are bound by less than" in caplog.text
