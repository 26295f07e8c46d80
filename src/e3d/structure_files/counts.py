"""Numbers of atoms that a file states beside its rows: ASE drops the rows beyond without a word."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Final

from e3d.errors import InputError
from e3d.structure_files.named_elements import LAMMPS_DATA, numbered_lines

_X: Final = r"\s+[-+]?[\d.]+(?:[eEdD][-+]?\d+)?"
_ROWS_OF_GEN: Final = re.compile(rf"\s*\d+\s+\d+(?:{_X}){{3}}\s*$")
_ROWS: Final = re.compile(rf"\s*\w+(?:{_X}){{3}}")
_FIRST_OF_GEN = 2
_OPERATIONS = 4
"""The line of fort.34 with their number, and the lines of each."""


def require_counts(path: Path, form: str) -> None:
    """Refuse a file, of ASE's format ``form``, with more or fewer rows of atoms than it says.

    Raises
    ------
    InputError
        Naming the line of the number.
    """
    if form not in _COUNTS:
        return
    lines = [line for _, line in numbered_lines(path)]
    for number, stated, rows in _COUNTS[form](lines):
        if stated != rows:
            raise InputError(
                f"{path} line {number + 1}: states {stated} atoms, and the file has {rows} rows of "
                "atoms - expected as many. Correct the number, or complete the file."
            )


Counts = Iterator[tuple[int, int, int]]
"""Index of a line, the number of atoms that it states, and the rows of atoms that there are."""


def _of_gen(lines: list[str]) -> Counts:
    rows = [line for line in lines[_FIRST_OF_GEN:] if _ROWS_OF_GEN.match(line)]
    yield from _stated(lines, 0, len(rows))


def _of_xsf(lines: list[str]) -> Counts:
    for k, line in enumerate(lines):
        if line.strip().upper().startswith("PRIMCOORD"):
            yield from _stated(lines, k + 1, _rows(lines[k + 2 :]))


def _of_crystal(lines: list[str]) -> Counts:
    for _, operations, _ in _stated(lines, _OPERATIONS, 0):
        at = _OPERATIONS + 1 + operations * _OPERATIONS
        yield from _stated(lines, at, _rows(lines[at + 1 :]))


def _of_lammps_data(lines: list[str]) -> Counts:
    head = next((k for k, line in enumerate(lines) if re.match(r"\s*\d+\s+atoms\b", line)), None)
    section = next((k for k, line in enumerate(lines) if re.match(r"\s*Atoms\b", line)), None)
    if head is not None and section is not None:
        body = (line.split("#")[0].strip() for line in lines[section + 1 :])
        rows = takewhile(lambda line: line[0].isdecimal(), filter(None, body))
        yield from _stated(lines, head, len(list(rows)))


def _stated(lines: list[str], number: int, rows: int) -> Counts:
    """Yield the whole number that a line begins with; a line without one is left to ASE."""
    words = lines[number].split() if number < len(lines) else []
    if words and words[0].isdecimal():
        yield number, int(words[0]), rows


def _rows(lines: list[str]) -> int:
    return len(list(takewhile(_ROWS.match, lines)))


_COUNTS: Final[Mapping[str, Callable[[list[str]], Counts]]] = {
    "gen": _of_gen,
    "xsf": _of_xsf,
    "crystal": _of_crystal,
    LAMMPS_DATA: _of_lammps_data,
}
