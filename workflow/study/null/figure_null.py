"""E3D beside the null models at the reference run: errors, differences, ranks, and additivity."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from e3d.fields import RELAXED
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298, REFERENCES
from e3d.statistics.agreement import BETWEEN, MAE, WITHIN
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import (
    is_left,
    legend_above,
    legend_outside,
    letter,
    order_handles,
    page,
    panels,
)
from study.null.names import COARSE, IN_MOLECULES, NULL_MODEL, NULL_MODELS, NullModel
from study.runs import at_run, over_seeds, reference

_NULLS: Final = tuple(NULL_MODELS.values())
_WITH_ERRORS: Final = tuple(null for null in _NULLS if MAE in null.scores)
_RANKS: Final = {
    BETWEEN: (r"between types $\rho$", style.BLACK, "o", -0.14),
    WITHIN: (r"within types $\tau$", style.ORANGE, "s", 0.14),
}
_STEP: Final = 0.24
_TALL: Final = 1.35
"""Height of a panel whose rows are null models, in those of others."""
_MARGIN_EV: Final = 0.4


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw MAE, paired differences, rank correlations with BDE298, and D against additivity."""
    run = reference(tables["decompose/summary"])
    compare, named = (at_run(tables[f"null/{name}"], run) for name in ("compare", "named"))
    compare, named = (table[table[C.GEOMETRY] == RELAXED] for table in (compare, named))
    figure = page(2 * _TALL, 2, run=run)
    axes = panels(figure, 4, 2, wide=2, width_ratios=(1.12, 1.0))
    errors = compare[compare["score"] == MAE]
    _errors(axes[0], errors)
    _differences(axes[1], errors)
    _ranks(axes[2], compare[compare["reference"] == BDE298.name])
    _parity(axes[3], named)
    for index, panel in enumerate(axes):
        letter(panel, index)
    handles = [
        *(_handle(one.symbol, *style.series_look(k)) for k, one in enumerate(REFERENCES.values())),
        _handle("E3D", style.GREY, "o", markerfacecolor="white"),
        _handle("null model", style.GREY, "o"),
    ]
    legend_outside(figure, handles, 5, "outside upper center")
    return figure


def _handle(label: str, color: str, marker: str, **look: Any) -> Line2D:
    return Line2D([], [], color=color, marker=marker, linestyle="none", label=label, **look)


def _rows(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def _rows_apart(axes: Axes) -> None:
    """Name the null models that have errors, with lines between their rows."""
    _rows(axes, [null.label for null in _WITH_ERRORS])
    for edge in np.arange(0.5, len(_WITH_ERRORS) - 1):
        axes.axhline(
            edge, color=style.GREY, linewidth=style.STYLE.hair_line, alpha=style.STYLE.faint_alpha
        )


def _each(errors: pd.DataFrame) -> Iterator[tuple[float, tuple[str, str], pd.DataFrame]]:
    """Yield height, colour and marker, and rows of every null model and reference there are."""
    for row, null in enumerate(_WITH_ERRORS):
        for k, energy in enumerate(REFERENCES):
            part = _of(errors[errors["reference"] == energy], null)
            if len(part):
                y = row + (k - (len(REFERENCES) - 1) / 2) * _STEP
                yield y, style.series_look(k), part


def _of(table: pd.DataFrame, null: NullModel) -> pd.DataFrame:
    return table[table[NULL_MODEL] == null.name]


def _errors(axes: Axes, errors: pd.DataFrame) -> None:
    """Draw both errors on the same bonds, joined by a line."""
    for y, (color, marker), part in _each(errors):
        ours, theirs = (over_seeds(part, name).mean for name in ("e3d", "null_value"))
        line = style.STYLE.interval_line
        axes.plot([ours, theirs], [y, y], color=color, linewidth=line, zorder=1)
        axes.plot(theirs, y, marker=marker, color=color)
        axes.plot(ours, y, marker=marker, color=color, markerfacecolor="white")
    _rows_apart(axes)
    axes.set_xlim(left=0)
    axes.set_xlabel("MAE on the same named bonds (eV)")


def _differences(axes: Axes, errors: pd.DataFrame) -> None:
    for y, (color, marker), part in _each(errors):
        _with_interval(axes, y, part, "difference", color, marker)
    axes.axvline(0, color=style.GREY, linewidth=style.STYLE.guide_line, zorder=0)
    _rows_apart(axes)
    if not is_left(axes):
        axes.set_yticklabels([])
    axes.set_xlabel("MAE of E3D minus null (eV)\n← E3D better     null better →")


def _with_interval(
    axes: Axes,
    y: float,
    part: pd.DataFrame,
    column: str,
    color: str,
    marker: str,
    *,
    rank: bool = False,
) -> None:
    """Draw a column over seeds as a point with its interval, if that has a width."""
    s = over_seeds(part, column, correlation=rank)
    axes.plot(s.mean, y, marker=marker, color=color)
    if s.has_interval and s.lo < s.hi:
        axes.plot([s.lo, s.hi], [y, y], color=color, linewidth=style.STYLE.interval_line)


def _ranks(axes: Axes, part: pd.DataFrame) -> None:
    """Draw rank correlations: jackknife intervals, or the middle 95 % of draws of random nulls."""
    nulls = [null for null in _NULLS if (part[NULL_MODEL] == null.name).any()]
    for score, (_, color, marker, shift) in _RANKS.items():
        scored = part[part["score"] == score]
        entries = [(_of(scored, IN_MOLECULES), "e3d")]  # which is on all named bonds
        entries += [(_of(scored, null), "null_value") for null in nulls]
        for row, (rows, column) in enumerate(entries):
            if rows[column].notna().any():
                _with_interval(axes, row + shift, rows, column, color, marker, rank=True)
    axes.axvline(0, color=style.GREY, linewidth=style.STYLE.guide_line, zorder=0)
    _rows(axes, ["E3D", *(null.label for null in nulls)])
    axes.set_xlabel(f"rank correlation with {BDE298.words}")
    handles = [_handle(label, color, marker) for label, color, marker, _ in _RANKS.values()]
    legend_above(axes, handles, ncols=2)


def _parity(axes: Axes, named: pd.DataFrame) -> None:
    """Draw D (mean over seeds) of every named bond against its coarse additivity."""
    known = named[named[COARSE.column].notna()]
    values = [COARSE.column, str(C.BOND_ENERGY)]
    means = known.groupby(["bond", C.BOND_TYPE], sort=False)[values].mean().reset_index()
    for _, kind, x, y in means.itertuples(index=False):
        look = style.order_of(str(kind))
        size = style.STYLE.point_marker
        axes.plot(x, y, marker=look.marker, color=look.color, markersize=size)
    if len(means):
        both = means[values].to_numpy(dtype=float)
        ends = [float(both.min()) - _MARGIN_EV, float(both.max()) + _MARGIN_EV]
        axes.plot(ends, ends, color=style.GREY, linewidth=style.STYLE.guide_line, zorder=0)
        axes.set(xlim=ends, ylim=ends)
        kinds = means[C.BOND_TYPE].astype(str).to_list()
        axes.legend(handles=order_handles(kinds), loc="upper left")
    axes.set_xlabel("bond additivity, coarse types (eV)")
    axes.set_ylabel(LABELS[C.BOND_ENERGY])
