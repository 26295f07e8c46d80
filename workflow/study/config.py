"""The study's settings: YAML, checked against a schema, as frozen dataclasses.

Errors are one line: what was given, what is allowed, where, how to mend it. Snakemake and the command
line read settings through this module only. Runtime settings (device, workers) stay outside of what
identifies a run, so that moving to another machine retrains nothing.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from e3d import provenance
from e3d.errors import InputError, choices
from e3d.options import json_object, read_yaml
from study.data.entries import check_entries, sources
from study.fields import VARIANT_SIGN, base_and_variant
from study.schema import check, rules_of, validate
from study.stages import FIGURES, findings_tables

PUBLISHED = Path("results/published")
_AXES = ("dataset", "n_train", "model", "seed")
_NAMED = 4  # missing tables that an error names
NAMED_BONDS_FILE = Path("resources/named_bonds.xyz")


@dataclass(frozen=True)
class Architecture:
    """Hyper-parameters of an Allegro model; the names are nequip-allegro's own where it has one.

    ``shifts`` says what an atom alone weighs (isolated, mean or trainable), ``mean_neighbours`` is Nbar (0: measured).
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


@dataclass(frozen=True)
class Training:
    """How every run is trained: the same number of optimiser steps whatever n_train."""

    steps: int
    steps_per_epoch: int
    batch_size: int
    learning_rate: float
    final_learning_rate_fraction: float
    ema_decay: float
    energy_weight: float
    force_weight: float


@dataclass(frozen=True)
class RunSettings:
    """One run: dataset x n_train x model x seed, its inputs and everything that shapes its weights."""

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
        """Return plain dicts, for YAML and JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunSettings":
        """Check ``values`` against ``schemas/run.schema.yaml`` and build the settings."""
        checked = validate(dict(values), "run")
        study = rules_of("config")["properties"]
        architecture = check(
            checked.pop("architecture"),
            study["models"]["additionalProperties"],
            "run: architecture",
        )
        training = check(checked.pop("training"), study["training"], "run: training")
        _check_training(training)
        return cls(
            architecture=Architecture(**architecture), training=Training(**training), **checked
        )


@dataclass(frozen=True)
class Study:
    """A validated configuration."""

    values: dict[str, Any]
    datasets: dict[str, Any] = field(repr=False)

    def runs(self) -> Iterator[dict[str, Any]]:
        """Yield the run columns (run, dataset, n_train, model, seed), plain types: the grid, then the controls."""
        seen = set()
        for grid in _grids(self.values):
            for dataset, n, model, seed in itertools.product(*(grid[axis] for axis in _AXES)):
                run = f"{dataset}/n{n}/{model}/s{seed}"
                if run not in seen:
                    seen.add(run)
                    yield {
                        "run": run,
                        "dataset": dataset,
                        "n_train": n,
                        "model": model,
                        "seed": seed,
                    }

    def used(self, axis: str) -> list[Any]:
        """Return the values of ``dataset``, ``n_train``, ``model`` or ``seed`` that some run has, in order."""
        return _used(self.values, axis)

    def sources(self) -> list[str]:
        """Return the datasets that are read from files: those of all runs, mixtures resolved."""
        return sources(self.used("dataset"), self.datasets)

    def runtime(self, model: str) -> dict[str, Any]:
        """Return how a model, ``micro`` or ``micro+r35``, is trained: runtime settings, those of its size first."""
        runtime: dict[str, Any] = self.values["runtime"]
        of_size: dict[str, Any] = runtime["models"].get(base_and_variant(model)[0], {})
        return {
            key: value for key, value in runtime.items() if key not in ("models", "container")
        } | of_size

    def mixtures(self) -> list[str]:
        """Return the datasets of all runs that are mixed from others."""
        return [name for name in self.used("dataset") if "mix" in self.datasets[name]]


def _grids(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the grid and the controls, each complete: a list that a control leaves out is the grid's."""
    return [values["grid"], *({**values["grid"], **control} for control in values["controls"])]


def _used(values: Mapping[str, Any], axis: str) -> list[Any]:
    return list(dict.fromkeys(value for grid in _grids(values) for value in grid[axis]))


def load_study(values: Mapping[str, Any], datasets: Mapping[str, Any]) -> Study:
    """Validate a study's configuration and its datasets.

    Parameters
    ----------
    values
        ``config/config.yaml`` with its overlays merged.
    datasets
        ``config/datasets.yaml``.

    Raises
    ------
    InputError
        For an unknown key or name, a wrong type, a value out of range, or a missing dataset file.
    """
    study = validate(dict(values), "config")
    known = validate(dict(datasets), "datasets")
    check_entries(_used(study, "dataset"), known, need_files=not study["published"])
    _check_models(study)
    _check_runtime(study)
    for section in ("figures", "dynamics"):
        _check_molecules(section, study[section]["molecules"])
    check_dynamics(study["dynamics"])
    if study["published"]:
        _check_published(study["study"])
    return Study(study, known)


def load_site(path: Path) -> dict[str, Any]:
    """Read and check the values of a cluster, ``cluster/site.yaml``.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, or holds what is not allowed.
    """
    return validate(read_yaml(path), "site")


def _check_published(name: str) -> None:
    """Refuse to draw from a publication that is not there or lacks tables, such as one older than some figure."""
    folder = PUBLISHED / name
    if not folder.is_dir():
        raise InputError(
            f"published: true, but {folder} is not there. Set `study` to a published study - "
            f"{choices(name, sorted(path.name for path in PUBLISHED.glob('*')))} - or `published: false`."
        )
    needed = dict.fromkeys(
        [*(table for figure in FIGURES.values() for table in figure.tables), *findings_tables()]
    )
    missing = [f"{table}.csv" for table in needed if not (folder / f"{table}.csv").is_file()]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise InputError(
            f"published: true, but {folder} lacks {', '.join(missing[:_NAMED])}{more} of the {len(needed)} tables that "
            f"figures and findings are made from. Publish that study again (e3d publish RESULTS -o {folder}), or draw "
            f"single figures of it (e3d figures {folder} --name NAME -o NAME.png)."
        )


def _check_models(values: Mapping[str, Any]) -> None:
    """Refuse models and variants that cannot be built, and runs of variants alone, which nothing compares with."""
    rules = rules_of("config")["properties"]
    known = [
        key
        for part in (rules["models"]["additionalProperties"], rules["training"])
        for key in part["properties"]
    ]
    for name, changes in values["variants"].items():
        for key in changes:
            if key not in known:
                raise InputError(
                    f"variants.{name}: unknown key {key!r} - {choices(key, known)}. Fix the spelling."
                )
    models = _used(values, "model")
    for model in models:
        _check_training(_settings_of(values, model)[1])
    if all(VARIANT_SIGN in model for model in models):
        raise InputError(
            f"grid.model = {models}: variants alone - at least one plain size is needed, such as "
            f"{base_and_variant(models[0])[0]!r}, since figures and dynamics are made of plain sizes. Add it."
        )


def _check_runtime(values: Mapping[str, Any]) -> None:
    """Refuse devices that no training could use."""
    runtime, sizes = values["runtime"], values["models"]
    for name in runtime["models"]:
        if name not in sizes:
            raise InputError(
                f"runtime.models: {name!r} is not under `models` - {choices(name, sizes)}. "
                "Fix the spelling or remove it."
            )
    batch = values["training"]["batch_size"]
    for name, chosen in {"": runtime, **runtime["models"]}.items():
        both = {**runtime, **chosen}
        where = f"runtime.models.{name}" if name else "runtime"
        ranks = both["devices"] * both["nodes"]
        if batch % ranks:
            raise InputError(
                f"{where}: {both['devices']} devices on {both['nodes']} nodes do not divide training.batch_size = "
                f"{batch}, which is the batch of all of them together. Change one of them."
            )
        if ranks > 1 and ":" in both["device"]:
            raise InputError(
                f"{where}: device {both['device']!r} is one GPU, and {ranks} are asked for. Set `runtime.device: cuda`."
            )


def _check_training(training: Mapping[str, Any]) -> None:
    if training["steps"] % training["steps_per_epoch"]:
        raise InputError(
            f"training.steps = {training['steps']} is not a multiple of training.steps_per_epoch = "
            f"{training['steps_per_epoch']}. Change one of them."
        )


def check_dynamics(dynamics: Mapping[str, Any]) -> None:
    """Refuse settings whose temperatures and numbers of replicas do not go together."""
    temperatures, replicas = len(dynamics["temperatures_K"]), len(dynamics["replicas"])
    if temperatures != replicas:
        raise InputError(
            f"dynamics.replicas has {replicas} numbers, dynamics.temperatures_K {temperatures} - one number of "
            "replicas for each temperature. Change one of them."
        )


def _check_molecules(section: str, wanted: list[str]) -> None:
    """Refuse molecules that cannot be drawn or simulated now, not after all training."""
    known = re.findall(r"\bname=(\S+)", NAMED_BONDS_FILE.read_text(encoding="utf-8"))
    for name in wanted:
        if name not in known:
            raise InputError(
                f"{section}.molecules: {name!r} is no molecule of {NAMED_BONDS_FILE} - {choices(name, known)}. "
                "Write one of these canonical SMILES."
            )


def _settings_of(values: Mapping[str, Any], model: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the architecture and the training of a model, ``micro`` or ``micro+r35``.

    Raises
    ------
    InputError
        If the size or the variant is unknown, or the variant changes what cannot be changed.
    """
    base, variant = base_and_variant(model)
    for name, section in ((base, "models"), (variant, "variants")):
        if (section == "models" or VARIANT_SIGN in model) and name not in values[section]:
            raise InputError(
                f"model {model!r}: {name!r} is not under `{section}` - {choices(name, values[section])}. "
                f"Fix it in `grid.model` or `controls`, or add it under `{section}`."
            )
    architecture, training = dict(values["models"][base]), dict(values["training"])
    rules = rules_of("config")["properties"]
    of_model, of_training = rules["models"]["additionalProperties"], rules["training"]
    for key, value in values["variants"].get(variant, {}).items():
        (architecture if key in of_model["properties"] else training)[key] = value
    where = f"variants.{variant}" if variant else ""
    return check(architecture, of_model, where or f"models.{base}"), check(
        training, of_training, where or "training"
    )


def run_settings(study: Study, run: Mapping[str, Any], results: str) -> RunSettings:
    """Return the full settings of one run of the grid; ``results`` is the results folder."""
    data = f"{results}/data/{run['dataset']}"
    architecture, training = _settings_of(study.values, run["model"])
    return RunSettings(
        **run,
        store=f"{data}/store.h5",
        splits=f"{data}/splits.parquet",
        subset=f"{data}/subsets/n{run['n_train']}.csv",
        architecture=Architecture(**architecture),
        training=Training(**training),
    )


def write_run(settings: RunSettings, path: Path) -> None:
    """Write one run's settings as the RUN.yaml that ``e3d train`` reads."""
    provenance.write_text(path, yaml.safe_dump(settings.as_dict(), sort_keys=False))


def write_settings(json: str, output: Path) -> None:
    """Check one run's settings, given as JSON, and write them as RUN.yaml."""
    write_run(RunSettings.from_dict(json_object(json)), output)
