"""Intervals and rank correlations shared by the stages that judge D.

Every interval is 95 %, from a delete-group jackknife over molecules: frames of one molecule are not
independent, and a bootstrap with replacement biases plug-in entropies (design, section 2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95 % interval; the interval is NaN where fewer than two groups speak."""

    value: float
    lo: float
    hi: float

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.hi - self.lo) / 2


def t_quantile(dof: float) -> float:
    """Return the two-sided 95 % quantile of Student's t with ``dof`` degrees of freedom."""
    return float(stats.t.ppf(0.5 + LEVEL / 2, dof))


def jackknife_se(replicates: NDArray[np.float64]) -> float:
    """Return the delete-one-group standard error, sqrt((g-1)/g sum (theta_k - mean theta)^2).

    Efron & Stein 1981, Ann. Stat. 9, 586. ``replicates`` (g,) holds the statistic without group k.
    """
    g = len(replicates)
    if g < 2 or not np.isfinite(replicates).all():
        return float("nan")
    return float(np.sqrt((g - 1) / g * np.sum((replicates - replicates.mean()) ** 2)))


def jackknife(
    statistic: Callable[[NDArray[np.bool_]], float],
    groups: Sequence[int] | NDArray[np.int64],
    *,
    dof: int | None = None,
) -> Estimate:
    """Return ``statistic`` over all rows with a 95 % delete-group jackknife interval.

    Parameters
    ----------
    statistic
        Maps a mask (n,) of the rows kept to a number.
    groups
        Group (molecule) of each row, (n,).
    dof
        Degrees of freedom of Student's t. Default: the number of groups minus one. A statistic
        that rests on fewer groups than there are (a difference of two types) gives its own.
    """
    groups = np.asarray(groups)
    labels = np.unique(groups)
    value = float(statistic(np.ones(len(groups), dtype=bool)))
    replicates = np.array([statistic(groups != label) for label in labels], dtype=float)
    dof = len(labels) - 1 if dof is None else dof
    if dof < 1:
        return Estimate(value, float("nan"), float("nan"))
    half = t_quantile(dof) * jackknife_se(replicates)
    return Estimate(value, value - half, value + half)


def group_mean(values: NDArray[np.float64], groups: NDArray[np.int64]) -> Estimate:
    """Return the mean of ``values`` (n,) over all rows with its jackknife interval over ``groups``."""
    labels, inverse = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(inverse, weights=values), np.bincount(inverse)
    if len(labels) < 2:
        return Estimate(float(np.mean(values)), float("nan"), float("nan"))
    total, n = sums.sum(), counts.sum()
    replicates = (total - sums) / (n - counts)
    half = t_quantile(len(labels) - 1) * jackknife_se(replicates)
    return Estimate(float(total / n), float(total / n - half), float(total / n + half))


def spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return Spearman's rank correlation, NaN for fewer than three points or a constant."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(stats.spearmanr(x, y).statistic)


def stratified_kendall(
    x: NDArray[np.float64], y: NDArray[np.float64], strata: NDArray[np.object_] | Sequence[str]
) -> tuple[float, int]:
    """Return Kendall's tau over the pairs that lie within one stratum, and the number of pairs.

    (concordant - discordant) / pairs, over pairs of one bond type only, so that the easy order
    between types cannot help (Kendall's tau-a, stratified; Kendall 1938, Biometrika 30, 81).
    """
    strata = np.asarray(strata)
    score, pairs = 0.0, 0
    for label in np.unique(strata):
        a, b = x[strata == label], y[strata == label]
        upper = np.triu_indices(len(a), k=1)
        sign = np.sign(a[:, None] - a) * np.sign(b[:, None] - b)
        score += float(sign[upper].sum())
        pairs += len(upper[0])
    return (score / pairs if pairs else float("nan")), pairs
