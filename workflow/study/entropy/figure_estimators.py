"""Entropy of D within bond types against the width of bins and the number of molecules."""

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from e3d.fields import TEST_CONFORMATIONS
from e3d.fields import Column as C
from study.entropy import fields
from study.figures import style
from study.figures.drawing import legend_above, letter, page, panels, takeaway
from study.runs import at_run, reference

_ESTIMATORS: Final[dict[str, tuple[str, str, LineStyleType]]] = {
    fields.PLUG_IN: (style.ORANGE, "v", ":"),
    fields.MILLER_MADOW: (style.BLUE, "o", "-"),
    fields.NEIGHBOURS: (style.BLACK, "s", "--"),
}
_SHOWN_WIDTH_EV: Final = 0.05


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw two panels of the reference run."""
    run = reference(tables["decompose/summary"])
    part = at_run(tables["entropy/sensitivity"], run)
    part = part[(part[C.STRUCTURES] == TEST_CONFORMATIONS) & (part[C.BOND_TYPE] == fields.WITHIN)]
    figure = page(1, 2, run=run)
    grid = panels(figure, 2, 2)
    _widths(grid[0], part)
    _samples(grid[1], part)
    for index, axes in enumerate(grid):
        letter(axes, index)
    if said := _said(part):
        takeaway(figure, said)
    return figure


def _said(part: pd.DataFrame) -> str:
    """Return how far the two estimates are apart, at the shown width and all molecules."""
    width = _shown_width(part)
    most = part[part[C.N_MOLECULES] == part[C.N_MOLECULES].max()]
    of_bins = most[(most[fields.ESTIMATOR] == fields.MILLER_MADOW) & (most[fields.WIDTH] == width)]
    of_neighbours = most[most[fields.ESTIMATOR] == fields.NEIGHBOURS]
    gap = of_bins[fields.DIFFERENTIAL].mean() - of_neighbours[fields.DIFFERENTIAL].mean()
    if pd.isna(gap):
        return ""
    return (
        f"Bins of {width:g} eV give an entropy {abs(gap):.2f} nats "
        f"{'lower' if gap < 0 else 'higher'} than nearest neighbours do, all molecules taken"
    )


def _widths(axes: Axes, part: pd.DataFrame) -> None:
    """Draw h against the width of the bins, for all molecules and for a part of them."""
    sizes = sorted(part[C.N_MOLECULES].unique())
    shown = dict.fromkeys([sizes[-1], sizes[len(sizes) // 2 - 1]]) if sizes else {}
    looks = ((1.0, "bottom"), (style.STYLE.faint_alpha, "top"))
    for size, (alpha, side) in zip(shown, looks, strict=False):
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
                    ha="left", va=side, fontsize=style.STYLE.small_note,
                    alpha=max(alpha, style.STYLE.scatter_alpha),
                )  # fmt: skip
    widths = sorted(part[fields.WIDTH].dropna().unique())
    _log_axis(axes, widths, "bin width $w$ (eV)")
    legend_above(axes, [_line(name, *look) for name, look in _ESTIMATORS.items()])


def _samples(axes: Axes, part: pd.DataFrame) -> None:
    """Draw h against the number of molecules, bins of one width; bars: between draws."""
    width = _shown_width(part)
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


def _shown_width(part: pd.DataFrame) -> float:
    widths = part[fields.WIDTH].dropna()
    return min(widths, key=lambda one: abs(one - _SHOWN_WIDTH_EV), default=_SHOWN_WIDTH_EV)


def _line(name: str, color: str, marker: str, linestyle: LineStyleType) -> Line2D:
    return Line2D([], [], color=color, marker=marker, linestyle=linestyle, label=name)
