"""The settings of one run: its data and all that shapes its weights, as RUN.yaml holds them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from e3d import provenance
from e3d.errors import InputError, shown
from e3d.options import json_object
from study.schema import check, rules_of, validate

_MOST_FRAMES: Final = 100_000_000
"""The order of an epoch is drawn at its start and kept in memory."""


@dataclass(frozen=True)
class Architecture:
    """Hyper-parameters of an Allegro model; the names are nequip-allegro's own where it has one.

    ``r_max`` is in Å. ``shifts`` says what an atom alone weighs (isolated, mean or trainable),
    ``mean_neighbours`` is Nbar (0: measured), ``zbl`` whether nuclei repel each other by a fixed
    potential beside the network.
    """

    r_max: float
    l_max: int
    parity: bool
    num_layers: int
    num_scalar_features: int
    num_tensor_features: int
    mlp_width: int
    num_bessels: int
    polynomial_cutoff_p: int
    shifts: str = "isolated"
    mean_neighbours: float = 0.0
    zbl: bool = False


@dataclass(frozen=True)
class Training:
    """How every run is trained: the same number of optimiser steps whatever n_train.

    ``retry_diverged`` is the factor of the learning rate in a second try of a training that
    diverged (0: none).
    """

    steps: int
    steps_per_epoch: int
    batch_size: int
    learning_rate: float
    final_learning_rate_fraction: float
    ema_decay: float
    energy_weight: float
    force_weight: float
    retry_diverged: float = 0.0


@dataclass(frozen=True)
class RunSettings:
    """One run, dataset x n_train x model x seed, and the files of its data."""

    run: str
    dataset: str
    n_train: int
    model: str
    seed: int
    store: str
    splits: str
    subset: str
    architecture: Architecture
    training: Training

    def as_dict(self) -> dict[str, Any]:
        """Return plain dicts, for YAML and JSON.

        What came later and is not used is left out (a second try that is not allowed, no repulsion
        of nuclei): without it, runs are what they were before there was such a setting.
        """
        values = asdict(self)
        for part, key in (("training", "retry_diverged"), ("architecture", "zbl")):
            if not values[part][key]:
                del values[part][key]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunSettings":
        """Check ``values`` against ``schemas/run.schema.yaml`` and build the settings.

        Raises
        ------
        InputError
            For the first thing that is not allowed, such as a name that is not that of its values.
        """
        checked = validate(dict(values), "run")
        name = run_name(checked)
        if checked["run"] != name:
            raise InputError(
                f"run: run = {shown(checked['run'])} - its dataset, n_train, model and seed make "
                f"it {name!r}. Correct the one that is wrong."
            )
        for part, build in (("architecture", Architecture), ("training", Training)):
            checked[part] = build(**checked_part(part, checked[part], f"run: {part}"))
        return cls(**checked)

    def write(self, path: Path) -> None:
        """Write the RUN.yaml that ``e3d train`` reads."""
        provenance.write_text(path, yaml.safe_dump(self.as_dict(), sort_keys=False))


def run_name(run: Mapping[str, Any]) -> str:
    """Return the name of a run that is trained here.

    >>> run_name({"dataset": "a", "n_train": 8, "model": "nano", "seed": 0})
    'a/n8/nano/s0'
    """
    return "{dataset}/n{n_train}/{model}/s{seed}".format_map(run)


def rules_of_part(part: str) -> dict[str, Any]:
    """Return the schema of an ``architecture`` or of ``training``."""
    study = rules_of("config")["properties"]
    rules: dict[str, Any] = (
        study["training"] if part == "training" else study["models"]["additionalProperties"]
    )
    return rules


def checked_part(part: str, values: dict[str, Any], where: str) -> dict[str, Any]:
    """Return an ``architecture`` or ``training`` with defaults filled in; errors name ``where``.

    Raises
    ------
    InputError
        For the first thing that is not allowed.
    """
    checked = check(values, rules_of_part(part), where)
    if part == "training":
        _check_training(checked, where)
    return checked


def _check_training(training: Mapping[str, Any], where: str) -> None:
    """Refuse steps that do not end with an epoch, endless ones, and a loss that is always zero."""
    steps, per_epoch = training["steps"], training["steps_per_epoch"]
    if steps % per_epoch:
        raise InputError(
            f"training.steps = {steps} is not a multiple of training.steps_per_epoch = "
            f"{per_epoch}. Change one of them."
        )
    if (frames := per_epoch * training["batch_size"]) > _MOST_FRAMES:
        raise InputError(
            f"{where}: {per_epoch:,} steps_per_epoch of {training['batch_size']:,} frames are "
            f"{frames:,} frames - allowed: {_MOST_FRAMES:,} between two validations. Lower one."
        )
    if not (training["energy_weight"] or training["force_weight"]):
        raise InputError(
            f"{where}: energy_weight and force_weight are both 0, and nothing would be learned. "
            "Set one of them above 0."
        )


def write_settings(json: str, output: Path) -> None:
    """Check one run's settings, given as JSON, and write them as RUN.yaml."""
    RunSettings.from_dict(json_object(json)).write(output)
