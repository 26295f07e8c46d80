"""What answers each question, from the cells of a study. B bonds, S seeds.

Errors of a bond are averaged over seeds first. What is compared is paired: the same bonds, the same
seeds. Each function returns one number of some bonds and some seeds; :func:`crossed` leaves out
molecules and seeds in turn.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations, product

import numpy as np

from e3d.arrays import Floats, Ints, Masks
from e3d.statistics.crossed import Crossed, crossed
from study.answers.cells import Cell, Study
from study.entropy import nearest_neighbours as knn
from study.entropy.bins import Bins

OfBonds = Callable[[Masks, Ints], float]


def error(cell: Cell, truth: Floats, keep: Masks, seeds: Ints) -> float:
    """Return the mean absolute error of D, averaged over seeds, then over bonds."""
    return float(np.abs(cell.d[np.ix_(seeds, keep)] - truth[keep]).mean())


def slope_within_types(study: Study, cell: Cell, truth: Floats, keep: Masks, seeds: Ints) -> float:
    """Return the slope of D on ``truth`` (B,), both less the mean of their bond type."""
    d, known, kind = cell.d[seeds].mean(axis=0)[keep], truth[keep], study.kind[keep]
    size = np.maximum(np.bincount(kind), 1)
    within_d, within = (x - (np.bincount(kind, x) / size)[kind] for x in (d, known))
    square = float(within @ within)
    return float(within @ within_d) / square if square > 0 else float("nan")


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

    ``first`` and ``second`` (S, B). Of two seeds' D, within a set and between the sets; of a single
    seed not a number.
    """
    if len(seeds) == 1:
        return float("nan")
    a, b = first[np.ix_(seeds, keep)], second[np.ix_(seeds, keep)]
    places = range(len(seeds))
    between = np.mean([((a[i] - b[j]) ** 2).mean() for i, j in product(places, places)])
    pairs = list(combinations(places, 2))
    within = np.mean([((x[i] - x[j]) ** 2).mean() for x in (a, b) for i, j in pairs])
    return float(between / within)


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
    """Return :func:`error` of a cell as a function of bonds and seeds."""
    return partial(error, cell, truth)
