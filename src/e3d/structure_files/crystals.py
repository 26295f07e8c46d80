"""Crystals that a file states in part: ASE fills in the rest, and may take another crystal."""

import re
from pathlib import Path
from typing import Final

from e3d.errors import InputError
from e3d.structure_files.named_elements import PDB, numbered_lines

_WHOLE: Final = re.compile(r"(?i)(P?\s*1(\s*1\s*1)?)?")
"""Space group P 1 in its spellings, or none."""
_ELEMENT: Final = re.compile(r"[A-Z][a-z]?")


def require_whole_crystal(path: Path, form: str) -> None:
    """Refuse a file, of ASE's format ``form``, whose symmetry or elements ASE would guess.

    Raises
    ------
    InputError
        Naming what to add.
    """
    if form == "vasp":
        _require_counts(path)
    elif form == PDB:
        _require_no_symmetry(path)


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
        group = line[55:66].strip()
        if line.startswith("CRYST1") and not _WHOLE.fullmatch(group):
            raise InputError(
                f"{path} line {number}: has space group {group!r}, so its atoms may be a part of "
                "the cell - expected P 1 with all atoms. Build the cell, or remove CRYST1 to "
                "take the atoms as a molecule."
            )
