"""What answers each question, from the cells of a study. B bonds, S seeds.

Errors of a bond are averaged over seeds first. What is compared is paired: the same bonds, the same
seeds. Each function returns one number of some bonds and some seeds; :func:`crossed` leaves out
molecules and seeds in turn.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import permutations
from typing import Final

import numpy as np

from e3d.arrays import Floats, Ints, Masks
from e3d.statistics.crossed import Crossed, crossed
from study.answers.cells import Cell, Study
from study.entropy import nearest_neighbours as knn
from study.entropy.bins import Bins

OfBonds = Callable[[Masks, Ints], float]
MIN_SEEDS: Final = 2
"""Runs of a cell that it needs to be asked something."""


def error(values: Floats, truth: Floats, keep: Masks, seeds: Ints) -> float:
    """Return the mean absolute error of ``values`` (S, B), averaged over seeds, then over bonds."""
    return float(np.abs(values[np.ix_(seeds, keep)] - truth[keep]).mean())


def slope_within(kind: Ints, values: Floats, truth: Floats, keep: Masks, seeds: Ints) -> float:
    """Return the slope of ``values`` (S, B) on ``truth`` (B,), both less the mean of their type.

    ``kind`` (B,) has the number of each bond's type.
    """
    mean, known, kind = values[seeds].mean(axis=0)[keep], truth[keep], kind[keep]
    size = np.maximum(np.bincount(kind), 1)
    within_mean, within = (x - (np.bincount(kind, x) / size)[kind] for x in (mean, known))
    square = float(within @ within)
    return float(within @ within_mean) / square if square > 0 else float("nan")


def log_spread(values: Floats, keep: Masks, seeds: Ints) -> float:
    """Return log10 of the root mean variance over seeds of ``values`` (S, B), of the bonds kept.

    A single seed has none: not a number.
    """
    if len(seeds) == 1:
        return float("nan")
    return 0.5 * float(np.log10(values[np.ix_(seeds, keep)].var(axis=0, ddof=1).mean()))


def decomposability(study: Study, values: Floats, keep: Masks) -> float:
    """Return I(value; type) / H(type) of ``values`` (B,), without bins (Ross 2014)."""
    table = knn.Labelled.sort(values, study.kind)
    share = np.bincount(study.kind[keep]) / keep.sum()
    entropy = -float((share[share > 0] * np.log(share[share > 0])).sum())
    return knn.information(table, keep, Bins.neighbours) / entropy


def beyond_length(study: Study, cell: Cell, keep: Masks, seeds: Ints) -> float:
    """Return the decomposability of D, averaged over seeds, less that of the length."""
    of_d = [decomposability(study, cell.d[seed], keep) for seed in seeds]
    return float(np.mean(of_d)) - decomposability(study, study.length, keep)


def per_decade(cells: Sequence[Cell], of_cell: Sequence[OfBonds]) -> OfBonds:
    """Return the slope of a number of each cell in log10 N, by ordinary least squares."""
    x = np.log10([cell.key[1] for cell in cells])
    about = x - x.mean()

    def statistic(keep: Masks, seeds: Ints) -> float:
        y = np.array([one(keep, seeds) for one in of_cell])
        return float(about @ y / (about @ about))

    return statistic


def ratio_of_sets(first: Floats, second: Floats, keep: Masks, seeds: Ints) -> float:
    """Return the mean squared difference between two sets of runs over that within them.

    ``first`` and ``second`` (S, B). Within a set and between the sets two runs differ in their
    seed, so that neither pair begins with the same weights; of a single seed not a number.
    """
    if len(seeds) == 1:
        return float("nan")
    a, b = first[np.ix_(seeds, keep)], second[np.ix_(seeds, keep)]
    within = np.mean([_of_other_seeds(one, one) for one in (a, b)])
    return float(_of_other_seeds(a, b) / within)


def memory_of_start(first: Floats, last: Floats, keep: Masks, seeds: Ints) -> float:
    """Return the mean squared difference between two cells, of one seed over that of other seeds.

    ``first`` and ``last`` (S, B) are of the same seeds, each of which begins with the same weights
    in both. Below 1, those weights still show in D; of a single seed not a number.
    """
    if len(seeds) == 1:
        return float("nan")
    a, b = first[np.ix_(seeds, keep)], last[np.ix_(seeds, keep)]
    return float(((a - b) ** 2).mean() / _of_other_seeds(a, b))


def _of_other_seeds(a: Floats, b: Floats) -> float:
    """Return the mean squared difference between runs (S, B) of different seeds."""
    pairs = permutations(range(len(a)), 2)
    return float(np.mean([((a[i] - b[j]) ** 2).mean() for i, j in pairs]))


def over_rows(molecule: Ints, rows: Masks, statistic: OfBonds, n_seeds: int) -> Crossed:
    """Return a statistic of the bonds in ``rows`` (B,), with molecules and seeds left out.

    ``molecule`` (B,) has the number of each bond's molecule.
    """
    places = np.flatnonzero(rows)

    def of_rows(keep: Masks, seeds: Ints) -> float:
        whole = np.zeros(len(rows), dtype=bool)
        whole[places[keep]] = True
        return statistic(whole, seeds)

    return crossed(of_rows, molecule[places], n_seeds)


def known(study: Study, *values: Floats) -> Masks:
    """Return which bonds no run was trained on and all ``values`` (B,) are known of."""
    return np.asarray(study.tested & np.all(np.isfinite(values), axis=0))


def error_of(cell: Cell, truth: Floats) -> OfBonds:
    """Return :func:`error` of D of a cell as a function of bonds and seeds."""
    return partial(error, cell.d, truth)


def of_values(values: Floats, truth: Floats) -> OfBonds:
    """Return the mean absolute error of ``values`` (B,) that no seed changes."""
    return lambda keep, _: float(np.abs(values - truth)[keep].mean())


def bias_of(values: Floats, truth: Floats) -> OfBonds:
    """Return the mean of ``values`` (S, B) less ``truth`` (B,)."""
    return lambda keep, seeds: float((values[np.ix_(seeds, keep)] - truth[keep]).mean())


def less(first: OfBonds, second: OfBonds) -> OfBonds:
    """Return the difference of two numbers of the same bonds and seeds."""
    return lambda keep, seeds: first(keep, seeds) - second(keep, seeds)
