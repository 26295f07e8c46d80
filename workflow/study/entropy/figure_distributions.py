"""Distributions of D by bond type at the reference number of training frames, a column per model size."""

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
from numpy.typing import NDArray

from e3d.fields import TEST_SPLITS
from e3d.fields import Column as C
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import legend_outside, order_handles, page
from study.runs import reference, sized_models

BIN = "bond_energy_bin_eV"
_LINES = 8  # of text above and below the rows
_SEED_LINES: Final[tuple[LineStyleType | None, ...]] = (
    None,
    "-",
    "--",
    ":",
    "-.",
)  # the first seed is filled
_RIDGE = 0.85  # height of the highest bin, of the distance between rows
Array = NDArray[np.float64]


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw histograms of D (eV) of both test sets, one row per bond type in the order of its mean D."""
    summary = tables["decompose/summary"]
    dataset, _, n_train = reference(summary)
    table = tables["entropy/histogram"]
    keep = (
        (table[C.DATASET] == dataset)
        & (table[C.N_TRAIN] == n_train)
        & table[C.STRUCTURES].isin(TEST_SPLITS)
    )
    table = table[keep]
    width = _bin_width(table[BIN])
    models = [model for model in sized_models(summary) if (table[C.MODEL] == model).any()]
    kinds = _by_mean(table)
    figure = page(0, _LINES, names=len(kinds) + 1)
    for axes, model in zip(
        figure.subplots(1, len(models), sharey=True, squeeze=False)[0], models, strict=True
    ):
        part = table[table[C.MODEL] == model]
        for row, kind in enumerate(kinds):
            _ridge(axes, part[part[C.BOND_TYPE] == kind], row, width)
        axes.set_title(
            f"{dataset}, $N$ = {n_train}, {model}\n{sized_models(summary)[model]:,} parameters"
        )
        axes.set_xlabel(LABELS[C.BOND_ENERGY])
        axes.set_xlim(table[BIN].min() - 4 * width, table[BIN].max() + 5 * width)
        axes.set_ylim(-0.4, len(kinds) + 0.25)
        axes.text(
            1.01,
            len(kinds) + 0.1,
            "$n$",
            transform=axes.get_yaxis_transform(),
            fontsize=style.STYLE.note,
        )
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_yticks(range(len(kinds)), kinds)
    handles = [
        *order_handles(kinds, markers=False),
        *_seed_handles(table[C.SEED].unique().tolist()),
    ]
    legend_outside(figure, handles, min(len(handles), 7))
    return figure


def _seed_handles(seeds: Sequence[int]) -> list[Artist]:
    """Return legend entries that tell the seeds apart."""
    handles: list[Artist] = []
    for look, seed in zip(cycle(_SEED_LINES), sorted(seeds), strict=False):
        if look is None:
            handles.append(
                Patch(
                    color=style.GREY,
                    alpha=style.STYLE.fill_alpha,
                    linewidth=0,
                    label=f"seed {seed}",
                )
            )
        else:
            handles.append(
                Line2D(
                    [],
                    [],
                    color=style.GREY,
                    linestyle=look,
                    linewidth=style.STYLE.outline,
                    label=f"seed {seed}",
                )
            )
    return handles


def _bin_width(edges: pd.Series) -> float:
    """Return the smallest spacing (eV) between the lower edges of occupied bins."""
    spacing = np.diff(np.unique(np.round(edges.to_numpy(dtype=float), 9)))
    return float(spacing.min()) if len(spacing) else 1.0


def _by_mean(table: pd.DataFrame) -> Sequence[str]:
    """Return the bond types, the lowest mean D first."""
    totals = (
        table.assign(total=table[BIN] * table[C.COUNT])
        .groupby(C.BOND_TYPE)[["total", C.COUNT]]
        .sum()
    )
    means = totals["total"] / totals[C.COUNT]
    return [str(kind) for kind in sorted(means.index, key=lambda kind: (means[kind], kind))]


def _ridge(axes: Axes, part: pd.DataFrame, row: int, width: float) -> None:
    """Draw the histograms of one bond type, the seeds over each other, each to the same height."""
    axes.axhline(row, color=style.PALE, linewidth=style.STYLE.hair_line, zorder=1)
    if part.empty:
        return
    color = style.order_of(str(part[C.BOND_TYPE].iloc[0])).color
    for look, (_, seed) in zip(cycle(_SEED_LINES), part.groupby(C.SEED), strict=False):
        counts = seed.groupby(BIN)[C.COUNT].sum()
        height = counts.to_numpy(dtype=float) / counts.max() * _RIDGE
        edges, levels = _outline(counts.index.to_numpy(dtype=float), height, width)
        if look is None:
            axes.fill_between(
                edges,
                row + levels,
                row,
                step="post",
                color=color,
                alpha=style.STYLE.fill_alpha,
                linewidth=0,
                zorder=2,
            )
        else:
            axes.step(
                edges,
                row + levels,
                where="post",
                color=color,
                linestyle=look,
                linewidth=style.STYLE.outline,
                zorder=3,
            )
    n = int(part.groupby(C.SEED)[C.COUNT].sum().max())
    axes.text(
        1.01,
        row + 0.05,
        f"{n:,}",
        transform=axes.get_yaxis_transform(),
        fontsize=style.STYLE.small_note,
    )


def _outline(edges: Array, height: Array, width: float) -> tuple[Array, Array]:
    """Return edges (bins + 2,) and levels of the whole histogram, empty bins and both ends at zero."""
    index = np.round((edges - edges.min()) / width).astype(int)
    levels = np.zeros(index.max() + 3)
    levels[index + 1] = height
    return edges.min() + width * np.arange(-1, len(levels) - 1), levels
