"""Small files in the layouts of other people's datasets, and what reading them gives."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from e3d.store.group import Group, check_groups
from e3d.store.layouts import reader

Tree = Mapping[str, Any]

# kbar, VASP's sign; the six numbers are xx, yy, zz, yz, xz, xy
STRESS = [[1.0, 2.0, 3.0], [2.0, -4.0, 5.0], [3.0, 5.0, 6.0]]
VOIGT = [1.0, -4.0, 6.0, 5.0, 3.0, 2.0]


@pytest.fixture
def read_groups() -> Callable[..., list[Group]]:
    """Read a file in a layout, with the checks every reader's groups go through."""
    return lambda layout, path: list(check_groups(reader(layout)(path)))


@pytest.fixture
def hdf5_file(tmp_path: Path) -> Callable[..., Path]:
    """Write nested mappings as groups; an array, a string, or (array, attributes) as a dataset."""

    def write(tree: Tree, name: str = "source.h5") -> Path:
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            _fill(file, tree)
        return path

    return write


def _fill(group: h5py.Group, tree: Tree) -> None:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            _fill(group.create_group(key), value)
        else:
            data, attributes = value if isinstance(value, tuple) else (value, {})
            group[key] = data
            group[key].attrs.update(attributes)


@pytest.fixture
def json_file(tmp_path: Path) -> Callable[..., Path]:
    """Write JSON, gzip-compressed if the name ends in .gz."""

    def write(content: Any, name: str = "source.json") -> Path:
        path = tmp_path / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


@pytest.fixture
def structure_dict() -> Callable[..., dict[str, Any]]:
    """Make a pymatgen Structure dictionary of a monoclinic cell; sites carry abc and xyz."""

    def make(elements: str = "Li O", seed: int = 0, **extra: Any) -> dict[str, Any]:
        matrix = np.array([[4.0, 0.0, 0.0], [0.0, 5.0, 0.0], [1.0, 0.0, 6.0]])
        abc = np.random.default_rng(seed).random((len(elements.split()), 3))
        sites = [
            {
                "species": [{"element": e, "occu": 1}],
                "abc": list(f),
                "xyz": list(f @ matrix),
                "label": e,
            }
            for e, f in zip(elements.split(), abc, strict=True)
        ]
        return {
            "@class": "Structure",
            "charge": 0,
            "lattice": {"matrix": matrix.tolist()},
            "sites": sites,
            **extra,
        }

    return make


@pytest.fixture
def mptrj_frame(structure_dict: Any) -> Callable[..., dict[str, Any]]:
    def make(elements: str = "Li O", seed: int = 0, **change: Any) -> dict[str, Any]:
        n = len(elements.split())
        made = {
            "structure": structure_dict(elements, seed),
            "uncorrected_total_energy": -5.0 - seed,
            "corrected_total_energy": -5.7 - seed,
            "energy_per_atom": (-5.7 - seed) / n,
            "force": np.random.default_rng(seed).normal(size=(n, 3)).tolist(),
            "stress": STRESS,
            "magmom": None,
            "bandgap": 1.0,
            "mp_id": "mp-1",
        }
        return made | change

    return make


@pytest.fixture
def matpes_record(structure_dict: Any) -> Callable[..., dict[str, Any]]:
    def make(elements: str = "Li O", seed: int = 0, **change: Any) -> dict[str, Any]:
        n = len(elements.split())
        made = {
            "matpes_id": f"matpes-20240214_{seed}",
            "functional": "PBE",
            "structure": structure_dict(elements, seed),
            "energy": -5.0 - seed,
            "forces": np.random.default_rng(seed).normal(size=(n, 3)).tolist(),
            "stress": VOIGT,
            "elements": sorted(set(elements.split())),
        }
        return made | change

    return make


def frames(groups: list[Group]) -> int:
    """Count the frames of groups."""
    return sum(len(group.energy) for group in groups)


def dropped(groups: list[Group]) -> dict[str, int]:
    """Add up what groups dropped."""
    total: Counter[str] = Counter()
    for group in groups:
        total.update(group.dropped)
    return dict(total)
