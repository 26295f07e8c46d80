"""Copy what a study publishes: its tables, PNG figures, findings, and what each rule cost.

What is copied is small and is what ``published: true`` draws from; data and the long per-frame
tables stay behind, and so do models, but for those whose weights are asked for. Long tables that a
stage keeps are written as Parquet. Findings are written anew from the tables that are copied. An
RO-Crate describes the whole (:mod:`study.crate`).
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from e3d import lineage, provenance
from e3d import tables as files
from e3d.errors import InputError, absent, choices
from study.costs import COSTS_FILE, FINISHED, MACHINE_FILE, costs, finished, machine
from study.crate import CRATE_FILE, PROJECT, WORKFLOW_FILE, crate_text
from study.findings.sections import write_findings
from study.readme import fill_readme
from study.runs import n_sets
from study.stages import (
    FIGURES,
    RUNS_TABLE,
    STAGES,
    figures_made,
    findings_tables,
    kept_of,
    names_of,
    tables_made,
)
from study.tables import read_tables

FIGURES_FOLDER = "figures"
WEIGHTS_FOLDER = "weights"
FINDINGS_FILE = Path(FIGURES_FOLDER, "findings.md")
_PNG = b"\x89PNG"


def publish(
    results: Path,
    output: Path,
    only: Sequence[str] = (),
    weights: Sequence[str] = (),
    readme: Path | None = None,
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
    weights
        Runs (``minispice/n512/nano/s0``) whose models are published too, without their optimisers.
    readme
        File whose marked block is written from the publication.

    Raises
    ------
    InputError
        If the study is not finished, or ``output`` holds something else than a published study.
    """
    tables, figures, kept = _files(results, only)
    models = {name: _model(results, name) for name in weights}
    inside = results.resolve().is_relative_to(output.resolve())
    if inside or (output.exists() and not (output / COSTS_FILE).is_file()):
        raise InputError(
            f"{output}: is not a published study (it has no {COSTS_FILE}), so it is not replaced. "
            "Give a new folder, or one published before."
        )
    with provenance.whole_folder(output) as fresh:
        for path in (*tables, *figures):
            target = fresh / path.relative_to(results)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        for path in kept:
            target = fresh / path.relative_to(results).with_suffix(".parquet")
            files.to_parquet(files.read(path), target, lineage.origin(path).made_from)
        for name, model in models.items():
            from study.train.weights import write_weights  # PyTorch takes seconds

            write_weights(model, fresh / WEIGHTS_FOLDER / f"{name}.ckpt")
        write_findings([fresh], fresh / FINDINGS_FILE, only)
        costs(results / "costs").to_csv(fresh / COSTS_FILE, index=False, lineterminator="\n")
        made = {**machine(tables[0]), FINISHED: finished(results / "costs")}
        provenance.write_json(fresh / MACHINE_FILE, made)
        shutil.copyfile(PROJECT / "workflow" / WORKFLOW_FILE, fresh / WORKFLOW_FILE)
        text = crate_text(fresh, output.resolve().name)
        provenance.write_text(fresh / CRATE_FILE, text)
    if readme is not None:
        text = fill_readme(readme.read_text(encoding="utf-8"), output)
        provenance.write_text(readme, text)


def _model(results: Path, run: str) -> Path:
    """Return the model of a run that was trained."""
    path = results / "train" / run / "model.ckpt"
    if not path.is_file():
        raise InputError(
            f"--weights {run!r}: {path}: {absent(path)}. Name runs that were trained, as in "
            "minispice/n512/nano/s0."
        )
    return path


def _files(results: Path, only: Sequence[str]) -> tuple[list[Path], list[Path], list[Path]]:
    """Return the tables to publish, the figures, and the tables that become Parquet.

    Raises
    ------
    InputError
        If a stage of ``only`` has no figures and findings, a file is missing or no figure, or a
        table is not what the study wrote.
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
    if only:
        names = [figure for name in only for figure in drawn[name]]
        needed = {table for name in names for table in FIGURES[name].tables}
        needed |= {*findings_tables(only)}
        stages = [*only]
    else:
        (runs,) = read_tables([results], [RUNS_TABLE]).values()
        sets = n_sets(runs)
        names, needed = figures_made(sets=sets), {*tables_made(sets=sets)}
        stages = names_of(sets=sets)
    figures = [results / FIGURES_FOLDER / f"{name}.png" for name in names]
    tables = sorted(results / f"{name}.csv" for name in needed)
    kept = [results / f"{name}.csv" for name in kept_of(stages)]
    for path in (*figures, *tables, *kept):
        if not path.is_file() or (path in figures and not path.read_bytes().startswith(_PNG)):
            raise InputError(
                f"{path}: {'is no PNG' if path.is_file() else absent(path)}. Run the study to its "
                "end first: make study."
            )
    _require_one_study([*tables, *kept])
    return tables, figures, kept


def _require_one_study(tables: Sequence[Path]) -> None:
    """Refuse tables that are not what a study wrote, by their notes, or not all of one study."""
    for path in tables:
        if lineage.origin(path).version == 1:
            raise InputError(
                f"{path}: no note beside it says what it was made from, so it is not what this "
                "study wrote. Make it again: remove it, and make study."
            )
    lineage.merged((path, lineage.origin(path).made_from) for path in tables)
