"""Geometries to label: shared by the tests of labelling."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from conftest import map_atoms
from e3d.chemistry import molecule
from e3d.units import BOHR_ANG
from e3d_labels.task import Task

Frames = NDArray[np.float64]
H2 = np.array([1, 1])


def diatomic(numbers: Any, angstrom: float, **how: Any) -> Task:
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, angstrom / BOHR_ANG]])
    return Task("pair", np.array(numbers), positions, **how)


def geometries(path: Path, groups: dict[str, Frames | dict[str, Any]]) -> Path:
    """Write conformations (M, N, 3), Å, by plain SMILES; or the arrays of a group by its name."""
    with h5py.File(path, "w", track_order=True) as file:
        for name, values in groups.items():
            group = file.create_group(name)
            if not isinstance(values, dict):
                smiles = map_atoms(name)
                values = {
                    "smiles": [smiles],
                    "subset": ["test"],
                    "atomic_numbers": np.array(molecule(smiles).atomic_numbers),
                    "conformations": np.asarray(values, dtype=np.float32) / np.float32(BOHR_ANG),
                }
            for key, value in values.items():
                group.create_dataset(
                    key, data=value, dtype=h5py.string_dtype() if isinstance(value, list) else None
                )
    return path


def stretched(*lengths: float) -> Frames:
    """Conformations (M, 2, 3), Å, of a diatomic molecule."""
    return np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, length]] for length in lengths])
