"""Entropies of labels, plug-in and corrected: values in bins of fixed width, natural logarithm.

All are taken of all rows and without each group of molecules, from counts: what is left without a
group is the counts of all rows less those of the group, so that a jackknife costs the bins and not
the rows. What is computed from several entropies (a difference, a share) is computed from their
replicates.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from e3d import statistics
from e3d.arrays import Floats, Ints
from e3d.statistics import Estimate
from e3d.statistics.intervals import has_width

MIN_GROUPS: Final = 3


@dataclass(frozen=True)
class Bins:
    """Widths of the bins, and what needs none.

    Parameters
    ----------
    bond_energy_eV
        Of energies, eV.
    scaled
        Of energies over the standard deviation of D.
    r_ang
        Of distances, Å.
    neighbours
        k of the estimates from nearest neighbours.
    """

    bond_energy_eV: float
    scaled: float
    r_ang: float
    neighbours: int = 3


def binned(values: Floats, width: float) -> Ints:
    """Return the bin (n,) of each value (n,), of fixed ``width``, edges at multiples of it."""
    return np.floor(values / width).astype(np.int64)


def joint(first: Ints, second: Ints) -> Ints:
    """Return one label per distinct pair of labels, in the order of the pairs; all (n,)."""
    low, high = int(second.min()), int(second.max())
    return np.asarray((first - first.min()) * (high - low + 1) + (second - low), dtype=np.int64)


def of_counts(counts: Ints) -> tuple[float, float]:
    """Return the entropy (nats) of the ``counts`` of occupied bins: plug-in, and Miller-Madow's.

    H = -sum p ln p, and with (K - 1) / 2n for K bins and n values.
    """
    n = counts.sum()
    p = counts / n
    plain = float(-np.sum(p * np.log(p))) + 0.0  # no negative zero
    return plain, plain + (len(counts) - 1) / (2 * int(n))


@dataclass(frozen=True)
class Counted:
    """Entropies of labels within each of several others.

    Parameters
    ----------
    size
        Rows of each of the others (replicates, others): of all rows first, then without each group.
    plain, corrected
        Entropies (replicates, others), nats.
    """

    size: Ints
    plain: Floats
    corrected: Floats

    def mean(self, values: Floats, *, at_least: int = 1) -> Floats:
        """Return the mean (replicates,) of ``values`` over the others, weighted by their rows.

        Those of fewer than ``at_least`` rows are left out; NaN where none is left.
        """
        size = np.where(self.size >= at_least, self.size, 0)
        total = size.sum(axis=1)[:, None]
        share = np.divide(size, total, out=np.full(size.shape, np.nan), where=total > 0)
        return np.add.accumulate(share * values, axis=1)[:, -1]


def counted(labels: Ints, given: Ints, groups: Ints | None = None, *, at_least: int = 1) -> Counted:
    """Count ``labels`` (n,) within each of ``given`` (n,), over all rows and without each group.

    Rows of labels that then occur less than ``at_least`` times are left out. ``groups`` (n,):
    without them there is one replicate, of all rows.
    """
    bins, code = np.unique(joint(given, labels), return_inverse=True)
    first = np.unique(code, return_index=True)[1]  # of each bin, a row
    owner = np.unique(given, return_inverse=True)[1][first]
    bounds = np.searchsorted(owner, np.arange(owner[-1] + 2))
    whole = np.bincount(code)
    counts = [whole]
    if groups is not None:
        order = np.argsort(groups, kind="stable")
        parts = np.split(code[order], np.flatnonzero(np.diff(groups[order])) + 1)
        counts += [whole - np.bincount(part, minlength=len(bins)) for part in parts]
    counts = [np.where(one >= at_least, one, 0) for one in counts]
    size = np.array([np.add.reduceat(one, bounds[:-1]) for one in counts])
    plain, corrected = np.moveaxis(np.array([_within(one, bounds) for one in counts]), 2, 0)
    return Counted(size, plain, corrected)


def _within(counts: Ints, bounds: Ints) -> list[tuple[float, float]]:
    """Return both entropies of the counts between each two ``bounds``; 0 where nothing is left."""
    occupied = (counts[start:stop][counts[start:stop] > 0] for start, stop in pairwise(bounds))
    return [of_counts(part) if len(part) else (0.0, 0.0) for part in occupied]


def information(x: Ints, y: Ints, given: Ints, groups: Ints) -> tuple[Floats, Floats]:
    """Return I(x; y | given) in nats, plain and corrected, with replicates (replicates,).

    The sum over z of p(z) [H(x) + H(y) - H(x, y)] within z; all labels (n,).
    """
    of_x, of_y, of_both = (counted(labels, given, groups) for labels in (x, y, joint(x, y)))
    plain = of_x.plain + of_y.plain - of_both.plain
    corrected = of_x.corrected + of_y.corrected - of_both.corrected
    return of_x.mean(plain), of_x.mean(corrected)


def is_saturated(labels: Ints) -> bool:
    """Say whether every value is in a bin of its own."""
    return len(np.unique(labels)) == len(labels)


def estimate(replicated: Floats, *, saturated: bool = False) -> Estimate:
    """Return value and 95 % delete-group jackknife interval of replicates (1 + groups,).

    No interval with fewer than three groups, or when no replicate differs but for rounding, or
    (``saturated``) when every value is in a bin of its own: it would claim next to no width. Nor
    where the statistic does not exist without one of the groups.
    """
    found = statistics.estimate(replicated)
    if saturated or len(replicated) <= MIN_GROUPS or not has_width(found):
        return Estimate(found.value)
    return found
