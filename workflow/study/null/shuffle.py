"""D shuffled, within molecules or within bond types: draws, and expectations that are exact."""

import numpy as np

from e3d.arrays import Floats, Ints, Masks


def shuffled(values: Floats, groups: Ints, rng: np.random.Generator, draws: int) -> Floats:
    """Return random orders (draws, n) of ``values`` (n,) that keep each value in its group (n,).

    Sums over a group do not change.
    """
    places = np.argsort(groups, kind="stable")
    out = np.empty((draws, len(values)))
    for row in out:
        row[places] = values[np.lexsort((rng.random(len(values)), groups))]
    return out


def expected(values: Floats, groups: Ints) -> Floats:
    """Return the exact expectation (n,) of a shuffled value: the mean of its group."""
    means = np.bincount(groups, weights=values) / np.maximum(np.bincount(groups), 1)
    return np.asarray(means[groups])


def expected_absolute_error(values: Floats, reference: Floats, groups: Ints, keep: Masks) -> Floats:
    """Return the exact expectation (R,) of the mean absolute error of shuffled values (n,).

    Over the rows kept (R, n) and shuffled among these: every kept value of a group is equally
    likely in a row, and what a jackknife leaves out is neither a value nor a row.
    """
    same = (groups[:, None] == groups).astype(float)
    error = np.abs(values - reference[:, None]) * same
    weight = keep.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        of_row = np.where(keep, (weight @ error.T) / (weight @ same), 0.0)
        return np.asarray(of_row.sum(axis=1) / weight.sum(axis=1))
