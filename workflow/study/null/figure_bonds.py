"""D of a named bond of each type beside its reference energies and additivity: table and dots."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from e3d.arrays import Floats
from e3d.fields import RELAXED
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298, REFERENCES
from e3d.statistics import verdict
from e3d.statistics.agreement import BETWEEN
from study.figures import style
from study.figures.drawing import legend_outside, page, takeaway
from study.figures.text import named_bond
from study.findings.wording import number, one_of
from study.null.names import COARSE
from study.runs import at_run, over_seeds, reference
from study.words import with_minus

_BONDS: Final = 25
"""At most so many bonds."""
_NAME, _D, _NUMBER, _LAST = 6.0, 6.5, 4.0, 5.5
"""Widths of the table's columns, in the size of its type: names, D, energies, the last one."""
_HEADER: Final = -1.0
"""Row of the header."""
_VALUES: Final = {
    **{one.column: one.symbol for one in REFERENCES.values()},
    COARSE.column: "additivity",
}
"""What stands beside D, and what it is called."""


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw D (eV) of a named bond of each type, the largest first, with all that it is beside."""
    run = reference(tables["decompose/summary"])
    named, summary = (at_run(tables[name], run) for name in ("null/named", "bde/summary"))
    bonds = _rows(named[named[C.GEOMETRY] == RELAXED])
    figure = page(0, 6, names=len(bonds) + 1, run=run)
    ends = np.cumsum([_NAME + _D, *[_NUMBER] * len(REFERENCES), _LAST])
    wide = (ends[-1] + 1) * style.STYLE.small_note
    rest = figure.get_figwidth() * style.POINTS - wide
    table, dots = figure.subplots(1, 2, sharey=True, width_ratios=(wide, rest))
    table.set_axis_off()
    table.set_xlim(0, ends[-1] + 0.5)
    table.set_ylim(len(bonds) - 0.5, _HEADER - 0.5)
    for row in range(0, len(bonds), 2):
        for axes in (table, dots):
            look: style.Look = {"color": style.PALE, "alpha": style.STYLE.band_alpha}
            axes.axhspan(row - 0.5, row + 0.5, zorder=0, linewidth=0, **look)
    _write(table, bonds, ends)
    _draw(dots, bonds)
    handles = [Line2D([], [], label="$D$", **_look("d"))]
    handles += [Line2D([], [], label=label, **_look(name)) for name, label in _VALUES.items()]
    legend_outside(figure, handles, len(handles))
    takeaway(figure, _in_words(summary, bonds))
    return figure


def _rows(named: pd.DataFrame) -> pd.DataFrame:
    """Return the bonds to show: ``d, lo, hi`` over the seeds and what D is beside (eV).

    Of each type it is the first of those with most references; where types are too many, those with
    fewest references are left out.
    """
    found = named.groupby(["bond", C.BOND_TYPE], sort=False)
    d, beside = found[C.BOND_ENERGY], found[list(_VALUES)].mean()
    bonds = beside.assign(d=d.mean(), lo=d.min(), hi=d.max(), n_seeds=found[C.SEED].nunique())
    known = -bonds[list(_VALUES)].notna().sum(axis=1)
    bonds = bonds.iloc[known.argsort(kind="stable")].reset_index()
    bonds = bonds.drop_duplicates(C.BOND_TYPE).head(_BONDS)
    return bonds.sort_values("d", ascending=False, kind="stable").reset_index(drop=True)


def _look(name: str) -> style.Look:
    """Return the marker of D, of a reference energy or of additivity."""
    if name == "d":
        look: style.Look = {"color": style.BLUE, "marker": "o", "markersize": style.STYLE.marker}
        return look | {"linestyle": "none"}
    return style.beside_look(list(_VALUES).index(name))


def _write(axes: Axes, bonds: pd.DataFrame, ends: Floats) -> None:
    """Write the table of numbers; ``ends`` are the right ends of its columns."""
    look: style.Look = {"fontsize": style.STYLE.small_note, "va": "center_baseline", "zorder": 3}
    axes.text(0, _HEADER, "bond (eV)", **look)
    for x, label in zip(ends, ["$D$", *_VALUES.values()], strict=True):
        axes.text(x, _HEADER, label.split()[0], ha="right", **look)
    for row, bond in enumerate(bonds.to_dict("records")):
        axes.text(0, row, named_bond(str(bond["bond"])), **look)
        half = (bond["hi"] - bond["lo"]) / 2
        d = f"{bond['d']:.2f}" + (f" ±{half:.2f}" if bond["n_seeds"] > 1 else "")
        numbers = [bond[name] for name in _VALUES]
        texts = [d, *(f"{one:.2f}" if np.isfinite(one) else "–" for one in numbers)]
        for x, text in zip(ends, texts, strict=True):
            axes.text(x, row, with_minus(text), ha="right", **look)


def _draw(axes: Axes, bonds: pd.DataFrame) -> None:
    """Draw the same numbers as dots."""
    for name in _VALUES:
        axes.plot(bonds[name], bonds.index, zorder=3, **_look(name))
    line: style.Look = {"color": style.BLUE, "linewidth": style.STYLE.interval_line}
    axes.hlines(bonds.index, bonds["lo"], bonds["hi"], zorder=2, **line)
    axes.plot(bonds["d"], bonds.index, zorder=4, **_look("d"))
    axes.set_xlabel("energy (eV)")
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.spines["left"].set_visible(False)


def _in_words(summary: pd.DataFrame, bonds: pd.DataFrame) -> str:
    """Say whether D orders bond types as BDE298 does, by the interval of the rank correlation."""
    relaxed = (summary[C.GEOMETRY] == RELAXED) & (summary["molecules"] == "all")
    part = summary[relaxed & (summary["reference"] == BDE298.name)]
    if part[BETWEEN].notna().any():
        rho = over_seeds(part, BETWEEN)
        how = one_of(
            verdict(rho),
            "D orders bond types as BDE298 does",
            "D orders bond types the other way round than BDE298",
            "D is not shown to order bond types as BDE298 does",
        )
        return f"{how} (Spearman's ρ {number(rho, rho.mean)})"
    return f"D of these bonds is {bonds['d'].min():.1f} to {bonds['d'].max():.1f} eV"
