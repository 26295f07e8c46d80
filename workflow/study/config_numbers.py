"""Numbers of a study that are allowed one by one and make no sense together."""

from collections.abc import Mapping, Sequence
from typing import Any

from e3d.errors import InputError, choices


def check_frames(split: Mapping[str, Any], subset: Mapping[str, Any]) -> None:
    """Refuse held-out shares that leave nothing to train on, and limits that no frame meets.

    Raises
    ------
    InputError
        Naming both numbers.
    """
    tested, validation = split["test_conformations"], split["validation"]
    if tested + validation >= 1:
        raise InputError(
            f"split.test_conformations = {tested} and split.validation = {validation}: shares of "
            f"one molecule's frames add up to {tested + validation:g}, and the training pool needs "
            "some - allowed: less than 1. Lower one of them."
        )
    least, most = subset["min_atoms"], subset["max_atoms"]
    if most and least > most:
        raise InputError(
            f"subset.min_atoms = {least} is more than subset.max_atoms = {most}, so no frame would "
            "be left. Change one of them; max_atoms = 0 is no limit."
        )


def check_training_steps(more: Sequence[Mapping[str, Any]]) -> None:
    """Refuse two numbers of steps for one size of the training set.

    Raises
    ------
    InputError
        Naming the size.
    """
    steps: dict[int, int] = {}
    for one in more:
        if steps.setdefault(one["n_train"], one["steps"]) != one["steps"]:
            raise InputError(
                f"training_steps: {steps[one['n_train']]} and {one['steps']} steps from n_train = "
                f"{one['n_train']} on - one number is needed. Remove one of them."
            )


def check_runtime(values: Mapping[str, Any]) -> None:
    """Refuse devices that no training could use.

    Raises
    ------
    InputError
        Naming the setting.
    """
    runtime, sizes = values["runtime"], values["models"]
    for name in runtime["models"]:
        if name not in sizes:
            raise InputError(
                f"runtime.models: {name!r} is not under `models` - {choices(name, sizes)}. "
                "Fix the spelling or remove it."
            )
    batch = values["training"]["batch_size"]
    for name, own in {"": runtime, **runtime["models"]}.items():
        both = {**runtime, **own}
        where = f"runtime.models.{name}" if name else "runtime"
        ranks = both["devices"] * both["nodes"]
        if batch % ranks:
            raise InputError(
                f"{where}: {both['devices']} devices on {both['nodes']} nodes do not divide "
                f"training.batch_size = {batch}, which is the batch of all of them together. "
                "Change one of them."
            )
        if ranks > 1 and ":" in both["device"]:
            raise InputError(
                f"{where}: device {both['device']!r} is one GPU, and {ranks} are asked for. "
                "Set `runtime.device: cuda`."
            )
