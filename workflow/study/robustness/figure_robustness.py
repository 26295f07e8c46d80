"""D of the same named bonds from two training sets, and what a line leaves beside the seeds."""

from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e3d.fields import Column as C
from study.figures import style
from study.figures.drawing import legend_outside, order_handles, page, panels, takeaway
from study.robustness.fields import INTERCEPT, LINE, PAIR, RESIDUAL, SD, SLOPE, D
from study.robustness.findings import of_pair, of_pairs

_MOST: Final = 3


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw a column of two panels for each of the first pairs; one line of text where none is."""
    pairs, bonds = tables["robustness/pairs"], tables["robustness/bonds"]
    if pairs.empty:
        figure = page(0, 4)
        figure.text(0.5, 0.5, "No two training sets at one N and size.", ha="center", va="center")
        return figure
    shown = list(pairs[pairs["molecules"] == "all"].head(_MOST).to_dict("records"))
    side_by_side = len(shown) == 1
    figure = page(1 if side_by_side else 2, 1)
    grid = panels(figure, 2 * len(shown), 2 if side_by_side else len(shown))
    for column, row in enumerate(shown):
        part = bonds[(bonds[list(PAIR)] == [row[key] for key in PAIR]).all(axis=1)]
        _draw(grid[column], grid[len(shown) + column], part, row)
    legend_outside(figure, order_handles(bonds[C.BOND_TYPE].astype(str).to_list()), 5)
    takeaway(figure, of_pair(shown[0]) if side_by_side else of_pairs(shown))
    return figure


def _draw(top: Axes, bottom: Axes, part: pd.DataFrame, row: dict[Any, Any]) -> None:
    look = style.STYLE
    for bond in part.to_dict("records"):
        order = style.order_of(str(bond[C.BOND_TYPE]))
        points: dict[str, Any] = {"color": order.color, "markersize": look.point_marker}
        top.plot(bond[D["a"]], bond[D["b"]], order.marker, **points)
        bottom.plot(bond[SD["b"]], abs(bond[RESIDUAL[LINE]]), order.marker, **points)
    guide: dict[str, Any] = {"color": style.GREY, "linewidth": look.guide_line}
    x = [part[D["a"]].min(), part[D["a"]].max()]
    top.plot(x, x, **guide)
    top.plot(x, [row[INTERCEPT] + row[SLOPE] * value for value in x], linestyle="--", **guide)
    top.set(xlabel=f"$D$, {row['dataset_a']} (eV)", ylabel=f"$D$, {row['dataset_b']} (eV)")
    top.set_title(f"{row[C.MODEL]}, $N$ = {row[C.N_TRAIN]}", loc="left")
    high = max(bottom.get_xlim()[1], 0.0)
    bottom.plot([0, high], [0, high], **guide)
    bottom.set(xlabel=f"seed SD of $D$, {row['dataset_b']} (eV)")
    bottom.set(ylabel="|residual of the line| (eV)")
