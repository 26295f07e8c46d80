"""Check one run's model and write a row for each law."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d import lineage, tables
from e3d.errors import InputError
from e3d.models import load_model
from e3d.options import read_yaml, run_columns
from e3d.potential import LoadedModel
from study.run_settings import RunSettings
from study.soundness import fields
from study.soundness.frames import structures_to_check
from study.soundness.laws import ENERGY, EV_PER_ANG, FORCE, Deviation, check_laws
from study.train.learned import learns_forces, training_error

log = logging.getLogger(__name__)

SEED: Final = 0
"""Of frames, directions and rotations: the same for every run."""


def write_table(
    model: Path,
    store: Path,
    tests: Sequence[Path],
    splits: Path,
    named: Path,
    run: Path,
    output: Path,
    subset: Path | None = None,
    config: Path | None = None,
) -> None:
    """Write how far a model is from each law, and whether it obeys it.

    Parameters
    ----------
    model
        Its file.
    store, splits, tests
        Store whose test frames are taken, its splits, and stores of further test frames.
    named
        Structures of the named bonds.
    run
        RUN.yaml of its run.
    output
        Table that is written.
    subset, config
        Training frames and nequip.yaml of a model that was trained here.

    Raises
    ------
    InputError
        If there is no structure that it can be checked on, or the model is of another run.
    """
    columns = run_columns(run)
    loaded = load_model(model)
    lineage.require_run(loaded, columns)
    rng = np.random.default_rng(SEED)
    structures = structures_to_check(loaded, store, splits, tests, named, rng)
    if not structures:
        raise InputError(
            f"{store}: no test frame, and no molecule of {named}, that {model} can be checked on "
            f"(it knows {', '.join(loaded.type_names)}). Give frames of these elements."
        )
    found = check_laws(loaded, structures, rng)
    if subset is not None:
        found.append(_learned(loaded, RunSettings.from_dict(read_yaml(run))))
    again_at = np.nan if config is None else _again_at(config, run)
    table = pd.DataFrame([_row(one, again_at) for one in found], columns=[*fields.COLUMNS])
    for row in table[table[fields.OBEYED] == fields.NO].to_dict("records"):
        log.warning("%s breaks a law: %s", model, row)
    others = [path for path in (subset, config) if path is not None]
    inputs = [model, store, *tests, splits, named, *others]
    made_from = lineage.of_model(loaded, columns)
    tables.write_of_run({"": table}, output, columns, inputs=inputs, made_from=made_from)


def _learned(model: LoadedModel, run: RunSettings) -> Deviation:
    """Return the error of a model on its training frames; the limit is that of knowing nothing."""
    error, nothing = training_error(model, run)
    quantity, unit = (FORCE, EV_PER_ANG) if learns_forces(run) else (ENERGY, "eV/atom")
    return Deviation(fields.LEARNED, quantity, error, nothing, unit)


def _again_at(config: Path, run: Path) -> float:
    """Return the learning rate that a model was trained with, NaN if it is that of its settings."""
    used = float(read_yaml(config)["training_module"]["optimizer"]["lr"])
    return np.nan if used == read_yaml(run)["training"]["learning_rate"] else used


def _row(found: Deviation, again_at: float) -> dict[str, Any]:
    return {
        fields.LAW: found.law,
        fields.QUANTITY: found.quantity,
        fields.DEVIATION: found.value,
        fields.LIMIT: found.limit,
        fields.UNIT: found.unit,
        fields.OBEYED: fields.YES if found.obeyed else fields.NO,
        fields.AGAIN_AT: again_at,
    }
