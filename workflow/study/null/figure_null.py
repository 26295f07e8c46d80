"""E3D beside the null models at the reference run: errors, paired differences, rank correlations, and additivity."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from e3d.fields import Column as C
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
from study.null.names import (
    COARSE,
    FINE,
    IN_MOLECULES,
    IN_TYPES,
    NULL_MODEL,
    NULLS,
    PAIR,
    UNTRAINED,
    column,
)
from study.references import BDE298, REFERENCES
from study.runs import at_run, over_seeds, reference

_LINES: Final = {
    COARSE: "bond additivity",
    FINE: "additivity with\nhybridisation",
    PAIR: "pair potential",
    UNTRAINED: "untrained network",
    IN_MOLECULES: "$D$ shuffled\nwithin molecules",
    IN_TYPES: "$D$ shuffled\nwithin types",
}
_WITH_ERRORS: Final = (COARSE, FINE, PAIR, IN_MOLECULES, IN_TYPES)
_RANKS: Final = {
    "between_types_spearman": (r"between types $\rho$", style.BLACK, "o", -0.14),
    "within_types_kendall": (r"within types $\tau$", style.ORANGE, "s", 0.14),
}
_STEP: Final = 0.24
_TALL: Final = 1.35
"""Height of a panel whose rows are null models, in those of others."""


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw MAE (eV), paired differences (eV), rank correlations with BDE298, and D against bond additivity (eV)."""
    run = reference(tables["decompose/summary"])
    compare = at_run(tables["null/compare"], run)
    compare = compare[compare[C.GEOMETRY] == "relaxed"]
    named = at_run(tables["null/named"], run)
    figure = page(2 * _TALL, 2, run=run)
    axes = panels(figure, 4, 2, wide=2, width_ratios=(1.12, 1.0))
    errors = compare[compare["score"] == "mae_eV"]
    _errors(axes[0], errors)
    _differences(axes[1], errors)
    _ranks(axes[2], compare[compare["reference"] == BDE298.name])
    _parity(axes[3], named[named[C.GEOMETRY] == "relaxed"])
    for index, panel in enumerate(axes):
        letter(panel, index)
    grey: dict[str, Any] = {"color": style.GREY, "linestyle": "none", "marker": "o"}
    handles = [
        *(_handle(one.symbol, *style.series_look(k)) for k, one in enumerate(REFERENCES.values())),
        Line2D([], [], label="E3D", markerfacecolor="white", **grey),
        Line2D([], [], label="null model", **grey),
    ]
    legend_outside(figure, handles, 5, "outside upper center")
    return figure


def _handle(label: str, color: str, marker: str) -> Line2D:
    return Line2D([], [], color=color, marker=marker, linestyle="none", label=label)


def _rows(axes: Axes, nulls: tuple[str, ...]) -> None:
    axes.set_yticks(range(len(nulls)), [_LINES[null] for null in nulls])
    axes.set_ylim(len(nulls) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for edge in np.arange(0.5, len(nulls) - 1):
        axes.axhline(
            edge, color=style.GREY, linewidth=style.STYLE.hair_line, alpha=style.STYLE.faint_alpha
        )


def _each(errors: pd.DataFrame) -> list[tuple[float, tuple[str, str], pd.DataFrame]]:
    """Return height, colour and marker, and rows of every null model and reference there are."""
    found = []
    for row, null in enumerate(_WITH_ERRORS):
        for k, energy in enumerate(REFERENCES):
            part = errors[(errors[NULL_MODEL] == null) & (errors["reference"] == energy)]
            if len(part):
                y = row + (k - (len(REFERENCES) - 1) / 2) * _STEP
                found.append((y, style.series_look(k), part))
    return found


def _errors(axes: Axes, errors: pd.DataFrame) -> None:
    """Draw both errors on the same bonds, joined by a line."""
    for y, (color, marker), part in _each(errors):
        ours, theirs = (over_seeds(part, name).mean for name in ("e3d", "null_value"))
        axes.plot(
            [ours, theirs], [y, y], color=color, linewidth=style.STYLE.interval_line, zorder=1
        )
        axes.plot(theirs, y, marker=marker, color=color)
        axes.plot(ours, y, marker=marker, color=color, markerfacecolor="white")
    _rows(axes, _WITH_ERRORS)
    axes.set_xlim(left=0)
    axes.set_xlabel("MAE on the same named bonds (eV)")


def _differences(axes: Axes, errors: pd.DataFrame) -> None:
    for y, (color, marker), part in _each(errors):
        s = over_seeds(part, "difference")
        axes.plot(s.mean, y, marker=marker, color=color)
        if s.has_interval:
            axes.plot([s.lo, s.hi], [y, y], color=color, linewidth=style.STYLE.interval_line)
    axes.axvline(0, color=style.GREY, linewidth=style.STYLE.guide_line, zorder=0)
    _rows(axes, _WITH_ERRORS)
    if not is_left(axes):
        axes.set_yticklabels([])
    axes.set_xlabel("MAE of E3D minus null (eV)\n← E3D better     null better →")


def _ranks(axes: Axes, part: pd.DataFrame) -> None:
    """Draw rank correlations with BDE298: intervals of E3D and of fits, the middle 95 % of draws of random nulls."""
    whole = part[part[NULL_MODEL] == IN_MOLECULES]  # on all named bonds
    for name, (_, color, marker, shift) in _RANKS.items():
        entries = [(whole[whole["score"] == name], "e3d")]
        entries += [
            (part[(part[NULL_MODEL] == null) & (part["score"] == name)], "null_value")
            for null in NULLS
        ]
        for row, (rows, value) in enumerate(entries):
            if not rows[value].notna().any():
                continue
            s = over_seeds(rows, value)
            axes.plot(s.mean, row + shift, marker=marker, color=color)
            if s.has_interval and s.lo < s.hi:
                axes.plot(
                    [s.lo, s.hi],
                    [row + shift] * 2,
                    color=color,
                    linewidth=style.STYLE.interval_line,
                )
    axes.axvline(0, color=style.GREY, linewidth=style.STYLE.guide_line, zorder=0)
    axes.set_yticks(range(len(NULLS) + 1), ["E3D", *(_LINES[null] for null in NULLS)])
    axes.set_ylim(len(NULLS) + 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"rank correlation with {BDE298.words}")
    handles = [_handle(label, color, marker) for label, color, marker, _ in _RANKS.values()]
    legend_above(axes, handles, ncols=2)


def _parity(axes: Axes, named: pd.DataFrame) -> None:
    """Draw D (mean over seeds) of every named bond against its coarse additivity."""
    known = named[named[column(COARSE)].notna()]
    values = [C.BOND_ENERGY, column(COARSE)]
    means = known.groupby(["bond", C.BOND_TYPE], sort=False)[[*values]].mean().reset_index()
    for point in means.to_dict("records"):
        look = style.order_of(str(point[C.BOND_TYPE]))
        axes.plot(
            point[column(COARSE)],
            point[C.BOND_ENERGY],
            marker=look.marker,
            color=look.color,
            markersize=style.STYLE.point_marker,
        )
    if len(means):
        both = means[values].to_numpy(dtype=float)
        low, high = float(both.min()) - 0.4, float(both.max()) + 0.4
        axes.plot(
            [low, high], [low, high], color=style.GREY, linewidth=style.STYLE.guide_line, zorder=0
        )
        axes.set(xlim=(low, high), ylim=(low, high))
        axes.legend(
            handles=order_handles(means[C.BOND_TYPE].astype(str).to_list()), loc="upper left"
        )
    axes.set_xlabel("bond additivity, coarse types (eV)")
    axes.set_ylabel(LABELS[C.BOND_ENERGY])
