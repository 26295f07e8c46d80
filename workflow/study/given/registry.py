"""Entries of ``config/models.yaml``: public models by name, and what is known of each."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from e3d.errors import InputError, choices
from e3d.options import read_yaml
from study.schema import validate

SUFFIXES: Final = {
    "checkpoint": ".ckpt",
    "package": ".nequip.zip",
    "torchscript": ".pth",
    "aotinductor": ".pt2",
    "pair-potential": ".pair.yaml",
}
"""What a file's name ends in, by its format: what :data:`e3d.models.load.LOADERS` goes by, which
takes PyTorch to import."""


@dataclass(frozen=True)
class GivenModel:
    """A model that others trained.

    Parameters
    ----------
    name
        Its name in the registry.
    path
        Its file: where it is, or is fetched to.
    format
        Kind of the file.
    dataset, n_train, seed
        Short name of what it was trained on, the number of frames (0: not known), and its seed, for
        the columns of tables.
    theory
        Level of theory of its labels.
    smallest_molecule
        Fewest atoms of a training frame: smaller molecules are known not to be in training.
    training_set, source, licence, citation
        In words.
    url, bytes, sha256
        Where it is fetched from, and what the file must be; empty where not known.
    """

    name: str
    path: str
    format: str
    dataset: str
    n_train: int
    seed: int
    theory: str
    smallest_molecule: int
    training_set: str
    source: str
    licence: str
    citation: str = ""
    architecture: str = ""
    url: str = ""
    bytes: int | None = None
    sha256: str = ""

    @property
    def run_columns(self) -> dict[str, Any]:
        """The columns of tables that say which run it is, but for the id of the run."""
        return {
            "dataset": self.dataset,
            "n_train": self.n_train,
            "model": self.name,
            "seed": self.seed,
        }


def given_models(values: Mapping[str, Any]) -> dict[str, GivenModel]:
    """Return the models of a registry, ``config/models.yaml`` as a mapping, by name.

    Raises
    ------
    InputError
        For the first thing that is not allowed.
    """
    checked = validate(dict(values), "models")
    for name, entry in checked.items():
        suffix = SUFFIXES[entry["format"]]
        if not entry["path"].endswith(suffix):
            raise InputError(
                f"models: {name}.path = {entry['path']!r} - the file of a model of the format "
                f"{entry['format']} ends in {suffix}. Rename the file, or correct `format`."
            )
    return {name: GivenModel(name=name, **entry) for name, entry in checked.items()}


def read_models(path: Path) -> dict[str, GivenModel]:
    """Return the models of the file of a registry.

    Raises
    ------
    InputError
        If it cannot be read, or something in it is not allowed.
    """
    return given_models(read_yaml(path))


def check_given(
    names: Sequence[str],
    models: Mapping[str, GivenModel],
    sizes: Iterable[str],
    *,
    need_files: bool,
) -> None:
    """Refuse given models that a study cannot take.

    Parameters
    ----------
    names
        Those that the study names.
    models
        The registry.
    sizes
        Names of the study's own models.
    need_files
        Also refuse files that are not there and that nothing brings there.

    Raises
    ------
    InputError
        Naming the model.
    """
    files: dict[str, str] = {}
    for name in names:
        if name not in models:
            raise InputError(
                f"given: {name!r} is not in config/models.yaml - {choices(name, models)}. "
                "Fix the spelling, or add the model there."
            )
        if name in sizes:
            raise InputError(
                f"given: {name!r} is the name of a size under `models`, too - tables tell models "
                "by their names. Rename the entry of config/models.yaml."
            )
        path = models[name].path
        other = files.setdefault(os.path.normpath(path), name)
        if other != name:
            raise InputError(
                f"given: {other!r} and {name!r} have the same `path` in config/models.yaml, "
                f"{path} - a file is one model. Give one of them another `path`."
            )
        if need_files and not models[name].url and not Path(path).is_file():
            raise InputError(
                f"given: {name!r}: {path} is not there, and it has no `url` to fetch it from. Fix "
                "its `path` in config/models.yaml (relative to the folder Snakemake runs in), put "
                "the file there, or add a `url`."
            )
