"""Types of command-line options: what is given, checked where it is read."""

import argparse
import json
from collections.abc import Callable
from typing import Any

from e3d.errors import InputError


def natural(text: str) -> int:
    """Read a whole number from 0, such as a seed."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} - must be a whole number from 0")
    return int(text)


def count(text: str) -> int:
    """Read a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} - must be a whole number from 1")
    return int(text)


def size(text: str) -> int | None:
    """Read a number of bytes; nothing is None."""
    if text and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} - a size is a whole number of bytes")
    return int(text) if text else None


def hours(text: str) -> float:
    """Read a number of hours from 0."""
    return _number(text, lambda number: 0 <= number < float("inf"), "must be a number of hours from 0")


def width(text: str) -> float:
    """Read a bin width."""
    return _number(text, lambda number: 0 < number < float("inf"), "a bin width is a positive number")


def weight(text: str) -> float:
    """Read a weight: zero leaves its term out."""
    return _number(text, lambda number: 0 <= number < float("inf"), "a weight is a number from 0")


def fraction(text: str) -> float:
    """Read a number between 0 and 1, without the two."""
    return _number(text, lambda number: 0 < number < 1, "must be a number between 0 and 1")


def _number(text: str, allowed: Callable[[float], bool], rule: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")  # which no rule allows
    if not allowed(number):
        raise argparse.ArgumentTypeError(f"{text!r} - {rule}")
    return number


def share(text: str) -> tuple[str, float]:
    """Read NAME=SHARE."""
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} - must be NAME=SHARE, such as minispice=0.5") from None


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


def run_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the run columns: those of RUN.yaml, or for a model of one's own its file's name and blanks."""
    if arguments.run is None:
        name = (getattr(arguments, "model", None) or arguments.folder[0]).name
        return {"run": name, "dataset": None, "n_train": None, "model": name, "seed": None}
    from e3d.config import RunSettings, read_yaml

    settings = RunSettings.from_dict(read_yaml(arguments.run))
    return {key: getattr(settings, key) for key in ("run", "dataset", "n_train", "model", "seed")}
