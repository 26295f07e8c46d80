"""Estimates over molecules and seeds at once, and how surely they lie beyond a number.

Bonds of one molecule are not independent, nor are those of one training. Each factor is left out
group by group (a jackknife), and both variances are added: without the product of both, which this
counts twice, so that the sum rather overstates. Owen 2007, Ann. Appl. Stat. 1, 386, on crossed
effects.

:func:`crossed` computes a statistic of many runs' rows anew without each group. Where a table holds
the runs' own estimates alone, :func:`over_seeds` puts these together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from e3d.arrays import Floats, Ints, Masks
from e3d.statistics.correlations import fisher
from e3d.statistics.intervals import Estimate, t_quantile
from e3d.statistics.resampling import jackknife_groups, jackknife_se, replicates

_MANY: Final = 1e9
"""Degrees of freedom of a normal distribution."""
_LARGEST_CORRELATION: Final = 0.999
"""Ends nearer to 1 are put there, since 1 itself has no place on Fisher's scale."""

Statistic = Callable[[Masks, Ints], float]
"""Of the rows in a mask (n,), and of the seeds by their places (s,)."""


@dataclass(frozen=True)
class Crossed:
    """A statistic, its standard error and the degrees of freedom of that (0: not known)."""

    value: float
    se: float
    dof: float

    @property
    def estimate(self) -> Estimate:
        """Return the 95 % interval by Student's t."""
        if not (np.isfinite(self.se) and self.dof > 0):
            return Estimate(self.value)
        return Estimate.symmetric(self.value, t_quantile(self.dof) * self.se)

    def p_above(self, number: float) -> float:
        """Return the chance of such a value, or a larger one, were the truth ``number``.

        >>> Crossed(1.0, 0.5, 1e9).p_above(0.0) < 0.025
        True
        """
        return self._p(self.value - number)

    def p_below(self, number: float) -> float:
        """Return the chance of such a value, or a smaller one, were the truth ``number``."""
        return self._p(number - self.value)

    def _p(self, distance: float) -> float:
        if not (np.isfinite(self.se) and self.dof > 0):
            return float("nan")
        if self.se == 0:
            return 0.5 if distance == 0 else float(distance < 0)
        from scipy.special import stdtr  # not before it is needed: commands start faster

        return float(stdtr(self.dof, -distance / self.se))


def crossed(statistic: Statistic, molecules: Ints, n_seeds: int) -> Crossed:
    """Return a statistic of rows and seeds, with molecules left out in turn, then seeds.

    Parameters
    ----------
    statistic
        Maps a mask (n,) of the rows kept and the places of the seeds kept to a number.
    molecules
        Molecule (n,) of each row; more than a hundred are left out in groups.
    n_seeds
        Number of seeds. With a single one its variance is not known, and molecules alone speak.
    """
    every = np.arange(n_seeds)
    whole = np.ones(len(molecules), dtype=bool)
    groups = jackknife_groups(molecules)
    of_molecules = replicates(lambda keep: statistic(keep, every), groups)
    parts = [(jackknife_se(of_molecules[1:]), len(of_molecules) - 1)]
    if n_seeds > 1:
        without = [statistic(whole, np.delete(every, seed)) for seed in every]
        parts.append((jackknife_se(np.array(without)), n_seeds))
    se = float(np.sqrt(sum(part**2 for part, _ in parts)))
    return Crossed(float(of_molecules[0]), se, _dof(parts))


def _dof(parts: Sequence[tuple[float, int]]) -> float:
    """Return the degrees of freedom of a root of added variances (Welch-Satterthwaite)."""
    spread = sum(se**4 / (n - 1) for se, n in parts if n > 1)
    total = sum(se**2 for se, _ in parts) ** 2
    return float(total / spread) if spread > 0 else 0.0


def over_seeds(runs: Sequence[Estimate], *, correlation: bool = False) -> Estimate:
    """Return the mean over seeds of what each run gives, with an interval over both.

    The standard error over molecules of a mean over S runs is at most the mean of theirs, which
    stands for it: little more where the molecules decide, up to sqrt(S) times where seeds do. To
    its square is added that over seeds, s^2 / S. One run keeps its own interval. There is none
    where a run has none.

    Parameters
    ----------
    runs
        The same statistic of each seed, with its interval over molecules.
    correlation
        Whether intervals are added on Fisher's scale.
    """
    ends = np.array([(one.value, one.lo, one.hi) for one in runs], dtype=float)
    mean = float(ends[:, 0].mean())
    if len(runs) == 1:
        return runs[0]
    if correlation:
        ends = np.clip(ends, -_LARGEST_CORRELATION, _LARGEST_CORRELATION)
        ends = fisher(ends)
    of_seed = ends[:, 1:].mean(axis=1) if correlation else ends[:, 0]
    normal = t_quantile(_MANY)
    of_molecules = float((ends[:, 2] - ends[:, 1]).mean()) / 2 / normal
    of_seeds = float(of_seed.std(ddof=1)) / np.sqrt(len(runs))
    se = float(np.hypot(of_molecules, of_seeds))
    dof = (se / of_seeds) ** 4 * (len(runs) - 1) if of_seeds > 0 else _MANY
    found = Crossed(float(of_seed.mean()), se, min(dof, _MANY)).estimate
    if correlation:
        found = found.transformed(np.tanh)
    return Estimate(mean, found.lo, found.hi)


def holm(p: Floats) -> Floats:
    """Return p-values adjusted for having been looked at together; NaN stays.

    Holm 1979, Scand. J. Stat. 6, 65: the smallest of m is multiplied by m, the next by m - 1, ...,
    and none is smaller than the one before.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
