"""D beside what the labels' own level of theory gives: the split of its error, bond separation, and bond orders."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e3d.fields import TEST_CONFORMATIONS
from e3d.fields import Column as C
from e3d.statistics.agreement import BETWEEN, WITHIN
from study.figures import style
from study.figures.drawing import along_bars, letter, name_points, page, panels, settle
from study.references import REFERENCES
from study.runs import at_run, over_seeds, reference

_PARTS = (
    ("total", "$D$ from literature", style.GREY, "o"),
    ("representation", "$D$ from the labels", style.VERMILION, "s"),
    ("labels", "labels from literature", style.BLUE, "^"),
)
_SCORES = ((BETWEEN, "between\ntypes"), (WITHIN, "within\ntypes"))
_NAMED_ERROR_EV = 0.7


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw the reference run: three panels."""
    run = reference(tables["decompose/summary"])
    figure = page(1, 4, run=run)
    axes = panels(figure, 3, 3, width_ratios=(1.0, 1.0, 1.15))
    _errors(axes[0], at_run(tables["label_theory/summary"], run))
    _separation(axes[1], at_run(tables["label_theory/separation"], run))
    _orders(axes[2], at_run(tables["label_theory/orders"], run))
    for index, one in enumerate(axes):
        letter(one, index)
    settle(figure)
    _name_errors(axes[1], at_run(tables["label_theory/separation"], run))
    return figure


def _errors(axes: Axes, table: pd.DataFrame) -> None:
    table = table[table[C.GEOMETRY] == "relaxed"]
    kinds = [kind for kind in REFERENCES if kind in set(table["reference"])]
    for k, (part, label, color, marker) in enumerate(_PARTS):
        for x, kind in enumerate(kinds):
            s = over_seeds(table[table["reference"] == kind], f"{part}_mae_eV")
            place = x + 0.22 * (k - 1)
            axes.plot(
                place,
                s.mean,
                marker=marker,
                color=color,
                linestyle="none",
                label=label if not x else None,
            )
            if s.has_interval:
                axes.vlines(place, s.lo, s.hi, color=color, linewidth=style.STYLE.interval_line)
    axes.set_xticks(range(len(kinds)), [REFERENCES[kind].words for kind in kinds])
    axes.set_xlim(-0.6, max(len(kinds) - 0.4, 0.6))
    axes.set_ylim(bottom=0)
    axes.margins(y=0.35)
    axes.set_ylabel("mean absolute difference (eV)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=1)


def _separation(axes: Axes, table: pd.DataFrame) -> None:
    grouped = table.groupby(C.MOLECULE)
    label, d = grouped["label_separation_eV"].first(), grouped["separation_eV"]
    mean, low, high = d.mean(), d.min(), d.max()
    axes.axhline(0, color=style.GREY, linewidth=style.STYLE.guide_line, linestyle=":")
    axes.vlines(label, low, high, color=style.BLUE, linewidth=style.STYLE.interval_line)
    axes.plot(label, mean, linestyle="none", marker="o", color=style.BLUE)
    if len(label):
        ends = np.array([min(label.min(), 0.0), label.max()])
        axes.plot(ends, ends, color=style.GREY, linewidth=style.STYLE.guide_line)
    axes.margins(x=0.2)
    axes.set_xlabel("bond separation, labels (eV)")
    axes.set_ylabel("bond separation, from $D$ (eV)")
    axes.set_title("dotted: additivity", fontsize=style.STYLE.note, color=style.GREY)


def _name_errors(axes: Axes, table: pd.DataFrame) -> None:
    """Name the molecules whose separation from D is far from that of the labels."""
    grouped = table.groupby(C.MOLECULE)
    label, d = grouped["label_separation_eV"].first(), grouped["separation_eV"]
    mean = d.mean()
    far = label.index[(mean - label).abs() > _NAMED_ERROR_EV]
    names = {str(molecule): (float(label[molecule]), float(mean[molecule])) for molecule in far}
    points = np.stack([label, mean], axis=1)
    name_points(axes, np.concatenate([points, along_bars(label, d.min(), d.max())]), names)


def _orders(axes: Axes, table: pd.DataFrame) -> None:
    table = table[table[C.STRUCTURES] == TEST_CONFORMATIONS]
    who = (("d", "$D$", style.VERMILION, "s"), ("length", "minus length", style.BLACK, "v"))
    places = [(order, score, text) for order in ("Mayer", "Wiberg") for score, text in _SCORES]
    for k, (name, label, color, marker) in enumerate(who):
        for x, (order, score, _) in enumerate(places):
            s = over_seeds(table[table["order"] == order], f"{name}_{score}")
            place = x + 0.22 * (k - 0.5)
            axes.plot(
                place,
                s.mean,
                marker=marker,
                color=color,
                linestyle="none",
                label=label if not x else None,
            )
            if s.has_interval:
                axes.vlines(place, s.lo, s.hi, color=color, linewidth=style.STYLE.interval_line)
    axes.axhline(0, color=style.GREY, linewidth=style.STYLE.guide_line, linestyle=":")
    axes.set_xticks(
        range(len(places)),
        [f"{order}\n{text}" for order, _, text in places],
        fontsize=style.STYLE.name,
    )
    axes.set_xlim(-0.6, len(places) - 0.4)
    axes.set_ylabel("rank correlation with bond order")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2)
