"""Estimates with 95 % intervals by a jackknife over molecules, and what they let one conclude."""

from e3d.statistics.intervals import (
    NO,
    UNDETERMINED,
    YES,
    Estimate,
    interval_columns,
    t_quantile,
    unanimous,
    verdict,
)
from e3d.statistics.resampling import (
    deletions,
    estimate,
    finite_group_mean,
    group_mean,
    jackknife,
    jackknife_groups,
    replicates,
)

__all__ = [
    "NO",
    "UNDETERMINED",
    "YES",
    "Estimate",
    "deletions",
    "estimate",
    "finite_group_mean",
    "group_mean",
    "interval_columns",
    "jackknife",
    "jackknife_groups",
    "replicates",
    "t_quantile",
    "unanimous",
    "verdict",
]
