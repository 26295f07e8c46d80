"""Whether error, scaling, entropy, decomposability and the quality of D and barriers correlate."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import UNDETERMINED, YES, Estimate
from study.findings.wording import Tables, counted, interval, listed
from study.interplay.correlations import GIVEN, NEGATIVE, NOTHING, POSITIVE
from study.interplay.runs import ALPHA, BARRIER, BDE298_MAE, DECOMPOSABILITY, ERROR, SCALED_ENTROPY
from study.runs import Run

_CLAIMS: Final = {
    "decomposability and exponent": (ALPHA, DECOMPOSABILITY),
    "entropy and exponent": (ALPHA, SCALED_ENTROPY),
    "decomposability and barrier error": (DECOMPOSABILITY, BARRIER),
    "exponent and barrier error": (ALPHA, BARRIER),
    "decomposability and test error": (ERROR, DECOMPOSABILITY),
    "decomposability and error against BDE298": (DECOMPOSABILITY, BDE298_MAE),
}


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield the verdicts on the pairs, raw and given scale and error, then the number of tests."""
    table = tables["interplay/correlations"]
    table = table[table[C.DATASET] == run[0]]
    for given in GIVEN:
        part = table[table["given"] == given]
        texts = [
            f"{name} {_said(part, *pair)}"
            for name, pair in _CLAIMS.items()
            if given == NOTHING or ERROR not in pair
        ]
        head = "" if given == NOTHING else f", given {given}"
        yield (
            f"Which quantities correlate over the (N, M) cells{head} (Spearman's rho; verdicts "
            f"after Holm's correction)? {listed(texts)}."
        )
    yield _chance(table)


def _said(part: pd.DataFrame, x: str, y: str) -> str:
    rows = part[(part["x"] == x) & (part["y"] == y)]
    cells = counted(0 if rows.empty else int(rows["n_cells"].iloc[0]), "cell")
    if rows.empty or not np.isfinite(rows["rho"].iloc[0]):
        return f"{UNDETERMINED}, {cells}"
    rho = Estimate.read(rows.iloc[0], "rho")
    return f"{rows['verdict'].iloc[0]}, {rho.value:.2f} {interval(rho)}, {cells}"


def _chance(table: pd.DataFrame) -> str:
    texts = []
    for given, part in table.groupby("given", sort=False):
        excluded = (part["excludes_zero"] == YES).sum()
        held = part["verdict"].isin([POSITIVE, NEGATIVE]).sum()
        by_chance = part["expected_by_chance"].max()
        texts.append(
            f"given {given}, {excluded} of {int(part['n_tests'].max())} intervals exclude zero "
            f"({by_chance:.1f} expected by chance), {held} after Holm's correction"
        )
    return f"All pairs of the quantities: {listed(texts)}."
