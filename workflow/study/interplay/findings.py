"""Whether error, scaling, entropy, decomposability and the quality of D and barriers go together over the grid."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import UNDETERMINED, YES, Estimate
from study.findings.wording import Run, Tables, interval, listed
from study.interplay.correlations import GIVEN, NEGATIVE, NOTHING, POSITIVE
from study.interplay.runs import ALPHA, BARRIER, BDE298_MAE, DECOMPOSABILITY, ERROR, SCALED_ENTROPY

_CLAIMS: Final = {
    "decomposability and exponent": (ALPHA, DECOMPOSABILITY),
    "entropy and exponent": (ALPHA, SCALED_ENTROPY),
    "decomposability and barrier error": (DECOMPOSABILITY, BARRIER),
    "exponent and barrier error": (ALPHA, BARRIER),
    "decomposability and test error": (ERROR, DECOMPOSABILITY),
    "decomposability and error against BDE298": (DECOMPOSABILITY, BDE298_MAE),
}


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield the verdict on each pair of the claim, raw and given scale and error, then how many tests there were."""
    table = tables["interplay/correlations"]
    table = table[table[C.DATASET] == run[0]]
    for given in GIVEN:
        part = table[table["given"] == given]
        texts = [
            f"{name} {_said(part, *pair)}"
            for name, pair in _CLAIMS.items()
            if given == NOTHING or ERROR not in pair
        ]
        head = "" if given == NOTHING else f" given {given}"
        yield f"Do they go together over the (N, M) cells{head} (Spearman; verdicts after Holm)? {listed(texts)}."
    yield _chance(table)


def _said(part: pd.DataFrame, x: str, y: str) -> str:
    rows = part[(part["x"] == x) & (part["y"] == y)]
    if rows.empty or not np.isfinite(rows["rho"].iloc[0]):
        cells = 0 if rows.empty else int(rows["n_cells"].iloc[0])
        return f"{UNDETERMINED}, {cells} cell{'' if cells == 1 else 's'}"
    row = rows.iloc[0]
    rho = Estimate.read(row, "rho")
    return f"{row['verdict']}, {rho.value:.2f} {interval(rho)}, {int(row['n_cells'])} cells"


def _chance(table: pd.DataFrame) -> str:
    texts = []
    for given, part in table.groupby("given", sort=False):
        excluded, held = (
            (part["excludes_zero"] == YES).sum(),
            part["verdict"].isin([POSITIVE, NEGATIVE]).sum(),
        )
        tests = int(part["n_tests"].max())
        texts.append(
            f"given {given}, {excluded} of {tests} intervals exclude zero ({part['expected_by_chance'].max():.1f} "
            f"expected by chance), {held} after Holm"
        )
    return f"All pairs of the quantities: {listed(texts)}."
