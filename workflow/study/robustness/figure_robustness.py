"""D of the same named bonds from two training sets, and what a line between them leaves against the seeds."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e3d.fields import Column as C
from study.figures import style
from study.figures.drawing import legend_outside, order_handles, page, panels

_MOST = 3


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw a column of two panels for each of the first pairs; one line of text where there is none."""
    pairs, bonds = tables["robustness/pairs"], tables["robustness/bonds"]
    if pairs.empty:
        figure = page(0, 4)
        figure.text(0.5, 0.5, "One training set: nothing to compare.", ha="center", va="center")
        return figure
    shown = list(pairs[pairs["molecules"] == "all"].head(_MOST).to_dict("records"))
    side_by_side = len(shown) == 1
    figure = page(1 if side_by_side else 2, 1)
    grid = panels(figure, 2 * len(shown), 2 if side_by_side else len(shown))
    for column, row in enumerate(shown):
        keys = ("dataset_a", "dataset_b", str(C.N_TRAIN), str(C.MODEL))
        part = bonds[(bonds[list(keys)] == [row[key] for key in keys]).all(axis=1)]
        _draw(grid[column], grid[len(shown) + column], part, row)
    handles = order_handles(bonds[C.BOND_TYPE].astype(str).to_list())
    legend_outside(figure, handles, 5)
    return figure


def _draw(top: Axes, bottom: Axes, part: pd.DataFrame, row: dict[Any, Any]) -> None:
    for bond in part.to_dict("records"):
        look = style.order_of(str(bond[C.BOND_TYPE]))
        top.plot(
            bond["bond_energy_a_eV"],
            bond["bond_energy_b_eV"],
            look.marker,
            color=look.color,
            markersize=style.STYLE.point_marker,
        )
        bottom.plot(
            bond["seed_sd_b_eV"],
            abs(bond["residual_line_eV"]),
            look.marker,
            color=look.color,
            markersize=style.STYLE.point_marker,
        )
    x = [part["bond_energy_a_eV"].min(), part["bond_energy_a_eV"].max()]
    top.plot(x, x, color=style.GREY, linewidth=style.STYLE.guide_line)
    top.plot(
        x,
        [row["intercept_eV"] + row["slope"] * v for v in x],
        color=style.GREY,
        linestyle="--",
        linewidth=style.STYLE.guide_line,
    )
    top.set(xlabel=f"$D$, {row['dataset_a']} (eV)", ylabel=f"$D$, {row['dataset_b']} (eV)")
    top.set_title(f"{row['model']}, $N$ = {row['n_train']}", loc="left")
    high = max(bottom.get_xlim()[1], 0.0)
    bottom.plot([0, high], [0, high], color=style.GREY, linewidth=style.STYLE.guide_line)
    bottom.set(
        xlabel=f"seed SD of $D$, {row['dataset_b']} (eV)", ylabel="|residual of the line| (eV)"
    )
