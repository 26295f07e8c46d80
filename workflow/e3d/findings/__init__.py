"""What the study's tables say, in sentences: Markdown made from the tables alone, a section per stage.

A section is a module of this package with ``sentences(tables, run) -> Iterable[str]``: one or two sentences each, the
most important first. ``run`` is the reference run of a dataset (largest training set there, largest plain model size).
To add one: write the module, and name it in ``SECTIONS`` with the tables it reads and how many of its sentences
README quotes. Numbers are written by :mod:`e3d.findings.wording`: means over seeds, the widest interval of any seed in
square brackets, then the lowest and highest seed; a section never says more than its intervals show.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # the workflow reads the registry below at every start
    import pandas as pd


class Section(NamedTuple):
    """A part of the findings: its heading, the tables it reads, and how many of its sentences README quotes."""

    title: str
    tables: tuple[str, ...]
    quoted: int
    every_dataset: bool = False


SECTIONS: dict[str, Section] = {
    "study": Section(
        "What D is",
        (
            "decompose/summary",
            "evaluate/errors",
            "bde/summary",
            "bde/order",
            "entropy/decomposability",
            "scaling/fits",
        ),
        quoted=4,
        every_dataset=True,
    ),
    "entropy": Section(
        "How much D tells, and how sure its entropy is",
        ("entropy/entropy", "entropy/decomposability"),
        quoted=2,
    ),
    "null": Section(
        "What D must beat",
        ("null/compare", "null/follows", "null/types"),
        quoted=3,
    ),
    "gauge": Section(
        "How much of D the data fix",
        ("gauge/seeds", "gauge/rigidity", "gauge/ablations", "gauge/contrasts", "gauge/compare"),
        quoted=1,
    ),
    "level": Section(
        "Is it the labels?",
        ("level/summary", "level/separation", "level/orders"),
        quoted=1,
    ),
    "interplay": Section("Interplay", ("interplay/correlations",), quoted=2),
    "robustness": Section("Robustness across training sets", ("robustness/pairs",), quoted=1),
    "reactivity": Section(
        "Reactions",
        ("reactivity/summary", "reactivity/scan_errors", "reactivity/path_changes"),
        quoted=2,
    ),
    "dynamics": Section(
        "Does D foretell which bond breaks?",
        ("reactivity/dynamics", "reactivity/breaking"),
        quoted=1,
    ),
}
"""Sections in the order in which they are written; the key names the module."""

RUNS = "decompose/summary"
"""The table that says which runs there are."""


def needed_tables(sections: Sequence[str] = ()) -> list[str]:
    """Return the tables that the findings, or some of their sections, are written from."""
    tables = [table for name in sections or SECTIONS for table in SECTIONS[name].tables]
    return list(dict.fromkeys([RUNS, *tables]))


def write_findings(paths: Sequence[Path], output: Path, sections: Sequence[str] = ()) -> None:
    """Write the findings, or some ``sections``, from tables (files, or one results folder) as lists under headings.

    Raises
    ------
    InputError
        If a table is missing.
    """
    from e3d.figures import read_tables
    from e3d.provenance import write_text

    parts = findings(read_tables(paths, needed_tables(sections)), sections)
    write_text(output, "\n\n".join(_markdown(SECTIONS[name].title, found) for name, found in parts.items()) + "\n")


def findings(tables: "dict[str, pd.DataFrame]", sections: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return the sentences of every section, or of ``sections``."""
    from e3d.figures import runs

    datasets = runs.datasets(tables[RUNS])
    parts: dict[str, list[str]] = {}
    for name in sections or SECTIONS:
        section = SECTIONS[name]
        module = import_module(f"e3d.findings.{name}")
        parts[name] = []
        for dataset in datasets if section.every_dataset else datasets[:1]:
            several = section.every_dataset and len(datasets) > 1
            for sentence in module.sentences(tables, runs.reference(tables[RUNS], dataset)):
                parts[name].append(f"{dataset}: {sentence}" if several else sentence)
    return parts


def quoted(parts: "dict[str, list[str]]") -> str:
    """Return what README quotes of the findings: the first sentences of every section."""
    short = {SECTIONS[name].title: found[: SECTIONS[name].quoted] for name, found in parts.items()}
    return "\n\n".join(_markdown(title, found) for title, found in short.items() if found)


def _markdown(title: str, sentences: Sequence[str]) -> str:
    return "\n".join([f"**{title}**", "", *(f"- {sentence}" for sentence in sentences)])
