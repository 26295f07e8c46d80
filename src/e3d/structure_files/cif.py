"""Crystals of CIF files: the space group that a file means, if its cell and contents agree.

Where a file lists operations they decide. Else ASE has the operations of 230 space groups, some in
two settings, and takes the first for a number or for the one spelling of a symbol that it knows.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.io.cif import CIFBlock, parse_cif
from ase.spacegroup import Spacegroup
from ase.spacegroup.spacegroup import get_datafile

from e3d.arrays import Floats
from e3d.errors import InputError
from e3d.store.files.compressed import open_stream
from e3d.structure_files.cif_contents import require_contents, require_sites
from e3d.structure_files.crystals import require_fractions

log = logging.getLogger(__name__)

_OPERATIONS: Final = (
    "_space_group_symop_operation_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
_NUMBERS: Final = (
    "_space_group_it_number",
    "_space_group.it_number",
    "_symmetry_int_tables_number",
)
_SYMBOLS: Final = (
    "_space_group_name_h-m_alt",
    "_space_group.patterson_name_h-m",
    "_symmetry_space_group_name_h-m",
)
_SETTING: Final = "_symmetry_space_group_setting"
_SYSTEMS: Final = ("_space_group_crystal_system", "_symmetry_cell_setting")
_ENTRY: Final = re.compile(r"(?m)^(\d+) +(\S.*)\n +setting (\d)")
"""Number, symbol and setting in ASE's table."""
_MARK: Final = re.compile(r"(?i)(?:\s*:\s*([12HRSZ])|\s*([HRSZ]))\s*$")
"""What names the origin or the axes behind a symbol."""
_FIRST: Final = "1HS"
_ALONG_C: Final = (3, 4, 6, 10, 11)
"""Monoclinic groups whose second setting in ASE's table has the axis c instead of b."""
_METRIC: Final = 0.01
"""Relative: cells of a space group differ by less, also where they are rounded or relaxed."""


def cif_crystals(path: Path) -> Iterator[Atoms]:
    """Yield the crystal of every block of a CIF file that holds atoms.

    Raises
    ------
    InputError
        If it has no operations and its space group is not one that ASE knows in that setting, if
        its cell, volume, formula or density contradicts the rest, or if sites are no atoms, or
        alternatives of others.
    """
    with open_stream(path) as stream:
        for block in parse_cif(stream):
            if not block.has_structure():
                continue
            where = f"{path}, block {block.name!r}"
            require_sites(block, where)
            require_fractions(block.get_unsymmetrized_structure(), where)
            whole = _with_one_symmetry(block, where)
            atoms = whole.get_atoms()
            if atoms.cell.rank == 3 and not _fits(whole.get_spacegroup(True), atoms.cell.array):
                raise _other_cell("the symmetry operations", where)
            require_contents(block, atoms, where)
            yield atoms


def _with_one_symmetry(block: CIFBlock, where: str) -> CIFBlock:
    """Return a block that names its operations or its space group, and not both, as ASE reads it.

    ASE wants a number also where there are operations, which then decide.
    """
    names = (*_NUMBERS, *_SYMBOLS, *_SYSTEMS, _SETTING)
    stated = {key: value for key, value in block.items() if key not in names}
    group = _group(block, where)
    if group is None:
        return CIFBlock(block.name, stated | {_NUMBERS[0]: 1})
    stated = {key: value for key, value in stated.items() if key not in _OPERATIONS}
    return CIFBlock(block.name, stated | {_NUMBERS[0]: group.no, _SETTING: group.setting})


def _stated(block: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """Return the first of ``keys`` that a block gives a value for; ``?`` is none."""
    found = (block[key] for key in keys if key in block)
    return next((one for one in found if str(np.ravel(one or "?")[0]) not in ("?", ".")), None)


def _group(block: CIFBlock, where: str) -> Spacegroup | None:
    """Return the space group that a block without operations means; None where it lists them."""
    if _stated(block, _OPERATIONS):
        return None
    number, name = _stated(block, _NUMBERS), _stated(block, _SYMBOLS)
    symbol = None if name is None else str(name)
    if number is None and symbol is None:
        return Spacegroup(1)
    known = _settings(None if number is None else int(number), symbol)
    if block.get(_SETTING) is not None:
        known = [one for one in known if str(one.setting) == str(block[_SETTING])]
    if not known:
        of_number = "" if number is None else f" of number {number}"
        raise InputError(
            f"{where}: has no symmetry operations, and its space group {symbol!r} is no setting"
            f"{of_number} that ASE knows - expected the operations. Write the file with them, or "
            "in P 1 with all atoms."
        )
    cell = block.get_cell().array
    fitting = [one for one in known if _fits(one, cell)]
    if not fitting:
        raise _other_cell(f"space group {known[0].symbol!r}", where)
    if any(_operations(one) != _operations(fitting[0]) for one in fitting):
        log.warning(
            "%s: has no symmetry operations; space group %s is taken in its first origin or axes, "
            "%r",
            *(where, fitting[0].no, fitting[0].symbol),
        )
    return fitting[0]


def _other_cell(symmetry: str, where: str) -> InputError:
    return InputError(
        f"{where}: its cell lengths and angles are not those of {symmetry}, which would distort "
        "it - expected the cell of that crystal system. Correct the cell or the symmetry."
    )


def _settings(number: int | None, symbol: str | None) -> list[Spacegroup]:
    """Return the settings of ASE's table that a number and a symbol, or one of them, may mean."""
    mark = _MARK.search(symbol or "")
    plain = re.sub(r"[\s_()]", "", _MARK.sub("", symbol or "")).casefold()
    is_first = mark and (mark[1] or mark[2]).upper() in _FIRST
    return [
        Spacegroup(no, setting)
        for no, setting, spelling in _table()
        if number in (None, no)
        and (mark is None or (setting == 1) == is_first)
        and (symbol is None or spelling.fullmatch(plain))
    ]


@cache
def _table() -> tuple[tuple[int, int, re.Pattern[str]], ...]:
    """Return number, setting and spellings of every setting that ASE knows."""
    text = Path(get_datafile()).read_text(encoding="utf-8")
    return tuple(
        (int(no), int(setting), re.compile(_spellings(int(no), int(setting), symbol)))
        for no, symbol, setting in _ENTRY.findall(text)
    )


def _spellings(number: int, setting: int, symbol: str) -> str:
    """Return a pattern of the short, full and older spellings of a symbol, in small letters.

    >>> bool(re.fullmatch(_spellings(225, 1, "F m -3 m"), "f4/m-32/m"))
    True
    """
    lattice, *directions = symbol.casefold().split()
    if number == 1:
        return "p1(11)?"
    if 3 <= number < 16:
        only, along_c = directions[0], setting == 2 and number in _ALONG_C
        return f"{lattice}({only}|{'11' + only if along_c else '1' + only + '1'})"
    axis = "(21?/)?" if _is_centric(number) else ""
    first = "((21?|4[1-3]?)/)?" if axis and number >= 195 else axis
    parts = []
    for k, word in enumerate(directions):
        part = re.sub("e", "[eab]", word)
        if axis and number >= 195:
            part = part.replace("-3", "-?3")
        parts.append((axis if k else first) + part if word.isalpha() else part)
    return lattice + "".join(parts)


@cache
def _is_centric(number: int) -> bool:
    """Say whether a space group has an inversion, at the origin or not."""
    return any(np.array_equal(turn, -np.eye(3)) for turn in Spacegroup(number).get_rotations())


def _operations(group: Spacegroup) -> frozenset[tuple[float, ...]]:
    turns, shifts = group.get_op()
    rows = np.concatenate([turns.reshape(-1, 9), np.round(shifts % 1.0, 3) % 1.0], axis=1)
    return frozenset(map(tuple, rows.tolist()))


def _fits(group: Spacegroup, cell: Floats) -> bool:
    """Say whether the operations of a group keep the lengths and angles of a cell (3, 3), Å."""
    metric = cell @ cell.T
    lengths = np.sqrt(np.diag(metric))
    turned = [turn.T @ metric @ turn for turn in np.unique(group.get_op()[0], axis=0)]
    return bool((np.abs(turned - metric) <= _METRIC * np.outer(lengths, lengths)).all())
