"""A stand-in for a trained model, and series in which it is known what announces a break."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e3d.chemistry import Bond
from e3d.edges import EdgeEnergies
from e3d.graphs import Batch, batches
from e3d.structures import Structure
from study.dynamics.series import Outcome, Series
from study.dynamics.settings import Settings

RUN = {"run": "a/n1/b/s0", "dataset": "a", "n_train": 1, "model": "b", "seed": 0}
Floats = NDArray[np.float64]


class PairModel:
    """A stand-in for a trained model: a Morse or harmonic well on the bonds, everything else free.

    D of a bond is minus its pair energy, the two directed edges sharing it equally.
    """

    r_max = 5.0
    facts: Mapping[str, Any] = MappingProxyType({})
    path = Path(__file__)

    def __init__(
        self, depth: float, width: float, *, harmonic: bool = False, wall: float = 0.0
    ) -> None:
        self.depth, self.width, self.harmonic, self.wall = depth, width, harmonic, wall

    def knows(self, structure: Structure) -> bool:
        return bool((structure.atomic_numbers < 8).all())

    def batches(self, structures: Iterable[Structure]) -> Iterator[Batch]:
        return batches(structures, self.r_max)

    def well(self, r: Floats, r0: Floats) -> tuple[Floats, Floats]:
        """Return energies (eV) and their derivatives (eV/Å)."""
        x = r - r0
        if self.harmonic:
            k = 2 * self.depth * self.width**2
            return k * x**2 / 2 - self.depth, k * x
        e = np.exp(-self.width * x)
        return self.depth * ((1 - e) ** 2 - 1) - self.wall * (
            x > 0.1
        ), 2 * self.depth * self.width * (1 - e) * e

    def bonds(
        self, structure: Structure
    ) -> tuple[NDArray[np.int64], Floats, Floats, Floats, Floats]:
        assert structure.bonds is not None
        pairs = np.array([(bond.i, bond.j) for bond in structure.bonds])
        vectors = structure.positions[pairs[:, 1]] - structure.positions[pairs[:, 0]]
        r = np.linalg.norm(vectors, axis=1)
        return pairs, vectors, r, *self.well(r, np.full(len(r), 0.75))

    def energies_and_forces(self, batch: Batch) -> tuple[Floats, Floats]:
        energies, forces = [], []
        for structure in batch.structures:
            pairs, vectors, r, energy, slope = self.bonds(structure)
            force = np.zeros_like(structure.positions)
            push = (slope / r)[:, None] * vectors
            np.add.at(force, pairs[:, 0], push)
            np.add.at(force, pairs[:, 1], -push)
            energies.append(energy.sum())
            forces.append(force)
        return np.array(energies), np.concatenate(forces)

    def edge_energies(self, batch: Batch) -> EdgeEnergies:
        ptr = batch.frame_ptr
        parts = [self.bonds(structure) for structure in batch.structures]
        pairs = np.concatenate(
            [part[0] + start for part, start in zip(parts, ptr.tolist(), strict=False)]
        )
        r, energy = (np.concatenate([part[k] for part in parts]) for k in (2, 3))
        return EdgeEnergies(
            centre=np.concatenate([pairs[:, 0], pairs[:, 1]]),
            neighbour=np.concatenate([pairs[:, 1], pairs[:, 0]]),
            cell_shift=np.zeros((2 * len(r), 3), dtype=np.int64),
            eps=np.concatenate([energy, energy]) / 2,
            length=np.concatenate([r, r]),
            frame_ptr=ptr,
            atomic_numbers=batch.atomic_numbers,
            energy=np.array([part[3].sum() for part in parts]),
            shift=np.zeros(len(parts)),
        )


def molecule(
    numbers: Sequence[int], positions: Any, mapped: str, bonds: Sequence[Bond]
) -> Structure:
    name = mapped.replace(":1", "").replace(":2", "")
    x, z = np.array(positions, dtype=float), np.array(numbers)
    return Structure(name, 0, x, z, name, mapped, tuple(bonds))


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "molecules": [],
        "temperatures_K": (300.0, 600.0),
        "replicas": (12, 12),
        "time_step_fs": 0.5,
        "steps": 1500,
        "sample_every": 4,
        "friction_fs": 100.0,
        "equilibration_fs": 200.0,
        "seed": 1,
    }
    return Settings.from_dict(values | changes)


def announced(by: str, *, replicas: int = 40, molecules: int = 6, seed: int = 0) -> list[Series]:
    """Series in which the bond that breaks is marked, long before, by D, by r, or by neither.

    The two bonds 1 and 2 of each molecule are equivalent; five bonds, so chance is 1/5.
    """
    rng = np.random.default_rng(seed)
    n_samples, n_bonds = 100, 5
    bonds = tuple(Bond(0, k + 1, "C-H", "Csp3-H") for k in range(n_bonds))
    series = []
    for name, temperature in ((f"M{k}", t) for k in range(molecules) for t in (300.0, 3000.0)):
        hot = temperature > 300
        shape = (replicas, n_samples, n_bonds)
        r, d = 1.1 + 0.03 * rng.normal(size=shape), 4.5 + 0.1 * rng.normal(size=shape)
        broken = rng.integers(n_bonds, size=replicas) if hot else np.full(replicas, -1)
        for replica in range(replicas if hot else 0):
            if by == "D":
                d[replica, :, broken[replica]] -= 0.3
            if by == "r":
                r[replica, :, broken[replica]] += 0.09
        series.append(
            Series(
                name,
                temperature,
                bonds,
                np.array([0, 1, 1, 2, 3]),
                np.full(n_bonds, 1.07),
                2.0,
                r,
                d,
                np.full(replicas, n_samples - 1 if hot else n_samples),
                np.full(replicas, Outcome.BROKEN if hot else Outcome.INTACT, dtype=object),
                broken,
                np.zeros(replicas),
                np.full(replicas, temperature),
            )
        )  # fmt: skip
    return series
