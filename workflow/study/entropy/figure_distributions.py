"""Distributions of D by bond type at the largest training set, a column per model size."""

from collections.abc import Sequence
from itertools import cycle
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.typing import LineStyleType

from e3d.arrays import Floats
from e3d.fields import Column as C
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import legend_outside, order_handles, page
from study.runs import reference, sized_models

_LINES: Final = 8  # of text above and below the rows
_SEED_LINES: Final[tuple[LineStyleType | None, ...]] = (None, "-", "--", ":", "-.")
"""The first seed is filled."""
_RIDGE: Final = 0.85
"""Height of the highest bin, as a share of the distance between rows."""


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw histograms of D (eV) of all test sets, a row per bond type in the order of its mean."""
    summary, table = tables["decompose/summary"], tables["entropy/histogram"]
    dataset, _, n_train = reference(summary)
    keep = (table[C.DATASET] == dataset) & (table[C.N_TRAIN] == n_train)
    table = table[keep]
    edges = table[C.BOND_ENERGY_BIN]
    width = _bin_width(edges)
    sizes = {m: n for m, n in sized_models(summary).items() if (table[C.MODEL] == m).any()}
    kinds = _by_mean(table)
    figure = page(0, _LINES, names=len(kinds) + 1)
    columns = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    for axes, (model, size) in zip(columns, sizes.items(), strict=True):
        part = table[table[C.MODEL] == model]
        for row, kind in enumerate(kinds):
            _ridge(axes, part[part[C.BOND_TYPE] == kind], row, width)
        n = n_train or "not known"
        axes.set_title(f"{dataset}, $N$ = {n}, {model}\n{size:,} parameters")
        axes.set_xlabel(LABELS[C.BOND_ENERGY])
        axes.set_xlim(edges.min() - 4 * width, edges.max() + 5 * width)
        axes.set_ylim(-0.4, len(kinds) + 0.25)
        _beside(axes, len(kinds) + 0.1, "$n$", style.STYLE.note)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_yticks(range(len(kinds)), kinds)
    seeds = sorted(table[C.SEED].unique().tolist())
    handles = [*order_handles(kinds, markers=False), *map(_seed_handle, cycle(_SEED_LINES), seeds)]
    legend_outside(figure, handles, min(len(handles), 7))
    return figure


def _beside(axes: Axes, y: float, text: str, size: float) -> None:
    axes.text(1.01, y, text, transform=axes.get_yaxis_transform(), fontsize=size)


def _seed_handle(look: LineStyleType | None, seed: int) -> Artist:
    """Return the legend entry of a seed."""
    name = f"seed {seed}"
    if look is None:
        return Patch(color=style.GREY, alpha=style.STYLE.fill_alpha, linewidth=0, label=name)
    width = style.STYLE.outline
    return Line2D([], [], color=style.GREY, linestyle=look, linewidth=width, label=name)


def _bin_width(edges: pd.Series) -> float:
    """Return the smallest spacing (eV) between the lower edges of occupied bins."""
    spacing = np.diff(np.unique(np.round(edges.to_numpy(dtype=float), 9)))
    return float(spacing.min()) if len(spacing) else 1.0


def _by_mean(table: pd.DataFrame) -> Sequence[str]:
    """Return the bond types, the lowest mean D first."""
    totals = table.assign(total=table[C.BOND_ENERGY_BIN] * table[C.COUNT]).groupby(C.BOND_TYPE)
    means = totals["total"].sum() / totals[C.COUNT].sum()
    return [str(kind) for kind in sorted(means.index, key=lambda kind: (means[kind], kind))]


def _ridge(axes: Axes, part: pd.DataFrame, row: int, width: float) -> None:
    """Draw the histograms of one bond type, the seeds over each other, each to the same height."""
    axes.axhline(row, color=style.PALE, linewidth=style.STYLE.hair_line, zorder=1)
    if part.empty:
        return
    color = style.order_of(str(part[C.BOND_TYPE].iloc[0])).color
    for look, (_, seed) in zip(cycle(_SEED_LINES), part.groupby(C.SEED), strict=False):
        counts = seed.groupby(C.BOND_ENERGY_BIN)[C.COUNT].sum()
        height = counts.to_numpy(dtype=float) / counts.max() * _RIDGE
        edges, levels = _outline(counts.index.to_numpy(dtype=float), height, width)
        if look is None:
            axes.fill_between(
                edges, row + levels, row, step="post", color=color, alpha=style.STYLE.fill_alpha,
                linewidth=0, zorder=2,
            )  # fmt: skip
        else:
            axes.step(
                edges, row + levels, where="post", color=color, linestyle=look,
                linewidth=style.STYLE.outline, zorder=3,
            )  # fmt: skip
    n = int(part.groupby(C.SEED)[C.COUNT].sum().max())
    _beside(axes, row + 0.05, f"{n:,}", style.STYLE.small_note)


def _outline(edges: Floats, height: Floats, width: float) -> tuple[Floats, Floats]:
    """Return edges (bins + 2,) and levels of the histogram, with empty bins and ends at zero."""
    index = np.round((edges - edges.min()) / width).astype(int)
    levels = np.zeros(index.max() + 3)
    levels[index + 1] = height
    return edges.min() + width * np.arange(-1, len(levels) - 1), levels
