"""D of named bonds at the relaxed geometry against every reference energy, reference run."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from e3d.fields import RELAXED
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES
from e3d.statistics.agreement import BETWEEN, MAE, WITHIN
from study.fields import LABELS
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

_COLUMNS: Final = 3
_OUTLIERS: Final = 3
_SCORES: Final = {
    MAE: ("MAE", " eV"),
    BETWEEN: (r"between types $\rho$", ""),
    WITHIN: (r"within types $\tau$", ""),
}


_HALF: Final[style.Look] = {"fillstyle": "left", "markerfacecoloralt": "white"}
_TRAINED: Final[dict[str, tuple[style.Look, str]]] = {
    "yes": ({}, "molecule in training"),
    "no": ({"markerfacecolor": "white"}, "not in training"),
    "not known": (_HALF, "not known whether in training"),
}
"""Fill of a marker, and what it says of the bond's molecule."""


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw D (eV) against each reference, a panel each, with error and rank correlations."""
    run = reference(tables["decompose/summary"])
    named = at_run(tables["bde/named"], run)
    named = named[named[C.GEOMETRY] == RELAXED]
    summary = at_run(tables["bde/summary"], run)
    summary = summary[(summary[C.GEOMETRY] == RELAXED) & (summary["molecules"] == "all")]
    rows = -(-len(REFERENCES) // _COLUMNS)
    figure = page(rows, 3 * (rows + 1), run=run)
    grid = panels(figure, len(REFERENCES), _COLUMNS)
    low, high = _limits(named)
    ticks = np.asarray(MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high))
    ticks = ticks[(low <= ticks) & (ticks <= high)]
    points = [_points(named[named[one.column].notna()], one.column) for one in REFERENCES.values()]
    for index, (axes, one) in enumerate(zip(grid, REFERENCES.values(), strict=True)):
        axes.set(xlim=(low, high), ylim=(low, high), xticks=ticks, yticks=ticks, xlabel=one.label)
        axes.set_box_aspect(1)
        if is_left(axes):
            axes.set_ylabel(LABELS[C.BOND_ENERGY])
        else:
            axes.tick_params(labelleft=False)
        look: style.Look = {"color": style.GREY, "linewidth": style.STYLE.guide_line}
        axes.plot([low, high], [low, high], zorder=1, **look)
        _scatter(axes, points[index])
        note = f"({chr(ord('a') + index)})  {_scores(summary[summary['reference'] == one.name])}"
        axes.set_title(note, loc="left", fontsize=style.STYLE.small_note, linespacing=1.35)
    legend_outside(figure, _handles(named), 7)
    settle(figure)
    for axes, shown in zip(grid, points, strict=True):
        _name_outliers(axes, shown)
    return figure


def _limits(named: pd.DataFrame) -> tuple[float, float]:
    """Return the range (eV) that holds D and every reference, the same for all panels."""
    columns = [C.BOND_ENERGY, *(one.column for one in REFERENCES.values())]
    values = named[columns].to_numpy(dtype=float)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin


def _points(named: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return one row per named bond: ``x`` the reference, ``y, lo, hi`` D over the seeds (eV)."""
    rows = [
        {
            "bond": bond,
            "x": float(part[column].iloc[0]),
            "y": float(part[C.BOND_ENERGY].mean()),
            "lo": float(part[C.BOND_ENERGY].min()),
            "hi": float(part[C.BOND_ENERGY].max()),
            "kind": str(part[C.BOND_TYPE].iloc[0]),
            "trained": _in_training(part[C.IN_TRAINING]),
        }
        for bond, part in named.groupby("bond", sort=False)
    ]
    return pd.DataFrame(rows, columns=["bond", "x", "y", "lo", "hi", "kind", "trained"])


def _in_training(seeds: pd.Series) -> str:
    """Return the key of :data:`_TRAINED` for a molecule: in training if every seed saw it."""
    if seeds.isna().any():
        return "not known"
    return "yes" if seeds.astype(bool).all() else "no"


def _scatter(axes: Axes, points: pd.DataFrame) -> None:
    sizes = style.STYLE
    for x, y, low, high, kind, trained in points.drop(columns="bond").itertuples(index=False):
        look = style.order_of(kind)
        axes.vlines(x, low, high, color=look.color, linewidth=sizes.crowded_interval_line, zorder=2)
        axes.plot(
            x, y, marker=look.marker, markersize=sizes.point_marker, zorder=3, color=look.color,
            **_TRAINED[trained][0],
        )  # fmt: skip


def _name_outliers(axes: Axes, points: pd.DataFrame) -> None:
    """Name the bonds farthest from the identity line, off points, bars, the line and each other."""
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
    """Return MAE and rank correlations: mean over the seeds with its 95 % interval."""
    if summary.empty:
        return "no named bond has this reference"
    texts = []
    for column, (label, unit) in _SCORES.items():
        s = over_seeds(summary, column)
        if column == WITHIN and not s.has_interval:
            pairs = int(summary["n_pairs_within_types"].max())
            texts.append(f"{label}: not given, {pairs} pair{'' if pairs == 1 else 's'}")
            continue
        interval = f" [{s.lo:.2f}, {s.hi:.2f}]" if s.has_interval else ""
        texts.append(f"{label} = {s.mean:.2f}{unit}{interval}")
    return "\n".join(texts).replace("-", "−")


def _handles(named: pd.DataFrame) -> list[Line2D]:
    known = not named[C.IN_TRAINING].isna().any()
    shown = ("yes", "no") if known else ("no", "not known")
    look: dict[str, Any] = {
        "color": style.GREY, "linestyle": "none", "marker": "o",
        "markersize": style.STYLE.point_marker,
    }  # fmt: skip
    return [
        *order_handles(named[C.BOND_TYPE].astype(str).to_list()),
        *(
            Line2D([], [], label=label, **look, **fill)
            for name, (fill, label) in _TRAINED.items()
            if name in shown
        ),
    ]
