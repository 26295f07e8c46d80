"""D of named bonds and its errors beside those of bond additivity, for every reference energy.

Relaxed geometries, reference run.
"""

from collections.abc import Sequence
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
from e3d.statistics import verdict
from e3d.statistics.agreement import BETWEEN, MAE, WITHIN
from e3d.statistics.intervals import NO, UNDETERMINED, YES
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import (
    along_bars,
    fit,
    is_left,
    legend_outside,
    name_points,
    order_handles,
    page,
    panels,
    settle,
    takeaway,
)
from study.figures.text import named_bond
from study.findings.wording import several
from study.null.names import COARSE, NULL_MODEL
from study.runs import at_run, over_seeds, reference
from study.words import with_minus

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
    """Draw D (eV) against each reference and, below, errors of D and of additivity."""
    run = reference(tables["decompose/summary"])
    named, summary, compare = (
        at_run(tables[name], run) for name in ("null/named", "bde/summary", "null/compare")
    )
    named = named[named[C.GEOMETRY] == RELAXED]
    summary = summary[(summary[C.GEOMETRY] == RELAXED) & (summary["molecules"] == "all")]
    compare = compare[(compare[C.GEOMETRY] == RELAXED) & (compare["score"] == MAE)]
    compare = compare[compare[NULL_MODEL] == COARSE.name]
    n = len(REFERENCES)
    figure = page(2, 11, run=run)
    grid = panels(figure, 2 * n, n)
    # each reference has a column of its own or, on a narrow page, a row
    above, below = (grid[:n], grid[n:]) if fit(n) == n else (grid[::2], grid[1::2])
    points = [_points(named[named[one.column].notna()], one.column) for one in REFERENCES.values()]
    _parities(above, points, _limits(named), summary)
    _errors(below, points, above[0].get_xlim(), compare)
    legend_outside(figure, _handles(named), 8)
    takeaway(figure, _in_words(compare, named))
    settle(figure)
    for axes, shown in zip(above, points, strict=True):
        _name_outliers(axes, shown)
    return figure


def _parities(
    grid: Sequence[Axes],
    points: Sequence[pd.DataFrame],
    limits: tuple[float, float],
    summary: pd.DataFrame,
) -> None:
    """Draw D against each reference, with its error and rank correlations above."""
    low, high = limits
    ticks = _ticks(low, high)
    for index, (axes, one) in enumerate(zip(grid, REFERENCES.values(), strict=True)):
        axes.set(xlim=(low, high), ylim=(low, high), xticks=ticks, yticks=ticks, xlabel=one.label)
        axes.set_box_aspect(1)
        if is_left(axes):
            axes.set_ylabel(LABELS[C.BOND_ENERGY])
        else:
            axes.tick_params(labelleft=False)
        axes.plot([low, high], [low, high], zorder=1, **_line())
        _scatter(axes, points[index])
        _above(axes, index, _scores(summary[summary["reference"] == one.name]))


def _errors(
    grid: Sequence[Axes],
    points: Sequence[pd.DataFrame],
    limits: tuple[float, float],
    compare: pd.DataFrame,
) -> None:
    """Draw what D and additivity miss each reference by, on the bonds that both have."""
    shared = [shown[shown["additivity"].notna()] for shown in points]
    values = np.concatenate(
        [shown[["lo", "hi", "additivity"]].sub(shown["x"], axis=0).to_numpy() for shown in shared]
    )
    low, high = (values.min(), values.max()) if len(values) else (-1.0, 1.0)
    margin = 0.06 * (high - low)
    for index, (axes, one) in enumerate(zip(grid, REFERENCES.values(), strict=True)):
        shown = shared[index]
        axes.axhline(0, zorder=0, **_line())
        moved = shown.assign(**{name: shown[name] - shown["x"] for name in ("y", "lo", "hi")})
        size = style.STYLE.point_marker
        look: style.Look = {"color": style.INK, "marker": "x", "markersize": size}
        look |= {"linestyle": "none", "markeredgewidth": style.STYLE.interval_line}
        axes.plot(shown["x"], shown["additivity"] - shown["x"], zorder=4, **look)
        _scatter(axes, moved)
        axes.set(xlim=limits, ylim=(low - margin, high + margin), xlabel=one.label)
        axes.set_xticks(_ticks(*limits))
        if is_left(axes) or not is_left(grid[0]):
            axes.set_ylabel("error (eV)")
        else:
            axes.tick_params(labelleft=False)
        _above(axes, len(grid) + index, _paired(compare[compare["reference"] == one.name]))


def _ticks(low: float, high: float) -> Any:
    ticks = np.asarray(MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high))
    return ticks[(low <= ticks) & (ticks <= high)]


def _line() -> style.Look:
    return {"color": style.GREY, "linewidth": style.STYLE.guide_line}


def _above(axes: Axes, index: int, note: str) -> None:
    """Write the letter of a panel, and scores, above it."""
    text = f"({chr(ord('a') + index)})  {with_minus(note)}"
    axes.set_title(text, loc="left", fontsize=style.STYLE.small_note, linespacing=1.35)


def _paired(compare: pd.DataFrame) -> str:
    """Return the errors of D and of additivity on the same bonds, means over the seeds."""
    if compare.empty:
        return "no bond has additivity"
    ours, theirs, gap = (over_seeds(compare, name) for name in ("e3d", "null_value", "difference"))
    interval = f" [{gap.lo:.2f}, {gap.hi:.2f}]" if gap.has_interval else ""
    n = int(compare[C.N].max())
    return (
        f"same {n} bonds, MAE in eV:\n"
        f"$D$ {ours.mean:.2f}, additivity {theirs.mean:.2f},\n"
        f"difference {gap.mean:.2f}{interval}"
    )


def _in_words(compare: pd.DataFrame, named: pd.DataFrame) -> str:
    """Say to which references D or additivity is nearer, by the intervals of the difference.

    Without additivity: how large D is.
    """
    said: dict[str, list[str]] = {YES: [], NO: [], UNDETERMINED: []}
    for name, one in REFERENCES.items():
        part = compare[compare["reference"] == name]
        if len(part):
            how = verdict(over_seeds(part, "difference"), NO, YES)
            said[how].append(several(one.words))
    better, worse, open_ = (_listed(said[how]) for how in (YES, NO, UNDETERMINED))
    texts = [f"D is nearer than bond additivity to {better}"] if better else []
    texts += (
        [f"{'bond' if better else 'Bond'} additivity is nearer than D to {worse}"] if worse else []
    )
    if open_:
        neither = "neither" if texts else "Neither D nor bond additivity"
        texts.append(f"{neither} is shown nearer to {open_}")
    d = named[C.BOND_ENERGY]
    return "; ".join(texts) or f"D of the named bonds is {d.min():.1f} to {d.max():.1f} eV"


def _listed(words: Sequence[str]) -> str:
    """Return words as a sentence lists them."""
    return " or ".join([", ".join(words[:-1]), *words[-1:]] if len(words) > 1 else words)


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
            "additivity": float(part[COARSE.column].mean()),
        }
        for bond, part in named.groupby("bond", sort=False)
    ]
    columns = ["bond", "x", "y", "lo", "hi", "kind", "trained", "additivity"]
    return pd.DataFrame(rows, columns=columns)


def _in_training(seeds: pd.Series) -> str:
    """Return the key of :data:`_TRAINED` for a molecule: in training if every seed saw it."""
    if seeds.isna().any():
        return "not known"
    return "yes" if seeds.astype(bool).all() else "no"


def _scatter(axes: Axes, points: pd.DataFrame) -> None:
    sizes = style.STYLE
    columns = ["x", "y", "lo", "hi", "kind", "trained"]
    for x, y, low, high, kind, trained in points[columns].itertuples(index=False):
        look = style.order_of(kind)
        axes.vlines(x, low, high, color=look.color, linewidth=sizes.crowded_interval_line, zorder=2)
        axes.plot(
            x, y, marker=look.marker, markersize=sizes.point_marker, zorder=3, color=look.color,
            **_TRAINED[trained][0],
        )  # fmt: skip


def _name_outliers(axes: Axes, points: pd.DataFrame) -> None:
    """Name the bonds that every seed puts farthest from the identity, off all that is drawn."""
    gaps = pd.concat([points["lo"] - points["x"], points["x"] - points["hi"]], axis=1).max(axis=1)
    far = points.loc[gaps.nlargest(_OUTLIERS).index]
    names = {
        named_bond(str(bond)): (x, y)
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
    return "\n".join(texts)


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
        Line2D([], [], label="bond additivity", **look | {"marker": "x", "color": style.INK}),
    ]
