"""Entropy of the energies on bonds and their information, against N, bin width and sample size."""

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
)
from study.runs import Run, at_run, reference

_ESTIMATORS: Final[dict[str, tuple[str, str, LineStyleType]]] = {
    fields.PLUG_IN: (style.ORANGE, "v", ":"),
    fields.MILLER_MADOW: (style.BLUE, "o", "-"),
    fields.NEIGHBOURS: (style.BLACK, "s", "--"),
}
_QUANTITIES: Final = {
    fields.D: ("$D$", style.BLUE, "o"),
    fields.EPS: (r"$\epsilon$", style.VERMILION, "s"),
    fields.A: ("$A$", style.GREEN, "^"),
    fields.NON_BONDED: ("$D$, not bonded", style.GREY, "D"),
}
_BOTH: Final[dict[str, LineStyleType]] = {"bins": "-", "neighbours": "--"}
_SHOWN_WIDTH_EV: Final = 0.05


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw six panels: three against training frames per model, three of the reference run."""
    summary = tables["decompose/summary"]
    run = reference(summary)
    entropy, shares, sensitivity, bonded = (
        table[table[C.STRUCTURES] == TEST_CONFORMATIONS]
        for table in (
            tables["entropy/entropy"],
            tables["entropy/decomposability"],
            tables["entropy/sensitivity"],
            summary,
        )
    )
    series = all_series(summary)
    figure = page(2, 3, run=run)
    grid = panels(figure, 6, 3)
    within = entropy[entropy[C.BOND_TYPE] == fields.WITHIN]
    _scaled_entropy(grid[0], within[within[fields.QUANTITY] == fields.SCALED_D], series)
    _decomposability(grid[1], shares, series)
    _beyond_elements(grid[2], shares, bonded, run)
    part = at_run(sensitivity, run)
    part = part[part[C.BOND_TYPE] == fields.WITHIN]
    _widths(grid[3], part)
    _samples(grid[4], part)
    _other_energies(grid[5], _of_model(within, run), run)
    for index, axes in enumerate(grid):
        letter(axes, index)
        if index in (0, 1, 2, 5):
            n_axis(axes, summary)
    legend_outside(figure, [one.handle() for one in series], 3)
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


def _widths(axes: Axes, part: pd.DataFrame) -> None:
    """Draw h against the width of the bins, for all molecules and for a part of them."""
    sizes = sorted(part[C.N_MOLECULES].unique())
    shown = dict.fromkeys([sizes[-1], sizes[len(sizes) // 2 - 1]]) if sizes else {}
    for size, alpha in zip(shown, (1.0, style.STYLE.faint_alpha), strict=False):
        at_size = part[part[C.N_MOLECULES] == size]
        for name, (color, marker, linestyle) in _ESTIMATORS.items():
            look: style.Look = {"color": color, "linestyle": linestyle, "alpha": alpha}
            rows = at_size[at_size[fields.ESTIMATOR] == name]
            if name != fields.NEIGHBOURS:
                means = rows.groupby(fields.WIDTH)[fields.DIFFERENTIAL].mean()
                axes.plot(means.index, means, marker=marker, **look)
            elif len(rows):
                h = rows[fields.DIFFERENTIAL].mean()
                axes.axhline(h, **look)
                axes.annotate(
                    f"{size} molecules", (0.02, h), xycoords=axes.get_yaxis_transform(),
                    ha="left", va="bottom", fontsize=style.STYLE.small_note,
                    alpha=max(alpha, style.STYLE.scatter_alpha),
                )  # fmt: skip
    widths = sorted(part[fields.WIDTH].dropna().unique())
    _log_axis(axes, widths, "bin width $w$ (eV)")
    legend_above(axes, [_line(name, *look) for name, look in _ESTIMATORS.items()])


def _samples(axes: Axes, part: pd.DataFrame) -> None:
    """Draw h against the number of molecules, bins of one width; bars: between draws."""
    widths = part[fields.WIDTH].dropna()
    width = min(widths, key=lambda one: abs(one - _SHOWN_WIDTH_EV), default=_SHOWN_WIDTH_EV)
    part = part[part[fields.WIDTH].isna() | (part[fields.WIDTH] == width)]
    for name, (color, marker, linestyle) in _ESTIMATORS.items():
        rows = part[part[fields.ESTIMATOR] == name].groupby(C.N_MOLECULES)
        means, spread = (rows[one].mean() for one in (fields.DIFFERENTIAL, fields.DIFFERENTIAL_SD))
        axes.errorbar(
            means.index, means, spread.fillna(0.0), color=color, marker=marker,
            linestyle=linestyle, elinewidth=style.STYLE.interval_line,
        )  # fmt: skip
    _log_axis(axes, sorted(part[C.N_MOLECULES].unique()), "molecules in the sample")
    look: style.Look = {"ha": "right", "fontsize": style.STYLE.note}
    axes.text(0.98, 0.03, f"$w$ = {width:g} eV", transform=axes.transAxes, **look)


def _log_axis(axes: Axes, ticks: list[float], label: str) -> None:
    axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel(r"$h(D \mid \mathrm{type})$ (nats of eV)")
    if ticks:
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()


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
