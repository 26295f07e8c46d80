"""What the study's tables say, in sentences: Markdown made from tables alone, a section per stage.

A section is ``study/<stage>/findings.py`` with ``sentences(tables, run) -> Iterable[str]``: one or
two sentences each, the most important first. ``run`` is the reference run of a dataset (largest
training set there, largest plain model size). Numbers are written by ``study.findings.wording``:
means over seeds, the widest interval of any seed in square brackets, then the lowest and highest
seed. A section never says more than its intervals show.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path

import pandas as pd

from e3d.fields import Column as C
from e3d.provenance import write_text
from study import runs
from study.fields import is_given
from study.stages import (
    FINDINGS,
    RUNS_TABLE,
    findings_module,
    findings_tables,
    names_of,
    sections_made,
)
from study.tables import read_tables


def write_findings(tables: Sequence[Path], output: Path, sections: Sequence[str] = ()) -> None:
    """Write the findings of all stages, or of ``sections``, as lists under headings.

    ``tables`` are files, or one results folder.

    Raises
    ------
    InputError
        If a table is missing.
    """
    (summary,) = read_tables(tables, [RUNS_TABLE]).values()
    sections = sections or sections_made(grid=not runs.all_given(summary[C.RUN]))
    read = read_tables(tables, findings_tables(sections))
    parts = [(FINDINGS[name].title, found) for name, found in findings(read, sections).items()]
    parts += [part for run in _given_beside_others(summary) for part in _given(read, sections, run)]
    write_text(output, "\n\n".join(_markdown(*part) for part in parts) + "\n")


def findings(
    tables: Mapping[str, pd.DataFrame], sections: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Return the sentences of every section, or of ``sections``, by the name of the stage."""
    datasets = runs.datasets(tables[RUNS_TABLE])
    parts: dict[str, list[str]] = {}
    for name in sections or FINDINGS:
        section = FINDINGS[name]
        module = import_module(findings_module(name))
        parts[name] = []
        for dataset in datasets if section.every_dataset else datasets[:1]:
            several = section.every_dataset and len(datasets) > 1
            for sentence in module.sentences(tables, runs.reference(tables[RUNS_TABLE], dataset)):
                parts[name].append(f"{dataset}: {sentence}" if several else sentence)
    return parts


def _given_beside_others(summary: pd.DataFrame) -> list[runs.Run]:
    """Return the given models of a study that has runs of its own too."""
    rows = summary.drop_duplicates(C.RUN)
    given = rows[rows[C.RUN].map(is_given)]
    if len(given) == len(rows):
        given = given.iloc[1:]  # the first is the study's reference run
    keys = zip(given[C.DATASET], given[C.MODEL], given[C.N_TRAIN], strict=True)
    return [(str(dataset), str(model), int(n_train)) for dataset, model, n_train in keys]


def _given(
    tables: Mapping[str, pd.DataFrame], sections: Sequence[str], run: runs.Run
) -> Iterator[tuple[str, list[str]]]:
    """Yield the title and the sentences of every section about a given model."""
    for name in sections:
        if name in names_of(grid=False):
            sentences = import_module(findings_module(name)).sentences(tables, run)
            yield f"The given model {run[1]}: {FINDINGS[name].title}", list(sentences)


def _markdown(title: str, sentences: Sequence[str]) -> str:
    return "\n".join([f"**{title}**", "", *(f"- {sentence}" for sentence in sentences)])
