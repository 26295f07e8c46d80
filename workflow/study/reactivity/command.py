"""The command ``reactivity``: six tables of one model."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from e3d import lineage, tables
from e3d.errors import InputError
from e3d.models import load_model
from e3d.options import own_run
from e3d.potential import EdgePotential
from study.reactivity.barriers import barrier_table, summary_table
from study.reactivity.coverage import Coverage, read_coverage
from study.reactivity.labelled import LabelledPath, LabelledScan, read_paths, read_scans
from study.reactivity.paths import path_tables
from study.reactivity.reactions import Reaction, of_dbh24, of_paths, of_transition1x
from study.reactivity.scans import scan_summary, scan_table

log = logging.getLogger(__name__)


def write_tables(
    *,
    model: Path,
    paths: Path,
    path_labels: Path,
    scans: Path,
    scan_labels: Path,
    references: Path,
    transition1x: Path | None,
    store: Path | None,
    subset: Path | None,
    theory: str,
    run: Mapping[str, Any] | None,
    device: str,
    output: Path,
) -> None:
    """Write barriers to ``output`` (``<run>.csv``) and five more tables beside it.

    Parameters
    ----------
    model, run, device
        Trained checkpoint, the run's columns, and where the model is evaluated.
    paths, path_labels, scans, scan_labels
        Geometries of reaction paths and of stretched bonds, and their labels.
    references, transition1x
        Labelled species of DBH24, and Transition1x's file for barriers of its reactions too.
    store, subset
        What the model was trained on. Without them, what is extrapolation stays blank.
    theory
        Without them, the model's level of theory; empty: that of the labels.

    Raises
    ------
    InputError
        If a file lacks something, only one of ``store`` and ``subset`` is given, or the model is of
        another run or was trained on other frames.
    """
    if (store is None) != (subset is None):
        raise InputError(
            "--store and --subset go together: the training frames are numbers of the store. "
            "Give both."
        )
    found_paths, found_scans = read_paths(paths, path_labels), read_scans(scans, scan_labels)
    potential = load_model(model, device)
    lineage.require_run(potential, run)
    known = None
    if store is not None and subset is not None:
        known, theory = read_coverage(store, subset, potential)
    reactions = chain(
        of_paths(found_paths, theory),
        of_dbh24(references, theory),
        () if transition1x is None else of_transition1x(transition1x, theory),
    )
    parts = reactivity_tables(potential, reactions, found_scans, found_paths, known, theory)
    if all(parts[suffix].empty for suffix in ("", ".scans", ".paths")):
        log.warning(
            "%s: knows the elements of no reaction, scan or path in %s, %s, %s: tables are empty",
            *(model, paths, scans, references),
        )
    files = (model, paths, path_labels, scans, scan_labels, references, transition1x, store, subset)
    inputs = [path for path in files if path is not None]
    tables.write_of_run(parts, output, run or own_run(model), inputs=inputs)


def reactivity_tables(
    model: EdgePotential,
    reactions: Iterable[Reaction],
    scans: Sequence[LabelledScan],
    paths: Sequence[LabelledPath],
    coverage: Coverage | None,
    theory: str,
) -> dict[str, pd.DataFrame]:
    """Return the six tables by what their files' names end in; ``theory`` is the run's level."""
    barriers, skipped = barrier_table(model, reactions, coverage)
    if skipped:
        log.warning("reactions left out for elements the model does not know: %s", skipped)
    points = scan_table(model, scans, coverage, theory)
    along, changes = path_tables(model, paths, coverage, theory)
    return {
        "": barriers,
        ".summary": summary_table(barriers, skipped),
        ".scans": points,
        ".scan_errors": scan_summary(points),
        ".paths": along,
        ".path_changes": changes,
    }
