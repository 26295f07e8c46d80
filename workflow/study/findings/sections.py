"""What the study's tables say, in sentences: Markdown made from tables alone, a section per stage.

A section is ``study/<stage>/findings.py`` with ``sentences(tables, run) -> Iterable[str]``: one or
two sentences each, the most important first. ``run`` is the reference run of a dataset (largest
training set there, largest plain model size). A sentence is a plain answer with one number and its
interval over molecules and seeds, written by ``study.findings.wording``. A section never says more
than its intervals show; what else there is stays in the tables.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path

import pandas as pd

from e3d.errors import InputError, choices
from e3d.fields import Column as C
from e3d.provenance import write_text
from study import runs
from study.fields import is_given, trained
from study.findings.text import markdown
from study.stages import FINDINGS, RUNS_TABLE, findings_module, findings_tables, sections_made
from study.tables import has_table, named_in_errors, read_tables


def write_findings(tables: Sequence[Path], output: Path, sections: Sequence[str] = ()) -> None:
    """Write the findings of all stages, or of ``sections``, as lists under headings.

    Those of all stages end with given models. ``tables`` are files, or one results folder.

    Raises
    ------
    InputError
        If a table is missing, or a section is none.
    """
    for name in sections:
        if name not in FINDINGS:
            raise InputError(
                f"--sections {name!r} - {choices(name, FINDINGS)}. Name stages that have findings."
            )
    of_study = sections or _all_sections(tables)
    needed = findings_tables(of_study)
    read = read_tables(tables, needed)
    with named_in_errors("findings", tables, needed):
        parts = {FINDINGS[name].title: found for name, found in findings(read, of_study).items()}
        for run in () if sections else _other_given(read[RUNS_TABLE]):
            parts |= _about_given(read, run)
    write_text(output, "\n\n".join(markdown(*part) for part in parts.items()) + "\n")


def _all_sections(tables: Sequence[Path]) -> list[str]:
    (summary,) = read_tables(tables, [RUNS_TABLE]).values()
    return sections_made(sets=runs.n_sets(summary), has=lambda table: has_table(tables, table))


def findings(
    tables: Mapping[str, pd.DataFrame], sections: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Return the sentences of every section, or of ``sections``, by the name of the stage."""
    parts: dict[str, list[str]] = {}
    for name in sections or FINDINGS:
        module = import_module(findings_module(name))
        if FINDINGS[name].alone:
            parts[name] = list(module.sentences(tables))
        else:
            parts[name] = list(_of_datasets(name, module.sentences, tables))
    return parts


def _of_datasets(
    name: str, sentences: Callable[..., Iterable[str]], tables: Mapping[str, pd.DataFrame]
) -> Iterator[str]:
    """Yield a stage's sentences about the reference run of the first dataset, or of each."""
    summary = tables[RUNS_TABLE]
    datasets = runs.datasets(trained(summary)) or runs.datasets(summary)[:1]
    every = FINDINGS[name].every_dataset
    for dataset in datasets if every else datasets[:1]:
        for sentence in sentences(tables, runs.reference(summary, dataset)):
            yield f"{dataset}: {sentence}" if every and len(datasets) > 1 else sentence


def _other_given(summary: pd.DataFrame) -> list[runs.Run]:
    """Return the given models that are not the study's reference run."""
    given = summary[summary[C.RUN].map(is_given).astype(bool)].drop_duplicates(C.RUN)
    keys = zip(given[C.DATASET], given[C.MODEL], given[C.N_TRAIN], strict=True)
    found = [(str(dataset), str(model), int(n_train)) for dataset, model, n_train in keys]
    return [run for run in found if run != runs.reference(summary)]


def _about_given(tables: Mapping[str, pd.DataFrame], run: runs.Run) -> dict[str, list[str]]:
    """Return the sections about a given model by their titles."""
    return {
        f"The given model {run[1]}: {FINDINGS[name].title}": list(
            import_module(findings_module(name)).sentences(tables, run)
        )
        for name in sections_made(sets=0)
        if not FINDINGS[name].of_study
    }
