"""Rank correlations of error, scaling, entropy, decomposability and errors of D over (N, M) cells."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e3d.fields import Column as C
from study.figures import style
from study.figures.drawing import all_series, legend_outside, letter, page
from study.interplay.correlations import CENTRAL, GIVEN, NOTHING
from study.interplay.runs import (
    ALPHA,
    BARRIER,
    BDE298_MAE,
    BETA,
    DECOMPOSABILITY,
    ERROR,
    SCALED_ENTROPY,
    SPREAD,
    TAU,
)
from study.references import BDE298
from study.runs import datasets

_NAMES: Final = {
    ERROR: "force MAE (meV/Å)",
    ALPHA: r"exponent $\alpha$",
    SCALED_ENTROPY: r"entropy $H(D/\sigma_D)$ (nats)",
    DECOMPOSABILITY: "decomposability",
    BETA: r"bonded share $\beta$",
    BDE298_MAE: f"MAE, {BDE298.label}",
    TAU: r"within-type $\tau$",
    BARRIER: "barrier MAE (eV)",
    SPREAD: "seed spread (eV)",
}
_SCATTERS: Final = (
    (DECOMPOSABILITY, ERROR),
    (DECOMPOSABILITY, BDE298_MAE),
    (SCALED_ENTROPY, TAU),
)


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw a matrix per condition and three scatter plots of the reference dataset's runs."""
    runs, table = tables["interplay/runs"], tables["interplay/correlations"]
    dataset = datasets(runs)[0]
    runs, table = (one[one[C.DATASET] == dataset] for one in (runs, table))
    figure = page(2.2, 1)
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(3.1, 2.2))).ravel()
    grid = upper.subplots(1, len(GIVEN), sharey=True)
    for index, (axes, given) in enumerate(zip(grid, GIVEN, strict=True)):
        image = _matrix(axes, table[table["given"] == given])
        letter(axes, index)
        axes.set_title("raw" if given == NOTHING else f"given {given}")
    upper.colorbar(image, ax=list(grid), label=r"Spearman's $\rho$", shrink=0.7)
    scatters = lower.subplots(1, len(_SCATTERS))
    for index, (axes, (x, y)) in enumerate(zip(scatters, _SCATTERS, strict=True)):
        _scatter(axes, runs, x, y)
        letter(axes, index + len(GIVEN))
    handles = [one.handle(linestyle="none") for one in all_series(runs)]
    legend_outside(lower, handles, 3)
    return figure


def _matrix(axes: Axes, part: pd.DataFrame) -> Any:
    size = len(CENTRAL)
    rho = np.full((size, size), np.nan)
    for row in part.to_dict("records"):
        i, j = sorted((CENTRAL.index(row["x"]), CENTRAL.index(row["y"])))
        rho[j, i] = row["rho"]
        mark = (
            "●"
            if row["verdict"] in ("positive", "negative")
            else "○"
            if row["excludes_zero"] == "yes"
            else ""
        )
        text = mark if np.isfinite(row["rho"]) else "×"
        axes.text(i, j, text, ha="center", va="center", fontsize=style.STYLE.name)
    image = axes.imshow(rho, cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set_xticks(
        range(size - 1),
        [_short(name) for name in CENTRAL[:-1]],
        rotation=90,
        fontsize=style.STYLE.name,
    )
    axes.set_yticks(
        range(1, size), [_short(name) for name in CENTRAL[1:]], fontsize=style.STYLE.name
    )
    axes.set(xlim=(-0.5, size - 1.5), ylim=(size - 0.5, 0.5))
    return image


def _short(name: str) -> str:
    """Return the name without its unit."""
    return _NAMES[name].split(" (")[0]


def _scatter(axes: Axes, runs: pd.DataFrame, x: str, y: str) -> None:
    look, largest = style.STYLE, runs[C.N_TRAIN].max()
    for one in all_series(runs):
        part = one.of(runs)
        share = np.sqrt(part[C.N_TRAIN] / largest)
        area = look.smallest_area + (look.largest_area - look.smallest_area) * share
        axes.scatter(part[x], part[y], s=area, color=one.color, marker=one.marker, alpha=look.scatter_alpha,
                     linewidth=0)  # fmt: skip
    axes.set(xlabel=_NAMES[x], ylabel=_NAMES[y])
    if y == ERROR:
        axes.set_yscale("log")
