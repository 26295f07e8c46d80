"""Types of command-line options: what is given, checked where it is read."""

import argparse
import json
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Any

from e3d.errors import InputError
from e3d.fields import RUN_COLUMNS


def natural(text: str) -> int:
    """Read a whole number from 0, such as a seed.

    >>> natural("7")
    7
    """
    return _whole(text, 0)


def count(text: str) -> int:
    """Read a whole number from 1."""
    return _whole(text, 1)


def _whole(text: str, lowest: int) -> int:
    if not text.isdecimal() or int(text) < lowest:
        raise argparse.ArgumentTypeError(f"{text!r} - must be a whole number from {lowest}")
    return int(text)


def size(text: str) -> int | None:
    """Read a number of bytes; nothing is None."""
    if text and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} - a size is a whole number of bytes")
    return int(text) if text else None


def hours(text: str) -> float:
    """Read a number of hours from 0."""
    return _number(text, lambda number: 0 <= number < inf, "must be a number of hours from 0")


def width(text: str) -> float:
    """Read a bin width."""
    return _number(text, lambda number: 0 < number < inf, "a bin width is a positive number")


def weight(text: str) -> float:
    """Read a weight: zero leaves its term out."""
    return _number(text, lambda number: 0 <= number < inf, "a weight is a number from 0")


def fraction(text: str) -> float:
    """Read a number between 0 and 1, without the two."""
    return _number(text, lambda number: 0 < number < 1, "must be a number between 0 and 1")


def _number(text: str, allowed: Callable[[float], bool], rule: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = nan  # which no rule allows
    if not allowed(number):
        raise argparse.ArgumentTypeError(f"{text!r} - {rule}")
    return number


def share(text: str) -> tuple[str, float]:
    """Read NAME=SHARE.

    >>> share("minispice=0.5")
    ('minispice', 0.5)
    """
    return _named(text, "NAME=SHARE, such as minispice=0.5")


def element_energy(text: str) -> tuple[str, float]:
    """Read ELEMENT=eV."""
    return _named(text, "ELEMENT=eV, such as H=-13.6")


def _named(text: str, form: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} - must be {form}") from None


def json_object(text: str) -> dict[str, Any]:
    """Read settings given as a JSON object.

    Raises
    ------
    InputError
        If the text is none.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise InputError(f"{text[:80]!r} is not JSON ({error}). Give settings as JSON.") from None
    if not isinstance(values, dict):
        raise InputError(f"{text[:80]!r} is not a JSON object. Give settings as JSON, {{...}}.")
    return values


def run_columns(path: Path) -> dict[str, Any]:
    """Read the run columns (run, dataset, n_train, model, seed) out of a run's RUN.yaml.

    Raises
    ------
    InputError
        If the file is missing, is not YAML or lacks one of them.
    """
    values = read_yaml(path)
    missing = [str(name) for name in RUN_COLUMNS if name not in values]
    if missing:
        raise InputError(
            f"{path}: has no {', '.join(missing)} - a RUN.yaml has {', '.join(RUN_COLUMNS)}. "
            "Give the run.yaml beside the model."
        )
    return {str(name): values[name] for name in RUN_COLUMNS}


def own_run(path: Path) -> dict[str, Any]:
    """Return the run columns of a model of one's own: its file's name, and blanks.

    >>> own_run(Path("models/mine.ckpt"))["run"]
    'mine.ckpt'
    """
    return {"run": path.name, "dataset": None, "n_train": None, "model": path.name, "seed": None}


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, is not a mapping, or has a key twice in one place.
    """
    import yaml  # not every rule's environment has it

    class OnceLoader(yaml.SafeLoader):
        """Refuses what YAML forbids and its reader allows: the last of two equal keys would win."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise yaml.YAMLError(f"line {line}: {key.value!r} stands there a second time")
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    if not path.is_file():
        raise InputError(f"{path}: no such file. Fix the path.")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), OnceLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not valid YAML ({reason}). Fix the file.") from None
    if not isinstance(values, dict):
        raise InputError(
            f"{path}: holds a {type(values).__name__}, expected `key: value` lines. Fix the file."
        )
    return values
