"""Whether D of the same named bonds agrees between training sets."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from e3d.statistics import UNDETERMINED, Estimate
from study.findings.wording import Run, Tables, interval, listed


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield a sentence per pair of datasets, or say that there is one training set."""
    pairs = tables["robustness/pairs"]
    pairs = pairs[pairs["molecules"] == "all"]
    if pairs.empty:
        yield "One training set: whether D is robust across training sets is not tested."
        return
    for row in pairs.to_dict("records"):
        yield _pair(row)


def _pair(row: dict[Any, Any]) -> str:
    def of(name: str, unit: str = "") -> str:
        found = Estimate.read(row, name)
        return f"{found.value:.2f}{unit} {interval(found)}"

    ratio = of("ratio_line") if np.isfinite(float(row["ratio_line"])) else UNDETERMINED
    ends = (float(row[f"ratio_line_seeds_{end}"]) for end in ("lo", "hi"))
    of_seeds = Estimate(float("nan"), *ends)
    by_seeds = interval(of_seeds) if of_seeds.has_interval else "no interval"
    texts = [
        f"D of {row['dataset_b']} minus D of {row['dataset_a']} {of('bias_eV', ' eV')}",
        f"r {of('pearson')}",
        f"slope {of('slope')}",
        f"RMS difference {of('rms_raw_eV', ' eV')}, after a constant {of('rms_constant_eV', ' eV')}, after a line "
        f"{of('rms_line_eV', ' eV')}, {ratio} times what "
        f"seeds alone leave (by the choice of seeds {by_seeds}; more than seeds: {row['beyond_seeds']})",
        f"C-C < C=C < C#C: {row['order_a']} and {row['order_b']}",
    ]
    return f"{row['model']}, N = {row['n_train']}, {row['n_bonds']} named bonds: {listed(texts)}."
