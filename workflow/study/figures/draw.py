"""Draw one figure of a stage: ``make(tables) -> Figure`` from tables alone, as PNG, SVG and PDF.

Figures read, fit and change nothing: every number they show stands in a table of the study.
"""

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from e3d.errors import InputError, choices
from e3d.fields import Column
from e3d.provenance import atomic
from study.figures import saving
from study.figures.drawing import page
from study.soundness.verdicts import reasons
from study.stages import FIGURES, LAWS_TABLE, figure_module
from study.tables import has_table, named_in_errors, read_tables

_LINE: Final = 70
"""Letters in a line of text."""


def draw(
    name: str,
    tables: Sequence[Path],
    output: Path,
    *,
    molecules: Sequence[str] = (),
    numbered: Path | None = None,
    run: str = "",
) -> None:
    """Draw a figure and write PNG, SVG and PDF beside ``output``.

    Parameters
    ----------
    name
        Which figure.
    tables
        Files of the tables it is drawn from, or one results folder.
    molecules
        SMILES, for the figure that draws molecules.
    numbered
        Where the PDF goes once more, by the figure's number.
    run
        Show this run alone, not the study's reference run. Of one that breaks a law there is a
        figure that says so.

    Raises
    ------
    InputError
        If the figure or the run is unknown, the figure shows more than one run, or a table is
        missing.
    """
    if name not in FIGURES:
        raise InputError(f"figure {name!r} is not known - {choices(name, FIGURES)}. Fix the name.")
    needed = read_tables(tables, FIGURES[name].tables)
    if run and (why := _left_out(run, tables)):
        saving.save(lambda: _text_alone(f"{run} is left out: {why}."), output)
        return
    if run:
        needed = _of_run(run, name, needed)
    make = import_module(figure_module(name)).make
    options = {"molecules": molecules} if "molecules" in FIGURES[name].settings else {}
    with named_in_errors(f"figure {name!r}", tables, FIGURES[name].tables):
        saving.save(lambda: make(needed, **options), output)
    if numbered is not None:
        with atomic(numbered) as temporary:
            shutil.copyfile(output.with_suffix(".pdf"), temporary)


def _text_alone(text: str) -> Figure:
    """Return a figure that says something and shows nothing."""
    figure = page(1)
    figure.text(0.5, 0.5, textwrap.fill(text, _LINE), ha="center", va="center")
    return figure


def _left_out(run: str, tables: Sequence[Path]) -> str:
    """Return why a run is in no table, where it breaks a law."""
    if not has_table(tables, LAWS_TABLE):
        return ""
    (laws,) = read_tables(tables, [LAWS_TABLE]).values()
    return reasons(laws).get(run, "")


def _of_run(run: str, name: str, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the rows of one run."""
    if not FIGURES[name].of_one_run:
        single = [figure for figure in FIGURES if FIGURES[figure].of_one_run]
        raise InputError(
            f"figure {name!r} shows many runs, and --run {run} is one - figures of one run: "
            f"{', '.join(single)}. Leave out --run, or name one of these."
        )
    known = list(dict.fromkeys(one for table in tables.values() for one in table[Column.RUN]))
    if run not in known:
        raise InputError(
            f"--run {run!r} is not in the tables of figure {name!r} - {choices(run, known)}. "
            "Fix the name."
        )
    return {key: table[table[Column.RUN] == run] for key, table in tables.items()}
