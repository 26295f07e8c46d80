"""A model that needs no torch, with energies known in closed form, and structures to report on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from numpy.typing import NDArray

from e3d.edges import EdgeEnergies
from e3d.graphs import Batch
from e3d.models import load
from e3d.potential import LoadedModel

SUFFIX = ".springs.json"
N_FRAMES = 12
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Springs(LoadedModel):
    """Springs between all atoms closer than a cutoff, half of each on either edge."""

    path: Path
    type_names: tuple[str, ...]
    depth_eV: float = 4.0
    length_ang: float = 1.2
    r_max: float = 2.6
    n_parameters: int = 2

    @property
    def facts(self) -> Mapping[str, str | int | float]:
        return {"kind": "springs <of a test>", "r_max_ang": self.r_max}

    def bond_energy(self, r: Floats) -> Floats:
        """D of a pair at a distance, eV."""
        return self.depth_eV - (r - self.length_ang) ** 2

    def edge_energies(self, batch: Batch) -> EdgeEnergies:
        r = np.linalg.norm(batch.edge_vector, axis=1)
        eps = -0.5 * self.bond_energy(r)
        frame = batch.frame[batch.edge_index[0]]
        total = np.bincount(frame, weights=eps, minlength=len(batch.structures))
        return EdgeEnergies.of(batch, eps=eps, length=r, energy=total, shift=np.zeros(len(total)))

    def energies_and_forces(self, batch: Batch) -> tuple[Floats, Floats]:
        vector = batch.edge_vector
        r = np.linalg.norm(vector, axis=1, keepdims=True)
        forces = np.zeros_like(batch.positions)
        np.add.at(forces, batch.edge_index[0], 2 * (r - self.length_ang) * vector / r)
        return self.edge_energies(batch).energy, forces


def load_springs(path: Path, device: str) -> Springs:
    return Springs(path, tuple(json.loads(path.read_text())))


@pytest.fixture
def springs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of such a model, of H, C, N and O."""
    monkeypatch.setattr(load, "LOADERS", {**load.LOADERS, SUFFIX: load_springs})
    return write_springs(tmp_path, "H", "C", "N", "O")


def write_springs(folder: Path, *elements: str) -> Path:
    """Write a model that knows these elements."""
    path = folder / f"{'-'.join(elements)}{SUFFIX}"
    path.write_text(json.dumps(elements))
    return path


def trajectory() -> list[Atoms]:
    """Ethanol, whose C-C bond is stretched frame by frame."""
    frames = []
    for k in range(N_FRAMES):
        atoms = molecule("CH3CH2OH")
        atoms.positions[0] += 0.02 * k * (atoms.positions[0] - atoms.positions[1])
        frames.append(atoms)
    return frames


@pytest.fixture
def structures(tmp_path: Path) -> dict[str, Path]:
    """Those of :func:`write_structures`."""
    return write_structures(tmp_path)


def write_structures(folder: Path) -> dict[str, Path]:
    """Write a trajectory, a crystal, and labelled frames of which one has sulfur."""
    files = {name: folder / f"{name}.xyz" for name in ("ethanol", "diamond", "labelled")}
    write(files["ethanol"], trajectory(), format="extxyz")
    write(files["diamond"], bulk("C", "diamond", a=3.567, cubic=True), format="extxyz")
    labelled = [molecule("H2O"), molecule("SH2"), molecule("CO")]
    for k, atoms in enumerate(labelled):
        forces = np.zeros((len(atoms), 3))
        atoms.calc = SinglePointCalculator(atoms, energy=-7.5 - k, forces=forces)
    write(files["labelled"], labelled, format="extxyz")
    return files
