"""Crystals that a file states in part: ASE fills in the rest, and may take another crystal."""

import logging
import re
from pathlib import Path
from typing import Any, Final

from ase.io.cif import parse_cif
from ase.spacegroup import Spacegroup
from ase.spacegroup.spacegroup import SpacegroupNotFoundError

from e3d.errors import InputError
from e3d.store.files.compressed import open_stream
from e3d.structure_files.named_elements import PDB, numbered_lines

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
_FIRST: Final = re.compile(r"\s*:\s*[1Hh]\s*$")
"""What marks the first origin, or hexagonal axes, of a symbol."""
_ELEMENT: Final = re.compile(r"[A-Z][a-z]?")


def require_whole_crystal(path: Path, form: str) -> None:
    """Refuse a file, of ASE's format ``form``, whose symmetry or elements ASE would guess.

    Raises
    ------
    InputError
        Naming what to add.
    """
    if form == "cif":
        with open_stream(path) as stream:
            for block in parse_cif(stream):
                _require_setting(dict(block), path)
    elif form == "vasp":
        _require_counts(path)
    elif form == PDB:
        _require_no_symmetry(path)


def _require_setting(block: dict[str, Any], path: Path) -> None:
    """Refuse a space group without operations whose symbol is not the one that ASE would take."""
    stated = {key: value for key, value in block.items() if str(value) not in ("?", ".")}
    number = next((stated[key] for key in _NUMBERS if key in stated), None)
    symbol = next((stated[key] for key in _SYMBOLS if key in stated), None)
    if number is None or any(key in block for key in _OPERATIONS):
        return
    setting = 2 if str(block.get(_SETTING, 1)) == "2" else 1
    known = Spacegroup(int(number), setting)
    usual = _FIRST.sub("", str(symbol)) if setting == 1 else str(symbol)
    if symbol is not None and _plain(usual) != _plain(known.symbol):
        raise InputError(
            f"{path}: has no symmetry operations, and its space group {symbol!r} is not the "
            f"setting of number {number} that ASE takes, {known.symbol!r} - expected the "
            "operations. Write the file with them, or in P 1 with all atoms."
        )
    if _SETTING not in block and _has_two_origins(int(number)):
        log.warning(
            "%s: has no symmetry operations; space group %s is taken in its first origin or axes",
            *(path, number),
        )


def _has_two_origins(number: int) -> bool:
    try:
        Spacegroup(number, 2)
    except SpacegroupNotFoundError:
        return False
    return True


def _plain(symbol: str) -> str:
    """Return a symbol without spaces and without the ones of a full monoclinic symbol."""
    words = [word for word in symbol.replace("_", "").split() if word != "1"]
    return "".join(words).casefold() if len(words) > 1 else "".join(symbol.split()).casefold()


def _require_counts(path: Path) -> None:
    """Refuse a POSCAR with other than one count for each element: ASE passes over the rest."""
    lines = [line for _, line in numbered_lines(path)][:7]
    elements = lines[5].split() if len(lines) > 6 else []
    if not elements or not all(_ELEMENT.match(word) for word in elements):
        return
    counts = lines[6].split("!")[0].split()
    if len(counts) != len(elements):
        raise InputError(
            f"{path} line 7: has {len(counts)} counts of atoms for the {len(elements)} elements "
            f"{' '.join(elements)} - expected one for each. Correct the file."
        )


def _require_no_symmetry(path: Path) -> None:
    """Refuse a PDB file of one asymmetric unit, which ASE takes for the whole cell."""
    for number, line in numbered_lines(path):
        group = " ".join(line[55:66].split())
        if line.startswith("CRYST1") and group not in ("", "P 1", "P1", "1"):
            raise InputError(
                f"{path} line {number}: has space group {group!r}, so its atoms may be a part of "
                "the cell - expected P 1 with all atoms. Build the cell, or remove CRYST1 to "
                "take the atoms as a molecule."
            )
