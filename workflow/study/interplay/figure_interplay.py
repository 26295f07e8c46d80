"""Rank correlations of error, scaling, entropy, decomposability and errors of D over cells."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e3d.fields import Column as C
from e3d.statistics import YES
from study.figures import style
from study.figures.drawing import all_series, fit, legend_outside, letter, page
from study.interplay.correlations import GIVEN, NEGATIVE, NOTHING, POSITIVE
from study.interplay.runs import BDE298_MAE, CENTRAL, DECOMPOSABILITY, ERROR, SCALED_ENTROPY, TAU
from study.runs import datasets

_SCATTERS: Final = (
    (DECOMPOSABILITY, ERROR),
    (DECOMPOSABILITY, BDE298_MAE),
    (SCALED_ENTROPY, TAU),
)


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw a matrix per condition and three scatter plots of the reference dataset's runs.

    On a narrow page the matrices stand below each other and share the names below them.
    """
    runs, table = tables["interplay/runs"], tables["interplay/correlations"]
    dataset = datasets(runs)[0]
    runs, table = (one[one[C.DATASET] == dataset] for one in (runs, table))
    wide = fit(len(GIVEN), wide=1.3) == len(GIVEN)
    beside = fit(len(_SCATTERS))
    below = -(-len(_SCATTERS) // beside)
    heights = (1.3 if wide else 0.4 + 0.9 * len(GIVEN), 0.9 * below)
    figure = page(sum(heights), 1)
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=heights)).ravel()
    shape = (1, len(GIVEN)) if wide else (len(GIVEN), 1)
    grid = upper.subplots(*shape, sharex=True, sharey=True)
    for index, (axes, given) in enumerate(zip(grid, GIVEN, strict=True)):
        image = _matrix(axes, table[table["given"] == given])
        letter(axes, index)
        axes.set_title("raw" if given == NOTHING else f"given {given}")
    upper.colorbar(image, ax=list(grid), label=r"Spearman's $\rho$", shrink=0.7)
    scatters = lower.subplots(below, beside, squeeze=False).ravel()
    for spare in scatters[len(_SCATTERS) :]:
        spare.remove()
    for index, (axes, (x, y)) in enumerate(zip(scatters, _SCATTERS, strict=False)):
        _scatter(axes, runs, x, y)
        letter(axes, index + len(GIVEN))
    handles = [one.handle(linestyle="none") for one in all_series(runs)]
    legend_outside(lower, handles, 3)
    return figure


def _matrix(axes: Axes, part: pd.DataFrame) -> Any:
    names, small = list(CENTRAL), style.STYLE.name
    rho = np.full((len(names), len(names)), np.nan)
    for row in part.to_dict("records"):
        i, j = sorted((names.index(row["x"]), names.index(row["y"])))
        rho[j, i] = row["rho"]
        axes.text(i, j, _mark(row), ha="center", va="center", fontsize=small)
    image = axes.imshow(rho, cmap="RdBu_r", vmin=-1, vmax=1)
    short = [label.split(" (")[0] for label in CENTRAL.values()]  # without the unit
    axes.set_xticks(range(len(names) - 1), short[:-1], rotation=90, fontsize=small)
    axes.set_yticks(range(1, len(names)), short[1:], fontsize=small)
    axes.set(xlim=(-0.5, len(names) - 1.5), ylim=(len(names) - 0.5, 0.5))
    return image


def _mark(row: dict[Any, Any]) -> str:
    """Return the mark of a correlation: undetermined, shown, or shown before Holm's correction."""
    if not np.isfinite(row["rho"]):
        return "×"
    if row["verdict"] in (POSITIVE, NEGATIVE):
        return "●"
    return "○" if row["excludes_zero"] == YES else ""


def _scatter(axes: Axes, runs: pd.DataFrame, x: str, y: str) -> None:
    look, largest = style.STYLE, runs[C.N_TRAIN].max()
    for one in all_series(runs):
        part = one.of(runs)
        share = np.sqrt(part[C.N_TRAIN] / largest)
        area = look.smallest_area + (look.largest_area - look.smallest_area) * share
        points: dict[str, Any] = {"color": one.color, "marker": one.marker, "linewidth": 0}
        axes.scatter(part[x], part[y], s=area, alpha=look.scatter_alpha, **points)
    axes.set(xlabel=CENTRAL[x], ylabel=CENTRAL[y])
    if y == ERROR:
        axes.set_yscale("log")
