"""Draw one figure of a stage: ``make(tables) -> Figure`` from tables alone, as PNG, SVG and PDF.

Figures read, fit and change nothing: every number they show stands in a table of the study.
"""

import shutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from e3d.errors import InputError, choices
from e3d.fields import Column
from e3d.provenance import atomic
from study.figures import saving
from study.stages import FIGURES, figure_module
from study.tables import read_tables


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
        Show this run alone, not the study's reference run.

    Raises
    ------
    InputError
        If the figure is unknown or a table is missing.
    """
    if name not in FIGURES:
        raise InputError(f"figure {name!r} is not known - {choices(name, FIGURES)}. Fix the name.")
    needed = read_tables(tables, FIGURES[name].tables)
    if run:
        needed = {key: table[table[Column.RUN] == run] for key, table in needed.items()}
    make = import_module(figure_module(name)).make
    options = {"molecules": molecules} if "molecules" in FIGURES[name].settings else {}
    saving.save(lambda: make(needed, **options), output)
    if numbered is not None:
        with atomic(numbered) as temporary:
            shutil.copyfile(output.with_suffix(".pdf"), temporary)
