"""How much of D the data fix: its spread over seeds, its rigidity, and its change by variants."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e3d.fields import Column as C
from study.figures import style
from study.figures.drawing import legend_above, letter, page, panels
from study.gauge import fields
from study.runs import at_run, reference

_SHOWN_SD: Final = 1.6
"""End of the axis over the largest SD: some intervals of two molecules have no end."""
_TALL: Final = 1.8
"""Height of a panel whose rows are kinds of bonds, in those of others."""
_OTHERS: Final = {
    fields.TYPE_MEAN: "mean of a type",
    fields.OF_TYPES: r"$\Delta$ between types",
    fields.IN_TYPE: r"$\Delta$ within a type",
    fields.IN_MOLECULE: r"$\Delta$ in a molecule",
}
_KINDS: Final = (
    (fields.BOND, "$D$", style.VERMILION, "s"),
    (fields.TYPE, "mean of a type", style.PURPLE, "D"),
    (fields.IN_MOLECULE, r"$\Delta D$ in a molecule", style.GREEN, "^"),
    (fields.ENERGY, "total energy", style.BLUE, "o"),
)


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw three panels: the reference run's seeds, the smallest model's rigidity, the variants."""
    run = reference(tables["decompose/summary"])
    figure = page(_TALL, 1, run=run)
    axes = panels(figure, 3, 3, width_ratios=(1.0, 0.9, 1.1))
    _seeds(axes[0], at_run(tables["gauge/seeds"], run))
    _rigidity(axes[1], tables["gauge/rigidity"], run[0])
    _variants(axes[2], tables["gauge/ablations"], run[0])
    for index, one in enumerate(axes):
        letter(one, index)
    return figure


def _say(axes: Axes, text: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=style.GREY)


def _rows(axes: Axes, table: pd.DataFrame, column: str, looks: Sequence[tuple[str, str]]) -> None:
    """Draw a column with its intervals from top to bottom; ``looks`` are labels and colours."""
    for y, (row, (_, color)) in enumerate(zip(table.to_dict("records"), looks, strict=True)):
        axes.plot(row[column], y, marker="o", color=color)
        low, high = row[f"{column}_lo"], row[f"{column}_hi"]
        if np.isfinite(low):
            axes.hlines(y, max(low, 0.0), high, color=color, linewidth=style.STYLE.interval_line)
    axes.set_yticks(range(len(looks)), [label for label, _ in looks], fontsize=style.STYLE.name)
    axes.set_ylim(len(looks) - 0.4, -0.6)


def _seeds(axes: Axes, table: pd.DataFrame) -> None:
    if table.empty:
        _say(axes, "one seed:\nno spread to show")
        return
    table = table.sort_values(fields.SD, ascending=False, kind="stable")
    rows = pd.concat([table[table["quantity"] == name] for name in (fields.D, *_OTHERS)])
    names = zip(rows["quantity"], rows[C.BOND_TYPE], strict=True)
    _rows(axes, rows, fields.SD, [_look(quantity, kind) for quantity, kind in names])
    axes.set_xlim(0, _SHOWN_SD * float(rows[fields.SD].max()))
    axes.set_xlabel(f"SD of $D$ over {int(table['n_seeds'].max())} seeds (eV)")


def _look(quantity: str, kind: str) -> tuple[str, str]:
    if quantity in _OTHERS:
        return _OTHERS[quantity], style.GREEN
    return ("all bonds", style.BLACK) if kind == "all" else (kind, style.VERMILION)


def _rigidity(axes: Axes, table: pd.DataFrame, dataset: str) -> None:
    table = table[table[C.DATASET] == dataset]
    if table.empty:
        _say(axes, "no model small enough\nfor the full matrix")
        return
    for kind, label, color, marker in _KINDS:
        middle = table[table["kind"] == kind].groupby(fields.SIGMA2)[fields.SD].median()
        axes.plot(middle.index, middle, color=color, marker=marker, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    first = table.iloc[0]
    axes.set_xlabel(r"regulariser $\sigma^2 / \lambda_{\max}$")
    axes.set_ylabel("predicted SD, median (eV)")
    axes.set_title(f"{first[C.MODEL]}, $N$ = {first[C.N_TRAIN]}", fontsize=style.STYLE.note)
    axes.legend(loc="upper right")


def _variants(axes: Axes, table: pd.DataFrame, dataset: str) -> None:
    table = table[(table[C.DATASET] == dataset) & ~table["offset_removed"].astype(bool)]
    if table.empty:
        _say(axes, "no variants in this study\n(config/controls.yaml has them)")
        return
    table = table.sort_values(fields.RMS_CHANGE, ascending=False, kind="stable")
    look: dict[str, Any] = {"linestyle": "--", "linewidth": style.STYLE.guide_line}
    axes.axvline(table[fields.SEED_RMS].median(), color=style.GREY, label="another seed", **look)
    colors = [style.VERMILION if word == fields.MOVES else style.BLACK for word in table["verdict"]]
    _rows(axes, table, fields.RMS_CHANGE, list(zip(table["variant"], colors, strict=True)))
    axes.set_xlim(left=0)
    axes.set_xlabel("RMS change of $D$ (eV)")
    first = table.iloc[0]
    axes.set_ylabel(f"variants of {first['base']}, $N$ = {first[C.N_TRAIN]}")
    legend_above(axes)
