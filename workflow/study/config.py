"""The study's configuration: YAML, checked as a whole before anything is planned.

Errors are one line: what was given, what is allowed, where, how to mend it. Snakemake reads
settings through this module only. Runtime settings (device, workers) stay outside of what
identifies a run, so that moving to another machine retrains nothing.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

from e3d.errors import InputError, choices
from e3d.fields import NAMED_BONDS, TEST_SPLITS
from e3d.options import read_yaml
from study.answers.settings import check_answers
from study.config_numbers import check_frames, check_runtime, check_training_steps
from study.data.entries import check_elements, check_entries, check_tests, sources
from study.fields import GIVEN, VARIANT_SIGN, base_and_variant, is_given, set_name
from study.given.registry import GivenModel, check_given, given_models
from study.results_folder import check_results
from study.run_settings import (
    Architecture,
    RunSettings,
    Training,
    checked_part,
    rules_of_part,
    run_name,
)
from study.schema import validate
from study.stage import Runs
from study.stages import FIGURES, NAMES, figures_made, findings_tables, sections_made

PUBLISHED = Path("results/published")
NAMED_BONDS_FILE = Path("src/e3d/named_bonds/named_bonds.xyz")
_AXES = ("dataset", "n_train", "model", "seed")
_NAMED = 4  # missing tables that an error names

Run = dict[str, Any]
"""The columns of a run: ``run``, ``dataset``, ``n_train``, ``model``, ``seed``; plain types."""


@dataclass(frozen=True)
class Study:
    """A validated configuration."""

    values: dict[str, Any]
    datasets: dict[str, Any] = field(repr=False)
    models: Mapping[str, GivenModel] = field(repr=False, default_factory=dict)

    def runs(self) -> Iterator[Run]:
        """Yield every run that is trained here once: those of the grid, then the controls'."""
        seen = set()
        for grid in _grids(self.values):
            for place in itertools.product(*(grid[axis] for axis in _AXES)):
                values = dict(zip(_AXES, place, strict=True))
                run = run_name(values)
                if run not in seen:
                    seen.add(run)
                    yield {"run": run, **values}

    def given_runs(self) -> list[Run]:
        """Return a run for each given model: its dataset is what it was trained on."""
        return [
            {"run": f"{GIVEN}/{name}", **self.models[name].run_columns}
            for name in self.values["given"]
        ]

    def tested_on(self, run: Run) -> dict[str, Any]:
        """Return the dataset whose test frames a run sees, and the N its null models are fitted to.

        A run that is trained here has its own, a given model the grid's first and largest.
        """
        if not is_given(run["run"]):
            return {"dataset": run["dataset"], "n_train": run["n_train"]}
        grid = self.values["grid"]
        return {"dataset": grid["dataset"][0], "n_train": max(grid["n_train"])}

    def test_sets(self) -> list[str]:
        """Return what the sets of structures of every run are called, in order."""
        return [*TEST_SPLITS, *map(set_name, self.values["tests"]), NAMED_BONDS]

    def runs_with(self, table: Runs) -> list[Run]:
        """Return the runs that have a table, given ones last."""
        given = self.given_runs()
        trained = list(self.runs())
        if table in (Runs.EVERY, Runs.TRAINED):
            return trained + (given if table is Runs.EVERY else [])
        plain = [run for run in trained if VARIANT_SIGN not in run["model"]]
        if table is Runs.PLAIN:
            return plain + given
        found = []
        for dataset in self.used("dataset"):
            runs = [run for run in plain if run["dataset"] == dataset]
            if table is Runs.SMALLEST and runs:
                found.append(
                    min(runs, key=lambda r: (-r["n_train"], self._weights(r["model"]), r["seed"]))
                )
        return found

    def _weights(self, model: str) -> int:
        """Return what the number of weights of a plain size grows with."""
        size = self.values["models"][model]
        return int(size["num_layers"] * size["mlp_width"] * size["num_scalar_features"])

    def used(self, axis: str) -> list[Any]:
        """Return the values of ``dataset``, ``n_train``, ``model`` or ``seed`` that runs have."""
        return _used(self.values, axis)

    def sources(self) -> list[str]:
        """Return the datasets that are read from files: of runs and tests, mixtures resolved."""
        return sources([*self.used("dataset"), *self.values["tests"]], self.datasets)

    def mixtures(self) -> list[str]:
        """Return the datasets of all runs that are mixed from others."""
        whole = [self.datasets[name].get("same_as", name) for name in self.used("dataset")]
        return [name for name in dict.fromkeys(whole) if "mix" in self.datasets[name]]

    def parts(self) -> dict[str, str]:
        """Return the datasets that train on a part of another one, and which."""
        known = {name: self.datasets[name].get("same_as") for name in self.used("dataset")}
        return {name: whole for name, whole in known.items() if whole is not None}

    def runtime(self, model: str) -> dict[str, Any]:
        """Return how a model is trained: runtime settings, those of its size before others."""
        runtime: dict[str, Any] = self.values["runtime"]
        common = {key: runtime[key] for key in runtime if key not in ("models", "container")}
        own: dict[str, Any] = runtime["models"].get(base_and_variant(model)[0], {})
        return common | own


def _grids(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the grid and the controls, each complete: a list left out is the grid's."""
    return [values["grid"], *({**values["grid"], **control} for control in values["controls"])]


def _used(values: Mapping[str, Any], axis: str) -> list[Any]:
    return list(dict.fromkeys(value for grid in _grids(values) for value in grid[axis]))


def load_study(
    values: Mapping[str, Any],
    datasets: Mapping[str, Any],
    models: Mapping[str, Any] | None = None,
) -> Study:
    """Validate a study's configuration and its datasets.

    Parameters
    ----------
    values
        ``config/config.yaml`` with its overlays merged.
    datasets
        ``config/datasets.yaml``.
    models
        ``config/models.yaml``; needed where the study has given models.

    Raises
    ------
    InputError
        For an unknown key or name, a wrong type, a value out of range, or a missing dataset file.
    """
    study = validate(dict(values), "config")
    check_results(study["pathvars"]["results"])
    known = validate(dict(datasets), "datasets")
    used = [*_used(study, "dataset"), *study["tests"]]
    check_entries(used, known, need_files=not study["published"])
    check_tests(study["tests"], _used(study, "dataset"), known)
    given = given_models(models or {})
    check_given(study["given"], given, study["models"], need_files=not study["published"])
    _check_runs(study)
    _check_stages(study, known)
    _check_models(study)
    check_runtime(study)
    check_frames(study["split"], study["subset"])
    check_training_steps(study["training_steps"])
    check_elements("subset.elements", study["subset"]["elements"])
    _check_molecules(study["figures"]["molecules"])
    if study["published"]:
        _check_published(
            study["study"],
            sets=len(_used(study, "dataset")) if _used(study, "model") else 0,
            wanted=study["stages"],
        )
    return Study(study, known, given)


def load_site(path: Path) -> dict[str, Any]:
    """Read and check the values of a cluster, ``cluster/site.yaml``.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, or holds what is not allowed.
    """
    return validate(read_yaml(path), "site")


def _check_runs(values: Mapping[str, Any]) -> None:
    """Refuse a study without any run, and runs that look like those of given models."""
    if GIVEN in _used(values, "dataset"):
        raise InputError(
            f"dataset {GIVEN!r}: the runs of given models start with this name. Rename the dataset."
        )
    if not (values["given"] or _used(values, "model")):
        raise InputError(
            "grid.model = []: the study has no run - train a size of `models`, or name a model of "
            "config/models.yaml under `given`. Add one."
        )


def _check_stages(values: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse stages that are none, and questions that the datasets cannot answer."""
    for name in values["stages"]:
        if name not in NAMES:
            raise InputError(
                f"stages: {name!r} is no stage - {choices(name, NAMES)}. Fix the spelling."
            )
    if "answers" in values["stages"]:
        check_answers(values["answers"], _used(values, "dataset"), _used(values, "seed"), known)


def _check_published(name: str, *, sets: int, wanted: list[str]) -> None:
    """Refuse to draw from a publication that is not there or lacks tables of some figure."""
    folder = PUBLISHED / name
    if not folder.is_dir():
        known = choices(name, sorted(path.name for path in PUBLISHED.glob("*")))
        raise InputError(
            f"published: true, but {folder} is not there. Set `study` to a published study - "
            f"{known} - or `published: false`."
        )
    figures = figures_made(sets=sets, wanted=wanted)
    drawn = [table for figure in figures for table in FIGURES[figure].tables]
    sections = sections_made(
        sets=sets, wanted=wanted, has=lambda table: (folder / f"{table}.csv").is_file()
    )
    said = findings_tables(sections)
    needed = [f"{table}.csv" for table in dict.fromkeys([*drawn, *said])]
    missing = [file for file in needed if not (folder / file).is_file()]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise InputError(
            f"published: true, but {folder} lacks {', '.join(missing[:_NAMED])}{more} of the "
            f"{len(needed)} tables that figures and findings are made from. Publish that study "
            f"again (e3d publish RESULTS -o {folder}), or draw single figures of it "
            f"(e3d figures {folder} --name NAME -o NAME.png)."
        )


def _check_models(values: Mapping[str, Any]) -> None:
    """Refuse models and variants that cannot be built, and variants without a plain size."""
    known = [
        key for part in ("architecture", "training") for key in rules_of_part(part)["properties"]
    ]
    for name, changes in values["variants"].items():
        for key in changes:
            if key not in known:
                raise InputError(
                    f"variants.{name}: unknown key {key!r} - {choices(key, known)}. "
                    "Fix the spelling."
                )
    models = _used(values, "model")
    sizes = _used(values, "n_train")
    for model in models:
        plain, variant = base_and_variant(model)
        changed = [_settings_of(values, model, n) != _settings_of(values, plain, n) for n in sizes]
        if variant and not any(changed):
            raise InputError(
                f"model {model!r}: variants.{variant} has the values of {plain!r} itself, "
                f"{values['variants'][variant]}, so the two would be one run. Change the variant, "
                "or remove it from `grid.model` and `controls`."
            )
    if models and all(VARIANT_SIGN in model for model in models):
        raise InputError(
            f"grid.model = {models}: variants alone - at least one plain size is needed, such as "
            f"{base_and_variant(models[0])[0]!r}, since figures are made of plain sizes. Add "
            "it."
        )


def _check_molecules(wanted: list[str]) -> None:
    """Refuse molecules that cannot be drawn now, not after all training."""
    known = re.findall(r"\bname=(\S+)", NAMED_BONDS_FILE.read_text(encoding="utf-8"))
    for name in wanted:
        if name not in known:
            raise InputError(
                f"figures.molecules: {name!r} is no molecule of {NAMED_BONDS_FILE} - "
                f"{choices(name, known)}. Write one of these canonical SMILES."
            )


def _settings_of(
    values: Mapping[str, Any], model: str, n_train: int
) -> tuple[dict[str, Any], dict[str, Any]]:
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
                f"model {model!r}: {name!r} is not under `{section}` - "
                f"{choices(name, values[section])}. "
                f"Fix it in `grid.model` or `controls`, or add it under `{section}`."
            )
    architecture, training = dict(values["models"][base]), dict(values["training"])
    for more in sorted(values["training_steps"], key=itemgetter("n_train")):
        if n_train >= more["n_train"]:
            training["steps"] = more["steps"]
    for key, value in values["variants"].get(variant, {}).items():
        of_model = key in rules_of_part("architecture")["properties"]
        (architecture if of_model else training)[key] = value
    where = f"variants.{variant}" if variant else ""
    return (
        checked_part("architecture", architecture, where or f"models.{base}"),
        checked_part("training", training, where or "training"),
    )


def run_settings(study: Study, run: Run, results: str) -> RunSettings:
    """Return the full settings of one run of the grid; ``results`` is the results folder."""
    data = f"{results}/data/{run['dataset']}"
    architecture, training = _settings_of(study.values, run["model"], run["n_train"])
    return RunSettings(
        **run,
        store=f"{data}/store.h5",
        splits=f"{data}/splits.parquet",
        subset=f"{data}/subsets/n{run['n_train']}.csv",
        architecture=Architecture(**architecture),
        training=Training(**training),
    )
