"""Energy of stretched bonds by model and labels, and D of the stretched bond, reference run."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from e3d.fields import Column as C
from e3d.statistics import Estimate, group_mean, verdict
from e3d.statistics.crossed import over_seeds
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import is_left, legend_outside, page, panels, takeaway
from study.figures.text import formula
from study.findings.wording import number, one_of
from study.reactivity import fields as f
from study.runs import at_run, reference

BONDS: Final = ("CH3-H", "HO-H", "CH3-CH3", "CH3-OH")
"""Single bonds: for these broken-symmetry labels are sound to the end."""
_MARGIN_ANG: Final = 0.15
_LIMITS_EV: Final = (-1.5, 8.0)  # the wall at short distances would hide everything else


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw a panel per bond: energy of model and labels, D(r), and the training range shaded."""
    run = reference(tables["decompose/summary"])
    table = at_run(tables["reactivity/scans"], run)
    there = list(dict.fromkeys(table[f.BOND].astype(str)))
    names = [name for name in BONDS if name in there] or there[: len(BONDS)]
    figure = page(1, 4, run=run)
    grid = panels(figure, max(len(names), 1), len(BONDS), sharey=True)
    ends = table.loc[table[f.BOND].isin(names), C.R].agg(["min", "max"])
    for index, (axes, name) in enumerate(zip(grid, names, strict=False)):
        _panel(axes, table[table[f.BOND] == name], f"({'abcd'[index]})  {formula(name)}")
        axes.set_xlim(ends["min"] - _MARGIN_ANG, ends["max"] + _MARGIN_ANG)
        axes.xaxis.set_major_locator(MultipleLocator(1.0))
    for axes in filter(is_left, grid):
        axes.set_ylabel("energy, $D$ (eV)")
    legend_outside(figure, grid[0].get_legend_handles_labels()[0], 4)
    if said := _said(table[table[f.BOND].isin(names)]):
        takeaway(figure, said)
    return figure


def _said(scans: pd.DataFrame) -> str:
    """Return in a sentence what the longest distances cost by the model and by the labels."""
    longest = scans[scans[C.R] == scans.groupby([C.SEED, f.BOND])[C.R].transform("max")]
    longest = longest[longest[f.LABEL_ENERGY].notna()]
    if longest.empty:
        return ""
    gaps = [
        group_mean((rows[f.ENERGY] - rows[f.LABEL_ENERGY]).to_numpy(dtype=np.float64),
                   np.unique(rows[f.BOND].astype(str), return_inverse=True)[1])
        for _, rows in longest.groupby(C.SEED)
    ]  # fmt: skip
    found = over_seeds(gaps)
    r = longest[C.R].min()
    less = Estimate(-found.value, -found.hi, -found.lo)
    pulled = f"Stretched to {r:.1f} Å, bonds"
    return one_of(
        verdict(found),
        f"{pulled} end {number(found, found.value, ' eV')} higher by the model than by the labels",
        f"{pulled} end {number(less, less.value, ' eV')} lower by the model than by the labels",
        f"{pulled} are not shown to end higher or lower by the model: "
        f"{number(found, found.value, ' eV')}",
    )


def _panel(axes: Axes, scan: pd.DataFrame, title: str) -> None:
    look = style.STYLE
    by_r = scan.groupby(C.R)
    r = np.array(sorted(set(scan[C.R])))
    low, high = scan[f.RANGE_LO].min(), scan[f.RANGE_HI].max()
    if np.isfinite([low, high]).all():
        shade: dict[str, Any] = {"color": style.YELLOW, "alpha": look.shade_alpha}
        axes.axvspan(low, high, linewidth=0, label="lengths in training", **shade)
    axes.axhline(0, color=style.GREY, linewidth=look.hair_line)
    dots: dict[str, Any] = {"marker": "o", "markersize": look.path_marker}
    labels = by_r[f.LABEL_ENERGY].first()
    axes.plot(r, labels, color=style.BLACK, label="energy by the labels", **dots)
    for column, color, line, label in (
        (f.ENERGY, style.GREEN, "-", "energy by the model"),
        (C.BOND_ENERGY, style.BLUE, "--", "$D$ of the bond"),
    ):
        y = by_r[column]
        axes.plot(r, y.mean(), color=color, linestyle=line, label=label)
        axes.fill_between(r, y.min(), y.max(), color=color, alpha=look.band_alpha, linewidth=0)
    axes.set(ylim=_LIMITS_EV, xlabel=LABELS[C.R])
    axes.set_title(title, loc="left", fontsize=look.note)
