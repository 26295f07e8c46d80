"""The least-squares problem of a pair potential, added up batch by batch.

Each directed edge gives half of its energy to its frame and the whole force phi'(r) (x_j - x_i) / r
to its centre. A batch is added over the element pairs that it has, so that memory does not grow
with the number of frames.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from e3d.arrays import Floats, Ints
from e3d.fields import Store as F
from e3d.graphs import Batch, batches
from e3d.store.reader import StoreReader
from e3d.structures import Structure
from study.null.fitted import Weights
from study.null.splines import Basis

_Z = 128


@dataclass(frozen=True)
class Edges:
    """Directed edges of a batch, with splines: P edges, 4 functions each."""

    centre: Ints  # (P,) row of the batch
    pair: Ints  # (P,) element pair as one number
    function: Ints  # (P, 4)
    value: Floats  # (P, 4)
    slope: Floats  # (P, 4) 1/Å
    length: Floats  # (P,) Å
    unit: Floats  # (P, 3) from the centre to the neighbour

    @classmethod
    def of(cls, batch: Batch, basis: Basis) -> "Edges":
        """Return the edges of a batch whose cutoff is the basis's."""
        centre, neighbour = batch.edge_index
        vector = batch.edge_vector
        r = np.linalg.norm(vector, axis=1)
        z = batch.atomic_numbers
        return cls(centre, pair_number(z[centre], z[neighbour]), *basis(r), r, vector / r[:, None])


def pair_number(z_i: Ints, z_j: Ints) -> Ints:
    """Return one number for two elements in either order."""
    return np.asarray(np.minimum(z_i, z_j) * _Z + np.maximum(z_i, z_j), dtype=np.int64)


def isolated(batch: Batch, atoms: Mapping[int, float]) -> Floats:
    """Return the energy (F,) of the isolated atoms of each frame; ``atoms`` by element, eV."""
    shift = np.zeros(_Z)
    shift[list(atoms)] = list(atoms.values())
    return np.asarray(np.add.reduceat(shift[batch.atomic_numbers], batch.frame_ptr[:-1]))


class NormalEquations:
    """A = X^T W X, b = X^T W y and y^T W y of frames, for all pairs of some elements."""

    def __init__(self, elements: Iterable[int], basis: Basis) -> None:
        z = np.array(sorted(elements), dtype=np.int64)
        first, second = np.triu_indices(len(z))
        self.basis = basis
        self.pairs = np.sort(pair_number(z[first], z[second]))
        size = len(self.pairs) * basis.size
        self.a, self.b, self.yy, self.n_frames = np.zeros((size, size)), np.zeros(size), 0.0, 0

    def add(self, batch: Batch, binding: Floats, weight: Weights) -> None:
        """Add frames with binding energies (F,), eV, and forces; ``weight`` is that of one row."""
        edges = Edges.of(batch, self.basis)
        here, local = np.unique(edges.pair, return_inverse=True)
        n, size = len(here) * self.basis.size, self.basis.size
        inside = edges.function < size
        column = (local[:, None] * size + edges.function)[inside]
        frame, centre = (
            np.repeat(rows[:, None], 4, axis=1)[inside]
            for rows in (batch.frame[edges.centre], edges.centre)
        )
        n_frames, n_atoms = len(batch.structures), len(batch.atomic_numbers)
        root = np.sqrt(weight.energy) / np.diff(batch.frame_ptr)
        energy = _table(frame, column, 0.5 * edges.value[inside], n_frames, n) * root[:, None]
        blocks, targets = [energy], [binding * root]
        forces = np.concatenate([s.forces for s in batch.structures if s.forces is not None])
        for axis in range(3):
            force = (edges.slope * edges.unit[:, axis, None])[inside]
            blocks.append(_table(centre, column, force, n_atoms, n) * np.sqrt(weight.force))
            targets.append(forces[:, axis] * np.sqrt(weight.force))
        x, y = np.concatenate(blocks), np.concatenate(targets)
        where = (np.searchsorted(self.pairs, here)[:, None] * size + np.arange(size)).reshape(-1)
        self.a[np.ix_(where, where)] += x.T @ x
        self.b[where] += x.T @ y
        self.yy += float(y @ y)
        self.n_frames += n_frames

    def loss(self, coefficients: Floats) -> float:
        """Return the loss of these coefficients on the frames added."""
        return float(coefficients @ self.a @ coefficients - 2 * self.b @ coefficients + self.yy)


def _table(row: Ints, column: Ints, value: Floats, n_rows: int, n_columns: int) -> Floats:
    """Return (n_rows, n_columns) with the values added up where they belong."""
    flat = np.bincount(row * n_columns + column, weights=value, minlength=n_rows * n_columns)
    return np.asarray(flat.reshape(n_rows, n_columns), dtype=np.float64)


def normal_equations(
    structures: Iterable[Structure],
    elements: Iterable[int],
    atoms: Mapping[int, float],
    basis: Basis,
    row: Weights,
) -> NormalEquations:
    """Return the normal equations of labelled structures, fastest if sorted by their elements.

    ``atoms`` holds the energies of isolated atoms (eV); ``row`` is the weight of one energy, and of
    one force component.
    """
    equations = NormalEquations(elements, basis)
    for batch in batches(structures, basis.r_max):
        total = np.array([structure.energy for structure in batch.structures], dtype=float)
        equations.add(batch, total - isolated(batch, atoms), row)
    return equations


def by_elements(reader: StoreReader, frames: Ints) -> Ints:
    """Return the frames sorted by the set of their elements: batches then have few pairs."""
    ends = np.cumsum(reader.frame_ptr[frames + 1] - reader.frame_ptr[frames])
    parts = np.split(reader.gather(F.ATOMIC_NUMBERS, frames), ends[:-1])
    elements = [sum(1 << z for z in set(part.tolist())) for part in parts]
    return np.array([frame for _, frame in sorted(zip(elements, frames.tolist(), strict=True))])
