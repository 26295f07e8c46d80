"""Activation energies of the reference run beside guessing their mean, and D along paths."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from e3d.fields import Column as C
from e3d.statistics import NO, YES, verdict
from study.figures import drawing, pairs, style
from study.figures.text import formula
from study.findings.wording import number, one_of
from study.reactivity import fields as f
from study.reactivity.guess import beside_guess
from study.runs import at_run, over_seeds, reference

SETS: Final[dict[str, tuple[str, str, str, LineStyleType]]] = {
    "unimolecular": ("unimolecular,\nclosed-shell", style.BLUE, "o", "-"),
    "dbh24": ("DBH24", style.VERMILION, "s", "--"),
    "transition1x": ("Transition1x", style.GREEN, "^", ":"),
}
_SAID: Final = {
    "unimolecular": "unimolecular barriers",
    "transition1x": "barriers of Transition1x",
}
"""The sets that the sentence is about, the first there is: DBH24 is mostly open-shell."""
PATHS: Final = ("HCN -> HNC", "H2CO -> H2 + CO", "vinyl alcohol -> acetaldehyde")
ROLES: Final[dict[object, tuple[str, str, LineStyleType]]] = {
    f.BREAKING: ("$D$ of breaking bonds", style.VERMILION, "--"),
    f.FORMING: ("$D$ of forming bonds", style.BLUE, "-"),
    f.KEPT: ("$D$ of other bonds", style.GREY, ":"),
}


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw barriers against labels, their MAE beside a guess's, energy and D along three paths.

    On a narrow page all of them stand below each other, and D of a path beside its energy. What
    the tables do not have gets no panel.
    """
    run = reference(tables["decompose/summary"])
    along, barriers, summary = (
        at_run(tables[f"reactivity/{name}"], run) for name in ("paths", "barriers", "summary")
    )
    names = [name for name in PATHS if name in set(along[f.REACTION])]
    wide = drawing.fit(2, wide=2) == 2
    heights = {"barriers": 1.0 if wide else 2.2, "paths": 1.2 if wide else 0.8 * len(names)}
    if not names:
        del heights["paths"]
    elif barriers.empty:
        del heights["barriers"]
    figure = drawing.page(sum(heights.values()), 4, run=run)
    ratios = list(heights.values())
    parts = figure.subfigures(len(ratios), 1, squeeze=False, height_ratios=ratios).ravel()
    for name, part in zip(heights, parts, strict=True):
        if name == "barriers":
            _barriers(part, barriers, summary, wide=wide)
        else:
            _paths(part, along, names, wide=wide)
    if said := _said(barriers):
        drawing.takeaway(figure, said)
    return figure


def _barriers(
    part: SubFigure, barriers: pd.DataFrame, summary: pd.DataFrame, *, wide: bool
) -> None:
    """Draw the upper part of the figure."""
    left, right = part.subplots(1, 2, width_ratios=(1.0, 1.1)) if wide else part.subplots(2, 1)
    _parity(left, barriers)
    _errors(right, barriers, summary)
    drawing.legend_outside(part, pairs.handles("model", "guess: mean of the other reactions"), 2)


def _paths(part: SubFigure, along: pd.DataFrame, names: Sequence[str], *, wide: bool) -> None:
    """Draw the lower part of the figure: energy and D of each path."""
    if wide:
        grid = part.subplots(2, len(names), sharex=True, squeeze=False, height_ratios=(0.8, 1.2))
    else:
        grid = part.subplots(len(names), 2, sharex=True, squeeze=False).T
    for index, name in enumerate(names):
        _path(list(grid[:, index]), along[along[f.REACTION] == name], name, index)
    for row, label in zip(grid, ("energy (eV)", "$D$ (eV)"), strict=True):
        for axes in row:
            if drawing.is_left(axes) or not wide:
                axes.set_ylabel(label)
            if axes.get_subplotspec().is_last_row():
                axes.set_xlabel("fraction of the path")
    bonds = [
        Line2D([], [], color=color, linestyle=line, label=label)
        for label, color, line in ROLES.values()
    ]
    energies = grid[0, 0].get_legend_handles_labels()[0]
    drawing.legend_outside(part, [*energies, *bonds], 5)


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


def _errors(axes: Axes, barriers: pd.DataFrame, summary: pd.DataFrame) -> None:
    """Draw the MAE of each set beside that of guessing the mean of its other reactions."""
    found = summary[summary["reactions"] == "all"]
    there = [name for name in SETS if name in set(found[f.SET])]
    for row, name in enumerate(there):
        part = found[found[f.SET] == name]
        gap = beside_guess(barriers[barriers[f.SET] == name])
        model, guess = (over_seeds(part, column) for column in (f.MAE["model"], f.MAE_GUESS))
        pairs.draw_pair(axes, row, model, guess, gap)
    pairs.name_rows(axes, [SETS[name][0] for name in there], "difference (eV)")
    axes.set_xlabel("MAE of activation energies (eV)")
    drawing.letter(axes, 1)


def _said(barriers: pd.DataFrame) -> str:
    """Return in a sentence how the model compares with guessing, for the first set there is."""
    for name, words in _SAID.items():
        found = beside_guess(barriers[barriers[f.SET] == name])
        if found.has_interval:
            how = one_of(
                verdict(found, above=NO, below=YES),
                f"The model predicts {words} better than guessing the mean",
                f"Guessing the mean predicts {words} better than the model",
                f"The model is not shown to beat the mean at {words}",
            )
            return f"{how}: MAE differs by {number(found, found.value, ' eV')}"
    return ""


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
    above.set_title(f"({'cde'[index]})  {formula(name)}", loc="left", fontsize=look.note)
    for (_, _, elements, role), bond in path.groupby([C.I, C.J, C.ELEMENTS, f.ROLE]):
        _, color, line = ROLES[role]
        d = bond.groupby(f.PATH_FRACTION)[C.BOND_ENERGY].mean()
        below.plot(x, d, color=color, linestyle=line)
        if role != f.KEPT:  # its elements, at the end where it is a bond
            end, side, shift = (0, "left", 1) if role == f.BREAKING else (-1, "right", -1)
            below.annotate(
                drawing.bond_name(str(elements)),
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
