"""How much of D the data fix: its spread over seeds, its rigidity, and its change by variants."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from e3d.fields import Column as C
from e3d.statistics import Estimate
from study.figures import style
from study.figures.drawing import (
    bond_name,
    legend_above,
    letter,
    page,
    panels,
    settle,
    takeaway,
)
from study.figures.lines import NamedLine, name_lines, plain_decades
from study.findings.wording import number
from study.gauge import fields
from study.runs import at_run, reference

_SHOWN_SD: Final = 1.6
"""End of the axis over the largest SD: some intervals of two molecules have no end."""
_TALL: Final = 1.5
"""Height of a panel whose rows are kinds of bonds, in those of others."""
_OTHERS: Final = {
    fields.TYPE_MEAN: "mean of a type",
    fields.OF_TYPES: r"$\Delta$ between types",
    fields.IN_TYPE: r"$\Delta$ within a type",
    fields.IN_MOLECULE: r"$\Delta$ in a molecule",
}
_KINDS: Final = (
    (fields.BOND, "$D$ of a bond", style.VERMILION, "s", "-"),
    (fields.IN_MOLECULE, r"$\Delta D$ in a molecule", style.GREEN, "^", "--"),
    (fields.ENERGY, "energy of a molecule", style.BLUE, "o", "-"),
)


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw the seeds of the reference run, rigidity of the smallest model, variants, if known."""
    run = reference(tables["decompose/summary"])
    seeds = at_run(tables["gauge/seeds"], run)
    rigidity, variants = (
        table[table[C.DATASET] == run[0]]
        for table in (tables["gauge/rigidity"], tables["gauge/ablations"])
    )
    variants = variants[~variants["offset_removed"].astype(bool)]
    drawn: list[tuple[Callable[[Axes, pd.DataFrame], None], pd.DataFrame]] = [
        (_seeds, seeds),
        (_rigidity, rigidity),
        (_variants, variants),
    ]
    drawn = [(draw, table) for draw, table in drawn if len(table)]
    figure = page(_TALL, 2, run=run)
    takeaway(figure, _said(seeds))
    if not drawn:
        figure.set_figheight(style.STYLE.row_height / 2)
        return figure
    grid = panels(figure, len(drawn), len(drawn))
    for index, (axes, (draw, table)) in enumerate(zip(grid, drawn, strict=True)):
        draw(axes, table)
        letter(axes, index)
    settle(figure)
    for axes, (draw, table) in zip(grid, drawn, strict=True):
        if draw is _rigidity:
            _name_kinds(axes, table)
    return figure


def _said(table: pd.DataFrame) -> str:
    """Return in a sentence how far D differs from seed to seed."""
    whole = table[(table["quantity"] == fields.D) & (table[C.BOND_TYPE] == "all")]
    if whole.empty:
        return "With one seed, how far D differs between seeds is not known"
    sd = Estimate.read(whole.iloc[0], fields.SD)
    return f"From seed to seed, D of a named bond varies by {number(sd, sd.value, ' eV')}"


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
    """Draw the spread of what has an interval, if anything has: of one bond there is none."""
    known = table[table[f"{fields.SD}_lo"].notna()]
    table = known if len(known) else table
    table = table.sort_values(fields.SD, ascending=False, kind="stable")
    rows = pd.concat([table[table["quantity"] == name] for name in (fields.D, *_OTHERS)])
    names = zip(rows["quantity"], rows[C.BOND_TYPE], strict=True)
    _rows(axes, rows, fields.SD, [_look(quantity, kind) for quantity, kind in names])
    axes.set_xlim(0, _SHOWN_SD * float(rows[fields.SD].max()))
    axes.set_xlabel(f"SD of $D$ over {int(table['n_seeds'].max())} seeds (eV)")


def _look(quantity: str, kind: str) -> tuple[str, str]:
    if quantity in _OTHERS:
        return _OTHERS[quantity], style.GREEN
    return ("all bonds", style.BLACK) if kind == "all" else (bond_name(kind), style.VERMILION)


def _rigidity(axes: Axes, table: pd.DataFrame) -> None:
    for kind, _, color, marker, line in _KINDS:
        middle = _median(table, kind)
        axes.plot(middle.index, middle, color=color, marker=marker, linestyle=line)
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain_decades(axes.yaxis)
    axes.set_xticks(sorted(table[fields.SIGMA2].unique()))
    axes.xaxis.set_minor_locator(NullLocator())
    first = table.iloc[0]
    axes.set_xlabel(r"regulariser $\sigma^2 / \lambda_{\max}$")
    axes.set_ylabel("predicted SD, median (eV)")
    axes.set_title(f"{first[C.MODEL]}, $N$ = {first[C.N_TRAIN]}", fontsize=style.STYLE.note)


def _median(table: pd.DataFrame, kind: str) -> "pd.Series[float]":
    return table[table["kind"] == kind].groupby(fields.SIGMA2)[fields.SD].median()


def _name_kinds(axes: Axes, table: pd.DataFrame) -> None:
    """Write at the lines what they are."""
    lines = []
    for kind, label, color, _, _ in _KINDS:
        middle = _median(table, kind)
        if len(middle):
            points = np.stack([middle.index.to_numpy(dtype=float), middle.to_numpy()], axis=1)
            lines.append(NamedLine(label, points, color))
    name_lines(axes, lines)


def _variants(axes: Axes, table: pd.DataFrame) -> None:
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
