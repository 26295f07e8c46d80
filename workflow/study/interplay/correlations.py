"""Rank correlations of the columns of the table of runs, raw and partial, over (N, M) cells.

The unit is the cell: seeds of one cell are averaged, since they share N and M. The exponent alpha
is one number per model, so pairs with it have one unit per model and only M to control for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import stdtr

from e3d.arrays import Floats
from e3d.fields import Column as C
from e3d.statistics import NO, UNDETERMINED, YES, Estimate, interval_columns, t_quantile, verdict
from e3d.statistics.agreement import partial_spearman
from e3d.statistics.crossed import holm
from e3d.statistics.intervals import LEVEL
from e3d.statistics.resampling import jackknife_se
from study.interplay.runs import ALPHA, CENTRAL, ERROR

NOTHING, SCALE, ERROR_GIVEN = "nothing", "N and M", "error"
GIVEN: Final[dict[str, tuple[str, ...]]] = {
    NOTHING: (),
    SCALE: (str(C.N_TRAIN), str(C.N_PARAMETERS)),
    ERROR_GIVEN: (ERROR,),
}
MIN_CELLS: Final = 5
_COLUMNS: Final = (
    *(str(C.DATASET), "x", "y", "given", "n_cells", "n_runs", *interval_columns("rho")),
    *("excludes_zero", "p", "p_holm", "verdict", "n_tests", "expected_by_chance"),
)
POSITIVE, NEGATIVE, NOT_SHOWN = "positive", "negative", "not shown"
_SAME: Final = 1e-9
"""A smaller standard error is rounding: replicates agree, which is not certainty."""


@dataclass(frozen=True)
class Correlation(Estimate):
    """A (partial) rank correlation, its 95 % interval and two-sided p; NaN where undetermined."""

    p: float = float("nan")


def correlate(x: Floats, y: Floats, controls: Floats) -> Correlation:
    """Return the (partial) rank correlation over cells of x and y (n,) given controls (n, k).

    The interval is a delete-one-cell jackknife on Fisher's scale, atanh(c rho) with
    c = 1 - 6 / (n (n^2 - 1)): half a step of rho below 1 keeps rho = 1 finite (an end may pass 1 by
    as much); t with n - 1 - k degrees of freedom. On the plain scale it excludes zero in 9 % of
    independent samples of 8 cells, on Fisher's in fewer than 5 % (``tests/study/test_interplay``).
    p is Student's t of rho with n - 2 - k (Kendall 1942).
    """
    n = len(x)
    rho, k = partial_spearman(x, y, controls) if n >= MIN_CELLS else (float("nan"), 0)
    if not np.isfinite(rho) or n - k < MIN_CELLS:
        return Correlation(float("nan"))
    shrink = 1 - 6 / (n * (n**2 - 1))
    keep = [np.delete(np.arange(n), cell) for cell in range(n)]
    replicates = np.array([partial_spearman(x[rows], y[rows], controls[rows])[0] for rows in keep])
    se = jackknife_se(np.arctanh(shrink * replicates))
    half = t_quantile(n - 1 - k) * se if se > _SAME else float("nan")
    z, dof = np.arctanh(shrink * rho), n - 2 - k
    lo, hi = (float(np.tanh(z + sign * half) / shrink) for sign in (-1, 1))
    with np.errstate(divide="ignore"):
        t = abs(rho) * np.sqrt(dof / np.maximum(1 - rho**2, 0.0))
    return Correlation(rho, lo, hi, float(2 * stdtr(dof, -t)))


def cells(runs: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return the cell means of the runs that have both columns.

    A cell per model, every N with the same weight, if one of them is the exponent.
    """
    whole = runs[runs[x].notna() & runs[y].notna()]
    columns = list(dict.fromkeys([x, y, str(C.N_TRAIN), str(C.N_PARAMETERS), ERROR]))
    means = whole.groupby([whole[C.MODEL], whole[C.N_TRAIN].rename("n")])[columns].mean()
    return means.groupby(level=0).mean() if ALPHA in (x, y) else means


def correlations(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row per dataset, condition and pair of the central quantities."""
    rows = [row for _, part in runs.groupby(C.DATASET, sort=False) for row in _of_dataset(part)]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _of_dataset(runs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of a dataset; Holm's family is all determined pairs of one condition."""
    dataset = runs[C.DATASET].iloc[0]
    for given, names in GIVEN.items():
        about, found = [], []
        for x, y in combinations(CENTRAL, 2):
            if {x, y} & set(names):
                continue
            means = cells(runs, x, y)
            means = means[means[list(names)].notna().all(axis=1)]
            values = (means[name].to_numpy(dtype=float) for name in (x, y, list(names)))
            n_runs = int((runs[x].notna() & runs[y].notna()).sum())
            about.append((dataset, x, y, given, len(means), n_runs))
            found.append(correlate(*values))
        adjusted = holm(np.array([one.p for one in found]))
        tests = int(np.isfinite(adjusted).sum())
        for keys, one, p_holm in zip(about, found, adjusted, strict=True):
            excludes = verdict(one, YES, YES, neither=NO, unknown=UNDETERMINED)
            said = (excludes, one.p, p_holm, _verdict(one, p_holm), tests, (1 - LEVEL) * tests)
            yield dict(zip(_COLUMNS, (*keys, one.value, one.lo, one.hi, *said), strict=True))


def _verdict(found: Correlation, p_holm: float) -> str:
    """Return the sign if interval and Holm's p both exclude zero, "not shown" if one does not."""
    sign = verdict(found, POSITIVE, NEGATIVE, neither=NOT_SHOWN, unknown=UNDETERMINED)
    return sign if sign == UNDETERMINED or p_holm < 1 - LEVEL else NOT_SHOWN
