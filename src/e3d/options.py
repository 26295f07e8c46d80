"""Types of command-line options: what is given, checked where it is read."""

import argparse
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from math import inf, isfinite, nan
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from e3d.device import CUDA
from e3d.errors import InputError, absent, one_line, shown
from e3d.fields import RUN_COLUMNS, Column
from e3d.run_names import contradiction

LARGEST: Final = 2**31 - 1
"""The largest count or seed: what every array, and every generator of random numbers, takes."""
_DIGITS_OF_SIZE: Final = 18
_OWN_RUN: Final = "Give the run.yaml beside the model."
_LIKE_SMILES: Final = re.compile(r"(\[[^\]]+\]|Br|Cl|[BCNOPSFIbcnops*]|[-=#$:/\\.()%0-9~])+")
"""Bracket atoms, the organic subset, bonds, branches and ring closures."""
_MOST_BYTES: Final = 1_000_000
"""Of a file of settings: reading takes seconds for each megabyte."""


def structures_there(given: Sequence[str]) -> Sequence[str]:
    """Pass on the names of files and SMILES, and refuse what can be neither.

    Raises
    ------
    InputError
        For a text that names no file and has a letter that no SMILES has.

    >>> structures_there(["CCO", "[Na+].[Cl-]"])
    ['CCO', '[Na+].[Cl-]']
    >>> structures_there(["water.xyz"])
    Traceback (most recent call last):
    e3d.errors.InputError: 'water.xyz': no such file, and no SMILES. Fix the path of the structures.
    """
    for text in given:
        if not _LIKE_SMILES.fullmatch(text) and not os.path.isfile(text):
            raise InputError(
                f"{text!r}: {absent(text)}, and no SMILES. Fix the path of the structures."
            )
    return given


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
    digits = len(str(LARGEST))  # of more, Python refuses to read some
    if not text.isdecimal() or len(text) > digits or not lowest <= int(text) <= LARGEST:
        raise argparse.ArgumentTypeError(
            f"{shown(text)} - must be a whole number from {lowest} to {LARGEST}"
        )
    return int(text)


def seeds(text: str) -> tuple[int, ...]:
    """Read several seeds, with commas between them.

    >>> seeds("0,1,2")
    (0, 1, 2)
    """
    return tuple(natural(part) for part in text.split(","))


def size(text: str) -> int | None:
    """Read a number of bytes; nothing is None."""
    if text and not (text.isdecimal() and len(text) <= _DIGITS_OF_SIZE):
        raise argparse.ArgumentTypeError(f"{shown(text)} - a size is a whole number of bytes")
    return int(text) if text else None


def sha256(text: str) -> str:
    """Read a SHA-256 in either case, as sha256sum or a registry writes it; nothing is no checksum.

    >>> sha256("SHA256:" + "0A" * 32) == "0a" * 32
    True
    """
    return _checksum(text, "sha256", 64)


def md5(text: str) -> str:
    """Read an MD5, as :func:`sha256`."""
    return _checksum(text, "md5", 32)


def _checksum(text: str, name: str, digits: int) -> str:
    found = text.strip().lower().removeprefix(f"{name}:")
    if found and not re.fullmatch(f"[0-9a-f]{{{digits}}}", found):
        raise argparse.ArgumentTypeError(
            f"{shown(text)} - must be {digits} hexadecimal digits, as {name}sum prints them"
        )
    return found


def device(text: str) -> str:
    """Read the name of a device; whether it is there takes an import to say.

    >>> device("cuda:1")
    'cuda:1'
    """
    if text != "cpu" and not CUDA.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{shown(text)} - must be cpu, cuda or cuda:<k>")
    return text


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
        raise argparse.ArgumentTypeError(f"{shown(text)} - {rule}")
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
        value = float(number)
    except ValueError:
        value = nan
    if not name or not isfinite(value):
        raise argparse.ArgumentTypeError(f"{shown(text)} - must be {form}")
    return name, value


def named_values(pairs: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return numbers by name.

    Raises
    ------
    InputError
        If a name stands there twice.
    """
    values: dict[str, float] = {}
    for name, value in pairs:
        if name in values:
            raise InputError(f"{name} has two numbers, {values[name]} and {value}. Give one.")
        values[name] = value
    return values


def json_object(text: str) -> dict[str, Any]:
    """Read settings given as a JSON object.

    Raises
    ------
    InputError
        If the text is none.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{text[:80]!r} is not JSON ({one_line(error)}). Give settings as JSON."
        ) from None
    if not isinstance(values, dict):
        raise InputError(f"{text[:80]!r} is not a JSON object. Give settings as JSON, {{...}}.")
    return values


class RunColumns(dict[str, Any]):
    """The columns of a run, and what its RUN.yaml says of its network: of a given model nothing."""

    architecture: Mapping[str, Any] = MappingProxyType({})


def run_columns(path: Path) -> RunColumns:
    """Read the run columns (run, dataset, n_train, model, seed) out of a run's RUN.yaml.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, lacks one of them, or if one is no name, no whole
        number, or not what the run's name says.
    """
    values = read_yaml(path)
    missing = [str(name) for name in RUN_COLUMNS if name not in values]
    if missing:
        raise InputError(
            f"{path}: has no {', '.join(missing)} - a RUN.yaml has {', '.join(RUN_COLUMNS)}. "
            f"{_OWN_RUN}"
        )
    columns = RunColumns((str(name), values[name]) for name in RUN_COLUMNS)
    if isinstance(architecture := values.get("architecture"), dict):
        columns.architecture = architecture
    for name, value in columns.items():
        number = name in (Column.N_TRAIN, Column.SEED)
        if not (_is_count(value) if number else isinstance(value, str) and value.strip()):
            raise InputError(
                f"{path}: {name} = {shown(value)} - must be "
                f"{f'a whole number from 0 to {LARGEST}' if number else 'a text'}. {_OWN_RUN}"
            )
    if wrong := contradiction(columns):
        raise InputError(f"{path}: {wrong} - both must say the same. {_OWN_RUN}")
    return columns


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


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
        If the file is missing, is not YAML, is not a mapping, or holds what is rarely what its
        author meant: see :func:`e3d.yaml_nodes.require_plain`.
    """
    if not path.is_file():
        raise InputError(f"{path}: {absent(path)}. Fix the path.")
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(
            f"{path}: has {path.stat().st_size:,} bytes, and a file of settings at most "
            f"{_MOST_BYTES:,}. Give another file."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not valid YAML ({one_line(error)}). Fix it.") from None
    values = yaml_value(text, str(path))
    if not isinstance(values, dict):
        what = "nothing" if values is None else f"a {type(values).__name__}"
        raise InputError(f"{path}: holds {what}, expected `key: value` lines. Fix the file.")
    return values


def yaml_value(text: str, where: str) -> Any:
    """Return what a text of YAML holds; errors say ``where`` it stands.

    Raises
    ------
    InputError
        If it is not YAML, or see :func:`e3d.yaml_nodes.require_plain`.
    """
    import yaml  # not every rule's environment has it

    from e3d.yaml_nodes import require_plain

    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        require_plain(node, where)
        return None if node is None else loader.construct_document(node)
    except InputError:
        raise
    except RecursionError:
        raise InputError(f"{where}: lists or mappings are nested too deeply. Fix it.") from None
    except Exception as error:  # noqa: BLE001 - PyYAML raises what its parsing happens to hit
        raise InputError(f"{where}: not valid YAML ({one_line(error)}). Fix it.") from None
