"""Entropy and information without bins, from distances to nearest neighbours on a line.

Values are sorted by label (bond type) and then by size, so that the k nearest neighbours of a value
among those of its label lie beside it: O(n k) after one sort. A part of sorted values is sorted, so
a jackknife sorts once. A label with fewer than k + 1 values takes the neighbours it has; one with a
single value has none, and the value is left out (Ross 2014).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from scipy.special import digamma

from e3d.arrays import Floats, Ints, Masks

EQUAL: Final = 1e-12
"""Relative distance of values that are equal but for rounding."""
MAX_TIED: Final = 0.01
"""Share of values with k equals above which there is no density, and no differential entropy."""
_ROUNDING: Final = 4 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class ByLabel:
    """Values (n,) in the order of their labels (n,), then of size, and the rows (n,) they were."""

    values: Floats
    labels: Ints
    rows: Ints

    @classmethod
    def sort(cls, values: Floats, labels: Ints) -> "ByLabel":
        """Sort ``values`` (n,) by ``labels`` (n,)."""
        rows = np.lexsort((values, labels))
        return cls(values[rows], labels[rows], rows)

    def part(self, keep: Masks) -> "ByLabel":
        """Return the rows in ``keep`` (n,) whose label has another row there."""
        kept = keep[self.rows]
        size = np.diff(runs_of(self.labels[kept]))
        kept[kept] = np.repeat(size > 1, size)
        return ByLabel(self.values[kept], self.labels[kept], self.rows[kept])


def differential_entropy(part: ByLabel, neighbours: int) -> float:
    """Return h(value | label) in nats, after Kozachenko and Leonenko, of a :meth:`ByLabel.part`.

    h = mean over i of psi(n_i) - psi(k) + ln(2 rho_i), with n_i the number of values of i's label
    and rho_i the distance to the k-th nearest of them (Kraskov 2004, eq. 20, with epsilon = 2 rho):
    the mean of the labels' entropies, each with its share of the values.

    A distance of no more than ``EQUAL`` times the largest |value|, the rounding of sums, counts as
    that much. NaN where more than ``MAX_TIED`` of the distances do, and where no label has two
    values.
    """
    if not len(part.values):
        return float("nan")
    bounds = runs_of(part.labels)
    radius, k = radii(part.values, bounds, neighbours)
    floor = EQUAL * float(np.abs(part.values).max())
    if np.mean(radius <= floor) > MAX_TIED:
        return float("nan")
    terms = np.log(2 * np.maximum(radius, floor)) - _psi(neighbours)[k]
    return float(np.mean(terms)) + _mean_psi(np.diff(bounds))


@dataclass(frozen=True)
class Labelled:
    """Values (n,) with labels, within ``given`` (n,): by (given, label), and by (given, value)."""

    own: ByLabel
    given: Ints
    by_value: Ints
    values: Floats

    @classmethod
    def sort(cls, values: Floats, label: Ints, given: Ints | None = None) -> "Labelled":
        """Sort ``values`` (n,) by ``label`` (n,) within ``given`` (n,), or else all together."""
        given = np.zeros_like(label) if given is None else given
        own = ByLabel.sort(values, given * (int(label.max(initial=0)) + 1) + label)
        return cls(own, given, np.lexsort((values, given)), values)


def information(table: Labelled, keep: Masks, neighbours: int) -> float:
    """Return I(value; label | given) in nats of the rows in ``keep`` (n,).

    I = mean over i of psi(N_i) + psi(k_i) - psi(n_i) - psi(m_i): n_i values have i's label and N_i
    any, d_i is the distance to the k-th nearest of the n_i, and k_i and m_i count the other values
    within d_i, of that label and of any; all within i's ``given`` (Ross 2014, eq. 2).

    Without equal distances k_i = k. With them all are counted, so that repeated values carry the
    information of their counts (Gao et al. 2017). NaN where no label has two values.
    """
    part = table.own.part(keep)
    if not len(part.values):
        return float("nan")
    kept = np.zeros(len(keep), dtype=bool)
    kept[part.rows] = True
    order = table.by_value[kept[table.by_value]]
    labels, given = runs_of(part.labels), runs_of(table.given[order])
    radius = radii(part.values, labels, neighbours)[0]
    # a neighbour at the distance itself is within it
    radius += _ROUNDING * (np.abs(part.values) + radius)
    own = _others_within(part.values, radius, part.values, labels)
    any_label = _others_within(part.values, radius, table.values[order], given)
    psi = _psi(len(part.values))
    counts = float(np.mean(psi[own] - psi[any_label]))
    return counts + _mean_psi(np.diff(given)) - _mean_psi(np.diff(labels))


def runs_of(labels: Ints) -> Ints:
    """Return the bounds (runs + 1,) of the runs of equal ``labels`` (n,)."""
    return np.concatenate([[0], np.flatnonzero(labels[1:] != labels[:-1]) + 1, [len(labels)]])


def radii(values: Floats, bounds: Ints, neighbours: int) -> tuple[Floats, Ints]:
    """Return the distance (n,) of each value to its k-th nearest of the same run, and k (n,).

    ``values`` (n,) ascend within each run, and k is ``neighbours``, or m - 1 in a run of m <= k.
    """
    size = np.diff(bounds)
    first, last = np.repeat(bounds[:-1], size), np.repeat(bounds[1:], size)
    k = np.minimum(neighbours, last - first - 1)
    here = np.arange(len(values))
    radius = np.full(len(values), np.inf)
    for below in range(neighbours + 1):  # the window of so many below, and k less so many above
        low, high = here - below, here + k - below
        inside = (below <= k) & (low >= first) & (high < last)
        point = values[inside]
        reach = np.maximum(point - values[low[inside]], values[high[inside]] - point)
        radius[inside] = np.minimum(radius[inside], reach)
    return radius, k


def _others_within(points: Floats, radius: Floats, values: Floats, bounds: Ints) -> Ints:
    """Return how many other ``values`` of its run lie within ``radius`` of each point (n,)."""
    count = np.empty(len(points), dtype=np.int64)
    for start, stop in pairwise(bounds):
        run, point, reach = values[start:stop], points[start:stop], radius[start:stop]
        high = np.searchsorted(run, point + reach, side="right")
        count[start:stop] = high - np.searchsorted(run, point - reach, side="left") - 1
    return count


def _psi(top: int) -> Floats:
    """Return the digamma function of 0 (which nothing asks for) to ``top``."""
    return np.asarray(digamma(np.arange(top + 1, dtype=float)))


def _mean_psi(size: Ints) -> float:
    """Return the mean over all values of psi(the size of the run it is in)."""
    return float(size @ digamma(size.astype(float)) / size.sum())
