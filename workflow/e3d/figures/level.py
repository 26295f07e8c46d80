"""D beside what the labels' own level of theory gives: the split of its error, bond separation, and bond orders."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from e3d.fields import REFERENCE_NAMES, TEST_CONFORMATIONS
from e3d.fields import Column as C
from e3d.figures import style
from e3d.statistics.agreement import BETWEEN, WITHIN

_PARTS = (
    ("total", "$D$ from literature", style.GREY, "o"),
    ("representation", "$D$ from the labels", style.VERMILION, "s"),
    ("labels", "labels from literature", style.BLUE, "^"),
)
_SCORES = ((BETWEEN, "between\ntypes"), (WITHIN, "within\ntypes"))
_NAMED_ERROR_EV = 0.7


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw the reference run: three panels."""
    run = style.reference(tables["decompose/summary"])
    figure = Figure(figsize=(style.WIDTH, 3.0), layout=ConstrainedLayoutEngine(rect=(0, 0.05, 1, 0.95)))
    axes = figure.subplots(1, 3, width_ratios=(1.0, 1.0, 1.15))
    _errors(axes[0], style.at_run(tables["level/summary"], run))
    _separation(axes[1], style.at_run(tables["level/separation"], run))
    _orders(axes[2], style.at_run(tables["level/orders"], run))
    for index, one in enumerate(axes):
        style.letter(one, index)
    style.name_run(figure, run)
    return figure


def _errors(axes: Axes, table: pd.DataFrame) -> None:
    table = table[table[C.GEOMETRY] == "relaxed"]
    kinds = [kind for kind in REFERENCE_NAMES if kind in set(table["reference"])]
    for k, (part, label, color, marker) in enumerate(_PARTS):
        for x, kind in enumerate(kinds):
            s = style.over_seeds(table[table["reference"] == kind], f"{part}_mae_eV")
            place = x + 0.22 * (k - 1)
            axes.plot(place, s.mean, marker=marker, color=color, linestyle="none", label=label if not x else None)
            if s.has_interval:
                axes.vlines(place, s.lo, s.hi, color=color, linewidth=0.8)
    axes.set_xticks(range(len(kinds)), [REFERENCE_NAMES[kind] for kind in kinds])
    axes.set_xlim(-0.6, max(len(kinds) - 0.4, 0.6))
    axes.set_ylim(bottom=0)
    axes.margins(y=0.35)
    axes.set_ylabel("mean absolute difference (eV)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=1, handletextpad=0.2)


def _separation(axes: Axes, table: pd.DataFrame) -> None:
    grouped = table.groupby(C.MOLECULE)
    label, d = grouped["label_separation_eV"].first(), grouped["separation_eV"]
    mean, low, high = d.mean(), d.min(), d.max()
    axes.axhline(0, color=style.GREY, linewidth=0.6, linestyle=":")
    axes.vlines(label, low, high, color=style.BLUE, linewidth=0.7)
    axes.plot(label, mean, linestyle="none", marker="o", color=style.BLUE)
    if len(label):
        ends = np.array([min(label.min(), 0.0), label.max()])
        axes.plot(ends, ends, color=style.GREY, linewidth=0.6)
    for molecule in label.index:
        if abs(mean[molecule] - label[molecule]) > _NAMED_ERROR_EV:
            axes.annotate(
                molecule,
                (label[molecule], mean[molecule]),
                textcoords="offset points",
                xytext=(4, 2),
                fontsize=6,
                annotation_clip=False,
            )
    axes.margins(x=0.2)
    axes.set_xlabel("bond separation, labels (eV)")
    axes.set_ylabel("bond separation, from $D$ (eV)")
    axes.set_title("dotted: additivity", fontsize=style.SMALL, color=style.GREY)


def _orders(axes: Axes, table: pd.DataFrame) -> None:
    table = table[table[C.STRUCTURES] == TEST_CONFORMATIONS]
    who = (("d", "$D$", style.VERMILION, "s"), ("length", "minus length", style.BLACK, "v"))
    places = [(order, score, text) for order in ("Mayer", "Wiberg") for score, text in _SCORES]
    for k, (name, label, color, marker) in enumerate(who):
        for x, (order, score, _) in enumerate(places):
            s = style.over_seeds(table[table["order"] == order], f"{name}_{score}")
            place = x + 0.22 * (k - 0.5)
            axes.plot(place, s.mean, marker=marker, color=color, linestyle="none", label=label if not x else None)
            if s.has_interval:
                axes.vlines(place, s.lo, s.hi, color=color, linewidth=0.8)
    axes.axhline(0, color=style.GREY, linewidth=0.6, linestyle=":")
    axes.set_xticks(range(len(places)), [f"{order}\n{text}" for order, _, text in places], fontsize=6)
    axes.set_xlim(-0.6, len(places) - 0.4)
    axes.set_ylabel("rank correlation with bond order")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2, handletextpad=0.2)
