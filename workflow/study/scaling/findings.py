"""How test errors fall with the number of training frames."""

from collections.abc import Iterable

import pandas as pd

from e3d.fields import TEST_SPLITS
from e3d.fields import Column as C
from e3d.statistics import Estimate
from study import runs
from study.findings.wording import NOT_THERE, Run, Tables, called, number
from study.scaling.fits import FORM, METRIC, OK, POWER, QUANTITY, STATUS


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield the exponent of the largest model on each test set, or why there is none."""
    fits = tables["scaling/fits"]
    largest = list(runs.sized_models(tables["decompose/summary"]))[-1]
    laws = fits[(fits[C.DATASET] == run[0]) & (fits[C.MODEL] == largest)]
    laws = laws[(laws[METRIC] == C.FORCE_MAE) & (laws[FORM] == POWER.name)]
    found = [_exponent(laws[laws[C.TEST_SET] == name], called(name)) for name in TEST_SPLITS]
    yield from dict.fromkeys(found)


def _exponent(law: pd.DataFrame, where: str) -> str:
    if law.empty:
        return f"How force errors fall with the number of training frames: {NOT_THERE}."
    if (law[STATUS] != OK).any():
        return f"A scaling exponent of the force errors is {law[STATUS].iloc[0]}."
    alpha = Estimate.read(law[law[QUANTITY] == "alpha"].iloc[0], "value")
    fall = "fall" if alpha.lo > 0 else "are not shown to fall"
    return (
        f"Force errors on {where} {fall} with the number N of training frames (as N^-alpha with "
        f"alpha = {number(alpha, alpha.value)})."
    )
