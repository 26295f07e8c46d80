"""Whether D comes nearer to bond energies as the training set grows, at the same bonds."""

from collections.abc import Mapping
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e3d.named_bonds.references import BDE298
from e3d.statistics import NO, YES, Estimate, verdict
from study.figures import style
from study.figures.drawing import (
    all_series,
    draw_curve,
    is_left,
    legend_outside,
    n_axis,
    page,
    panels,
    takeaway,
)
from study.findings.wording import number, one_of
from study.runs import reference
from study.scaling.same_bonds import ALWAYS, MAE, NEVER, change, errors, same_bonds
from study.words import counted

_TITLES: Final = {
    ALWAYS: "in training at every $N$",
    NEVER: "in training at no $N$",
    "": "relaxed",
}
_TALL: Final = 1.15
"""Height of these panels, in those of others."""


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw the error of D against training frames: bonds in training at every N, and at none."""
    summary = tables["decompose/summary"]
    groups = same_bonds(tables["bde/named"], BDE298)
    series = all_series(summary)
    figure = page(_TALL, 2)
    grid = panels(figure, len(groups), 2, wide=1, sharey=True)
    for index, (axes, (group, part)) in enumerate(zip(grid, groups.items(), strict=True)):
        found = errors(part, BDE298)
        for one in series:
            draw_curve(axes, one.of(found), MAE, one)
        n_axis(axes, summary)
        n_bonds = counted(part["bond"].nunique(), "bond")
        title = f"({'ab'[index]})  {n_bonds} {_TITLES[group]}"
        axes.set_title(title, loc="left", fontsize=style.STYLE.note)
        if is_left(axes):
            axes.set_ylabel(f"MAE of $D$ against\n{BDE298.label}")
    _from_zero(grid[0])
    legend_outside(figure, [one.handle() for one in series], 3)
    if said := _said(groups, reference(summary)):
        takeaway(figure, said)
    return figure


def _from_zero(axes: Axes) -> None:
    """Let the axis that panels share start at zero."""
    axes.set_ylim(0, axes.get_ylim()[1])


def _said(groups: Mapping[str, pd.DataFrame], run: tuple[str, str, int]) -> str:
    """Return in a sentence whether the shown model's error falls, where that can be known."""
    dataset, model, _ = run
    found = {name: change(part, BDE298, dataset, model) for name, part in groups.items()}
    known = {name: one for name, one in found.items() if one.has_interval}
    if not known:
        return ""
    group = ALWAYS if ALWAYS in known else next(iter(known))
    seen = {ALWAYS: "bonds in training", NEVER: "bonds not in training", "": "the same bonds"}[
        group
    ]
    return _sentence(known[group], seen)


def _sentence(found: Estimate, bonds: str) -> str:
    where = one_of(
        verdict(found, above=NO, below=YES),
        f"bring D of {bonds} nearer to",
        f"take D of {bonds} farther from",
        f"are not shown to bring D of {bonds} nearer to",
    )
    return f"More data {where} BDE298: change {number(found, found.value, ' eV')}"
