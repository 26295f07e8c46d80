"""What the study's tables say, in sentences: Markdown made from tables alone, a section per stage.

A section is ``study/<stage>/findings.py`` with ``sentences(tables, run) -> Iterable[str]``: one or
two sentences each, the most important first. ``run`` is the reference run of a dataset (largest
training set there, largest plain model size). Numbers are written by ``study.findings.wording``:
means over seeds, the widest interval of any seed in square brackets, then the lowest and highest
seed. A section never says more than its intervals show.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

import pandas as pd

from e3d.provenance import write_text
from study import runs
from study.stages import FINDINGS, RUNS_TABLE, findings_module, findings_tables
from study.tables import read_tables


def write_findings(tables: Sequence[Path], output: Path, sections: Sequence[str] = ()) -> None:
    """Write the findings of all stages, or of ``sections``, as lists under headings.

    ``tables`` are files, or one results folder.

    Raises
    ------
    InputError
        If a table is missing.
    """
    parts = findings(read_tables(tables, findings_tables(sections)), sections)
    texts = [_markdown(FINDINGS[name].title, found) for name, found in parts.items()]
    write_text(output, "\n\n".join(texts) + "\n")


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


def _markdown(title: str, sentences: Sequence[str]) -> str:
    return "\n".join([f"**{title}**", "", *(f"- {sentence}" for sentence in sentences)])
