"""Statistics of all bonds and without each group of molecules, and the intervals that follow.

What is computed from several statistics (a difference, a share) is computed from their replicates.
"""

import numpy as np
from numpy.typing import NDArray

from e3d import statistics
from e3d.statistics import Estimate
from e3d.statistics.intervals import has_width
from study.entropy.bins import Ints

MIN_MOLECULES = 3
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def estimate(replicated: Floats, *, saturated: bool = False) -> Estimate:
    """Return value and 95 % delete-group jackknife interval of :func:`e3d.statistics.replicates`.

    No interval with fewer than three groups, or when no replicate differs but for rounding, or
    (``saturated``) when every value is in a bin of its own: it would claim next to no width. Nor where
    the statistic does not exist without one of the groups.
    """
    found = statistics.estimate(replicated)
    if saturated or len(replicated) <= MIN_MOLECULES or not has_width(found):
        return Estimate(found.value)
    return found


def is_saturated(labels: Ints) -> bool:
    """Say whether every value is in a bin of its own."""
    return len(np.unique(labels)) == len(labels)
