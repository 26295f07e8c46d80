"""The error of D beside that of each null model, on the same bonds, and their paired difference."""

from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from e3d.fields import RELAXED
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298
from e3d.statistics import NO, YES, verdict
from e3d.statistics.agreement import MAE
from study.figures import style
from study.figures.drawing import legend_outside, page, panels, takeaway, with_minus
from study.findings.wording import number, one_of
from study.null.names import COARSE, NULL_MODEL, NULL_MODELS, NullModel
from study.runs import at_run, over_seeds, reference

_WITH_ERRORS: Final = tuple(null for null in NULL_MODELS.values() if MAE in null.scores)
_APART: Final = 0.15
"""Between both points of a row, in rows."""
_OURS: Final[dict[str, Any]] = {"marker": "o", "color": style.BLUE}
_THEIRS: Final[dict[str, Any]] = {"marker": "s", "color": style.GREY, "markerfacecolor": "white"}
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
        _errors(axes, row, part)
        _difference(axes, row, part)
    _rows(axes, there)
    handles = [
        Line2D([], [], linestyle="none", label="$D$", **_OURS),
        Line2D([], [], linestyle="none", label="null model, same bonds", **_THEIRS),
    ]
    legend_outside(figure, handles, 2)
    if said := _said(errors[errors[NULL_MODEL] == COARSE.name]):
        takeaway(figure, said)
    return figure


def _errors(axes: Axes, row: int, part: pd.DataFrame) -> None:
    """Draw both errors on the same bonds, with their intervals where these have a width."""
    for shift, column, look in ((-_APART, "e3d", _OURS), (_APART, "null_value", _THEIRS)):
        found = over_seeds(part, column)
        if found.has_interval and found.lo < found.hi:
            width = style.STYLE.interval_line
            axes.hlines(row + shift, found.lo, found.hi, color=look["color"], linewidth=width)
        axes.plot(found.mean, row + shift, **look)


def _difference(axes: Axes, row: int, part: pd.DataFrame) -> None:
    """Write the paired difference beside the row: two intervals that overlap decide nothing."""
    found = over_seeds(part, "difference")
    decided = verdict(found) in (YES, NO)
    axes.annotate(
        with_minus(number(found, found.mean)), (1, row), xycoords=axes.get_yaxis_transform(),
        xytext=(style.STYLE.tick_length, 0), textcoords="offset points", va="center",
        fontsize=style.STYLE.note, fontweight="bold" if decided else "normal",
    )  # fmt: skip


def _rows(axes: Axes, nulls: list[NullModel]) -> None:
    look = style.STYLE
    axes.set_yticks(range(len(nulls)), [null.label for null in nulls])
    axes.set_ylim(len(nulls) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for edge in range(1, len(nulls)):
        axes.axhline(edge - 0.5, color=style.GREY, linewidth=look.hair_line, alpha=look.faint_alpha)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"MAE against {BDE298.label}, relaxed named bonds")
    axes.annotate(
        "$D$ less null model (eV)", (1, 1), xycoords="axes fraction",
        xytext=(look.tick_length, look.name_offset), textcoords="offset points", va="bottom",
        fontsize=look.note,
    )  # fmt: skip


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
    return f"{how}: {number(found, found.mean, ' eV')}"
