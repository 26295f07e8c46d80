"""Whether the SD of D that the Gauss-Newton matrix predicts reproduces that over seeds."""

from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.arrays import Floats, Masks
from e3d.fields import Column as C
from e3d.statistics import (
    NO,
    UNDETERMINED,
    YES,
    Estimate,
    interval_columns,
    jackknife,
    replicates,
    verdict,
)
from e3d.statistics.agreement import BETWEEN, half_step, spearman
from e3d.statistics.correlations import estimate_correlation
from e3d.statistics.intervals import all_hold
from e3d.statistics.variance import independent_rows, variance_ratio
from study.fields import CELL
from study.gauge.fields import BOND, MIN_SEEDS, REPRODUCES, SD, SIGMA2
from study.gauge.seeds import at_cell, by_seed

_RATIO: Final = "predicted_over_seed_sd"
_COLUMNS: Final = (
    *(*CELL, SIGMA2, "n_seeds", "n_bonds"),
    *(*interval_columns("spearman", _RATIO), REPRODUCES),
)


def compare(rigidity: pd.DataFrame, named: pd.DataFrame) -> pd.DataFrame:
    """Return rank and ratio of the predicted SD of D against that over seeds.

    A row per cell and regulariser. The rank is Spearman's over bonds with a jackknife over
    molecules; the ratio is that of the root mean squares, with the wider of that jackknife's
    interval and of the one that so few seeds leave (chi-squared, of as many bonds as are
    independent). ``reproduces`` is yes if the rank is above 0.5 with an interval above 0 and that
    of the ratio lies in 0.5 to 2; no if this lies outside of 0.5 to 2 or that of the rank below 0;
    else undetermined. Several rigidities of a cell, one per seed: root of the mean square.
    """
    rows: list[dict[str, Any]] = []
    for key, part in rigidity[rigidity["kind"] == BOND].groupby([*CELL, SIGMA2]):
        d = by_seed(at_cell(named, *key[:3]))
        predicted = np.sqrt((part[SD] ** 2).groupby(part["bond"]).mean()).dropna()
        d = d[d.index.get_level_values("bond").isin(predicted.index)]
        if d.shape[1] < 2 or d.empty:
            continue
        x = predicted[d.index.get_level_values("bond")].to_numpy()
        about = dict(zip(_COLUMNS, (*key, d.shape[1], len(d)), strict=False))
        rows.append(about | _compared(x, d))
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _compared(predicted: Floats, d: pd.DataFrame) -> dict[str, Any]:
    """Return rank and ratio of predicted SDs (B,) and those of D (B, seeds), and the verdict."""
    observed = d.var(axis=1, ddof=1).to_numpy()
    molecules = np.unique(d.index.get_level_values(C.MOLECULE), return_inverse=True)[1]
    of_bonds = replicates(lambda keep: float(spearman(predicted[keep], observed[keep])), molecules)
    rank = estimate_correlation(
        of_bonds, half_step(BETWEEN, np.arange(len(predicted), dtype=object))
    )

    def root(keep: Masks) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.sqrt((predicted[keep] ** 2).mean() / observed[keep].mean()))

    ratio = jackknife(root, molecules)
    dof = (d.shape[1] - 1) * independent_rows(d.sub(d.mean(axis=1), axis=0).to_numpy())
    of_seeds = variance_ratio(ratio.value**2, np.inf, dof).transformed(np.sqrt)
    lo, hi = np.minimum(ratio.lo, of_seeds.lo), np.maximum(ratio.hi, of_seeds.hi)
    wider = Estimate(ratio.value, float(lo), float(hi))
    in_range = verdict(wider, beside=0.5), verdict(wider, above=NO, below=YES, beside=2)
    said = all_hold([verdict(rank), *in_range], 3)
    if d.shape[1] < MIN_SEEDS or (said == YES and not rank.value > 0.5):
        said = UNDETERMINED
    return {**rank.columns("spearman"), **wider.columns(_RATIO), REPRODUCES: said}
