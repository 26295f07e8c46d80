"""Whether D of the same named bonds agrees between training sets."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from e3d.fields import Column as C
from e3d.statistics import UNDETERMINED, Estimate
from e3d.statistics.agreement import BIAS
from study.findings.wording import Tables, interval, listed
from study.robustness.fields import (
    BEYOND,
    BY_SEEDS,
    CONSTANT,
    LINE,
    ORDER,
    PEARSON,
    RATIO,
    RMS,
    SLOPE,
)
from study.runs import Run


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield a sentence per pair of datasets, or say that there is one training set."""
    pairs = tables["robustness/pairs"]
    pairs = pairs[pairs["molecules"] == "all"]
    if pairs.empty:
        yield "There is one training set: whether D depends on it is not tested."
        return
    for row in pairs.to_dict("records"):
        yield _pair(row)


def _pair(row: dict[Any, Any]) -> str:
    def of(name: str, unit: str = "") -> str:
        found = Estimate.read(row, name)
        return f"{found.value:.2f}{unit} {interval(found)}"

    ratio = of(RATIO[LINE]) if np.isfinite(float(row[RATIO[LINE]])) else UNDETERMINED
    ends = Estimate(float("nan"), *(float(row[f"{BY_SEEDS}_{end}"]) for end in ("lo", "hi")))
    by_seeds = interval(ends) if ends.has_interval else "no interval"
    texts = [
        f"D of {row['dataset_b']} minus D of {row['dataset_a']} {of(BIAS, ' eV')}",
        f"r {of(PEARSON)}",
        f"slope {of(SLOPE)}",
        f"RMS difference {of(RMS['raw'], ' eV')}, after a constant {of(RMS[CONSTANT], ' eV')}, "
        f"after a line {of(RMS[LINE], ' eV')}, which is {ratio} times what seeds alone leave "
        f"(by the choice of seeds {by_seeds}; more than seeds: {row[BEYOND]})",
        f"C-C < C=C < C#C: {row[ORDER['a']]} and {row[ORDER['b']]}",
    ]
    about = f"{row[C.MODEL]}, N = {row[C.N_TRAIN]}, {row['n_bonds']} named bonds"
    return f"{about}: {listed(texts)}."
