"""Intervals and rank correlations shared by the stages that judge D.

Every interval is 95 %, from a delete-group jackknife over molecules: frames of one molecule are not
independent, and a bootstrap with replacement biases plug-in entropies (design, section 2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri, stdtrit

LEVEL = 0.95
MAX_GROUPS = 100


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
    return float(stdtrit(dof, 0.5 + LEVEL / 2))


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
    dof: float | None = None,
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
    dof = len(labels) - 1 if dof is None else dof
    if len(labels) < 2 or dof < 1:
        return Estimate(value, float("nan"), float("nan"))
    replicates = np.array([statistic(groups != label) for label in labels], dtype=float)
    half = t_quantile(dof) * jackknife_se(replicates)
    return Estimate(value, value - half, value + half)


def jackknife_groups(molecules: NDArray[np.int64], limit: int = MAX_GROUPS) -> NDArray[np.int64]:
    """Return the group (n,) each row is deleted with: its molecule, or molecules dealt into ``limit``.

    With many molecules a delete-a-group jackknife over 100 groups of whole molecules has the same
    expectation and costs 100 evaluations instead of one per molecule (Kott 2001, J. Off. Stat. 17, 521).
    """
    order = np.unique(molecules, return_inverse=True)[1]
    return np.asarray(order % limit, dtype=np.int64)


def group_mean(
    values: NDArray[np.float64],
    groups: NDArray[np.int64],
    transform: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.asarray,
) -> Estimate:
    """Return ``transform`` of the mean of ``values`` (n,) with its jackknife interval over ``groups``.

    The same as :func:`jackknife` of that statistic, in one pass; ``np.sqrt`` of squares is an RMS.
    """
    labels, inverse = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(inverse, weights=values), np.bincount(inverse)
    total, n = sums.sum(), counts.sum()
    value = float(transform(np.asarray(total / n)))
    if len(labels) < 2:
        return Estimate(value, float("nan"), float("nan"))
    half = t_quantile(len(labels) - 1) * jackknife_se(transform((total - sums) / (n - counts)))
    return Estimate(value, value - half, value + half)


def group_ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> Estimate:
    """Return sum(part) / sum(whole) over groups (g,) with its delete-one-group jackknife interval."""
    total, base = part.sum(), whole.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(np.divide(total, base))
        replicates = np.divide(total - part, base - whole)
    if len(part) < 2:
        return Estimate(value, float("nan"), float("nan"))
    half = t_quantile(len(part) - 1) * jackknife_se(replicates)
    return Estimate(value, value - half, value + half)


def welch_dof(variances: Sequence[float], sizes: Sequence[int]) -> float:
    """Return the degrees of freedom of a difference of means (Welch-Satterthwaite), 0 if unknown.

    ``variances`` are the squared standard errors of the means, ``sizes`` the groups behind them
    (Welch 1947, Biometrika 34, 28).
    """
    if min(sizes) < 2 or not sum(variances) > 0:
        return 0.0
    spread = sum(v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True))
    return float(sum(variances) ** 2 / spread)


def independent_rows(deviations: NDArray[np.float64]) -> float:
    """Return how many independent rows (rows, seeds) of deviations from their means over seeds amount to.

    (tr G)^2 / tr G^2 with G the seeds' products: the mean square over k such rows varies as that over all does
    (Satterthwaite 1946, Biometrics Bull. 2, 110). 1 if rows move together; at most the seeds less one, so that it
    rather understates. NaN where nothing varies.
    """
    product = deviations.T @ deviations
    square = float((product**2).sum())
    return float(np.trace(product) ** 2 / square) if square > 0 else float("nan")


def variance_ratio(ratio: float, dof: float, dof_of_reference: float) -> Estimate:
    """Return a ratio of two variances with its 95 % interval by F; infinite ``dof``: the numerator is known."""
    if not (np.isfinite(ratio) and dof > 0 and dof_of_reference > 0):
        return Estimate(ratio, float("nan"), float("nan"))
    large = 1e9  # chi-squared is the limit
    ends = [fdtri(min(dof, large), dof_of_reference, p) for p in (0.5 + LEVEL / 2, 0.5 - LEVEL / 2)]
    return Estimate(ratio, float(ratio / ends[0]), float(ratio / ends[1]))


def spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return Spearman's rank correlation, NaN for fewer than three points or a constant."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    from scipy import stats  # half a second, and most stages that need an interval need no ranks

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
