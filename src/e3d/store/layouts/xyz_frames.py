"""Cut an extended-XYZ file into frames, every one of them or an error, and read each through ASE.

ASE's own reader stops at a blank line without a word, and scans a whole file before the first
frame.
"""

import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.cell import Cell
from ase.data import atomic_numbers
from ase.io.extxyz import key_val_str_to_dict, read_xyz

from e3d.errors import InputError, one_line, shown
from e3d.store.files.compressed import open_stream
from e3d.store.layouts.cells import require_symmetric
from e3d.store.layouts.charge_words import meaning
from e3d.store.layouts.stated_units import EXPECTED, quantity_of
from e3d.units import unit_factor

_QUOTED: Final = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]')
_KEY: Final = re.compile(r'(?:^|\s)([^\s="]+)\s*=')
_PAIR: Final = re.compile(
    r"""(?<!\S)(?:"[^"]*"|[^\s="'{\[]+)\s*=\s*"""
    r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\{[^}]*\}|\[[^\]]*\]|[^\s"'{\[])*"""
)
"""A key and its value, as ASE splits them; it takes every other word for a key that is true."""
_IN_WORDS: Final = re.compile(
    r"""(?i)(?:^|[\s"'{,])(charges?|chr?g|q|(?:an|cat)?ion|uhf|mult|multiplicity|spin)["']?"""
    r"\s*[:=\s]\s*([-+]?\d+)\b"
)
_ISOTOPE: Final = re.compile(r"(?m)^\s*[DT](?=\s)")
_PROPERTIES: Final = re.compile(r'(?i)(?:^|\s)Properties\s*=\s*"?([^\s"]+)')
_VALUE: Final = re.compile(r'[^\s="]+\s*=\s*\S*')
_BARE: Final = re.compile(
    r"^[-+]\d{1,2}(\s+\d{1,2})?(?=\s|$)|^\d\s+\d$|"
    r"(?<=[^\d\s]\s)[-+]\d{1,2}\s+[1-9](?=\s+[^-+\d\s]|\s*$)"
)
"""A charge and a multiplicity without a word, as in the input of Gaussian."""
_BOHR: Final = re.compile(
    r"(?i)(?<![\d.] )(?<!from )(?<!not )(?<!not in )(?<![^\s(\[{])bohrs?(?=$|[\s)\]},.;])"
)
"""The word alone, which is no length (0.01 bohr)."""
_IPI_CELL: Final = re.compile(r"(?i)\bCELL[({]abcABC[)}]:?((?:\s+[-+.\de]+){6})(?=\s|$)")
_CELL_IN_WORDS: Final = re.compile(
    r"(?i)(?:^|\s)((?:unit ?cell|cell|box|lattice|tv)[^\s\d]*)[\s:({]+(?:[-+]?\d[-+.\de]*[\s,]+){2}"
    r"[-+]?\d|^\s*(?:[-+]?\d[-+.\de]*\s+){8}[-+]?\d[-+.\de]*\s*$"
)
_ENERGY_UNIT: Final = re.compile(r"(?i)(?:^|\s)(energy)\s*=\s*[-+.\de]+\s+([^\s=]+)(?=\s|$)")
_UNIT_IN_WORDS: Final = re.compile(
    r"(?i)\b(energy|energies|[ef]|forces?|gradients?|positions?|coordinates?|distances?|lengths?|"
    r"geometry|xyz|cell|stress|units?|all|in)(?=[\s:({\[/])"
    r"(?:\s+(?:is|are|given|all|in|units?|of|energy|length)\b)*\s*[:({[/]?\s*"
    r"(atomic units|[^\s=,;)}\]\"/]+(?:\s*/\s*[^\s=,;)}\]\"/]+)*)"
)


def read_frames(path: Path) -> Iterator[tuple[Atoms, str]]:
    """Yield each frame and what messages call it; blank lines between frames are skipped.

    Raises
    ------
    InputError
        For a file that is missing, cut or without frames, a line that starts no frame, a key that
        is there twice, or a frame that ASE cannot read; naming frame and line.
    """
    count = 0
    for text, line in _blocks(path):
        where = f"{path} frame {count}"
        yield _atoms(text, f"{where} at line {line}"), where
        count += 1
    if not count:
        raise InputError(f"{path}: holds no frames. Check the file or its `layout`.")


def _blocks(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the text of each frame and its first line's number."""
    with (
        open_stream(path) as stream,
        io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace") as lines,
    ):
        at = 0
        while head := lines.readline():
            at += 1
            if not head.strip():
                continue
            if "\0" in head:
                raise InputError(
                    f"{path} line {at}: has bytes of zero, as UTF-16 (`>` of PowerShell) has them "
                    "- expected UTF-8. Save the file as UTF-8."
                )
            if not (head.strip().isdecimal() and head.strip().isascii()) or int(head) == 0:
                raise InputError(
                    f"{path} line {at}: {head.strip()[:40]!r}, expected the number of atoms of "
                    "the next frame. Check the file or its `layout`."
                )
            wanted = 1 + int(head)
            body = list(itertools.islice(lines, wanted))
            if len(body) < wanted:
                raise InputError(
                    f"{path} line {at}: the frame has {len(body)} of {wanted} lines, the file is "
                    "truncated. Fetch it again and compare its checksum."
                )
            yield head + "".join(body), at
            at += wanted


def _atoms(text: str, where: str) -> Atoms:
    count, comment, atoms = text.split("\n", 2)
    text = "\n".join([count, comment, _ISOTOPE.sub("H", atoms)])
    try:
        _require_one_element(comment, atoms)
        return next(read_xyz(io.StringIO(text), index=0, properties_parser=_comment))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except Exception as error:  # noqa: BLE001 - ASE raises what its parsing happens to hit
        word = error.args[0] if isinstance(error, KeyError) else None
        named = [one for one in atoms.split() if word in (one, one.capitalize())]
        if named:
            raise InputError(
                f"{where}: {shown(named[0])} is no chemical element - expected symbols such as C "
                "and Cl; names of atoms (C1, CA) are none. Write the elements."
            ) from None
        raise InputError(
            f"{where}: ASE cannot read it ({type(error).__name__}: {one_line(error)}). "
            "Fix the frame."
        ) from None


def _require_one_element(comment: str, atoms: str) -> None:
    """Refuse columns of symbols and of atomic numbers that differ: ASE takes the numbers."""
    stated = _PROPERTIES.search(comment)
    fields = stated[1].split(":") if stated else []
    widths = [int(one) if one.isdecimal() else 1 for one in fields[2::3]]
    first = dict(zip(fields[::3], itertools.accumulate([0, *widths]), strict=False))
    if not {"species", "Z"} <= set(first):
        return
    for line in atoms.splitlines():
        words = line.split()
        named, number = (words[first[key] : first[key] + 1] for key in ("species", "Z"))
        if named and number and number != [str(_number_of(named[0]))]:
            raise InputError(
                f"species is {shown(named[0])} and Z is {shown(number[0])} in one row - expected "
                "the same element. Correct one of the columns."
            )


def _number_of(symbol: str) -> int:
    return int(atomic_numbers.get("H" if symbol in ("D", "T") else symbol.capitalize(), 0))


def _comment(line: str) -> dict[str, Any]:
    """Read the comment line of a frame: its keys with a value; other words are a title."""
    plain = _QUOTED.sub('""', line)
    keys = _KEY.findall(plain)
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise InputError(f"{twice[0]} is given twice - expected once. Remove one.")
    _require_sure_charge(plain, line, keys)
    bare = _BARE.search(_VALUE.sub("", plain).strip())
    if bare and bare[0].split() != ["0", "1"]:
        raise InputError(
            f"{bare[0]!r} in the comment may be a charge and a multiplicity - expected "
            "`charge=-1 multiplicity=1`. Write it so, or remove it."
        )
    for found in (*_ENERGY_UNIT.finditer(plain), *_UNIT_IN_WORDS.finditer(line)):
        _require_ev_and_ang_in_words(*found.group(0, 1, 2))
    info: dict[str, Any] = {}
    for pair in _PAIR.findall(line):
        info |= key_val_str_to_dict(pair)
    _require_known_cell(info)
    info |= _cell_in_words(_PAIR.sub("", line))
    for key, value in info.items():  # of nine numbers, ASE takes six
        if key.casefold().endswith("stress") and np.size(value) == 9:
            require_symmetric(np.reshape(np.asarray(value, dtype=float), (3, 3)), key)
    return info


def _cell_in_words(title: str) -> dict[str, Any]:
    """Return the cell that i-PI writes into a title; refuse another, and lengths in bohr."""
    bohr, ipi, cell = (one.search(title) for one in (_BOHR, _IPI_CELL, _CELL_IN_WORDS))
    if bohr:
        raise InputError(f"{title.strip()[:60]!r} in the comment: lengths in bohr. Convert to Å.")
    if ipi and all(f"{name}{{angstrom}}" in title.casefold() for name in ("positions", "cell")):
        return {"Lattice": Cell.fromcellpar([float(one) for one in ipi[1].split()]).array.T}
    if ipi:
        raise InputError(
            "the comment of i-PI does not say that positions and cell are in Å - expected "
            "positions{angstrom} cell{angstrom}. Convert the file, or complete it."
        )
    if cell:
        raise InputError(
            f"{cell[0].strip()[:60]!r} in the comment may be a cell - expected "
            '`Lattice="..."`, nine numbers. Write it so, or remove it.'
        )
    return {}


def _require_sure_charge(plain: str, line: str, keys: list[str]) -> None:
    """Refuse a charge or a spin in words, also in quotes if no key states one."""
    sure = any(meaning(key) == "charge" for key in keys)
    quoted = [text[1:-1] for text in _QUOTED.findall(line)] + [_PAIR.sub("", line)]
    for said in (
        one
        for text in (_VALUE.sub("", plain), *(() if sure else quoted))
        for one in _IN_WORDS.finditer(text)
    ):
        if int(said[2]) != (said[1].casefold() in ("mult", "multiplicity", "spin")):
            raise InputError(
                f"{said[0].strip()!r} in the comment is a charge or a spin that a program cannot "
                "be sure of - expected `charge=-1`, `multiplicity=2`. Write it so, or remove it."
            )


def _require_ev_and_ang_in_words(text: str, word: str, unit: str) -> None:
    """Refuse a unit in words that is not the one of eV and Å; other words are no units."""
    quantity = quantity_of(word)
    kinds = tuple(EXPECTED) if quantity is None else (quantity,)
    if quantity is None and word.casefold() in ("all", "in") and unit.casefold() != "atomic units":
        return
    factors = {unit_factor(kind, one) for kind in kinds for one in (unit, unit.rstrip("."))}
    if factors - {None} and 1.0 not in factors:
        raise InputError(
            f"{text.strip()!r} in the comment: {word} in {unit} - expected "
            f"{', '.join(EXPECTED[kind] for kind in kinds)}. Convert the file."
        )


def _require_known_cell(info: dict[str, Any]) -> None:
    """Refuse a cell under a key that ASE passes over, and flags that it takes for true."""
    cells = [key for key in info if key.casefold() in ("lattice", "cell", "unitcell", "box")]
    if "Lattice" not in info and any(np.size(info[key]) in (3, 6, 9) for key in cells):
        raise InputError(
            f"{cells[0]} is no key for a cell - expected Lattice, nine numbers. Rename it."
        )
    flags = np.ravel(info.get("pbc", False))
    if flags.dtype != bool or flags.size not in (1, 3):
        raise InputError(f'pbc is {info["pbc"]!r} - expected three flags, "T T F". Correct it.')
