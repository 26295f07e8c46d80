"""Bond additivity: the binding energy as a sum of one number per bond type, by ridge least squares.

    E_m = sum_t n_mt c_t        D_t = -c_t

n_mt bonds of type t in molecule m, E_m the mean binding energy of its frames. All frames weigh the
same. A molecule enters by its counts alone: memory and time do not grow with the number of frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from e3d.arrays import Floats, Masks
from e3d.statistics import jackknife_groups, t_quantile
from e3d.statistics.resampling import jackknife_se

RIDGES: Final = tuple(10.0**k for k in range(-8, 4))
"""Tried by cross-validation, in units of the mean square of a column of counts."""
FOLDS: Final = 5
DETERMINED: Final = 1.0 - 1e-6
"""Resolution above which the data fix a coefficient: well above rounding of singular vectors."""


@dataclass(frozen=True)
class Molecules:
    """What additivity is fitted to: M molecules and T bond types."""

    types: tuple[str, ...]
    counts: Floats  # (M, T)
    energy: Floats  # (M,) mean binding energy of the frames, eV
    frames: Floats  # (M,) number of frames
    spread: Floats  # (T, Q): c = spread q, and the ridge is on q; see shrunk_to_parents

    @property
    def weighted_counts(self) -> Floats:
        """Counts (M, T) times the root of the share of the frames of each molecule."""
        return self.root[:, None] * self.counts

    @property
    def root(self) -> Floats:
        """Square root of the share (M,) of the frames of each molecule."""
        return np.asarray(np.sqrt(self.frames / self.frames.sum()))

    def take(self, rows: Masks) -> "Molecules":
        """Return some of the molecules."""
        return Molecules(
            self.types, self.counts[rows], self.energy[rows], self.frames[rows], self.spread
        )


def shrunk_to_parents(parents: Sequence[str]) -> Floats:
    """Return a spread (T, Q) by which the ridge pulls a fine type to its coarse value, not to zero.

    c_t = 100 g_parent + q_t, ``parents`` (T,) the coarse types: the penalty on g is 10^-4 of that
    on q. Where the data do not distinguish the fine types of one coarse type, all get its value.
    """
    kinds = np.array(parents, dtype=object)
    member = np.equal.outer(kinds, np.unique(kinds)).astype(float)
    return np.hstack([100.0 * member, np.eye(len(kinds))])


class Decomposition:
    """Singular values of the weighted design sqrt(w) X S, S the spread: any ridge is a product."""

    def __init__(self, data: Molecules) -> None:
        """Decompose the design of ``data``, w the share of the frames of each molecule."""
        x = data.weighted_counts
        self.spread = data.spread
        u, self.singular, self.right = _svd(x @ data.spread)
        self.u_y = u.T @ (data.root * data.energy)
        self.scale = float(np.mean(np.sum(x**2, axis=0))) if x.size else 0.0

    def coefficients(self, ridge: float) -> Floats:
        """Return c = S q (T,): q minimises sum_m w_m (E_m - n_m S q)^2 + ridge * scale * |q|^2.

        Without a ridge it is the shortest of those that fit best.
        """
        q = (self.singular * self.u_y / (self.singular**2 + ridge * self.scale)) @ self.right
        return np.asarray(self.spread @ q)

    def variance(self, ridge: float) -> Floats:
        """Return the freedom (T,) that a ridge leaves each coefficient.

        The diagonal of S (S^T X^T w X S + ridge * scale)^-1 S^T.
        """
        penalty = ridge * self.scale
        seen = self.spread @ self.right.T  # (T, R)
        free = (self.spread**2).sum(axis=1) - (seen**2).sum(axis=1)
        return np.asarray(
            (seen**2 / (self.singular**2 + penalty)).sum(axis=1) + np.maximum(free, 0.0) / penalty
        )


def _svd(matrix: Floats) -> tuple[Floats, Floats, Floats]:
    """Return U, s and V^T without the singular values that are zero to rounding."""
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    keep = s > max(matrix.shape) * np.finfo(float).eps * s.max(initial=0.0)
    return u[:, keep], s[keep], v[keep]


@dataclass(frozen=True)
class Additivity:
    """A fitted additivity."""

    data: Molecules
    ridge: float
    cv_rmse_eV: float  # of held-out molecules' mean energies; NaN where nothing could be held out

    @cached_property
    def _parts(self) -> Decomposition:
        return Decomposition(self.data)

    @cached_property
    def _rows(self) -> tuple[Floats, Floats]:
        """Singular values and right vectors of the counts: what the data see, without a ridge."""
        return _svd(self.data.weighted_counts)[1:]

    @cached_property
    def bond_energy(self) -> Floats:
        """D of each type (T,), eV."""
        return -self._parts.coefficients(self.ridge)

    @property
    def rank(self) -> int:
        """Number of combinations of types that the data see."""
        return len(self._rows[0])

    @property
    def condition(self) -> float:
        """Ratio of the largest to the smallest singular value that is not zero."""
        s = self._rows[0]
        return float(s.max() / s.min()) if len(s) else float("nan")

    @property
    def resolution(self) -> Floats:
        """Diagonal (T,) of the projector on the row space: 1 where the data fix a coefficient."""
        return np.asarray((self._rows[1] ** 2).sum(axis=0))

    @property
    def determined(self) -> Masks:
        """Whether the data fix each coefficient (T,); else the ridge has chosen among equals."""
        return np.asarray(self.resolution > DETERMINED)

    @property
    def effective_parameters(self) -> float:
        """Trace of the matrix that maps energies to fitted energies."""
        square = self._parts.singular**2
        return float((square / (square + self.ridge * self._parts.scale)).sum())

    def ridge_sd(self) -> Floats:
        """Return how far the data let each coefficient (T,) move: its SD under the ridge, eV."""
        residual = self.data.energy + self.data.counts @ self.bond_energy
        rms = np.sqrt(np.average(residual**2, weights=self.data.frames))
        return np.asarray(rms * np.sqrt(self._parts.variance(self.ridge) / self.data.frames.sum()))

    def jackknife(self) -> tuple[Floats, Floats]:
        """Return standard error and half width of the 95 % interval of each D (T,), eV.

        Molecules are left out and the ridge is kept. Degrees of freedom: molecules that have the
        type, minus one. NaN where a single molecule has it.
        """
        holders = (self.data.counts > 0).sum(axis=0)
        groups = jackknife_groups(np.arange(len(self.data.energy)))
        replicates = []
        for group in np.unique(groups):
            rest = self.data.take(groups != group)
            d = -Decomposition(rest).coefficients(self.ridge)
            replicates.append(np.where((rest.counts > 0).any(axis=0), d, np.nan))
        table = np.array(replicates).reshape(len(replicates), len(self.data.types))
        error = np.array([jackknife_se(column) for column in table.T])
        return error, error * np.array([t_quantile(max(n - 1, 1)) for n in holders])


def fit(data: Molecules) -> Additivity:
    """Fit an additivity with the ridge whose error for left-out molecules is smallest.

    The largest such ridge; the smallest of all where there are too few molecules to leave any out.
    """
    errors = cross_validation(data)
    if not np.isfinite(errors).all():
        return Additivity(data, min(RIDGES), float("nan"))
    best = len(errors) - 1 - int(np.argmin(errors[::-1]))
    return Additivity(data, RIDGES[best], float(np.sqrt(errors[best])))


def cross_validation(data: Molecules) -> Floats:
    """Return the mean squared error (eV^2) for left-out molecules, one for each of ``RIDGES``.

    Molecules, in their order, are dealt at random, always the same way, into five folds. A molecule
    with a type that the other folds lack says nothing about the ridge and is not counted; NaN where
    none is left.
    """
    fold = np.random.default_rng(0).permutation(len(data.energy)) % FOLDS
    total, weight = np.zeros(len(RIDGES)), 0.0
    for k in range(FOLDS):
        rest, held = data.take(np.asarray(fold != k)), data.take(np.asarray(fold == k))
        if not len(rest.energy):
            continue
        unseen = ~(rest.counts > 0).any(axis=0)
        held = held.take(np.asarray((held.counts[:, unseen] == 0).all(axis=1)))
        parts = Decomposition(rest)
        for row, ridge in enumerate(RIDGES):
            error = held.energy - held.counts @ parts.coefficients(ridge)
            total[row] += held.frames @ error**2
        weight += held.frames.sum()
    return total / weight if weight else np.full(len(RIDGES), np.nan)
