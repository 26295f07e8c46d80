"""D shuffled: within molecules (which bond of the molecule is which?) and within types (which bond of the type?)."""

import numpy as np
from numpy.typing import NDArray

from e3d.scores import Masks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def shuffled(values: Floats, groups: Ints, rng: np.random.Generator, draws: int) -> Floats:
    """Return ``draws`` random orders (draws, n) of ``values`` (n,), each group's values staying in the group.

    Sums over a group do not change.
    """
    places = np.argsort(groups, kind="stable")
    out = np.empty((draws, len(values)))
    for row in out:
        row[places] = values[np.lexsort((rng.random(len(values)), groups))]
    return out


def expected(values: Floats, groups: Ints) -> Floats:
    """Return the exact expectation (n,) of a shuffled value: the mean of its group."""
    return np.asarray((np.bincount(groups, weights=values) / np.maximum(np.bincount(groups), 1))[groups])


def expected_absolute_error(values: Floats, reference: Floats, groups: Ints, keep: Masks) -> Floats:
    """Return the exact expectation (R,) of the mean absolute error over the rows kept (R, n).

    Every value of the group comes to a row equally often, also those of rows that are not kept.
    """
    same = groups[:, None] == groups
    error = (np.abs(values - reference[:, None]) * same).sum(axis=1) / same.sum(axis=1)
    weight = keep.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(weight @ error / weight.sum(axis=1))
