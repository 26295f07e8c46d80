"""Copy what a study publishes: its tables, PNG figures, findings, and what each rule cost.

What is copied is small and is what ``published: true`` draws from; data, models and the long
per-frame tables stay behind.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from e3d import provenance
from e3d.errors import InputError, choices
from e3d.fields import Column
from study.costs import COSTS_FILE, MACHINE_FILE, costs, machine
from study.findings.sections import write_findings
from study.readme import fill_readme
from study.runs import all_given
from study.stages import FIGURES, RUNS_TABLE, STAGES, figures_made, findings_tables
from study.tables import read_tables

FIGURES_FOLDER = "figures"
FINDINGS_FILE = Path(FIGURES_FOLDER, "findings.md")


def publish(
    results: Path, output: Path, only: Sequence[str] = (), readme: Path | None = None
) -> None:
    """Copy ``results`` of a finished study into ``output``, replacing an earlier copy there.

    Parameters
    ----------
    results
        Results folder of the study.
    output
        Folder of the publication.
    only
        Stages (``gauge``) whose figures, tables and findings alone are published.
    readme
        File whose marked blocks are written from the publication.

    Raises
    ------
    InputError
        If the study is not finished, or ``output`` holds something else than a published study.
    """
    tables, others = _files(results, only)
    inside = results.resolve().is_relative_to(output.resolve())
    if inside or (output.exists() and not (output / COSTS_FILE).is_file()):
        raise InputError(
            f"{output}: is not a published study (it has no {COSTS_FILE}), so it is not replaced. "
            "Give a new folder, or one published before."
        )
    with provenance.whole_folder(output) as fresh:
        for path in (*tables, *others):
            target = fresh / path.relative_to(results)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        if only:
            write_findings([fresh], fresh / FINDINGS_FILE, only)
        costs(results / "costs").to_csv(fresh / COSTS_FILE, index=False, lineterminator="\n")
        provenance.write_json(fresh / MACHINE_FILE, machine(tables[0]))
    if readme is not None:
        text = fill_readme(readme.read_text(encoding="utf-8"), output)
        provenance.write_text(readme, text)


def _figures(results: Path) -> list[str]:
    """Return the figures of the study whose results these are."""
    (runs,) = read_tables([results], [RUNS_TABLE]).values()
    return figures_made(grid=not all_given(runs[Column.RUN]))


def _files(results: Path, only: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Return the tables to publish, and the figures with the findings.

    Raises
    ------
    InputError
        If a stage of ``only`` has no figures and findings, or a file is missing.
    """
    drawn = {
        stage.name: [figure.name for figure in stage.figures]
        for stage in STAGES
        if stage.figures and stage.findings
    }
    unknown = [name for name in only if name not in drawn]
    if unknown:
        raise InputError(
            f"--only {unknown[0]!r} - {choices(unknown[0], drawn)}. "
            "Name stages with figure and findings."
        )
    figures = [figure for name in only for figure in drawn[name]] or _figures(results)
    others = [results / FIGURES_FOLDER / f"{name}.png" for name in figures]
    if only:
        names = {table for name in figures for table in FIGURES[name].tables}
        tables = sorted(results / f"{name}.csv" for name in names | {*findings_tables(only)})
    else:
        tables = sorted(results.glob("*/*.csv"))
        others.append(results / FINDINGS_FILE)
    missing = [str(path) for path in (*others, *tables) if not path.is_file()]
    if missing or not tables:
        raise InputError(
            f"{results}: lacks {', '.join(missing) or 'tables'}. "
            "Run the study to its end first: make study."
        )
    return tables, others
