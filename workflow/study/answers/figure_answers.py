"""A panel for each question: its number against training frames, and the threshold that decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from e3d.fields import Column as C
from e3d.statistics import NO, YES
from study.answers.questions import QUESTIONS
from study.figures import style
from study.figures.drawing import legend_outside, n_ticks, page, panels

_ANSWERS: Final = {YES: "yes", NO: "no"}
_COLUMNS: Final = 3


@dataclass(frozen=True)
class _Panel:
    """What a question's panel shows: columns of cells, solid and dashed, and a level that decides.

    ``grey`` is what no model changes, such as additivity.
    """

    question: int
    label: str
    solid: str
    dashed: str = ""
    grey: str = ""
    level: float | None = None
    logarithmic: bool = False


_PANELS: Final = (
    _Panel(1, "slope of $D$ on $D_e$", "slope_on_de", level=0.5),
    _Panel(2, "MAE less additivity's (eV)", "less_additivity_eV", level=-0.1),
    _Panel(3, "MAE against $D_e$ (eV)", "mae_de_eV", "own_de_mae_de_eV", "additivity_mae_de_eV"),
    _Panel(4, "SD over seeds (eV)", "sd_d_eV", "sd_energy_eV", logarithmic=True),
    _Panel(5, "decomposability", "decomposability", grey="decomposability_of_length"),
    _Panel(7, "MAE, $D_e$ less mean (eV)", "de_less_mean_eV", level=0.0),
)
_ALONE: Final = {
    6: ("MAE of barriers, with less without (eV)", ("a tenth\nof frames",)),
    8: ("squared difference / that of seeds", ("other\nmolecules", "other\nlabels")),
}
"""Panels of numbers that are of no line in N: their axis, and the names of their rows."""
_WORDS: Final = {
    1: "Does $D$ follow $D_e$ in a type?",
    2: "Better than counting bonds?",
    3: "Nearer with more data?",
    4: "Does scale determine $D$?",
    5: "More and more than length?",
    6: "Do frames near saddles help?",
    7: "A bond's breaking energy?",
    8: "The same from other data?",
}


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw the cells of the main dataset, and the ratios of the last question."""
    answers, cells = tables["answers/answers"], tables["answers/cells"]
    main = str(cells[C.DATASET].mode().iloc[0])
    own = cells[cells[C.DATASET] == main]
    models = list(own.sort_values(C.N_PARAMETERS)[C.MODEL].drop_duplicates())
    alone = [(number, answers[answers["question"] == number]) for number in _ALONE]
    alone = [(number, rows) for number, rows in alone if len(rows)]
    count = len(_PANELS) + len(alone)
    figure = page(-(-count // _COLUMNS), 2)
    grid = panels(figure, count, _COLUMNS)
    for axes, panel in zip(grid, _PANELS, strict=False):
        _draw(axes, panel, own, models)
        axes.set_title(_title(panel.question, answers), loc="left")
    for axes, (number, rows) in zip(grid[len(_PANELS) :], alone, strict=True):
        _numbers(axes, rows, *_ALONE[number])
        axes.set_title(_title(number, answers), loc="left")
    legend_outside(figure, _handles(own, models), len(models) + 3)
    return figure


def _title(number: int, answers: pd.DataFrame) -> str:
    rows = answers[(answers["question"] == number) & (answers["primary"] == YES)]
    said = _ANSWERS.get(str(rows["answer"].iloc[0]), "not determined") if len(rows) else "not asked"
    return f"{number}  {_WORDS[number]}\n    {said}"


def _draw(axes: Axes, panel: _Panel, cells: pd.DataFrame, models: Sequence[str]) -> None:
    look = style.STYLE
    for place, model in enumerate(models):
        color, marker = style.series_look(place)
        part = cells[cells[C.MODEL] == model].sort_values(C.N_TRAIN)
        for column, line in ((panel.solid, "-"), (panel.dashed, "--")):
            if not column or not part[column].notna().any():
                continue
            axes.plot(part[C.N_TRAIN], part[column], line, color=color, marker=marker)
            if f"{column}_lo" in part:
                ends = part[f"{column}_lo"], part[f"{column}_hi"]
                axes.vlines(part[C.N_TRAIN], *ends, color=color, linewidth=look.interval_line)
    guide: dict[str, Any] = {"color": style.GREY, "linewidth": look.guide_line}
    if panel.grey:
        part = cells.drop_duplicates(C.N_TRAIN).sort_values(C.N_TRAIN)
        axes.plot(part[C.N_TRAIN], part[panel.grey], ":", marker="*", **guide)
    if panel.level is not None:
        axes.axhline(panel.level, linestyle="-.", **guide)
    if panel.logarithmic:
        axes.set_yscale("log")
    n_ticks(axes, sorted(cells[C.N_TRAIN].unique().tolist()))
    axes.set_ylabel(panel.label)


def _numbers(axes: Axes, rows: pd.DataFrame, label: str, names: Sequence[str]) -> None:
    """Draw the numbers of a question one below the other; the first is the one that counts."""
    look = style.STYLE
    y = list(range(len(rows)))[::-1]
    for place, row in zip(y, rows.to_dict("records"), strict=True):
        color = style.BLUE if row["primary"] == YES else style.GREY
        axes.plot(row["value"], place, "o", color=color)
        axes.hlines(place, row["value_lo"], row["value_hi"], color=color, lw=look.interval_line)
    axes.set_yticks(y, [names[0] if p == YES else names[-1] for p in rows["primary"]])
    level = QUESTIONS[int(rows["question"].iloc[0]) - 1].yes
    axes.axvline(level, color=style.GREY, linestyle="-.", lw=look.guide_line)
    if rows["value_lo"].min() > 0:
        axes.set_xlim(left=0.0)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(label)


def _handles(cells: pd.DataFrame, models: Sequence[str]) -> list[Line2D]:
    weights = cells.drop_duplicates(C.MODEL).set_index(C.MODEL)[C.N_PARAMETERS]
    found = []
    for place, model in enumerate(models):
        color, marker = style.series_look(place)
        label = f"{int(weights[model]):,} weights"
        found.append(Line2D([], [], color=color, marker=marker, label=label))
    grey: dict[str, Any] = {"color": style.GREY, "linewidth": style.STYLE.guide_line}
    return [
        *found,
        Line2D([], [], linestyle="--", color=style.INK, label="fragments; total energy"),
        Line2D([], [], linestyle=":", marker="*", label="additivity; length", **grey),
        Line2D([], [], linestyle="-.", label="decides", **grey),
    ]
