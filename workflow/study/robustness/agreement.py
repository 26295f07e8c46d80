"""How far D of the same bonds differs between two training sets, beside the spread over seeds.

An offset between the theories is taken off: a constant, a line, or a constant per bond type.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d.arrays import Floats
from e3d.fields import Column as C
from e3d.statistics import UNDETERMINED, Estimate, deletions, unanimous, verdict
from e3d.statistics.agreement import BETWEEN, BIAS, MAE, WITHIN, score_estimate, scores
from e3d.statistics.correlations import estimate_correlation
from e3d.statistics.variance import independent_rows, variance_ratio
from study.robustness.fields import (
    AFTER,
    BEYOND,
    BY_SEEDS,
    CONSTANT,
    INTERCEPT,
    LINE,
    PEARSON,
    RATIO,
    RESIDUAL,
    RMS,
    SD,
    SIDES,
    SLOPE,
    D,
)

MIN_SEEDS: Final = 3
"""With fewer in either set, nothing is concluded."""
FITTED: Final = (SLOPE, INTERCEPT, *RMS.values(), *RATIO.values())
SCORES: Final = (BIAS, MAE, PEARSON, BETWEEN, WITHIN, *FITTED)


def with_residuals(both: pd.DataFrame) -> pd.DataFrame:
    """Add what a constant and a line leave of D of the second set, eV."""
    x, y = _columns(both, D)
    slope, intercept = _line(x, y)
    left = {CONSTANT: y - x - (y - x).mean(), LINE: y - intercept - slope * x}
    return both.assign(**{RESIDUAL[name]: values for name, values in left.items()})


def agreement(part: pd.DataFrame, d: Sequence[Floats]) -> dict[str, Any]:
    """Return every score of the bonds of a pair with 95 % jackknife intervals over molecules.

    ``d`` holds D (bonds, seeds) of each set. The sets differ by more than seeds alone if what the
    line leaves does (a ratio above 1), both by the interval over molecules and by that over seeds.
    """
    x, y = _columns(part, D)
    kinds = part[C.BOND_TYPE].to_numpy(dtype=object)
    keep = deletions(pd.factorize(part[C.MOLECULE])[0])
    sd = _columns(part, SD)
    variance = [s**2 / part[f"seeds_{side}"].to_numpy() for s, side in zip(sd, SIDES, strict=True)]
    fitted = [fit(x[rows], y[rows], kinds[rows], *(v[rows] for v in variance)) for rows in keep]
    replicates = {name: values[0] for name, values in scores(y[None], x, kinds, keep).items()}
    replicates |= {name: np.array([one[name] for one in fitted]) for name in (PEARSON, *FITTED)}
    row: dict[str, Any] = {}
    for name in SCORES:
        found = (
            estimate_correlation(replicates[name])
            if name == PEARSON
            else score_estimate(name, replicates[name], kinds)
        )
        row |= found.columns(name)
    rms = {SD[side]: float(np.sqrt(np.mean(s**2))) for side, s in zip(SIDES, sd, strict=True)}
    of_molecules = Estimate.read(row, RATIO[LINE])
    of_seeds = seeds_interval(of_molecules.value, row[SLOPE], d)
    beyond = unanimous(verdict(one, beside=1) for one in (of_molecules, of_seeds))
    known = min(values.shape[1] for values in d) >= MIN_SEEDS
    ends = {f"{BY_SEEDS}_lo": of_seeds.lo, f"{BY_SEEDS}_hi": of_seeds.hi}
    return {**row, **rms, **ends, BEYOND: beyond if known else UNDETERMINED}


def _columns(part: pd.DataFrame, names: dict[str, str]) -> list[Floats]:
    return [part[name].to_numpy(dtype=float) for name in names.values()]


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """Return slope and intercept of least squares of y on x; NaN without two different x."""
    if len(x) < 3 or np.ptp(x) == 0:
        return float("nan"), float("nan")
    slope = float(np.cov(x, y, ddof=0)[0, 1] / np.var(x))
    return slope, float(y.mean() - slope * x.mean())


def fit(
    x: Floats, y: Floats, kinds: NDArray[np.object_], var_x: Floats, var_y: Floats
) -> dict[str, float]:
    """Return the fits of D of one set (n,) on that of another, eV, and what they leave.

    ``rms_*`` is sqrt(sum of squares / (n - p)) with p = 0 (raw), 1 (constant), 2 (line) or the
    number of types. ``ratio_*`` is that over what seeds alone would leave, sqrt(mean(b^2 var_x +
    var_y)), with the variances of the means over seeds and the slope b (1 but for the line); NaN
    where one set has one seed.
    """
    slope, intercept = _line(x, y)
    difference = y - x
    member = pd.factorize(kinds)[0]
    of_type = np.bincount(member, weights=difference) / np.bincount(member)
    left = (
        difference,
        difference - difference.mean(),
        y - intercept - slope * x,
        difference - of_type[member],
    )
    varies = len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0
    pearson = float(np.corrcoef(x, y)[0, 1]) if varies else float("nan")
    result = {SLOPE: slope, INTERCEPT: intercept, PEARSON: pearson}
    for name, residual, p in zip(AFTER, left, (0, 1, 2, len(of_type)), strict=True):
        dof = len(x) - p
        result[RMS[name]] = float(np.sqrt(np.sum(residual**2) / dof)) if dof > 0 else float("nan")
    for name, b in zip(RATIO, (1.0, 1.0, slope), strict=True):
        seeds = float(np.sqrt(np.mean(b**2 * var_x + var_y)))
        result[RATIO[name]] = result[RMS[name]] / seeds if seeds > 0 else float("nan")
    return result


def seeds_interval(ratio: float, slope: float, d: Sequence[Floats]) -> Estimate:
    """Return the ratio of RMS to what seeds leave, with the interval by the choice of seeds (F).

    Degrees of freedom: for what is left, the rows of D that are independent over seeds; for the
    variance of the seeds, these times the seeds less one; of both sets after Satterthwaite 1946.
    """
    size, rows = [], []
    for values, b in zip(d, (slope, 1.0), strict=True):
        n = values.shape[1]
        if n < 2 or not len(values):
            return Estimate(ratio)
        deviations = values - values.mean(axis=1, keepdims=True)
        size.append(b**2 * float((deviations**2).sum()) / (n * (n - 1)))
        rows.append((independent_rows(deviations), n - 1))
    whole = sum(size) ** 2
    if not whole > 0:
        return Estimate(ratio)
    parts = list(zip(size, rows, strict=True))
    left = whole / sum(v**2 / k for v, (k, _) in parts if v > 0)
    dof = whole / sum(v**2 / (k * n) for v, (k, n) in parts if v > 0)
    return variance_ratio(ratio**2, left, dof).transformed(np.sqrt)
