"""Energy of stretched bonds by model and labels, and D of the stretched bond, reference run."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e3d.fields import Column as C
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import is_left, legend_outside, page, panels
from study.reactivity import fields as f
from study.runs import at_run, reference

BONDS: Final = ("CH3-H", "HO-H", "CH3-CH3", "CH3-OH")
"""Single bonds: for these broken-symmetry labels are sound to the end."""
_LIMITS_EV: Final = (-2.0, 12.0)  # the wall at short distances would hide everything else


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw a panel per bond: energy of model and labels, D(r), and the training range shaded."""
    run = reference(tables["decompose/summary"])
    table = at_run(tables["reactivity/scans"], run)
    names = [name for name in BONDS if name in set(table[f.BOND])]
    figure = page(1, 2, run=run)
    grid = panels(figure, max(len(names), 1), len(BONDS), sharey=True)
    for index, name in enumerate(names):
        _panel(grid[index], table[table[f.BOND] == name], f"({'abcd'[index]})  {name}")
    for axes in filter(is_left, grid):
        axes.set_ylabel("energy, $D_{ij}$ (eV)")
    legend_outside(figure, grid[0].get_legend_handles_labels()[0], 4, "outside upper center")
    return figure


def _panel(axes: Axes, scan: pd.DataFrame, title: str) -> None:
    look = style.STYLE
    by_r = scan.groupby(C.R)
    r = np.array(sorted(set(scan[C.R])))
    low, high = scan[f.RANGE_LO].min(), scan[f.RANGE_HI].max()
    if np.isfinite([low, high]).all():
        shade: dict[str, Any] = {"color": style.YELLOW, "alpha": look.shade_alpha}
        axes.axvspan(low, high, linewidth=0, label="bonds of this type in training", **shade)
    axes.axhline(0, color=style.GREY, linewidth=look.hair_line)
    dots: dict[str, Any] = {"marker": "o", "markersize": look.path_marker}
    labels = by_r[f.LABEL_ENERGY].first()
    axes.plot(r, labels, color=style.BLACK, label="energy, labels", **dots)
    for column, color, line, label in (
        (f.ENERGY, style.GREEN, "-", "energy, model"),
        (C.BOND_ENERGY, style.BLUE, "--", "$D_{ij}$"),
    ):
        y = by_r[column]
        axes.plot(r, y.mean(), color=color, linestyle=line, label=label)
        axes.fill_between(r, y.min(), y.max(), color=color, alpha=look.band_alpha, linewidth=0)
    axes.set(ylim=_LIMITS_EV, xlabel=LABELS[C.R])
    axes.set_title(title, loc="left", fontsize=look.note)
