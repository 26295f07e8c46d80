"""What the stage ``answers`` is asked about: the config key ``answers``."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from e3d.errors import InputError, absent, choices
from study.data.entries import frames_of, sources

_HDF5 = b"\x89HDF\r\n\x1a\n"
"""What a file of HDF5 begins with."""


def check_answers(
    asked: Mapping[str, Any],
    trained_on: Collection[str],
    seeds: Collection[int],
    known: Mapping[str, Any],
) -> None:
    """Refuse questions about datasets that no run is trained on, or that are not what they ask for.

    Parameters
    ----------
    asked
        ``dataset``, ``halves``, ``other_labels``, ``barriers``, ``paths`` and ``seed_sets``.
    trained_on, seeds
        Datasets and seeds of the study's runs.
    known
        All entries of ``config/datasets.yaml``.

    Raises
    ------
    InputError
        Naming the dataset or the seed.
    """
    if not asked["dataset"]:
        raise InputError(
            "stages: answers is asked for, and `answers.dataset` does not say of which dataset. "
            "Name it."
        )
    if len(set(asked["barriers"])) == 1:
        raise InputError(
            f"answers.barriers = {asked['barriers']}: one dataset - allowed are two, each with "
            "frames of a half of the reactions, or none. Name the other."
        )
    _check_paths(asked["paths"])
    _check_seeds(asked["seed_sets"], seeds)
    others = filter(None, [asked["other_labels"]])
    for name in (asked["dataset"], *asked["halves"], *asked["barriers"], *others):
        if name not in trained_on:
            raise InputError(
                f"answers: no run is trained on dataset {name!r} - {choices(name, trained_on)}. "
                "Add it to `grid.dataset` or `controls`, or remove it here."
            )
    if asked["halves"]:
        _check_halves(asked["halves"], asked["dataset"], known)
    if other := asked["other_labels"]:
        _check_other_labels(other, asked["dataset"], known)
    require_distinct(asked)


def questions_settings(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings as ``answers questions`` takes them.

    >>> questions_settings({"dataset": "a", "paths": ["b.hdf5"], "seed_sets": [[0, 1], [2, 3]]})
    {'dataset': 'a', 'seed_sets': ['0,1', '2,3']}
    """
    sets = [",".join(map(str, seeds)) for seeds in asked["seed_sets"]]
    return {name: value for name, value in asked.items() if name != "paths"} | {"seed_sets": sets}


def require_distinct(asked: Mapping[str, Any]) -> None:
    """Refuse a dataset, a file of paths or a seed that is named for two things.

    ``asked`` are the settings, as :func:`check_answers` has them.

    Raises
    ------
    InputError
        Naming what is there twice.
    """
    lists = {key: list(asked[key]) for key in ("halves", "barriers", "paths") if key in asked}
    for key in ("other_labels", "barriers"):
        named = asked[key] if key == "barriers" else [asked[key]]
        lists[f"dataset and {key}"] = [asked["dataset"], *set(named)]
    lists["seed_sets"] = [f"seed {seed}" for seeds in asked["seed_sets"] for seed in seeds]
    for key, names in lists.items():
        if twice := [name for k, name in enumerate(names) if name in names[:k]]:
            raise InputError(
                f"answers.{key}: {twice[0]} is there twice - allowed is once. Name another, or "
                "remove it."
            )


def _check_seeds(sets: Sequence[Sequence[int]], trained: Collection[int]) -> None:
    """Refuse seeds that no run has."""
    for seed in (seed for seeds in sets for seed in seeds):
        if seed not in trained:
            raise InputError(
                f"answers.seed_sets: no run has seed {seed} - {choices(seed, sorted(trained))}. "
                "Add it to `grid.seed`, or remove it here."
            )


def _check_paths(paths: Sequence[str]) -> None:
    """Refuse files of reaction paths that are none."""
    for path in paths:
        if not Path(path).is_file():
            raise InputError(f"answers.paths: {path}: {absent(Path(path))}. Correct the path.")
        with Path(path).open("rb") as file:
            if file.read(len(_HDF5)) != _HDF5:
                raise InputError(
                    f"answers.paths: {path} is no HDF5 - expected a file of reaction paths, as "
                    "`e3d data reactions` and `e3d data label` write them. Name such a file."
                )


def _check_other_labels(other: str, dataset: str, known: Mapping[str, Any]) -> None:
    """Refuse a dataset with the labels of the main one, or with other frames."""
    own = _labels(dataset, known)
    if own == _labels(other, known):
        raise InputError(
            f"answers.other_labels = {other!r}: has the labels of {dataset!r}, "
            f"{', '.join(sorted(own))} - expected those of another theory, on the same frames. "
            "Name such a dataset, or remove it."
        )
    mine, theirs = (frames_of(name, known) for name in (dataset, other))
    differing = [key for key in mine if key in theirs and mine[key] != theirs[key]]
    if differing:
        key = differing[0]
        raise InputError(
            f"answers.other_labels = {other!r}: has other frames than {dataset!r}, "
            f"{key} are {theirs[key]} and {mine[key]} - expected the same frames with the "
            "labels of another theory. Name such a dataset, or remove it."
        )


def _check_halves(halves: list[str], dataset: str, known: Mapping[str, Any]) -> None:
    """Refuse halves that are not two parts of the dataset's molecules, without one in common."""
    rule = f"two datasets that are the same as {_whole(dataset, known)!r}, of other molecules"
    if len(halves) == 1:
        raise InputError(
            f"answers.halves = {halves}: one dataset - allowed are {rule}, or none. Name the other."
        )
    for name in halves:
        if (
            "training_molecules" not in known[name]
            or _labels(name, known) != _labels(dataset, known)
            or _whole(name, known) != _whole(dataset, known)
        ):
            raise InputError(
                f"answers.halves: {name!r} is no part of {dataset!r} with its labels - expected "
                f"{rule} (`same_as`, `training_molecules`). Name another dataset."
            )
    (a, b), (c, d) = (known[name]["training_molecules"] for name in halves)
    if a < d and c < b:
        raise InputError(
            f"answers.halves: training_molecules of {halves[0]!r} are [{a}, {b}] and those of "
            f"{halves[1]!r} [{c}, {d}], which overlap - halves have no molecule in common. Correct "
            "one of them in config/datasets.yaml, or name another."
        )


def _whole(name: str, known: Mapping[str, Any]) -> str:
    return str(known[name].get("same_as", name))


def _labels(name: str, known: Mapping[str, Any]) -> set[str]:
    """Return the theories of a dataset's labels, or the model that gives them."""
    if teacher := known[name].get("teacher"):
        return {str(teacher)}
    return {str(known[part]["theory"]) for part in sources([name], known)}
