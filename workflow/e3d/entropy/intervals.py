"""Statistics of all bonds and without each group of molecules, and the intervals that follow.

What is computed from several statistics (a difference, a share) is computed from their replicates.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from e3d.entropy.bins import Ints
from e3d.statistics import Estimate, jackknife_se, t_quantile

MIN_MOLECULES = 3
_ROUNDING = 1e-12
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def replicates(statistic: Callable[[Mask], float], groups: Ints) -> Floats:
    """Return the statistic of all rows and of those without each group: (1 + number of groups,).

    ``statistic`` maps a mask (n,) of the rows kept to a number; ``groups`` (n,) are the jackknife's.
    """
    everything = np.ones(len(groups), dtype=bool)
    return np.array([statistic(everything), *(statistic(groups != group) for group in np.unique(groups))], dtype=float)


def estimate(replicated: Floats, *, saturated: bool = False) -> Estimate:
    """Return value and 95 % delete-group jackknife interval of :func:`replicates`.

    No interval with fewer than three groups, or when no replicate differs but for rounding, or
    (``saturated``) when every value is in a bin of its own: it would claim next to no width. Nor where
    the statistic does not exist without one of the groups.
    """
    value, without = float(replicated[0]), replicated[1:]
    half = t_quantile(len(without) - 1) * jackknife_se(without) if len(without) >= MIN_MOLECULES else np.nan
    if saturated or not half > _ROUNDING:
        return Estimate(value, np.nan, np.nan)
    return Estimate(value, value - half, value + half)


def is_saturated(labels: Ints) -> bool:
    """Say whether every value is in a bin of its own."""
    return len(np.unique(labels)) == len(labels)


def ends(name: str, given: Estimate) -> dict[str, float]:
    """Return a value and its interval as columns."""
    return {name: given.value, f"{name}_lo": given.lo, f"{name}_hi": given.hi}
