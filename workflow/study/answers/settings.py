"""What the stage ``answers`` is asked about: the config key ``answers``."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from e3d.errors import InputError, absent, choices
from study.data.entries import sources


def check_answers(
    asked: Mapping[str, Any], trained_on: Collection[str], known: Mapping[str, Any]
) -> None:
    """Refuse questions about datasets that no run is trained on, or that are not what they ask for.

    Parameters
    ----------
    asked
        ``dataset``, ``halves``, ``other_labels``, ``barriers`` and ``paths``.
    trained_on
        Datasets of the study's runs.
    known
        All entries of ``config/datasets.yaml``.

    Raises
    ------
    InputError
        Naming the dataset.
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
    for path in asked["paths"]:
        if not Path(path).is_file():
            raise InputError(f"answers.paths: {path}: {absent(Path(path))}. Correct the path.")
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
        own = _labels(asked["dataset"], known)
        if own == _labels(other, known):
            raise InputError(
                f"answers.other_labels = {other!r}: has the labels of {asked['dataset']!r}, "
                f"{', '.join(sorted(own))} - expected those of another theory, on the same frames. "
                "Name such a dataset, or remove it."
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
