"""Entries of ``config/models.yaml``: public models by name, and what is known of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e3d.options import read_yaml
from study.schema import validate


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
    return {name: GivenModel(name=name, **entry) for name, entry in checked.items()}


def read_models(path: Path) -> dict[str, GivenModel]:
    """Return the models of the file of a registry.

    Raises
    ------
    InputError
        If it cannot be read, or something in it is not allowed.
    """
    return given_models(read_yaml(path))
