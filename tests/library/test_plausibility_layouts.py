"""Every layout's frames pass the gate: the same labels, right and with one mistake, in each."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write

from e3d.arrays import Floats, Ints
from e3d.chemistry import symbol
from e3d.store.convert import write_store
from e3d.store.layouts import LAYOUTS
from e3d.theory import SPICE
from e3d.units import (
    BOHR_ANG,
    EV_KJ_MOL,
    HARTREE_EV,
    HARTREE_PER_BOHR_EV_PER_ANG,
    KBAR_EV_PER_ANG3,
    NM_ANG,
)

_ATOM_EV = -3.5
METALS = ("Al", "Cu", "Ni", "Ag", "Pd", "Au", "Pt")


@dataclass(frozen=True)
class Labelled:
    """M labelled frames of one molecule or cell, in eV and Å."""

    smiles: str
    numbers: Ints
    positions: Floats
    energy: Floats
    forces: Floats
    cell: Floats


@pytest.fixture(scope="module")
def molecules(minispice: Path) -> list[Labelled]:
    """Eight molecules of minispice, twenty frames each."""
    found = []
    with h5py.File(minispice) as file:
        for name in list(file)[5:13]:
            group = {key: file[name][key][()] for key in file[name]}
            found.append(
                Labelled(
                    group["smiles"][0].decode(),
                    group["atomic_numbers"].astype(np.int64),
                    group["conformations"] * BOHR_ANG,
                    group["dft_total_energy"] * HARTREE_EV,
                    -group["dft_total_gradient"] * HARTREE_PER_BOHR_EV_PER_ANG,
                    np.zeros((3, 3)),
                )
            )
    return found


@pytest.fixture(scope="module")
def crystals() -> list[Labelled]:
    """Twenty frames of an aluminium cell and twenty of a copper cell, by EMT."""
    return by_emt("Al", "Cu")


def by_emt(*elements: str) -> list[Labelled]:
    """Twenty frames of a cell of each element."""
    found = []
    for element in elements:
        atoms = bulk(element, cubic=True).repeat((2, 1, 1))
        rest, walk = atoms.positions.copy(), np.zeros((len(atoms), 3))
        rng, frames = np.random.default_rng(1), []
        atoms.calc = EMT()
        for _ in range(20):
            walk = 0.9 * walk + rng.normal(scale=0.06, size=rest.shape)
            atoms.positions = rest + walk
            energy = atoms.get_potential_energy() + _ATOM_EV * len(atoms)
            frames.append((atoms.positions.copy(), energy, atoms.get_forces()))
        positions, energies, forces = (np.array(part) for part in zip(*frames, strict=True))
        cell = np.array(atoms.cell)
        found.append(Labelled("", atoms.numbers.astype(int), positions, energies, forces, cell))
    return found


def _hdf5(path: Path, groups: dict[str, dict[str, Any]], unit: dict[str, str]) -> None:
    with h5py.File(path, "w") as file:
        for name, arrays in groups.items():
            for key, values in arrays.items():
                file[f"{name}/{key}"] = values
                if key in unit:
                    file[f"{name}/{key}"].attrs["u"] = unit[key]


def _spice(path: Path, frames: list[Labelled]) -> None:
    groups = {
        f"g{k}": {
            "smiles": [one.smiles],
            "subset": ["s"],
            "atomic_numbers": one.numbers,
            "conformations": one.positions / BOHR_ANG,
            "dft_total_energy": one.energy / HARTREE_EV,
            "dft_total_gradient": -one.forces / HARTREE_PER_BOHR_EV_PER_ANG,
        }
        for k, one in enumerate(frames)
    }
    _hdf5(path, groups, {})


def _modelforge(path: Path, frames: list[Labelled]) -> None:
    units = {
        "positions": "nanometer",
        "dft_total_energy": "kilojoule_per_mole",
        "dft_total_force": "kilojoule_per_mole / nanometer",
    }
    groups = {
        f"g{k}": {
            "smiles": one.smiles,
            "atomic_numbers": one.numbers[:, None],
            "positions": one.positions / NM_ANG,
            "dft_total_energy": one.energy[:, None] * EV_KJ_MOL,
            "dft_total_force": one.forces * EV_KJ_MOL * NM_ANG,
        }
        for k, one in enumerate(frames)
    }
    _hdf5(path, groups, units)


def _transition1x(path: Path, frames: list[Labelled]) -> None:
    groups = {
        f"data/F{k}/rxn0": {
            "atomic_numbers": one.numbers,
            "positions": one.positions,
            "wB97x_6-31G(d).energy": one.energy,
            "wB97x_6-31G(d).forces": one.forces,
        }
        for k, one in enumerate(frames)
    }
    _hdf5(path, groups, {})


def _ani1x(path: Path, frames: list[Labelled]) -> None:
    groups = {
        f"F{k}": {
            "atomic_numbers": one.numbers,
            "coordinates": one.positions,
            "wb97x_dz.energy": one.energy / HARTREE_EV,
            "wb97x_dz.forces": one.forces / HARTREE_EV,
        }
        for k, one in enumerate(frames)
    }
    _hdf5(path, groups, {})


def _extxyz(path: Path, frames: list[Labelled]) -> None:
    images = []
    for one in frames:
        for x, energy, forces in zip(one.positions, one.energy, one.forces, strict=True):
            atoms = Atoms(one.numbers, x, info={"REF_energy": energy})
            atoms.arrays["REF_forces"] = forces
            images.append(atoms)
    write(path, images, format="extxyz")


def _structure(one: Labelled, k: int) -> dict[str, Any]:
    elements = [symbol(int(z)) for z in one.numbers]
    sites = [
        {"species": [{"element": element, "occu": 1}], "xyz": x.tolist()}
        for element, x in zip(elements, one.positions[k], strict=True)
    ]
    return {"lattice": {"matrix": one.cell.tolist()}, "sites": sites}


def _mptrj(path: Path, frames: list[Labelled]) -> None:
    materials = {
        f"mp-{i}": {
            f"mp-{i}-{k}": {
                "structure": _structure(one, k),
                "uncorrected_total_energy": energy,
                "force": one.forces[k].tolist(),
                "stress": (np.eye(3) * 1e-3 / KBAR_EV_PER_ANG3).tolist(),
            }
            for k, energy in enumerate(one.energy.tolist())
        }
        for i, one in enumerate(frames)
    }
    path.write_text(json.dumps(materials))


def _matpes(path: Path, frames: list[Labelled]) -> None:
    records = [
        {
            "structure": _structure(one, k),
            "energy": energy,
            "forces": one.forces[k].tolist(),
            "functional": "PBE",
        }
        for one in frames
        for k, energy in enumerate(one.energy.tolist())
    ]
    path.write_text(json.dumps(records))


WRITERS: dict[str, Callable[[Path, list[Labelled]], None]] = {
    "spice": _spice,
    "modelforge": _modelforge,
    "transition1x": _transition1x,
    "ani1x": _ani1x,
    "extxyz": _extxyz,
    "mptrj": _mptrj,
    "matpes": _matpes,
}
MISTAKES: dict[str, tuple[Callable[[Labelled], Labelled], str]] = {
    "gradients": (lambda one: replace(one, forces=-one.forces), "opposite sign"),
    "a unit of energies": (
        lambda one: replace(one, energy=one.energy * HARTREE_EV),
        "if energies in eV were taken as hartree",
    ),
    "a unit of forces": (
        lambda one: replace(one, forces=one.forces / HARTREE_PER_BOHR_EV_PER_ANG),
        "forces are in hartree/bohr",
    ),
    "a unit of coordinates": (
        lambda one: replace(one, positions=one.positions / BOHR_ANG, cell=one.cell / BOHR_ANG),
        "coordinates in bohr were taken as Å",
    ),
    "order of atoms": (
        lambda one: replace(one, forces=np.roll(one.forces, 1, axis=1)),
        "another order",
    ),
}


def _read(layout: str, frames: list[Labelled], folder: Path) -> dict[str, Any]:
    source = folder / f"source.{layout}"
    WRITERS[layout](source, frames)
    atoms = SPICE.isolated_atom_energy
    if layout in ("mptrj", "matpes"):
        atoms = dict.fromkeys(METALS, _ATOM_EV + 3.4)
    store = folder / "store.h5"
    report = write_store(source, store, layout=layout, theory="t", isolated_atom_energy=atoms)
    return report.as_dict()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_right_labels_are_read(
    layout: str, molecules: list[Labelled], crystals: list[Labelled], tmp_path: Path
) -> None:
    frames = crystals if layout in ("mptrj", "matpes") else molecules
    report = _read(layout, frames, tmp_path)
    assert report["frames"] == 20 * len(frames)
    found = report["forces_against_energies"]["all"]
    assert found["steps"] >= 20
    assert found["slope"] == pytest.approx(1, abs=0.08)
    assert found["agreement"] > 0.9


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_mistake_is_named(
    layout: str,
    mistake: str,
    molecules: list[Labelled],
    crystals: list[Labelled],
    tmp_path: Path,
    input_error: Any,
) -> None:
    change, text = MISTAKES[mistake]
    frames = crystals if layout in ("mptrj", "matpes") else molecules
    with input_error(f"source.{layout}", text):
        _read(layout, [change(one) for one in frames], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"source.{layout}"]


def test_a_few_wrong_crystals_or_frames_are_warned_of(
    molecules: list[Labelled], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Too few to refuse the file, and too many to pass in silence."""
    right = by_emt(*METALS)
    wrong = replace(right[2], forces=np.roll(right[2].forces, 1, axis=1))
    moved = []
    for one in molecules[:1]:
        energy = one.energy.copy()
        energy[::4] += 0.8
        moved.append(replace(one, energy=energy))
    for layout, first, second in (
        ("mptrj", right, [*right[:2], wrong, *right[3:]]),
        ("ani1x", molecules, [*moved, *molecules[1:]]),
    ):
        for k, frames in enumerate((first, second)):
            caplog.clear()
            folder = tmp_path / f"{layout}{k}"
            folder.mkdir()
            _read(layout, frames, folder)
            assert ("right labels have 93% or more" in caplog.text) == bool(k)
    caplog.clear()
    (tmp_path / "again").mkdir()
    _read("mptrj", [*right[:2], wrong, *right[3:]], tmp_path / "again")
    assert "forces of 1 crystals are at odds with their energies, for one Ni" in caplog.text
