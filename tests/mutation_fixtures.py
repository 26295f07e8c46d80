"""Good labels, and functions that spoil them: what a gate must find."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

MOLECULES = 14
X, E, G, F0 = "conformations", "dft_total_energy", "dft_total_gradient", "formation_energy"
Arrays = dict[str, np.ndarray[Any, Any]]
Mutation = Callable[[Arrays], None]


@pytest.fixture(scope="module")
def minispice_groups(minispice: Path) -> dict[str, Arrays]:
    """The first groups of minispice, as arrays."""
    with h5py.File(minispice) as file:
        names = [name for name in file if len(file[name]["atomic_numbers"]) > 3][:MOLECULES]
        return {name: {key: file[name][key][()] for key in file[name]} for name in names}


@pytest.fixture
def spoilt(minispice_groups: dict[str, Arrays], tmp_path: Path) -> Callable[..., Path]:
    """Write the groups in SPICE's layout, each changed by a function."""

    def write_groups(change: Mutation, *, only: int = MOLECULES) -> Path:
        path = tmp_path / "spoilt.hdf5"
        with h5py.File(path, "w") as file:
            for k, (name, arrays) in enumerate(minispice_groups.items()):
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


@pytest.fixture(scope="module")
def singles(root: Path) -> list[Atoms]:
    """Forty frames of real SPICE 2, all of different molecules, without their SMILES."""
    frames = read(root / "resources" / "spice2_real.xyz", index="0:40")
    for frame in frames:
        frame.info = {}
    return list(frames)


def rewritten(frames: list[Atoms], path: Path, change: Mutation) -> Path:
    """Write frames, each with its arrays x (Å), f and e (eV) changed."""
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
