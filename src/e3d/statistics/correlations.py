"""Intervals of correlations, on Fisher's scale: none ends beyond 1.

    z = atanh(rho)        rho = tanh(z)

Near 1 a correlation has little room above it, and an interval that is symmetric in rho itself
promises values that no correlation has (Fisher 1921, Metron 1, 3).
"""

from typing import Final

import numpy as np

from e3d.arrays import Floats
from e3d.statistics.intervals import NO_WIDTH, Estimate
from e3d.statistics.resampling import estimate

CORRELATIONS: Final = ("spearman", "kendall", "pearson")
"""What the columns of correlations end in."""
_ALMOST: Final = 1 - 1e-12


def is_correlation(column: str) -> bool:
    """Say whether a column of a table holds correlations.

    >>> is_correlation("within_types_kendall"), is_correlation("mae_eV")
    (True, False)
    """
    return column.endswith(CORRELATIONS)


def fisher(correlation: Floats, half_step: float = 0.0) -> Floats:
    """Return Fisher's z of ``correlation``, drawn towards zero by ``half_step`` of itself.

    Ranks that agree perfectly have rho = 1 and no z; half a step below, they have one. What has no
    steps is put 1e-12 below 1.
    """
    return np.asarray(np.arctanh(np.clip((1 - half_step) * correlation, -_ALMOST, _ALMOST)))


def estimate_correlation(replicates: Floats, half_step: float = 0.0) -> Estimate:
    """Return the first of ``replicates`` (1 + g,) with the interval that the others give its z.

    There is no interval where all replicates agree: that is saturation, not certainty.
    """
    rho = float(replicates[0])
    z = estimate(fisher(replicates, half_step))
    if not z.has_interval or z.half_width < NO_WIDTH:
        return Estimate(rho)
    found = z.transformed(np.tanh)
    return Estimate(rho, min(rho, found.lo), max(rho, found.hi))
