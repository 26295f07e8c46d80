"""The configuration files of a ``snakemake`` call, read once before Snakemake reads them.

Snakemake takes the last of two equal names, shows a traceback for a file that is no text, and
does not end on aliases of aliases. ``profiles/default`` calls this before it reads anything.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from e3d.errors import InputError, absent, one_line, shown
from e3d.options import read_yaml, yaml_value

OWN: Final = Path("config/config.yaml")
"""What the Snakefile names, relative to the folder Snakemake runs in."""
_NAME: Final = r"[a-zA-Z_][\w-]*\w$"
"""What Snakemake takes."""
_TRUTH: Final = ("true", "false")
_NESTED: Final = re.compile(r"(?i)(\[|[{\[].*[:\[,])\s*([-+.\d]+(e[-+]?\d+)?|true|false)\s*[,}\]]")
"""A number or a truth value in a mapping or a list."""
_EXPRESSIONS: Final = "__use_yte__"


def check_call(arguments: Sequence[str]) -> None:
    """End the program with one line if a configuration file of a call cannot be read.

    Parameters
    ----------
    arguments
        Those of ``snakemake``.
    """
    try:
        files, entries = of_call(arguments)
        for path in files:
            check_file(path)
        for entry in entries:
            check_entry(entry)
    except InputError as error:
        sys.exit(f"e3d: {error}")


def of_call(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Return the configuration files of a call of ``snakemake``, the study's own first, and values.

    >>> of_call(["-n", "--configfile", "a.yaml", "--config", "published=True"])[1]
    ['published=True']
    """
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", action="extend", default=[])
    parser.add_argument("--config", nargs="*", action="extend", default=[])
    try:
        found, _ = parser.parse_known_args(arguments)
    except (argparse.ArgumentError, SystemExit):  # Snakemake says what is wrong with it
        return [OWN], []
    return [OWN, *map(Path, found.configfile)], found.config


def check_entry(entry: str) -> None:
    """Refuse a value of the command line that Snakemake could not read.

    Raises
    ------
    InputError
        Naming it.
    """
    name, sign, value = entry.partition("=")
    if not sign or not re.match(_NAME, name):
        raise InputError(
            f"--config {shown(entry)} - expected NAME=VALUE, such as published=True. Correct it."
        )
    if value in _TRUTH:
        raise InputError(
            f"--config {shown(entry)}: Snakemake passes a text - expected "
            f"{name}={value.capitalize()}. Correct it."
        )
    if ("&" in value and "*" in value) or _NESTED.search(value):  # aliases; numbers in braces
        yaml_value(value, f"--config {name}")
    if _NESTED.search(value):
        raise InputError(
            f"--config {name}: Snakemake passes numbers and truth values in braces as texts - "
            "expected one value. Write a file for --configfile."
        )


def check_file(path: Path) -> None:
    """Refuse a configuration file that Snakemake could not read, or would read as something else.

    Raises
    ------
    InputError
        Naming the file and what is wrong with it.
    """
    if not path.is_file():  # Snakemake shows a traceback
        raise InputError(
            f"--configfile {path}: {absent(path)}. Fix the path; a target that follows a "
            "configuration file needs -- before it."
        )
    if _EXPRESSIONS not in read_yaml(path):
        return
    from snakemake.common.configfile import load_configfile

    try:
        load_configfile(path)
    except Exception as error:  # noqa: BLE001 - its expressions may raise anything
        raise InputError(f"{path}: Snakemake cannot read it ({one_line(error)}). Fix it.") from None


def with_own_controls(
    values: Mapping[str, Any], overlays: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a study's values, its controls those of the last file that says which runs there are.

    Snakemake merges files key by key, so that a study with a ``grid`` of its own would have the
    default study's ``controls`` beside it.

    Parameters
    ----------
    values
        All files merged.
    overlays
        Those after ``config/config.yaml``, in order.

    >>> with_own_controls({"grid": 1, "controls": 2}, [{"grid": 1}])["controls"]
    []
    >>> with_own_controls({"grid": 1, "controls": 2}, [{"grid": 1, "controls": 2}])["controls"]
    2
    """
    of_runs = [one for one in overlays if {"grid", "controls"} & set(one)]
    if of_runs and "controls" not in of_runs[-1]:
        return {**values, "controls": []}
    return dict(values)
