"""Activation energies of the reference run, their error against N, and D along reaction paths."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from e3d.fields import Column as C
from study.fields import is_given
from study.figures import drawing, style
from study.reactivity import fields as f
from study.runs import at_run, reference, sized_models

SETS: Final[dict[str, tuple[str, str, str, LineStyleType]]] = {
    "unimolecular": ("closed-shell unimolecular", style.BLUE, "o", "-"),
    "dbh24": ("DBH24", style.VERMILION, "s", "--"),
    "transition1x": ("Transition1x", style.GREEN, "^", ":"),
}
PATHS: Final = ("HCN -> HNC", "H2CO -> H2 + CO", "vinyl alcohol -> acetaldehyde")
ROLES: Final[dict[object, tuple[str, str, LineStyleType]]] = {
    f.BREAKING: ("$D$ of breaking bonds", style.VERMILION, "--"),
    f.FORMING: ("$D$ of forming bonds", style.BLUE, "-"),
    f.KEPT: ("$D$ of other bonds", style.GREY, ":"),
}


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw barriers against labels and their MAE against N, then energy and D along three paths.

    On a narrow page all of them stand below each other, and D of a path beside its energy.
    """
    run = reference(tables["decompose/summary"])
    along = at_run(tables["reactivity/paths"], run)
    names = [name for name in PATHS if name in set(along[f.REACTION])]
    n = max(len(names), 1)
    wide = drawing.fit(2, wide=2) == 2
    figure = drawing.page(2.3, 2, run=run) if wide else drawing.page(2 + 0.8 * n, 4, run=run)
    heights = (1.0, 1.15) if wide else (2, 0.8 * n)
    top, bottom = np.ravel(np.asarray(figure.subfigures(2, 1, height_ratios=heights)))
    if wide:
        left, right = top.subplots(1, 2, width_ratios=(1.0, 1.35))
        grid = bottom.subplots(2, n, sharex=True, squeeze=False, height_ratios=(0.8, 1.2))
    else:
        left, right = top.subplots(2, 1)
        grid = bottom.subplots(n, 2, sharex=True, squeeze=False).T
    _parity(left, at_run(tables["reactivity/barriers"], run))
    _errors(right, tables["reactivity/summary"], tables["decompose/summary"], run[0])
    for index, name in enumerate(names):
        _path(grid[:, index], along[along[f.REACTION] == name], name, index)
    for row, label in zip(grid, ("energy (eV)", "$D_{ij}$ (eV)"), strict=True):
        for axes in row:
            if drawing.is_left(axes) or not wide:
                axes.set_ylabel(label)
            if axes.get_subplotspec().is_last_row():
                axes.set_xlabel("path coordinate (fraction)")
    bonds = [
        Line2D([], [], color=color, linestyle=line, label=label)
        for label, color, line in ROLES.values()
    ]
    drawing.legend_outside(bottom, [*grid[0, 0].get_legend_handles_labels()[0], *bonds], 5)
    return figure


def _parity(axes: Axes, barriers: pd.DataFrame) -> None:
    """Draw the barriers of all seeds by the model against those by the labels."""
    values = barriers[[f.LABEL_EV, f.MODEL_EV]].to_numpy(dtype=float)
    known = values[np.isfinite(values)] if np.isfinite(values).any() else np.array([0.0, 1.0])
    labels = values[np.isfinite(values[:, 0]), 0] if np.isfinite(values[:, 0]).any() else known
    ends = (labels.min(), labels.max())
    axes.plot(ends, ends, color=style.GREY, linewidth=style.STYLE.guide_line)
    for name, (label, color, marker, _) in SETS.items():
        part = barriers[barriers[f.SET] == name]
        look: dict[str, Any] = {"linestyle": "none", "marker": marker, "color": color}
        for (_, direction), one in part.groupby([f.REACTION, f.DIRECTION]):
            x, y = one[f.LABEL_EV].iloc[0], one[f.MODEL_EV].astype(float)
            width = style.STYLE.crowded_interval_line
            axes.vlines(x, y.min(), y.max(), color=color, linewidth=width)
            face = color if direction == "forward" else "white"
            size = style.STYLE.point_marker
            axes.plot(x, y.mean(), markersize=size, markerfacecolor=face, **look)
        if len(part):
            axes.plot([], [], label=label, **look)
    axes.set(xlabel="activation energy, labels (eV)", ylabel="activation energy, model (eV)")
    if len(barriers):
        axes.legend(loc="lower right")
    low, high = known.min(), known.max()
    axes.set_ylim(low - 0.25 * (high - low), None)  # room for the legend
    drawing.letter(axes, 0)


def _errors(axes: Axes, summary: pd.DataFrame, sizes: pd.DataFrame, dataset: str) -> None:
    """Draw the MAE of each set against N, and that of guessing the mean barrier."""
    here = (summary[C.DATASET] == dataset) | summary[C.RUN].map(is_given).astype(bool)
    table = summary[(summary["reactions"] == "all") & here].copy()
    table[C.N_PARAMETERS] = table[C.MODEL].map(sized_models(sizes))
    shown = table[table[C.N_PARAMETERS].notna()]
    handles = [series.handle() for series in drawing.all_series(shown)]
    for name, (label, _, _, line) in SETS.items():
        part = shown[shown[f.SET] == name]
        if part.empty:
            continue
        for series in drawing.all_series(part):
            drawing.draw_curve(axes, series.of(part), f.MAE["model"], series, linestyle=line)
        grey: dict[str, Any] = {"color": style.GREY, "linestyle": line}
        axes.axhline(part[f.MAE_GUESS].mean(), linewidth=style.STYLE.guide_line, **grey)
        handles.append(Line2D([], [], label=f"{label} (grey: guess)", **grey))
    drawing.n_axis(axes, shown)
    axes.set_ylabel("MAE, model − label (eV)")
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
    axes.legend(handles=handles, loc="best")
    drawing.letter(axes, 1)


def _path(pair: Sequence[Axes], path: pd.DataFrame, name: str, index: int) -> None:
    """Draw energy and D along one path, means over the seeds."""
    above, below = pair
    look = style.STYLE
    images = path.groupby(f.PATH_FRACTION)
    x = np.array(sorted(set(path[f.PATH_FRACTION])))
    model = images[f.MODEL_EV]
    for energy, label, color, marker in (
        (images[f.LABEL_EV].first(), "energy, labels", style.BLACK, "o"),
        (model.mean(), "energy, model", style.GREEN, "s"),
    ):
        size = look.path_marker
        above.plot(x, energy, color=color, marker=marker, markersize=size, label=label)
    band: dict[str, Any] = {"color": style.GREEN, "alpha": look.band_alpha, "linewidth": 0}
    above.fill_between(x, model.min(), model.max(), **band)
    above.set_title(f"({'cde'[index]})  {name.replace('->', '→')}", loc="left", fontsize=look.note)
    for (_, _, elements, role), bond in path.groupby([C.I, C.J, C.ELEMENTS, f.ROLE]):
        _, color, line = ROLES[role]
        d = bond.groupby(f.PATH_FRACTION)[C.BOND_ENERGY].mean()
        below.plot(x, d, color=color, linestyle=line)
        if role != f.KEPT:  # its elements, at the end where it is a bond
            end, side, shift = (0, "left", 1) if role == f.BREAKING else (-1, "right", -1)
            below.annotate(
                str(elements),
                (x[end], d.iloc[end]),
                xytext=(shift * look.name_offset, look.name_offset),
                textcoords="offset points",
                ha=side,
                va="bottom",
                fontsize=look.name,
                color=color,
            )
    saddle = path.loc[path[f.SADDLE].astype(bool), f.PATH_FRACTION].iloc[0]
    for axes in pair:
        axes.axvline(saddle, color=style.GREY, linewidth=look.hair_line)
    below.axhline(0, color=style.GREY, linewidth=look.hair_line)
