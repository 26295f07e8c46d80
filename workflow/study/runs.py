"""Which runs figures and findings show, and what a column says over the seeds of a run."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import Estimate, crossed
from e3d.statistics.correlations import is_correlation
from study.fields import is_given, trained

Run = tuple[str, str, int]
"""Dataset, model and number of training frames: all seeds of it."""


@dataclass(frozen=True)
class OverSeeds:
    """A column over the seeds of a run: mean, extremes, a 95 % interval over molecules and seeds.

    ``lo`` and ``hi`` are NaN where a seed has no interval.
    """

    mean: float
    lo: float
    hi: float
    seed_min: float
    seed_max: float
    n_seeds: int

    @property
    def has_interval(self) -> bool:
        """Say whether both ends of an interval are known."""
        return bool(np.isfinite(self.lo) and np.isfinite(self.hi))


def reference(summary: pd.DataFrame, dataset: str | None = None) -> Run:
    """Return the run to show of a dataset, by default of the first of :func:`datasets`.

    It has the largest number of training frames and, there, the model with most parameters. A
    given model is shown only where no other has the dataset.
    """
    table = summary[summary[C.DATASET] == (datasets(summary)[0] if dataset is None else dataset)]
    table = table if all_given(table[C.RUN]) else trained(table)
    best = table.sort_values([C.N_TRAIN, C.N_PARAMETERS], ascending=False, kind="stable").iloc[0]
    return str(best[C.DATASET]), str(best[C.MODEL]), int(best[C.N_TRAIN])


def datasets(summary: pd.DataFrame) -> list[str]:
    """Return the training sets of all runs, the one with most runs (the grid's) first.

    Those of given models alone come last.
    """
    runs = summary.groupby(C.DATASET, sort=False)[C.RUN]
    order = pd.DataFrame({"n": -runs.nunique(), "given": runs.agg(lambda one: all_given(one))})
    return [str(name) for name in order.sort_values(["given", "n"], kind="stable").index]


def n_sets(summary: pd.DataFrame) -> int:
    """Return the number of training sets of the runs that are trained here."""
    return int(trained(summary)[C.DATASET].nunique())


def all_given(runs: "pd.Series[str]") -> bool:
    """Say whether these are runs of given models alone."""
    return bool(runs.map(is_given).all())


def at_run(table: pd.DataFrame, run: Run) -> pd.DataFrame:
    """Return the rows of ``table`` at ``run``, all seeds."""
    dataset, model, n_train = run
    keep = (table[C.DATASET] == dataset) & (table[C.MODEL] == model) & (table[C.N_TRAIN] == n_train)
    return table[keep]


def over_seeds(part: pd.DataFrame, column: str, *, correlation: bool | None = None) -> OverSeeds:
    """Summarise a column of the rows in ``part``, one per seed, with its interval if it has one.

    Intervals of a ``correlation``, by default as the column's name says, are put together on
    Fisher's scale (:func:`e3d.statistics.crossed.over_seeds`).
    """
    known = part[part[column].notna()]
    values = known[column]
    if known.empty:
        found = Estimate(float("nan"))
    elif f"{column}_lo" in part:
        by_fisher = is_correlation(column) if correlation is None else correlation
        runs = [Estimate.read(row, column) for row in known.to_dict("records")]
        found = crossed.over_seeds(runs, correlation=by_fisher)
    else:
        found = Estimate(float(values.mean()))
    ends = float(values.min()), float(values.max())
    return OverSeeds(found.value, found.lo, found.hi, *ends, int(part[C.SEED].nunique()))


def sized_models(table: pd.DataFrame) -> dict[str, int]:
    """Return the models, smallest first, with their largest number of parameters over datasets."""
    sizes = table.groupby(C.MODEL)[C.N_PARAMETERS].max()
    order = sorted(sizes.index, key=lambda name: (sizes[name], name))
    return {str(model): int(sizes[model]) for model in order}
