"""A pair potential fitted to the energies and forces of the network, by linear least squares.

    E = sum_(i<j) phi_ab(r_ij)      phi_ab(r) = sum_m c_abm B_m(r)      D_ij = -phi_ab(r_ij)

The loss is the network's, w_E <(dE / N)^2> + w_F <dF^2>, and a penalty on the curvature of phi.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.linalg import cho_factor, cho_solve

from e3d.arrays import Floats, Ints, Masks
from e3d.edges import EdgeEnergies
from e3d.fields import Column as C
from e3d.graphs import Batch
from e3d.potential import EdgePotential
from e3d.structures import Structure, from_store
from study.null.fitted import Facts, Training
from study.null.normal_equations import (
    Edges,
    NormalEquations,
    by_elements,
    isolated,
    normal_equations,
    pair_number,
)
from study.null.splines import Basis

PENALTIES: Final = 10.0 ** np.arange(-10.0, 1.0)
"""Tried on the validation frames, in units of the mean diagonal of the normal matrix."""
_JITTER: Final = 1e-13
"""Added to the diagonal in the same units: below float64's resolution, enough to factorise."""


@dataclass(frozen=True)
class PairPotential(EdgePotential):
    """A fitted pair potential of P element pairs and M functions each.

    ``pairs`` (P,) are their numbers, ``coefficients`` (P, M) in eV, ``seen`` (P, M) where a
    training pair lay; ``atoms`` holds the energies of isolated atoms (eV).
    """

    basis: Basis
    pairs: Ints
    coefficients: Floats
    seen: Masks
    atoms: Mapping[int, float]
    facts: Facts

    @property
    def r_max(self) -> float:
        """Return the cutoff, Å."""
        return self.basis.r_max

    def knows(self, structure: Structure) -> bool:
        """Say whether training had every pair of elements that the structure may have."""
        z = np.unique(structure.atomic_numbers)
        single = np.bincount(structure.atomic_numbers)[z] == 1
        a, b = np.triu_indices(len(z))
        needed = pair_number(z[a], z[b])[~((a == b) & single[a])]
        return bool(np.isin(needed, self.pairs[self.seen.any(axis=1)]).all())

    def energies_and_forces(self, batch: Batch) -> tuple[Floats, Floats]:
        """Return total energies (F,) in eV and the forces on all atoms (A, 3) in eV/Å."""
        edges = Edges.of(batch, self.basis)
        c = self._coefficients(edges.pair, edges.function)
        pull = (c * edges.slope).sum(axis=1)[:, None] * edges.unit
        n_atoms = len(batch.atomic_numbers)
        force = [np.bincount(edges.centre, weights=part, minlength=n_atoms) for part in pull.T]
        half = 0.5 * (c * edges.value).sum(axis=1)
        return _per_frame(batch, half) + isolated(batch, self.atoms), np.stack(force, axis=1)

    def edge_energies(self, batch: Batch) -> EdgeEnergies:
        """Return half of each pair's energy on either of its directed edges, eV."""
        edges = Edges.of(batch, self.basis)
        c = self._coefficients(edges.pair, edges.function)
        half = 0.5 * (c * edges.value).sum(axis=1)
        alone = isolated(batch, self.atoms)
        energy = _per_frame(batch, half) + alone
        return EdgeEnergies.of(batch, eps=half, length=edges.length, energy=energy, shift=alone)

    def bond_energies(self, bonds: pd.DataFrame) -> Floats:
        """Return D = -phi(r) of bonds (B,) in eV, NaN where training had no such pair near r."""
        z_i, z_j, r = (bonds[name].to_numpy() for name in (C.Z_I, C.Z_J, C.R))
        function, value, _ = self.basis(r)
        pair = pair_number(z_i, z_j)
        known = self._at(self.seen.astype(float), pair, function) + (function >= self.basis.size)
        d = -(self._coefficients(pair, function) * value).sum(axis=1)
        return np.where((known > 0).all(axis=1) & (r < self.basis.r_max), d, np.nan)

    def types(self) -> pd.DataFrame:
        """Return no rows: D depends on the distance."""
        return pd.DataFrame()

    def _coefficients(self, pair: Ints, function: Ints) -> Floats:
        return self._at(self.coefficients, pair, function)

    def _at(self, table: Floats, pair: Ints, function: Ints) -> Floats:
        """Return the entries (B, 4) of a table (P, M); zero of what was left out or never seen."""
        row = np.minimum(np.searchsorted(self.pairs, pair), len(self.pairs) - 1)
        known = (self.pairs[row] == pair)[:, None] & (function < self.basis.size)
        return np.where(known, table[row[:, None], np.minimum(function, self.basis.size - 1)], 0.0)


def _per_frame(batch: Batch, eps: Floats) -> Floats:
    """Return the sum (F,) over the edges (P,) of each frame."""
    frame = batch.frame[batch.edge_index[0]]
    total = np.bincount(frame, weights=eps, minlength=len(batch.structures))
    return np.asarray(total, dtype=np.float64)


def fit_pair(training: Training) -> PairPotential:
    """Fit a pair potential to training frames; the validation frames choose its smoothness."""
    reader, basis = training.reader, Basis(training.r_max)
    atoms = reader.isolated_atom_energy

    def equations(frames: Ints) -> NormalEquations:
        n_atoms = int((reader.frame_ptr[frames + 1] - reader.frame_ptr[frames]).sum())
        row = training.weights.per_row(len(frames), n_atoms)
        structures = from_store(reader, by_elements(reader, frames))
        return normal_equations(structures, reader.elements, atoms, basis, row)

    return fit(equations(training.frames), equations(training.validation), atoms)


def fit(
    train: NormalEquations, validation: NormalEquations, atoms: Mapping[int, float]
) -> PairPotential:
    """Fit with the curvature penalty of least loss on ``validation``, the largest such."""
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
    seen = np.diag(train.a).reshape(shape) > 0
    facts = Facts(
        frames_fitted=train.n_frames,
        n_parameters=int(seen.any(axis=1).sum()) * train.basis.size,
        effective_parameters=float(np.trace(cho_solve(factor, train.a))),
        rank=len(positive),
        condition=float(positive.max() / positive.min()) if len(positive) else float("nan"),
        ridge=float(-negative),
        ridge_chosen_by="validation frames",
    )
    return PairPotential(train.basis, train.pairs, c.reshape(shape), seen, dict(atoms), facts)
