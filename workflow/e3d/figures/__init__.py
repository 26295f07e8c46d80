"""The ``figures`` stage: each module draws one figure, ``make(tables) -> Figure``, from tables alone.

Figures read, fit and change nothing: every number they show stands in a table of the study.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from e3d import tables
from e3d.errors import InputError, choices

FIGURES: dict[str, tuple[str, ...]] = {
    "molecules": ("decompose/summary", "decompose/bond_means"),
    "distributions": ("decompose/summary", "entropy/histogram"),
    "parity": ("decompose/summary", "bde/named", "bde/summary"),
    "learning": ("evaluate/errors", "scaling/fits"),
    "emergence": ("decompose/summary", "bde/summary", "entropy/entropy", "entropy/decomposability"),
}
"""Name of each figure (and of its module) and the tables it is made from."""

FINDINGS_TABLES = (
    "decompose/summary",
    "evaluate/errors",
    "bde/summary",
    "bde/order",
    "entropy/decomposability",
    "scaling/fits",
)
"""The tables the findings are written from."""


def draw(name: str, folder: Path, output: Path, *, molecules: Sequence[str] = ()) -> None:
    """Draw one figure from the tables under ``folder`` and write PNG, SVG and PDF beside ``output``.

    Raises
    ------
    InputError
        If the figure is unknown or a table is missing.
    """
    if name not in FIGURES:
        raise InputError(f"figure {name!r} is not known - {choices(name, FIGURES)}. Fix the name.")
    needed = {table: tables.read(folder / f"{table}.csv") for table in FIGURES[name]}
    make = import_module(f"e3d.figures.{name}").make
    options = {"molecules": molecules} if name == "molecules" else {}
    from e3d.figures import style

    style.save(lambda: make(needed, **options), output)
