"""Energy of stretched bonds by model and labels, and D of the stretched bond, reference run."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e3d.fields import Column as C
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import legend_outside, page, panels
from study.runs import at_run, reference

BONDS: Final = ("CH3-H", "HO-H", "CH3-CH3", "CH3-OH")
"""Single bonds: for these broken-symmetry labels are sound to the end."""
_LOW, _HIGH = -2.0, 12.0  # eV: the wall at short distances would hide everything else


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw a panel per bond: energy of model and labels (left axis of all), D(r), and the training range shaded."""
    run = reference(tables["decompose/summary"])
    table = at_run(tables["reactivity/scans"], run)
    names = [name for name in BONDS if name in set(table["bond"])]
    figure = page(1, 2, run=run)
    grid = panels(figure, max(len(names), 1), len(BONDS), sharey=True)
    for index, name in enumerate(names):
        _panel(grid[index], table[table["bond"] == name], f"({'abcd'[index]})  {name}")
    grid[0].set_ylabel("energy, $D_{ij}$ (eV)")
    legend_outside(figure, grid[0].get_legend_handles_labels()[0], 4, "outside upper center")
    return figure


def _panel(axes: Axes, scan: pd.DataFrame, title: str) -> None:
    by_r = scan.groupby(C.R)
    r = np.array(sorted(set(scan[C.R])))
    low, high = scan["range_lo_ang"].min(), scan["range_hi_ang"].max()
    if np.isfinite([low, high]).all():
        axes.axvspan(
            low,
            high,
            color=style.YELLOW,
            alpha=style.STYLE.shade_alpha,
            linewidth=0,
            label="bonds of this type in training",
        )
    axes.axhline(0, color=style.GREY, linewidth=style.STYLE.hair_line)
    axes.plot(
        r,
        by_r["label_energy_eV"].first(),
        color=style.BLACK,
        marker="o",
        markersize=style.STYLE.path_marker,
        label="energy, labels",
    )
    for column, color, line, label in (
        ("energy_eV", style.GREEN, "-", "energy, model"),
        (C.BOND_ENERGY, style.BLUE, "--", "$D_{ij}$"),
    ):
        axes.plot(r, by_r[column].mean(), color=color, linestyle=line, label=label)
        axes.fill_between(
            r,
            by_r[column].min(),
            by_r[column].max(),
            color=color,
            alpha=style.STYLE.band_alpha,
            linewidth=0,
        )
    axes.set(ylim=(_LOW, _HIGH), xlabel=LABELS[C.R])
    axes.set_title(title, loc="left", fontsize=style.STYLE.note)
