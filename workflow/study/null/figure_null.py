"""The error of D beside that of each null model, on the same bonds, and their paired difference."""

from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from e3d.fields import RELAXED
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298
from e3d.statistics import NO, YES, Estimate, verdict
from e3d.statistics.agreement import MAE
from study.figures.drawing import legend_outside, page, panels, takeaway
from study.figures.pairs import draw_pair, handles, name_rows
from study.findings.wording import number, one_of
from study.null.names import COARSE, NULL_MODEL, NULL_MODELS
from study.runs import at_run, over_seeds, reference

_WITH_ERRORS: Final = tuple(null for null in NULL_MODELS.values() if MAE in null.scores)
_ROOM: Final = 0.35
"""Height of the axis and its label, in rows of panels."""


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw a row per null model that has errors: both of them, and their difference in numbers."""
    run = reference(tables["decompose/summary"])
    compare = at_run(tables["null/compare"], run)
    errors = compare[
        (compare[C.GEOMETRY] == RELAXED)
        & (compare["reference"] == BDE298.name)
        & (compare["score"] == MAE)
    ]
    there = [null for null in _WITH_ERRORS if (errors[NULL_MODEL] == null.name).any()]
    figure = page(_ROOM, 4, names=3 * len(there) // 2, run=run)
    (axes,) = panels(figure, 1, 1)
    for row, null in enumerate(there):
        part = errors[errors[NULL_MODEL] == null.name]
        ours, theirs, gap = (
            over_seeds(part, column) for column in ("e3d", "null_value", "difference")
        )
        draw_pair(axes, row, ours, theirs, Estimate(gap.mean, gap.lo, gap.hi))
    name_rows(axes, [null.label for null in there], "$D$ less null model (eV)")
    axes.set_xlabel(f"MAE against {BDE298.label}, relaxed named bonds")
    legend_outside(figure, handles("$D$", "null model, same bonds"), 2)
    if said := _said(errors[errors[NULL_MODEL] == COARSE.name]):
        takeaway(figure, said)
    return figure


def _said(part: pd.DataFrame) -> str:
    """Return in a sentence how D compares with counting bonds."""
    if part.empty:
        return ""
    found = over_seeds(part, "difference")
    how = one_of(
        verdict(found, above=NO, below=YES),
        f"D predicts {BDE298.words} better than counting bonds does",
        f"Counting bonds predicts {BDE298.words} better than D does",
        f"D is not shown to predict {BDE298.words} better or worse than counting bonds",
    )
    return f"{how}: MAE differs by {number(found, found.mean, ' eV')}"
