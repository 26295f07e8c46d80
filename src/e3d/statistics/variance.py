"""Degrees of freedom and intervals of variances."""

from collections.abc import Sequence

import numpy as np
from scipy.special import fdtri

from e3d.arrays import Floats
from e3d.statistics.intervals import LEVEL, Estimate


def welch_dof(variances: Sequence[float], sizes: Sequence[int]) -> float:
    """Return the degrees of freedom of a difference of means (Welch-Satterthwaite), 0 if unknown.

    ``variances`` are the squared standard errors of the means, ``sizes`` the groups behind them
    (Welch 1947, Biometrika 34, 28).

    >>> round(welch_dof([1.0, 1.0], [5, 5]), 6)
    8.0
    """
    if min(sizes) < 2 or not sum(variances) > 0:
        return 0.0
    spread = sum(v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True))
    return float(sum(variances) ** 2 / spread)


def independent_rows(deviations: Floats) -> float:
    """Return to how many independent rows ``deviations`` (rows, seeds) from the rows' means amount.

    (tr G)^2 / tr G^2 with G the seeds' products: the mean square over k such rows varies as that
    over all does (Satterthwaite 1946, Biometrics Bull. 2, 110). 1 if rows move together; at most
    the seeds less one, so that it rather understates. NaN where nothing varies.
    """
    product = deviations.T @ deviations
    square = float((product**2).sum())
    return float(np.trace(product) ** 2 / square) if square > 0 else float("nan")


def variance_ratio(ratio: float, dof: float, dof_of_reference: float) -> Estimate:
    """Return a ratio of two variances with its 95 % interval by F.

    Infinite ``dof``: the numerator is known.
    """
    if not (np.isfinite(ratio) and dof > 0 and dof_of_reference > 0):
        return Estimate(ratio)
    large = 1e9  # chi-squared is the limit
    ends = [fdtri(min(dof, large), dof_of_reference, p) for p in (0.5 + LEVEL / 2, 0.5 - LEVEL / 2)]
    return Estimate(ratio, float(ratio / ends[0]), float(ratio / ends[1]))
