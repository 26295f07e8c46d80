"""A pair potential fitted to the same energies and forces as the network, by linear least squares.

    E = sum_(i<j) phi_ab(r_ij)      phi_ab(r) = sum_m c_abm B_m(r)      D_ij = -phi_ab(r_ij)

Each directed edge gives half of its energy to its frame and the whole force phi'(r) (x_j - x_i) / r to its centre. The
loss is the network's: w_E <(dE / N)^2> + w_F <dF^2>. Normal equations are added up batch by batch, over the element
pairs a batch has, so that memory does not grow with the number of frames.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from e3d.edges import EdgeEnergies
from e3d.graphs import Batch, batches
from e3d.structures import Structure
from study.null.splines import Basis

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PENALTIES: Final = 10.0 ** np.arange(-10.0, 1.0)
"""Tried on the validation frames, in units of the mean diagonal of the normal matrix."""
_Z: Final = 128
_JITTER: Final = 1e-13
"""Of the mean diagonal, added to it: below what float64 resolves of the normal matrix, enough to factorise it."""


@dataclass(frozen=True)
class Weights:
    """Of the mean squared energy error per atom (eV^2) and force error (eV^2/Å^2), as in the training."""

    energy: float
    force: float

    def per_row(self, n_frames: int, n_atoms: int) -> "Weights":
        """Return the weight of one energy and of one force component: the loss has a mean over each."""
        return Weights(self.energy / n_frames, self.force / (3 * n_atoms))


@dataclass(frozen=True)
class Edges:
    """Directed edges of a batch, with splines: P edges, 4 functions each."""

    centre: Ints
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
        vector = batch.positions[neighbour] - batch.positions[centre]
        if batch.cell_shift is not None:
            cells = np.array([structure.cell for structure in batch.structures])[
                batch.frame[centre]
            ]
            vector = vector + np.einsum("pk,pkx->px", batch.cell_shift.astype(float), cells)
        r = np.linalg.norm(vector, axis=1)
        z = batch.atomic_numbers
        return cls(centre, pair_number(z[centre], z[neighbour]), *basis(r), r, vector / r[:, None])


def pair_number(z_i: Ints, z_j: Ints) -> Ints:
    """Return one number for two elements in either order."""
    return np.asarray(np.minimum(z_i, z_j) * _Z + np.maximum(z_i, z_j), dtype=np.int64)


class NormalEquations:
    """A = X^T W X, b = X^T W y and y^T W y of a set of frames, for the element pairs of ``elements``."""

    def __init__(self, elements: Iterable[int], basis: Basis) -> None:
        z = np.array(sorted(elements), dtype=np.int64)
        first, second = np.triu_indices(len(z))
        self.basis = basis
        self.pairs = pair_number(z[first], z[second])
        self.pairs.sort()
        size = len(self.pairs) * basis.size
        self.a, self.b, self.yy = np.zeros((size, size)), np.zeros(size), 0.0

    def add(self, batch: Batch, binding: Floats, weight: Weights) -> None:
        """Add frames with their binding energies (F,), eV, and forces; ``weight`` is that of one row of each."""
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
    weights: Weights,
) -> NormalEquations:
    """Return the normal equations of labelled structures, fastest if sorted by their elements.

    ``atoms`` holds the energies of isolated atoms (eV); ``weights`` are those of one row, see :meth:`Weights.per_row`.
    """
    equations = NormalEquations(elements, basis)
    for batch in batches(structures, basis.r_max):
        total = np.array([structure.energy for structure in batch.structures], dtype=float)
        equations.add(batch, total - isolated(batch, atoms), weights)
    return equations


def isolated(batch: Batch, atoms: Mapping[int, float]) -> Floats:
    """Return the energy (F,) of the isolated atoms of each frame, eV."""
    shift = np.zeros(_Z)
    shift[list(atoms)] = list(atoms.values())
    return np.asarray(np.add.reduceat(shift[batch.atomic_numbers], batch.frame_ptr[:-1]))


def _per_frame(batch: Batch, eps: Floats) -> Floats:
    """Return the sum (F,) of what the edges of each frame hold."""
    frame = batch.frame[batch.edge_index[0]]
    total = np.bincount(frame, weights=eps, minlength=len(batch.structures))
    return np.asarray(total, dtype=np.float64)


@dataclass(frozen=True)
class PairPotential:
    """A fitted pair potential; ``coefficients`` (pairs, functions) in eV, ``seen`` where a training pair lay."""

    basis: Basis
    pairs: Ints
    coefficients: Floats
    seen: NDArray[np.bool_]
    atoms: Mapping[int, float]
    penalty: float
    rank: int
    condition: float
    effective_parameters: float

    @property
    def n_parameters(self) -> int:
        """Number of coefficients of element pairs that were seen."""
        return int(self.seen.any(axis=1).sum()) * self.basis.size

    @property
    def r_max(self) -> float:
        """Return the cutoff, Å."""
        return self.basis.r_max

    def knows(self, structure: Structure) -> bool:
        """Say whether every pair of elements that a structure may have was trained on."""
        z = np.unique(structure.atomic_numbers)
        single = np.bincount(structure.atomic_numbers)[z] == 1
        a, b = np.triu_indices(len(z))
        needed = pair_number(z[a], z[b])[~((a == b) & single[a])]
        return bool(np.isin(needed, self.pairs[self.seen.any(axis=1)]).all())

    def batches(self, structures: Iterable[Structure]) -> Iterator[Batch]:
        """Group structures, in order, into batches."""
        return batches(structures, self.r_max)

    def energies_and_forces(self, batch: Batch) -> tuple[Floats, Floats]:
        """Return total energies (F,) in eV and the forces on all atoms (A, 3) in eV/Å."""
        edges = Edges.of(batch, self.basis)
        c = self._of(edges.pair, edges.function)
        half = 0.5 * (c * edges.value).sum(axis=1)
        pull = (c * edges.slope).sum(axis=1)[:, None] * edges.unit
        n_atoms = len(batch.atomic_numbers)
        force = [np.bincount(edges.centre, weights=part, minlength=n_atoms) for part in pull.T]
        return _per_frame(batch, half) + isolated(batch, self.atoms), np.stack(force, axis=1)

    def edge_energies(self, batch: Batch) -> EdgeEnergies:
        """Return half of each pair's energy on either of its directed edges, eV."""
        edges = Edges.of(batch, self.basis)
        half = 0.5 * (self._of(edges.pair, edges.function) * edges.value).sum(axis=1)
        alone = isolated(batch, self.atoms)
        energy = _per_frame(batch, half) + alone
        return EdgeEnergies.of(batch, eps=half, length=edges.length, energy=energy, shift=alone)

    def bond_energy(self, z_i: Ints, z_j: Ints, r: Floats) -> Floats:
        """Return D = -phi(r) of pairs (P,) in eV; NaN where training had no such pair near that distance (Å)."""
        function, value, _ = self.basis(r)
        pair = pair_number(z_i, z_j)
        seen = self._of(pair, function, self.seen.astype(float)) + (function >= self.basis.size)
        d = -(self._of(pair, function) * value).sum(axis=1)
        return np.where((seen > 0).all(axis=1) & (r < self.basis.r_max), d, np.nan)

    def _of(self, pair: Ints, function: Ints, table: Floats | None = None) -> Floats:
        """Return coefficients (P, 4); zero of what was left out or never seen."""
        table = self.coefficients if table is None else table
        row = np.minimum(np.searchsorted(self.pairs, pair), len(self.pairs) - 1)
        known = (self.pairs[row] == pair)[:, None] & (function < self.basis.size)
        return np.where(known, table[row[:, None], np.minimum(function, self.basis.size - 1)], 0.0)


def fit(
    train: NormalEquations, validation: NormalEquations, atoms: Mapping[int, float]
) -> PairPotential:
    """Fit with the curvature penalty that has the smallest loss on ``validation`` (the largest such)."""
    penalised = np.kron(np.eye(len(train.pairs)), train.basis.curvature())
    scale = float(np.trace(train.a)) / max(len(train.b), 1) or 1.0
    jitter = _JITTER * scale * np.eye(len(train.b))
    solved = []
    for relative in PENALTIES:
        factor = cho_factor(train.a + relative * scale * penalised + jitter)
        c = cho_solve(factor, train.b)
        solved.append((validation.loss(c), -relative, c, factor))
    _, negative, c, factor = min(solved, key=lambda one: one[:2])
    values = np.linalg.eigvalsh(train.a)
    positive = values[values > len(values) * np.finfo(float).eps * values.max(initial=0.0)]
    shape = (len(train.pairs), train.basis.size)
    return PairPotential(
        basis=train.basis,
        pairs=train.pairs,
        coefficients=c.reshape(shape),
        seen=np.diag(train.a).reshape(shape) > 0,
        atoms=dict(atoms),
        penalty=float(-negative),
        rank=len(positive),
        condition=float(positive.max() / positive.min()) if len(positive) else float("nan"),
        effective_parameters=float(np.trace(cho_solve(factor, train.a))),
    )
