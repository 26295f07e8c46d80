"""Entropy of the energies on bonds, and what they say of the bond type, against N."""

from dataclasses import replace
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from e3d.fields import TEST_CONFORMATIONS
from e3d.fields import Column as C
from study.entropy import fields
from study.entropy.findings import against_length
from study.fields import BONDED_SHARE, LABELS
from study.figures import style
from study.figures.drawing import (
    Series,
    all_series,
    draw_curve,
    geometries,
    legend_above,
    legend_outside,
    letter,
    n_axis,
    page,
    panels,
    takeaway,
)
from study.runs import Run, at_run, reference

_QUANTITIES: Final = {
    fields.D: ("$D$", style.BLUE, "o"),
    fields.EPS: (r"$\epsilon$", style.VERMILION, "s"),
    fields.A: ("$A$", style.GREEN, "^"),
    fields.NON_BONDED: ("$D$, not bonded", style.GREY, "D"),
}
_BOTH: Final[dict[str, LineStyleType]] = {"bins": "-", "neighbours": "--"}


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw two panels of all models, and two of the largest."""
    summary = tables["decompose/summary"]
    run = reference(summary)
    entropy, shares, bonded = (
        table[table[C.STRUCTURES] == TEST_CONFORMATIONS]
        for table in (tables["entropy/entropy"], tables["entropy/decomposability"], summary)
    )
    series = all_series(summary)
    figure = page(2, 2, run=run)
    grid = panels(figure, 4, 2)
    within = entropy[entropy[C.BOND_TYPE] == fields.WITHIN]
    _scaled_entropy(grid[0], within[within[fields.QUANTITY] == fields.SCALED_D], series)
    _decomposability(grid[1], shares, series)
    _beyond_elements(grid[2], shares, bonded, run)
    _other_energies(grid[3], _of_model(within, run), run)
    for index, axes in enumerate(grid):
        letter(axes, index)
        n_axis(axes, summary)
    legend_outside(figure, [one.handle() for one in series], 3)
    if said := against_length(at_run(shares, run)):
        takeaway(figure, said)
    return figure


def _scaled_entropy(axes: Axes, part: pd.DataFrame, series: list[Series]) -> None:
    columns = (fields.BINNED, fields.KNN)
    for column, shift, linestyle in zip(columns, (1.0, 1.04), _BOTH.values(), strict=True):
        for one in series:
            shifted = replace(one, dodge=one.dodge * shift)
            draw_curve(axes, one.of(part), column, shifted, linestyle=linestyle)
    axes.set_ylabel(r"$h(D/\sigma_D \mid \mathrm{type})$ (nats)")
    legend_above(axes, [_line(name, linestyle=linestyle) for name, linestyle in _BOTH.items()])


def _decomposability(axes: Axes, shares: pd.DataFrame, series: list[Series]) -> None:
    of_d, of_r = (
        shares[shares[fields.MEASURE] == measure]
        for measure in (fields.TYPE_BY_SCALED_D, fields.TYPE_BY_R)
    )
    drawn = [*((one, of_d) for one in series), *((one, of_r) for one in geometries(series))]
    columns = (fields.FRACTION_MM, fields.FRACTION_KNN)
    for column, shift, linestyle in zip(columns, (1.0, 1.04), _BOTH.values(), strict=True):
        for one, part in drawn:
            shifted = replace(one, dodge=one.dodge * shift)
            draw_curve(axes, one.of(part), column, shifted, linestyle=linestyle)
    axes.set_ylabel(fields.LABELS[fields.FRACTION_MM])
    legend_above(axes, [_line("distance $r$", marker="*")])


def _beyond_elements(axes: Axes, shares: pd.DataFrame, bonded: pd.DataFrame, run: Run) -> None:
    """Draw what D and r say of the order where the elements are known, and the bonded share."""
    d, r = (shares[shares[fields.MEASURE] == one] for one in (fields.ORDER_BY_D, fields.ORDER_BY_R))
    drawn = (
        ("$D$", d, fields.FRACTION_KNN, style.BLUE, "o"),
        ("$r$", r, fields.FRACTION_KNN, style.GREY, "*"),
        (LABELS[BONDED_SHARE], bonded, BONDED_SHARE, style.VERMILION, "s"),
    )
    for index, (_, table, column, color, marker) in enumerate(drawn):
        draw_curve(axes, _of_model(table, run), column, _series(run, color, marker, index))
    axes.set_ylabel(r"$I(\,\cdot\,;\,\mathrm{order} \mid \mathrm{elements})\,/\,H$; $\beta$")
    legend_above(
        axes, [_line(name, color=color, marker=marker) for name, _, _, color, marker in drawn]
    )


def _other_energies(axes: Axes, within: pd.DataFrame, run: Run) -> None:
    """Draw H in bins of D, of eps, of A and of D of non-bonded pairs against N, of one model."""
    for index, (name, (_, color, marker)) in enumerate(_QUANTITIES.items()):
        part = within[within[fields.QUANTITY] == name]
        draw_curve(axes, part, fields.ENTROPY_MM, _series(run, color, marker, index))
    axes.set_ylabel(r"$H(\,\cdot \mid \mathrm{type})$ (nats)")
    handles = [_line(name, color=color, marker=marker) for name, color, marker
               in _QUANTITIES.values()]  # fmt: skip
    legend_above(axes, handles, ncols=2)


def _of_model(table: pd.DataFrame, run: Run) -> pd.DataFrame:
    """Return the rows of the model of ``run``, at every N."""
    return table[(table[C.DATASET] == run[0]) & (table[C.MODEL] == run[1])]


def _series(run: Run, color: str, marker: str, index: int) -> Series:
    return Series(run[0], run[1], "", color, marker, "full", 1.05 ** (index - 1))


def _line(
    name: str, color: str = style.GREY, marker: str = "none", linestyle: LineStyleType = "-"
) -> Line2D:
    return Line2D([], [], color=color, marker=marker, linestyle=linestyle, label=name)
