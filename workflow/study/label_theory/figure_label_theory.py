"""D beside the labels' own level of theory: parts of its error, bond separation, bond orders."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e3d.fields import RELAXED, TEST_CONFORMATIONS
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES
from e3d.statistics.agreement import BETWEEN, MAE, WITHIN
from study.figures import style
from study.figures.drawing import (
    along_bars,
    letter,
    name_points,
    page,
    panels,
    settle,
    takeaway,
)
from study.label_theory.error_parts import LABELS, REPRESENTATION, TOTAL
from study.label_theory.fields import LABEL_SEPARATION, ORDERS, SEPARATION, WHO
from study.label_theory.findings import whose_fault
from study.runs import OverSeeds, at_run, over_seeds, reference

_PARTS: Final = {
    TOTAL: ("$D$ from literature", style.GREY, "o"),
    REPRESENTATION: ("$D$ from the labels", style.VERMILION, "s"),
    LABELS: ("labels from literature", style.BLUE, "^"),
}
_RIVALS: Final = {
    WHO[0]: ("$D$", style.VERMILION, "s"),
    WHO[1]: ("minus length", style.BLACK, "v"),
}
_SCORES: Final = {BETWEEN: "between\ntypes", WITHIN: "within\ntypes"}
_NAMED_ERROR_EV: Final = 0.7
_STEP: Final = 0.22
Look = tuple[str, str, str]
"""What it is called, its colour and its marker."""


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw the reference run: three panels."""
    run = reference(tables["decompose/summary"])
    parts, separation, orders = (
        at_run(tables[f"label_theory/{name}"], run) for name in ("summary", "separation", "orders")
    )
    figure = page(1, 4, run=run)
    axes = panels(figure, 3, 3, width_ratios=(1.0, 1.0, 1.15))
    _errors(axes[0], parts)
    _separation(axes[1], separation)
    _orders(axes[2], orders)
    for index, one in enumerate(axes):
        letter(one, index)
    if said := whose_fault(parts):
        takeaway(figure, said)
    settle(figure)
    _name_errors(axes[1], separation)
    return figure


def _series(axes: Axes, looks: Sequence[Look], found: Sequence[Sequence[OverSeeds]]) -> None:
    """Draw each series' estimates at x = 0, 1, ..., side by side."""
    for k, ((label, color, marker), estimates) in enumerate(zip(looks, found, strict=True)):
        places = np.arange(len(estimates)) + _STEP * (k - (len(looks) - 1) / 2)
        means = [s.mean for s in estimates]
        axes.plot(places, means, marker=marker, color=color, linestyle="none", label=label)
        for place, s in zip(places, estimates, strict=True):
            if s.has_interval:
                axes.vlines(place, s.lo, s.hi, color=color, linewidth=style.STYLE.interval_line)


def _errors(axes: Axes, table: pd.DataFrame) -> None:
    table = table[table[C.GEOMETRY] == RELAXED]
    there = {k: one for k, one in REFERENCES.items() if k in set(table["reference"])}
    parts = [table[table["reference"] == name] for name in there]
    found = [[over_seeds(part, f"{name}_{MAE}") for part in parts] for name in _PARTS]
    _series(axes, list(_PARTS.values()), found)
    axes.set_xticks(range(len(there)), [one.words for one in there.values()])
    axes.set_xlim(-0.6, max(len(there) - 0.4, 0.6))
    axes.set_ylim(bottom=0)
    axes.margins(y=0.35)
    axes.set_ylabel("mean absolute difference (eV)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=1)


def _separations(table: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Return the separation energies (eV) by molecule: the label's, and D's over the seeds."""
    grouped = table.groupby(C.MOLECULE)
    return grouped[LABEL_SEPARATION].first(), grouped[SEPARATION].agg(["mean", "min", "max"])


def _separation(axes: Axes, table: pd.DataFrame) -> None:
    label, d = _separations(table)
    look = style.STYLE
    axes.axhline(0, color=style.GREY, linewidth=look.guide_line, linestyle=":")
    axes.vlines(label, d["min"], d["max"], color=style.BLUE, linewidth=look.interval_line)
    axes.plot(label, d["mean"], linestyle="none", marker="o", color=style.BLUE)
    if len(label):
        ends = np.array([min(label.min(), 0.0), label.max()])
        axes.plot(ends, ends, color=style.GREY, linewidth=look.guide_line)
    axes.margins(x=0.2)
    axes.set_xlabel("bond separation, labels (eV)")
    axes.set_ylabel("bond separation, from $D$ (eV)")
    axes.set_title("dotted: additivity", fontsize=look.note, color=style.GREY)


def _name_errors(axes: Axes, table: pd.DataFrame) -> None:
    """Name the molecules whose separation from D is far from that of the labels."""
    label, d = _separations(table)
    far = label.index[(d["mean"] - label).abs() > _NAMED_ERROR_EV]
    names = {str(name): (float(label[name]), float(d["mean"][name])) for name in far}
    points = np.stack([label, d["mean"]], axis=1)
    name_points(axes, np.concatenate([points, along_bars(label, d["min"], d["max"])]), names)


def _orders(axes: Axes, table: pd.DataFrame) -> None:
    table = table[table[C.STRUCTURES] == TEST_CONFORMATIONS]
    places = [(order, score) for order in ORDERS for score in _SCORES]
    found = [
        [over_seeds(table[table["order"] == order], f"{who}_{score}") for order, score in places]
        for who in _RIVALS
    ]
    _series(axes, list(_RIVALS.values()), found)
    axes.axhline(0, color=style.GREY, linewidth=style.STYLE.guide_line, linestyle=":")
    names = [f"{order}\n{_SCORES[score]}" for order, score in places]
    axes.set_xticks(range(len(places)), names, fontsize=style.STYLE.name)
    axes.set_xlim(-0.6, len(places) - 0.4)
    axes.set_ylabel("rank correlation with bond order")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2)
