"""D of named bonds at the relaxed geometry against the three reference energies, reference run."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from e3d.fields import Column as C
from study.fields import LABELS, REFERENCE_NAMES
from study.figures import style
from study.figures.drawing import (
    along_bars,
    is_left,
    legend_outside,
    name_points,
    order_handles,
    page,
    panels,
    settle,
)
from study.runs import at_run, over_seeds, reference

_OUTLIERS = 3


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw D (eV) against BDE298, De and mean bond energy, a panel each, with error and rank correlations."""
    run = reference(tables["decompose/summary"])
    named = at_run(tables["bde/named"], run)
    named = named[named[C.GEOMETRY] == "relaxed"]
    summary = at_run(tables["bde/summary"], run)
    summary = summary[(summary[C.GEOMETRY] == "relaxed") & (summary["molecules"] == "all")]
    figure = page(1, 6, run=run)
    grid = panels(figure, len(REFERENCE_NAMES), 3)
    low, high = _limits(named)
    ticks = [
        tick
        for tick in MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high)
        if low <= tick <= high
    ]
    points = {
        name: _points(named[named[f"{name}_eV"].notna()], f"{name}_eV") for name in REFERENCE_NAMES
    }
    for index, (axes, name) in enumerate(zip(grid, REFERENCE_NAMES, strict=True)):
        axes.set(
            xlim=(low, high), ylim=(low, high), xticks=ticks, yticks=ticks, xlabel=LABELS[name]
        )
        axes.set_box_aspect(1)
        if is_left(axes):
            axes.set_ylabel(LABELS[C.BOND_ENERGY])
        else:
            axes.tick_params(labelleft=False)
        axes.plot(
            [low, high], [low, high], color=style.GREY, linewidth=style.STYLE.guide_line, zorder=1
        )
        _scatter(axes, points[name])
        note = f"({'abc'[index]})  " + _scores(summary[summary["reference"] == name])
        axes.set_title(note, loc="left", fontsize=style.STYLE.small_note, linespacing=1.35)
    legend_outside(figure, _handles(named), 7)
    settle(figure)
    for axes, name in zip(grid, REFERENCE_NAMES, strict=True):
        _name_outliers(axes, points[name])
    return figure


def _limits(named: pd.DataFrame) -> tuple[float, float]:
    """Return the range (eV) that holds D and every reference, the same for the three panels."""
    columns = [C.BOND_ENERGY, *(f"{name}_eV" for name in REFERENCE_NAMES)]
    values = named[columns].to_numpy(dtype=float)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin


def _points(named: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return one row per named bond: reference ``x``, D over the seeds ``y, lo, hi`` (eV), kind, in_training."""
    rows = [
        {
            "bond": bond,
            "x": float(part[column].iloc[0]),
            "y": float(part[C.BOND_ENERGY].mean()),
            "lo": float(part[C.BOND_ENERGY].min()),
            "hi": float(part[C.BOND_ENERGY].max()),
            "kind": str(part[C.BOND_TYPE].iloc[0]),
            "filled": bool(part[C.IN_TRAINING].astype(bool).all()),
        }
        for bond, part in named.groupby("bond", sort=False)
    ]
    return pd.DataFrame(rows, columns=["bond", "x", "y", "lo", "hi", "kind", "filled"])


def _scatter(axes: Axes, points: pd.DataFrame) -> None:
    for point in points.to_dict("records"):
        look = style.order_of(point["kind"])
        axes.vlines(
            point["x"],
            point["lo"],
            point["hi"],
            color=look.color,
            linewidth=style.STYLE.crowded_interval_line,
            zorder=2,
        )
        axes.plot(
            point["x"], point["y"], marker=look.marker, markersize=style.STYLE.point_marker, zorder=3,
            color=look.color, markerfacecolor=look.color if point["filled"] else "white",
        )  # fmt: skip


def _name_outliers(axes: Axes, points: pd.DataFrame) -> None:
    """Name the bonds farthest from the identity line, off points, bars, the line and other names."""
    far = points.loc[(points["y"] - points["x"]).abs().nlargest(_OUTLIERS).index]
    # the reaction in brackets is too long
    names = {
        str(bond).split(" (")[0]: (x, y)
        for bond, x, y in zip(far["bond"], far["x"], far["y"], strict=True)
    }
    line = np.linspace(*axes.get_xlim(), 60)
    bars = along_bars(points["x"], points["lo"], points["hi"])
    name_points(axes, np.concatenate([bars, np.stack([line, line], axis=1)]), names)


def _scores(summary: pd.DataFrame) -> str:
    """Return MAE and rank correlations: mean over the seeds with the widest 95 % interval."""
    if summary.empty:
        return "no named bond has this reference"
    pairs = int(summary["n_pairs_within_types"].max())
    lines = {
        "mae_eV": ("MAE", " eV"),
        "between_types_spearman": (r"between types $\rho$", ""),
        "within_types_kendall": (r"within types $\tau$", ""),
    }
    texts = []
    for column, (label, unit) in lines.items():
        s = over_seeds(summary, column)
        if column == "within_types_kendall" and not s.has_interval:
            texts.append(f"{label}: not given, {pairs} pair{'' if pairs == 1 else 's'}")
            continue
        interval = f" [{s.lo:.2f}, {s.hi:.2f}]" if s.has_interval else ""
        texts.append(f"{label} = {s.mean:.2f}{unit}{interval}")
    return "\n".join(texts).replace("-", "−")


def _handles(named: pd.DataFrame) -> list[Line2D]:
    look: dict[str, Any] = {
        "color": style.GREY,
        "linestyle": "none",
        "marker": "o",
        "markersize": style.STYLE.point_marker,
    }
    return [
        *order_handles(named[C.BOND_TYPE].astype(str).to_list()),
        Line2D([], [], label="molecule in training", **look),
        Line2D([], [], label="not in training", markerfacecolor="white", **look),
    ]
