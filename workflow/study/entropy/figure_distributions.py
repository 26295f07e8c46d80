"""Distributions of D by bond type beside the reference energies of the type, reference run."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from e3d.arrays import Floats
from e3d.fields import RELAXED, TEST_MOLECULES
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES, Reference
from e3d.statistics import verdict
from study.entropy import fields
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import bond_name, legend_outside, order_handles, page, takeaway
from study.findings.wording import one_of, test_sets
from study.runs import at_run, over_seeds, reference

_TYPES: Final = 8
"""At most so many bond types, the commonest."""
_BIN_EV: Final = 0.1
"""Width of the bins that are drawn; those of the table are added up."""
_RIDGE: Final = 0.72
"""Height of the highest bin, as a share of the distance between rows."""
_BELOW: Final = 0.13
"""Where references stand below their row, as a share of the same."""
_ROWS: Final = 2
"""Rows of names that one row of the figure takes."""


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw histograms of D (eV) of all test sets, the seeds together, a row per bond type."""
    run = reference(tables["decompose/summary"])
    histogram, shares, named = (
        at_run(tables[name], run)
        for name in ("entropy/histogram", "entropy/decomposability", "bde/named")
    )
    named = named[named[C.GEOMETRY] == RELAXED]
    kinds = _commonest(histogram)
    figure = page(0, 7, names=_ROWS * len(kinds), run=run)
    axes = figure.subplots()
    ends = []
    for row, kind in enumerate(kinds):
        part = histogram[histogram[C.BOND_TYPE] == kind]
        ends += [
            *_ridge(axes, part, row),
            *_references(axes, named[named[C.BOND_TYPE] == kind], row),
        ]
    axes.set_xlim(min(ends) - _BIN_EV, max(ends) + _BIN_EV)
    axes.set_ylim(-0.35, len(kinds) - 0.1)
    axes.set_xlabel(LABELS[C.BOND_ENERGY])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_yticks(range(len(kinds)), [_label(histogram, kind) for kind in kinds])
    handles = [*order_handles(kinds, markers=False), *map(_handle, REFERENCES.values())]
    legend_outside(figure, handles, len(handles))
    takeaway(figure, _in_words(shares) or _range_in_words(histogram))
    return figure


def _in_words(shares: pd.DataFrame) -> str:
    """Say whether D or the length says more of a bond's type, on molecules that no run trained on.

    Without such a set of frames it is said of the first that there is; without numbers, nothing.
    """
    sets = test_sets(shares[C.STRUCTURES])
    name = TEST_MOLECULES if TEST_MOLECULES in shares[C.STRUCTURES].to_numpy() else sets[0]
    shares = shares[shares[C.STRUCTURES] == name]
    gap, of_d, of_length = (
        over_seeds(shares[shares[fields.MEASURE] == measure], fields.FRACTION_KNN)
        for measure in (fields.TYPE_BEYOND_R, fields.TYPE_BY_SCALED_D, fields.TYPE_BY_R)
    )
    if not np.isfinite([of_d.mean, of_length.mean]).all():
        return ""
    how = one_of(
        verdict(gap),
        "D identifies the bond type better than bond length does",
        "Bond length identifies the bond type better than D does",
        "Neither D nor bond length is shown to identify the bond type better",
    )
    numbers = f"{100 * of_d.mean:.0f} and {100 * of_length.mean:.0f} % of its entropy"
    return f"{how} ({numbers})"


def _range_in_words(histogram: pd.DataFrame) -> str:
    """Say how large the mean D of the types that are shown is."""
    means = [_means(histogram)[kind] for kind in _commonest(histogram)]
    return f"D of the commonest bond types is on average {min(means):.1f} to {max(means):.1f} eV"


def _handle(one: Reference) -> Line2D:
    """Return the legend entry of a reference."""
    return Line2D([], [], label=one.symbol, **_look(one))


def _look(one: Reference) -> style.Look:
    return style.beside_look(list(REFERENCES.values()).index(one))


def _commonest(histogram: pd.DataFrame) -> list[str]:
    """Return the bond types with most bonds, the lowest mean D first."""
    counts = histogram.groupby(C.BOND_TYPE)[C.COUNT].sum()
    means = _means(histogram)
    chosen = sorted(counts.index, key=lambda kind: (-counts[kind], kind))[:_TYPES]
    return sorted(map(str, chosen), key=lambda kind: (means[kind], kind))


def _means(histogram: pd.DataFrame) -> "pd.Series[float]":
    """Return the mean D (eV) of every bond type."""
    total = histogram[C.BOND_ENERGY_BIN] * histogram[C.COUNT]
    kinds = histogram[C.BOND_TYPE]
    return total.groupby(kinds).sum() / histogram[C.COUNT].groupby(kinds).sum()


def _label(histogram: pd.DataFrame, kind: str) -> str:
    """Return the name of a bond type and how many bonds of it a seed has."""
    part = histogram[histogram[C.BOND_TYPE] == kind]
    return f"{bond_name(kind)}\n{int(part.groupby(C.SEED)[C.COUNT].sum().max()):,} bonds"


def _ridge(axes: Axes, part: pd.DataFrame, row: int) -> tuple[float, float]:
    """Draw the histogram of one bond type, return its ends (eV)."""
    look, order = style.STYLE, style.order_of(str(part[C.BOND_TYPE].iloc[0]))
    edges, levels = _outline(
        part[C.BOND_ENERGY_BIN].to_numpy(dtype=float), part[C.COUNT].to_numpy(dtype=float)
    )
    height = row + _RIDGE * levels
    axes.fill_between(
        edges, height, row, step="post", color=order.color, alpha=look.fill_alpha, linewidth=0
    )
    axes.step(edges, height, where="post", color=order.color, linewidth=look.outline)
    return float(edges[0]), float(edges[-1])


def _outline(lower: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Return edges (bins + 2,) and levels of a histogram, the highest bin 1 and the ends 0."""
    # an edge that rounding left below itself belongs to its own bin
    bins = np.floor(lower / _BIN_EV + 1e-6).astype(int)
    levels = np.zeros(np.ptp(bins) + 3)
    np.add.at(levels, bins - bins.min() + 1, counts)
    return _BIN_EV * (bins.min() + np.arange(-1, len(levels) - 1)), levels / levels.max()


def _references(axes: Axes, named: pd.DataFrame, row: int) -> list[float]:
    """Draw the reference energies of the type's named bonds below its row, and return them."""
    bonds = named.drop_duplicates("bond")
    for one in REFERENCES.values():
        values = bonds[one.column].dropna()
        y = np.full(len(values), row - _BELOW)
        axes.plot(values, y, zorder=4, **_look(one))
    known = bonds[[one.column for one in REFERENCES.values()]].to_numpy(dtype=float)
    return [float(value) for value in known[np.isfinite(known)]]
