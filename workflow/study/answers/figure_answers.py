"""A panel for each question: its numbers against training frames, and the level that decides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from e3d.fields import Column as C
from e3d.statistics import YES
from study.answers.estimates import MIN_SEEDS
from study.answers.questions import OF_A_SET, QUESTIONS
from study.figures import style
from study.figures.drawing import legend_outside, n_ticks, page, panels, settle, takeaway
from study.figures.lines import NamedLine, Side, name_lines, plain_decades
from study.findings.wording import of_row, one_of
from study.words import counted

_COLUMNS: Final = 3
_YES: Final = {"above": "↑ yes", "below": "↓ yes"}
_LEGEND: Final = 2
"""Model sizes side by side in the legend."""


@dataclass(frozen=True)
class _Line:
    """A column of cells, and what it is called where the panel has several.

    What is of no model, such as bond additivity, is drawn once, in grey.
    """

    column: str
    name: str = ""
    style: LineStyleType = "-"
    of_model: bool = True


@dataclass(frozen=True)
class _Panel:
    """What a question's panel shows: its axis, its lines, and which side of a level is yes.

    With a ``top``, its axis goes from 0 to there at least.
    """

    question: int
    label: str
    lines: tuple[_Line, ...]
    yes: Side | None = None
    logarithmic: bool = False
    top: float | None = None


_PANELS: Final = (
    _Panel(
        1,
        "slope on $D_e$",
        (_Line("own_de_slope_on_de", "energy of fragments", "--"), _Line("slope_on_de", "$D$")),
        yes="above",
        top=1.0,
    ),
    _Panel(
        2,
        "MAE of $D$ less that of\nbond additivity (eV)",
        (_Line("less_additivity_eV"),),
        yes="below",
    ),
    _Panel(
        3,
        "MAE against $D_e$ (eV)",
        (
            _Line("own_de_mae_de_eV", "energy of fragments", "--"),
            _Line("mae_de_eV", "$D$"),
            _Line("additivity_mae_de_eV", "bond additivity", ":", of_model=False),
        ),
        top=0.0,
    ),
    _Panel(
        4,
        "SD over seeds (eV)",
        (_Line("sd_d_eV", "$D$ of a bond"), _Line("sd_energy_eV", "energy of a molecule", "--")),
        logarithmic=True,
    ),
    _Panel(
        5,
        "share of the bond\ntype explained",
        (
            _Line("decomposability_of_length", "by bond length", ":", of_model=False),
            _Line("decomposability", "by $D$"),
        ),
        top=1.0,
    ),
    _Panel(
        7,
        "MAE against $D_e$ less that\nagainst mean energies (eV)",
        (_Line("de_less_mean_eV"),),
        yes="below",
    ),
)
_ALONE: Final = {
    6: ("MAE of barriers with such frames\nless MAE without (eV)", ("a tenth\nof frames",)),
    8: (
        "squared difference of $D$\nover that between seeds",
        ("other\nmolecules", "other\nlabels"),
    ),
}
"""Panels of numbers that are of no line in N: their axis, and the names of their rows."""
_ALONE_HEIGHT: Final = 0.6
"""Of a row of such panels alone."""
_WORDS: Final = {
    1: "Does $D$ follow $D_e$ in a type?",
    2: "Better than counting bonds?",
    3: "Nearer $D_e$ with more data?",
    4: "Do more data fix $D$?",
    5: "Does $D$ outgrow length?",
    6: "Do frames near saddles help?",
    7: "Nearer $D_e$ than means?",
    8: "Same from other molecules?",
}


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw the cells of the main dataset, and the numbers of questions 6 and 8 with intervals."""
    answers, cells = tables["answers/answers"], tables["answers/cells"]
    main = str(cells[C.DATASET].mode().iloc[0])
    own = cells[cells[C.DATASET] == main].sort_values([C.N_PARAMETERS, C.N_TRAIN])
    if (several := own["n_seeds"] >= MIN_SEEDS).any():
        own = own[several]  # a single run is asked nothing
    models = list(own[C.MODEL].drop_duplicates())
    shown = [
        panel
        for panel in _PANELS
        if own[[one.column for one in panel.lines]].notna().any(axis=None)
    ]
    alone = [(number, _with_interval(answers, number)) for number in _ALONE]
    alone = [(number, rows) for number, rows in alone if len(rows)]
    count = len(shown) + len(alone)
    of_lines, of_all = -(-len(shown) // _COLUMNS), -(-count // _COLUMNS)
    heights = [1.0] * of_lines + [_ALONE_HEIGHT] * (of_all - of_lines)
    figure = page(sum(heights), 3)
    grid = panels(figure, count, _COLUMNS, height_ratios=heights)
    for axes, panel in zip(grid, shown, strict=False):
        _draw(axes, panel, own, models)
        axes.set_title(_title(panel.question, answers), loc="left", fontsize=style.STYLE.note)
    for axes, (number, rows) in zip(grid[len(shown) :], alone, strict=True):
        _numbers(axes, rows, *_ALONE[number])
        axes.set_title(_title(number, answers), loc="left", fontsize=style.STYLE.note)
    legend_outside(figure, _handles(own, models), _LEGEND)
    if said := _said(answers):
        takeaway(figure, said)
    settle(figure)
    for axes, panel in zip(grid, shown, strict=False):
        _name(axes, panel, own, models)
    return figure


def _primary(answers: pd.DataFrame, number: int) -> pd.DataFrame:
    return answers[(answers["question"] == number) & (answers["primary"] == YES)]


def _with_interval(answers: pd.DataFrame, number: int) -> pd.DataFrame:
    """Return the numbers of a question, of all seeds, that have an interval.

    Without one they decide nothing.
    """
    asked = (answers["question"] == number) & (answers["primary"] != OF_A_SET)
    return answers[asked & answers["value_lo"].notna()]


def _said(answers: pd.DataFrame) -> str:
    """Return the answer to the first question, a sentence."""
    for row in _primary(answers, 1).to_dict("records"):
        follows = one_of(
            str(row["answer"]),
            "Within a bond type, D follows the energy of breaking a bond",
            "Within a bond type, D hardly follows the energy of breaking a bond",
            "Whether D follows the energy of breaking a bond is not determined",
        )
        return f"{follows}: slope {of_row(row)}"
    return ""


def _title(number: int, answers: pd.DataFrame) -> str:
    rows = _primary(answers, number)
    answer = str(rows["answer"].iloc[0]) if len(rows) else ""
    said = one_of(answer, "yes", "no", "not determined") if answer else "not asked"
    bold = said.replace(" ", r"\ ")
    return rf"{number}  {_WORDS[number]}" + "\n    " + rf"$\bf{{{bold}}}$"


def _curves(
    panel: _Panel, cells: pd.DataFrame, models: Sequence[str]
) -> Iterator[tuple[_Line, int, pd.DataFrame]]:
    """Yield the lines of a panel: what each is, the place of its model, and its rows by N."""
    for line in panel.lines:
        for place, model in enumerate(models if line.of_model else models[:1]):
            rows = cells[(cells[C.MODEL] == model) & cells[line.column].notna()]
            if len(rows):
                yield line, place, rows


def _look(line: _Line, place: int) -> dict[str, Any]:
    if not line.of_model:
        return {"color": style.GREY, "marker": "*", "linewidth": style.STYLE.guide_line}
    color, marker = style.series_look(place)
    return {"color": color, "marker": marker}


def _draw(axes: Axes, panel: _Panel, cells: pd.DataFrame, models: Sequence[str]) -> None:
    width = style.STYLE.interval_line
    for line, place, rows in _curves(panel, cells, models):
        n, look = rows[C.N_TRAIN], _look(line, place)
        axes.plot(n, rows[line.column], linestyle=line.style, **look)
        if f"{line.column}_lo" in rows:
            ends = rows[f"{line.column}_lo"], rows[f"{line.column}_hi"]
            axes.vlines(n, *ends, color=look["color"], linewidth=width)
    n_ticks(axes, sorted(cells[C.N_TRAIN].unique().tolist()))
    if panel.yes:
        look = {"color": style.GREY, "linewidth": style.STYLE.guide_line}
        axes.axhline(_level(panel), linestyle="-.", **look)
    if panel.logarithmic:
        axes.set_yscale("log")
        plain_decades(axes.yaxis)
    if panel.top is not None:
        axes.set_ylim(0, max(panel.top, axes.get_ylim()[1]))
    axes.set_ylabel(panel.label)


def _name(axes: Axes, panel: _Panel, cells: pd.DataFrame, models: Sequence[str]) -> None:
    """Write at one curve of each line what it is, and at the level which side is yes."""
    lines: dict[str, NamedLine] = {}
    obstacles = []
    for line, place, rows in _curves(panel, cells, models):
        points = rows[[C.N_TRAIN, line.column]].to_numpy(dtype=float)
        if f"{line.column}_lo" in rows:
            known = rows[rows[f"{line.column}_lo"].notna()]
            ends = (known[f"{line.column}_{end}"] for end in ("lo", "hi"))
            obstacles += list(np.stack([known[[C.N_TRAIN] * 2], np.stack([*ends], 1)], 2))
        if line.name and line.name not in lines:
            lines[line.name] = NamedLine(line.name, points, _look(line, place)["color"])
        else:
            obstacles.append(points)
    named = list(lines.values())
    if panel.yes:
        n = np.unique(cells[C.N_TRAIN]).astype(float)
        level = np.stack([n, np.full(len(n), _level(panel))], axis=1)
        named.append(NamedLine(_YES[panel.yes], level, style.GREY, (panel.yes,)))
    name_lines(axes, named, obstacles)


def _level(panel: _Panel) -> float:
    return QUESTIONS[panel.question - 1].yes


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
    axes.annotate(
        "← yes", (level, 1), xycoords=axes.get_xaxis_transform(),
        xytext=(-look.name_offset, 0), textcoords="offset points", ha="right", va="top",
        color=style.GREY, fontsize=look.small_note,
    )  # fmt: skip
    if rows["value_lo"].min() > 0:
        axes.set_xlim(left=0.0)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(label)


def _handles(cells: pd.DataFrame, models: Sequence[str]) -> list[Line2D]:
    found = []
    for place, model in enumerate(models):
        color, marker = style.series_look(place)
        rows = cells[cells[C.MODEL] == model]
        weights, seeds = int(rows[C.N_PARAMETERS].max()), int(rows["n_seeds"].min())
        label = f"{weights:,} weights, {counted(seeds, 'seed')}; bars: 95 % intervals"
        found.append(Line2D([], [], color=color, marker=marker, label=label))
    return found
