"""D of named bonds at the relaxed geometry against the three reference energies, reference run."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from e3d.fields import LABELS, REFERENCE_NAMES
from e3d.fields import Column as C
from e3d.figures import style

_OUTLIERS = 3
_LABEL_SIZE = 6.0
_SIDE = 2.02  # inches, of a square panel
_LEFT, _BOTTOM = 0.46, 0.72  # inches
_HEIGHT = _BOTTOM + _SIDE + 0.5
Array = NDArray[np.float64]


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw D (eV) against BDE298, De and mean bond energy, a panel each, with error and rank correlations."""
    run = style.reference(tables["decompose/summary"])
    named = style.at_run(tables["bde/named"], run)
    named = named[named[C.GEOMETRY] == "relaxed"]
    summary = style.at_run(tables["bde/summary"], run)
    summary = summary[(summary[C.GEOMETRY] == "relaxed") & (summary["molecules"] == "all")]
    figure = Figure(figsize=(style.WIDTH, _HEIGHT))
    gap = (style.WIDTH - _LEFT - 3 * _SIDE - 0.12) / 2
    low, high = _limits(named)
    for index, name in enumerate(REFERENCE_NAMES):
        left = (_LEFT + index * (_SIDE + gap)) / style.WIDTH
        axes = figure.add_axes((left, _BOTTOM / _HEIGHT, _SIDE / style.WIDTH, _SIDE / _HEIGHT))
        axes.set(xlim=(low, high), ylim=(low, high), xlabel=LABELS[name])
        ticks = [tick for tick in MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= tick <= high]
        axes.set_xticks(ticks)
        axes.set_yticks(ticks, None if index == 0 else [""] * len(ticks))
        if index == 0:
            axes.set_ylabel(LABELS[C.BOND_ENERGY])
        axes.plot([low, high], [low, high], color=style.GREY, linewidth=0.7, zorder=1)
        points = _points(named[named[f"{name}_eV"].notna()], f"{name}_eV")
        _scatter(axes, points)
        _label_outliers(axes, points)
        note = f"({'abc'[index]})  " + _scores(summary[summary["reference"] == name])
        axes.set_title(note, loc="left", fontsize=6.5, linespacing=1.35)
    style.name_run(figure, run)
    figure.legend(handles=_handles(named), loc="lower center", ncols=7, columnspacing=1.2, handletextpad=0.2)
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
        axes.vlines(point["x"], point["lo"], point["hi"], color=look.color, linewidth=0.6, zorder=2)
        axes.plot(
            point["x"], point["y"], marker=look.marker, markersize=3.6, markeredgewidth=0.8, zorder=3,
            color=look.color, markerfacecolor=look.color if point["filled"] else "white",
        )  # fmt: skip


def _label_outliers(axes: Axes, points: pd.DataFrame) -> None:
    """Name the bonds farthest from the identity line, each where its name covers no point or other name."""
    if points.empty:
        return
    per_ev = _SIDE * 72 / (axes.get_xlim()[1] - axes.get_xlim()[0])
    origin = np.array([axes.get_xlim()[0], axes.get_ylim()[0]])
    xy = (points[["x", "y"]].to_numpy(dtype=float) - origin) * per_ev  # points from the lower left corner
    bars = np.concatenate([points[["x", "lo"]], points[["x", "hi"]]]).reshape(2, -1, 2)
    inside = bars[0] + np.linspace(0, 1, 10)[:, None, None] * (bars[1] - bars[0])
    steps = np.linspace(0, _SIDE * 72, 60)
    lines = np.concatenate([(inside.reshape(-1, 2) - origin) * per_ev, np.stack([steps, steps], axis=1)])
    distance = (points["y"] - points["x"]).abs()
    boxes: list[tuple[Array, Array]] = []
    for index in distance.nlargest(_OUTLIERS).index:
        name = str(points.loc[index, "bond"]).split(" (")[0]  # the reaction in brackets is too long
        half = np.array(style.text_size(name, _LABEL_SIZE)) / 2 + 0.5
        point = xy[points.index.get_loc(index)]

        def cost(center: Array, half: Array = half) -> float:
            return _hidden(center, half, xy, lines, boxes)

        center = min(_places(point, half), key=cost)
        boxes.append((center, half))
        x, y = center / per_ev + origin
        edge = np.clip(point, center - half, center + half)  # where a line to the point leaves the name
        axes.plot(*(np.stack([edge, point]) / per_ev + origin).T, color=style.GREY, linewidth=0.4, zorder=1)
        axes.text(x, y, name, ha="center", va="center", fontsize=_LABEL_SIZE, zorder=4)


def _places(point: Array, half: Array) -> list[Array]:
    """Return possible centres of a name around a point, the closest first (points)."""
    sides = [(1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, 1), (1, 1), (-1, -1), (0.5, -1), (-0.5, -1)]
    return [point + (half + 4.0 + gap) * np.array(side) for gap in (0, 3, 7, 12) for side in sides]


def _hidden(center: Array, half: Array, markers: Array, lines: Array, boxes: list[tuple[Array, Array]]) -> float:
    """Return how much a box of half-size ``half`` around ``center`` covers, or leaves the panel (points)."""
    covered = sum(
        np.clip(half + clearance - np.abs(obstacles - center), 0, None).prod(axis=1).sum()
        for obstacles, clearance in ((markers, 3.5), (lines, 1.0))
    )
    for other, size in boxes:
        covered += 10 * np.clip(half + size - np.abs(center - other), 0, None).prod()
    outside = np.clip(half - center, 0, None).sum() + np.clip(center + half - _SIDE * 72, 0, None).sum()
    return float(covered + 50 * outside)


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
        s = style.over_seeds(summary, column)
        if column == "within_types_kendall" and not s.has_interval:
            texts.append(f"{label}: not given, {pairs} pair{'' if pairs == 1 else 's'}")
            continue
        interval = f" [{s.lo:.2f}, {s.hi:.2f}]" if s.has_interval else ""
        texts.append(f"{label} = {s.mean:.2f}{unit}{interval}")
    return "\n".join(texts).replace("-", "−")


def _handles(named: pd.DataFrame) -> list[Line2D]:
    look: dict[str, Any] = {"color": style.GREY, "linestyle": "none", "marker": "o", "markersize": 3.6}
    return [
        *style.order_handles(named[C.BOND_TYPE].astype(str).to_list()),
        Line2D([], [], label="molecule in training", **look),
        Line2D([], [], label="not in training", markerfacecolor="white", **look),
    ]
