"""Delete-group jackknives: whole groups (molecules) of rows are left out in turn.

Frames of one molecule are not independent, and a bootstrap with replacement biases plug-in
entropies (design, section 2). Replicates are ordered as :func:`deletions` are: all rows first.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from e3d.arrays import Floats, Ints, Masks
from e3d.statistics.intervals import Estimate, t_quantile

MAX_GROUPS = 100


def deletions(groups: Ints) -> Masks:
    """Return masks (1 + g, n) of the rows kept: all, then all but those of each of the g groups.

    >>> deletions(np.array([7, 7, 8])).astype(int).tolist()
    [[1, 1, 1], [0, 0, 1], [1, 1, 0]]
    """
    labels = np.unique(groups)
    return np.vstack([np.ones((1, len(groups)), dtype=bool), groups != labels[:, None]])


def replicates(statistic: Callable[[Masks], float], groups: Ints) -> Floats:
    """Return a statistic (1 + g,) of all rows and of those without each group.

    ``statistic`` maps a mask (n,) of the rows kept to a number; ``groups`` (n,) are the rows' own.
    """
    whole = statistic(np.ones(len(groups), dtype=bool))
    without = [statistic(groups != label) for label in np.unique(groups)]
    return np.array([whole, *without], dtype=float)


def estimate(replicates: Floats, *, dof: float | None = None) -> Estimate:
    """Return the first of ``replicates`` (1 + g,) with the 95 % interval that the others give it.

    ``dof``: degrees of freedom of Student's t. Default: the number of groups minus one. A statistic
    that rests on fewer groups than there are (a difference of two types) gives its own; below one
    there is no interval.
    """
    value, without = float(replicates[0]), replicates[1:]
    dof = len(without) - 1 if dof is None else dof
    if len(without) < 2 or dof < 1:
        return Estimate(value)
    return Estimate.symmetric(value, t_quantile(dof) * jackknife_se(without))


def jackknife_se(replicates: Floats) -> float:
    """Return the delete-one-group standard error, sqrt((g-1)/g sum (theta_k - mean theta)^2).

    Efron & Stein 1981, Ann. Stat. 9, 586. ``replicates`` (g,) holds the statistic without group k.
    """
    g = len(replicates)
    if g < 2 or not np.isfinite(replicates).all():
        return float("nan")
    return float(np.sqrt((g - 1) / g * np.sum((replicates - replicates.mean()) ** 2)))


def jackknife(
    statistic: Callable[[Masks], float], groups: Sequence[int] | Ints, *, dof: float | None = None
) -> Estimate:
    """Return ``statistic`` over all rows with its delete-group jackknife interval.

    ``statistic`` maps a mask (n,) of the rows kept to a number; ``groups`` (n,) are the rows' own.
    A single group is never left out, so that some row is always kept. ``dof``: see
    :func:`estimate`.

    >>> values = np.array([1.0, 2.0, 3.0, 4.0])
    >>> jackknife(lambda kept: values[kept].mean(), [0, 0, 1, 1]).value
    2.5
    """
    groups = np.asarray(groups)
    if len(groups) and (groups == groups[0]).all():
        return Estimate(float(statistic(np.ones(len(groups), dtype=bool))))
    return estimate(replicates(statistic, groups), dof=dof)


def jackknife_groups(molecules: Ints, limit: int = MAX_GROUPS) -> Ints:
    """Return the group (n,) of each row: its molecule, or molecules dealt into ``limit`` groups.

    With many molecules a delete-a-group jackknife over 100 groups of whole molecules has the same
    expectation and costs 100 evaluations instead of one per molecule (Kott 2001, J. Off. Stat. 17,
    521).
    """
    order = np.unique(molecules, return_inverse=True)[1]
    return np.asarray(order % limit, dtype=np.int64)


def group_mean(
    values: Floats, groups: Ints, transform: Callable[[Any], Any] = np.asarray
) -> Estimate:
    """Return ``transform`` of the mean of ``values`` (n,) with its interval over ``groups``.

    The same as :func:`jackknife` of that statistic, in one pass; ``np.sqrt`` of squares is an RMS.
    """
    inverse = np.unique(groups, return_inverse=True)[1]
    sums, counts = np.bincount(inverse, weights=values), np.bincount(inverse)
    total, n = sums.sum(), counts.sum()
    value = float(transform(np.asarray(total / n)))
    if len(sums) < 2:
        return Estimate(value)
    return estimate(np.array([value, *transform((total - sums) / (n - counts))]))


def finite_group_mean(values: Floats, groups: Ints) -> Estimate:
    """Return :func:`group_mean` of the ``values`` (n,) that are numbers; NaN where there are none.

    >>> finite_group_mean(np.array([1.0, np.nan, 2.0]), np.array([0, 1, 0])).value
    1.5
    """
    known = np.isfinite(values)
    return group_mean(values[known], groups[known]) if known.any() else Estimate(float("nan"))


def group_ratio(part: Floats, whole: Floats) -> Estimate:
    """Return sum(part) / sum(whole) over groups (g,) with its jackknife interval.

    >>> group_ratio(np.array([1.0, 1.0]), np.array([2.0, 2.0]))
    Estimate(value=0.5, lo=0.5, hi=0.5)
    """
    total, base = part.sum(), whole.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return estimate(np.divide(np.append(total, total - part), np.append(base, base - whole)))
