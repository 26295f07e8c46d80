"""The study's settings: YAML, checked against a schema, as frozen dataclasses.

Errors are one line: what was given, what is allowed, where, how to mend it. Snakemake and the command
line read settings through this module only. Runtime settings (device, workers) stay outside of what
identifies a run, so that moving to another machine retrains nothing.
"""

import copy
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from e3d import provenance
from e3d.data.entries import check_entries, sources
from e3d.errors import InputError, choices

PUBLISHED = Path("results/published")
NAMED_BONDS_FILE = Path("resources/named_bonds.xyz")
SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
# 32.0 is an integer to JSON schema, but it would name a run n32.0
_VALIDATOR = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


@dataclass(frozen=True)
class Architecture:
    """Hyper-parameters of an Allegro model; the names are nequip-allegro's own where it has one."""

    r_max: float
    l_max: int
    parity: bool
    num_layers: int
    num_scalar_features: int
    num_tensor_features: int
    mlp_width: int
    num_bessels: int
    polynomial_cutoff_p: int


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
        study = _rules("config")["properties"]
        architecture = _check(checked.pop("architecture"), study["models"]["additionalProperties"], "run: architecture")
        training = _check(checked.pop("training"), study["training"], "run: training")
        _check_training(training)
        return cls(architecture=Architecture(**architecture), training=Training(**training), **checked)


@dataclass(frozen=True)
class Study:
    """A validated configuration."""

    values: dict[str, Any]
    datasets: dict[str, Any] = field(repr=False)

    def runs(self) -> Iterator[dict[str, Any]]:
        """Yield the run columns (run, dataset, n_train, model, seed) of the grid, plain types."""
        grid = self.values["grid"]
        for dataset, n, model, seed in itertools.product(grid["dataset"], grid["n_train"], grid["model"], grid["seed"]):
            yield {
                "run": f"{dataset}/n{n}/{model}/s{seed}",
                "dataset": dataset,
                "n_train": n,
                "model": model,
                "seed": seed,
            }

    def sources(self) -> list[str]:
        """Return the datasets that are read from files: those of the grid, mixtures resolved."""
        return sources(self.values["grid"]["dataset"], self.datasets)

    def mixtures(self) -> list[str]:
        """Return the datasets of the grid that are mixed from others."""
        return [name for name in self.values["grid"]["dataset"] if "mix" in self.datasets[name]]


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
    grid = study["grid"]
    check_entries(grid["dataset"], known, need_files=not study["published"])
    for name in grid["model"]:
        if name not in study["models"]:
            raise InputError(
                f"model {name!r} is not under `models` - {choices(name, study['models'])}. "
                "Fix `grid.model`, or add the size under `models`."
            )
    _check_training(study["training"])
    _check_molecules(study["figures"]["molecules"])
    folder = PUBLISHED / study["study"]
    if study["published"] and not folder.is_dir():
        raise InputError(
            f"published: true, but {folder} is not there. Set `study` to a published study - "
            f"{choices(study['study'], sorted(path.name for path in PUBLISHED.glob('*')))} - or `published: false`."
        )
    return Study(study, known)


def _check_training(training: Mapping[str, Any]) -> None:
    if training["steps"] % training["steps_per_epoch"]:
        raise InputError(
            f"training.steps = {training['steps']} is not a multiple of training.steps_per_epoch = "
            f"{training['steps_per_epoch']}. Change one of them."
        )


def _check_molecules(wanted: list[str]) -> None:
    """Refuse molecules that cannot be drawn now, not after all training."""
    known = re.findall(r"\bname=(\S+)", NAMED_BONDS_FILE.read_text(encoding="utf-8"))
    for name in wanted:
        if name not in known:
            raise InputError(
                f"figures.molecules: {name!r} is no molecule of {NAMED_BONDS_FILE} - {choices(name, known)}. "
                "Write one of these canonical SMILES."
            )


def run_settings(study: Study, run: Mapping[str, Any], results: str) -> RunSettings:
    """Return the full settings of one run of the grid; ``results`` is the results folder."""
    data = f"{results}/data/{run['dataset']}"
    return RunSettings(
        **run,
        store=f"{data}/store.h5",
        splits=f"{data}/splits.parquet",
        subset=f"{data}/subsets/n{run['n_train']}.csv",
        architecture=Architecture(**study.values["models"][run["model"]]),
        training=Training(**study.values["training"]),
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, or is not a mapping.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file. Fix the path.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not valid YAML ({reason}). Fix the file.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: holds a {type(values).__name__}, expected `key: value` lines. Fix the file.")
    return values


def write_run(settings: RunSettings, path: Path) -> None:
    """Write one run's settings as the RUN.yaml that ``e3d train`` reads."""
    provenance.write_text(path, yaml.safe_dump(settings.as_dict(), sort_keys=False))


def validate(values: dict[str, Any], schema: str) -> dict[str, Any]:
    """Return a copy of ``values`` with defaults filled in, checked against ``<schema>.schema.yaml``.

    Raises
    ------
    InputError
        For the first error, unknown keys before others.
    """
    return _check(values, _rules(schema), schema)


def _rules(schema: str) -> dict[str, Any]:
    rules: dict[str, Any] = yaml.safe_load((SCHEMAS / f"{schema}.schema.yaml").read_text(encoding="utf-8"))
    return rules


def _check(values: dict[str, Any], rules: dict[str, Any], name: str) -> dict[str, Any]:
    filled = copy.deepcopy(values)
    _fill_defaults(filled, rules)
    _refuse_nan(filled, name)
    errors = sorted(
        _VALIDATOR(rules).iter_errors(filled),
        key=lambda error: (error.validator != "additionalProperties", list(map(str, error.path))),
    )
    if errors:
        raise InputError(_one_line(errors[0], name))
    return filled


def _refuse_nan(values: Any, where: str) -> None:
    """Refuse .nan and .inf, which every bound of a schema lets through."""
    if isinstance(values, float) and not math.isfinite(values):
        raise InputError(f"{where} = {values} - must be a finite number. Fix the value.")
    parts = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in parts:
        _refuse_nan(value, f"{where}.{key}")


def _fill_defaults(values: Any, rules: Mapping[str, Any]) -> None:
    if not isinstance(values, dict):
        return
    for key, rule in rules.get("properties", {}).items():
        if "default" in rule:
            values.setdefault(key, copy.deepcopy(rule["default"]))
        if key in values:
            _fill_defaults(values[key], rule)
    rest = rules.get("additionalProperties")
    if isinstance(rest, dict):
        for key in values.keys() - rules.get("properties", {}).keys():
            _fill_defaults(values[key], rest)


def _exponent_hint(given: Any) -> str:
    """Explain YAML's trap: ``1e-3`` without a dot is text."""
    if isinstance(given, str) and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", given):
        return f"; YAML reads it as text, write {given.lower().replace('e', '.0e')}"
    return ""


def _one_line(error: jsonschema.ValidationError, schema: str) -> str:
    where = ".".join(map(str, error.path)) or "the top level"
    given: Any = error.instance
    rule: Any = error.schema
    limit: Any = error.validator_value
    if error.validator == "additionalProperties":
        allowed = list(rule.get("properties", {}))
        unknown = next(key for key in given if key not in allowed)
        return (
            f"{schema}: unknown key {unknown!r} at {where} - {choices(unknown, allowed)}. "
            "Fix the spelling or remove it."
        )
    if error.validator == "required":
        missing = next(key for key in limit if key not in given)
        return f"{schema}: {where} lacks {missing!r}, which is required. Add it."
    texts: dict[str, Callable[[], str]] = {
        "enum": lambda: choices(given, limit),
        "type": lambda: f"expected {limit}" + _exponent_hint(given),
        "minimum": lambda: f"must be at least {limit}",
        "exclusiveMinimum": lambda: f"must be more than {limit}",
        "maximum": lambda: f"must be at most {limit}",
        "exclusiveMaximum": lambda: f"must be less than {limit}",
        "minItems": lambda: f"needs at least {limit} entries",
        "uniqueItems": lambda: "must not repeat an entry",
        "pattern": lambda: f"must match {limit}",
    }
    allowed_text = texts.get(str(error.validator), lambda: str(error.message))()
    note = f" ({rule['description']})" if "description" in rule else ""
    return f"{schema}: {where} = {given!r} - {allowed_text}{note}. Fix the value."
