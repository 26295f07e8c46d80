"""The ``figures`` stage: each module draws one figure, ``make(tables) -> Figure``, from tables alone.

Figures read, fit and change nothing: every number they show stands in a table of the study.
"""

import shutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from e3d.errors import InputError, choices
from e3d.fields import Column as C

if TYPE_CHECKING:  # the workflow reads the registry below at every start
    import pandas as pd


class Drawn(NamedTuple):
    """A figure: what README says it shows, and the tables it is made from."""

    shows: str
    tables: tuple[str, ...]


FIGURES: dict[str, Drawn] = {
    "molecules": Drawn("D on drawn molecules", ("decompose/summary", "decompose/bond_means")),
    "distributions": Drawn("D by bond type", ("decompose/summary", "entropy/histogram")),
    "parity": Drawn("D against three reference energies", ("decompose/summary", "bde/named", "bde/summary")),
    "learning": Drawn("test error against N", ("evaluate/errors", "scaling/fits")),
    "emergence": Drawn(
        "bond energies, entropy, decomposability against N",
        ("decompose/summary", "bde/summary", "entropy/entropy", "entropy/decomposability"),
    ),
    "entropy": Drawn(
        "entropy and information, in bins and without",
        ("decompose/summary", "entropy/entropy", "entropy/decomposability", "entropy/sensitivity"),
    ),
    "null": Drawn("D beside null models", ("decompose/summary", "null/compare", "null/named")),
    "reactivity": Drawn(
        "activation energies; D along reaction paths",
        ("decompose/summary", "reactivity/barriers", "reactivity/summary", "reactivity/paths"),
    ),
    "scans": Drawn("stretched bonds: energy and D", ("decompose/summary", "reactivity/scans")),
    "dynamics": Drawn(
        "molecular dynamics: D before a bond breaks",
        (
            "decompose/summary",
            "reactivity/dynamics",
            "reactivity/spectrum",
            "reactivity/breaking",
            "reactivity/trajectory",
        ),
    ),
    "gauge": Drawn(
        "how much of D the data fix",
        ("decompose/summary", "gauge/seeds", "gauge/rigidity", "gauge/ablations"),
    ),
    "level": Drawn(
        "D beside the labels' own level of theory",
        ("decompose/summary", "level/summary", "level/separation", "level/orders"),
    ),
    "interplay": Drawn("what goes together over the grid", ("interplay/runs", "interplay/correlations")),
    "robustness": Drawn("the same bonds' D from different training sets", ("robustness/pairs", "robustness/bonds")),
}
"""Name of each figure, and of its module; its place is its number, so a new one goes to the end."""

WITH_VARIANTS = ("gauge", "interplay")
"""Stages whose tables are about variants too (``micro+r35``); everything else shows plain model sizes."""


def number(name: str) -> int:
    """Return the number of a figure, its place in ``FIGURES``: 1, 2, ..."""
    return list(FIGURES).index(name) + 1


def read_tables(paths: Sequence[Path], needed: Sequence[str]) -> "dict[str, pd.DataFrame]":
    """Read the ``needed`` tables (``bde/named``) out of files, or out of one results folder.

    Raises
    ------
    InputError
        If one is missing or cannot be read.
    """
    from e3d import tables

    if len(paths) == 1 and paths[0].is_dir():
        paths = [paths[0] / f"{name}.csv" for name in needed]
    found = {f"{path.parent.name}/{path.stem}": path for path in paths}
    missing = [name for name in needed if name not in found]
    if missing:
        raise InputError(
            f"tables {', '.join(missing)} are not among {', '.join(map(str, paths))}. Give the results folder, or "
            f"the files {', '.join(f'<folder>/{name}.csv' for name in needed)}."
        )
    read = {name: tables.read(found[name]) for name in needed}
    return {
        name: table if name.split("/")[0] in WITH_VARIANTS or C.MODEL not in table else tables.plain(table)
        for name, table in read.items()
    }


def draw(
    name: str, paths: Sequence[Path], output: Path, *, molecules: Sequence[str] = (), numbered: Path | None = None
) -> None:
    """Draw one figure from tables and write PNG, SVG and PDF beside ``output``; the PDF once more as ``numbered``.

    Raises
    ------
    InputError
        If the figure is unknown or a table is missing.
    """
    if name not in FIGURES:
        raise InputError(f"figure {name!r} is not known - {choices(name, FIGURES)}. Fix the name.")
    needed = read_tables(paths, FIGURES[name].tables)
    make = import_module(f"e3d.figures.{name}").make
    options = {"molecules": molecules} if name == "molecules" else {}
    from e3d.figures import saving
    from e3d.provenance import atomic

    saving.save(lambda: make(needed, **options), output)
    if numbered is not None:
        with atomic(numbered) as temporary:
            shutil.copyfile(output.with_suffix(".pdf"), temporary)
