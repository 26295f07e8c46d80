"""The tables of one run: barriers, stretch scans and D along reaction paths."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from e3d import tables
from e3d.errors import InputError
from e3d.options import own_run
from e3d.potential import EdgePotential
from study.reactivity.barriers import barrier_table, summary_table
from study.reactivity.coverage import Coverage, coverage
from study.reactivity.labelled import read_paths, read_scans
from study.reactivity.paths import path_tables
from study.reactivity.reactions import of_dbh24, of_paths, of_transition1x
from study.reactivity.scans import scan_summary, scan_table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Files:
    """Geometries and labels of paths and of scans, labelled species of DBH24, Transition1x."""

    paths: Path
    path_labels: Path
    scans: Path
    scan_labels: Path
    references: Path
    transition1x: Path | None = None

    @property
    def all(self) -> list[Path]:
        """Every file."""
        own = [self.paths, self.path_labels, self.scans, self.scan_labels, self.references]
        return own if self.transition1x is None else [*own, self.transition1x]


@dataclass(frozen=True)
class Trained:
    """What a run was trained on: its store and its table of training frames."""

    store: Path
    subset: Path


def run_tables(
    model: EdgePotential,
    files: Files,
    output: Path,
    run: Mapping[str, Any],
    *,
    path: Path,
    trained: Trained | None = None,
) -> dict[str, pd.DataFrame]:
    """Write the tables of one run beside ``output`` (``<run>.csv``: barriers).

    Parameters
    ----------
    path
        The model's file, for the provenance notes.
    trained
        Without it, what is extrapolation is unknown and blank, and labels are taken to be of the model's level.

    Raises
    ------
    InputError
        If a file lacks something, or the model knows the elements of no reaction, scan or path.
    """
    known, theory = (
        (None, "") if trained is None else coverage(trained.store, trained.subset, model.r_max)
    )
    made = make_tables(model, files, known, theory)
    if all(made[suffix].empty for suffix in ("", ".scans", ".paths")):
        raise InputError(
            f"{path}: knows the elements of no reaction, scan or path in {files.paths}, {files.scans}, "
            f"{files.references}. Give a model that knows at least H, C and O."
        )
    inputs = [path, *files.all] + ([] if trained is None else [trained.store, trained.subset])
    for suffix, table in made.items():
        tables.write(
            tables.with_run(table, run),
            output.with_name(f"{output.stem}{suffix}.csv"),
            inputs=inputs,
        )
    return made


def make_tables(
    model: EdgePotential, files: Files, known: Coverage | None, theory: str
) -> dict[str, pd.DataFrame]:
    """Return the tables by the suffix of their files; ``theory`` is the run's level, "" if unknown."""
    paths, paths_at = read_paths(files.paths, files.path_labels)
    scans, scans_at = read_scans(files.scans, files.scan_labels)
    reactions = chain(
        of_paths(paths, paths_at, theory),
        of_dbh24(files.references, theory),
        () if files.transition1x is None else of_transition1x(files.transition1x, theory),
    )
    barriers, skipped = barrier_table(model, reactions, known)
    if skipped:
        log.warning("reactions left out for elements the model does not know: %s", skipped)
    points = scan_table(model, scans, known, scans_at, theory)
    along, changes = path_tables(model, paths, known, paths_at, theory)
    return {
        "": barriers,
        ".summary": summary_table(barriers, skipped),
        ".scans": points,
        ".scan_errors": scan_summary(points),
        ".paths": along,
        ".path_changes": changes,
    }


def run(
    model: Path,
    store: Path | None,
    subset: Path | None,
    device: str,
    output: Path,
    run: Mapping[str, Any] | None,
    **files: Path,
) -> None:
    """Write the six tables of a model; ``files`` are those of :class:`Files`.

    Raises
    ------
    InputError
        If only one of ``store`` and ``subset`` is given, or as :func:`run_tables`.
    """
    from e3d.models import load_model

    if (store is None) != (subset is None):
        raise InputError(
            "--store and --subset go together: the training frames are numbers of the store. "
            "Give both."
        )
    trained = None if store is None or subset is None else Trained(store, subset)
    columns = run or own_run(model)
    loaded = load_model(model, device)
    run_tables(loaded, Files(**files), output, columns, path=model, trained=trained)
