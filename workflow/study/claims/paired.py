"""One number that compares two things on the same bonds or reactions, over all seeds of a run.

What a bond or reaction gives is averaged over seeds first. Its interval leaves out molecules (or
reactions) in turn, then seeds (:func:`e3d.statistics.crossed.crossed`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from e3d.arrays import Floats, Ints, Masks
from e3d.fields import Column as C
from e3d.statistics import Estimate
from e3d.statistics.agreement import WITHIN, half_step, kendall
from e3d.statistics.correlations import fisher
from e3d.statistics.crossed import crossed

Rival = Callable[[Masks], Floats]
"""Losses (n,) of what no seed changes, from the items kept (n,)."""


@dataclass(frozen=True)
class Items:
    """Values of n items that every one of S seeds has.

    Parameters
    ----------
    values
        By column, (S, n).
    about
        What each item is (n rows).
    group
        Number of each item's molecule or reaction (n,).
    """

    values: dict[str, Floats]
    about: pd.DataFrame
    group: Ints

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.about)

    @property
    def every(self) -> Masks:
        """Return the mask (n,) of all items."""
        return np.ones(self.n, dtype=bool)

    @property
    def n_groups(self) -> int:
        """Number of molecules or reactions."""
        return len(np.unique(self.group))

    @property
    def n_seeds(self) -> int:
        """Number of seeds."""
        return len(next(iter(self.values.values())))


@dataclass(frozen=True)
class Compared:
    """A number with its interval, and the two that it compares, if it is a difference."""

    found: Estimate
    first: float = float("nan")
    second: float = float("nan")


def items(part: pd.DataFrame, key: Sequence[str], group: str, columns: Sequence[str]) -> Items:
    """Return the items of ``part`` by their ``key``, of which every seed has all ``columns``."""
    index = list(dict.fromkeys([*key, group]))
    wide = part.pivot_table(
        index=index, columns=C.SEED, values=list(columns), aggfunc="first", sort=True, dropna=False
    ).dropna()
    about = wide.index.to_frame(index=False)
    return Items(
        {name: wide[name].to_numpy(dtype=float).T for name in columns},
        about,
        np.unique(about[group].astype(str), return_inverse=True)[1],
    )


def difference(
    found: Items, ours: Floats, theirs: Floats | Rival, *, share: bool = False
) -> Compared:
    """Return the mean loss of D less that of its rival.

    Parameters
    ----------
    ours
        Losses of D (S, n).
    theirs
        The same of its rival, or a function of the items kept where seeds change nothing.
    share
        Whether losses are 0 or 1: a difference of shares is at most 1, as is a correlation, and its
        interval is taken on the same scale.
    """
    half_step = 1 / (2 * found.n) if share else 0.0

    def rival(keep: Masks, seeds: Ints) -> float:
        if callable(theirs):
            return float(theirs(keep)[keep].mean())
        return float(theirs[np.ix_(seeds, keep)].mean())

    def statistic(keep: Masks, seeds: Ints) -> float:
        gap = float(ours[np.ix_(seeds, keep)].mean()) - rival(keep, seeds)
        return float(fisher(np.array(gap), half_step)) if share else gap

    first, second = float(ours.mean()), rival(found.every, np.arange(found.n_seeds))
    estimate = _crossed(found, statistic)
    return Compared(_from_fisher(estimate, first - second) if share else estimate, first, second)


def mean(found: Items, values: Floats) -> Compared:
    """Return the mean of ``values`` (S, n)."""
    return Compared(_crossed(found, lambda keep, seeds: float(values[np.ix_(seeds, keep)].mean())))


def rank_within_types(found: Items, d: Floats, reference: Floats) -> Compared:
    """Return Kendall's tau of D (S, n) and ``reference`` (n,) within types, its mean over seeds.

    Its interval is taken on Fisher's scale.
    """
    kinds = found.about[C.BOND_TYPE].to_numpy(dtype=object)
    step = half_step(WITHIN, kinds)

    def statistic(keep: Masks, seeds: Ints) -> float:
        tau = kendall(d[np.ix_(seeds, keep)], reference[keep], kinds[keep])
        return float(fisher(tau, step).mean())

    tau = float(kendall(d, reference, kinds).mean())
    return Compared(_from_fisher(_crossed(found, statistic), tau))


def _from_fisher(z: Estimate, value: float) -> Estimate:
    """Return an estimate of ``value`` from the interval of its z."""
    if not z.has_interval:
        return Estimate(value)
    ends = z.transformed(np.tanh)
    return Estimate(value, min(value, ends.lo), max(value, ends.hi))


def _crossed(found: Items, statistic: Callable[[Masks, Ints], float]) -> Estimate:
    """Return a statistic with its interval; without one where a single molecule speaks."""
    if found.n_groups < 2:
        return Estimate(statistic(found.every, np.arange(found.n_seeds)))
    return crossed(statistic, found.group, found.n_seeds).estimate
