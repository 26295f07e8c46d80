"""The geometry of an input of NWChem, in words that ASE's reader knows.

ASE passes over atoms that it does not know (``o``, ``H1``, four numbers), builds no symmetry, takes
the last of several geometries, and finds none without a blank line behind it.
"""

import io
import re
from pathlib import Path
from typing import Final

from ase.data import atomic_numbers

from e3d.errors import InputError
from e3d.structure_files.named_elements import numbered_lines

NWCHEM: Final = "nwchem-in"
_ROW: Final = re.compile(r"\s*([A-Za-z]\S*)((?:\s+[-+]?\.?\d[-+.\deEdD]*){3})(?=\s|$)")
_NAME: Final = re.compile(r"([A-Za-z]+)[\d_]*")
_NO_ATOM: Final = re.compile(r"(?i)bq|x\d*$")
"""Centres of basis functions or charges alone, and dummies."""
_PARTS: Final = ("system", "zcoord")
"""Parts of a geometry with an ``end`` of their own."""


def nwchem_input(path: Path) -> io.StringIO:
    """Return a file with the atoms of its geometry as ``O 0.0 0.0 0.1``, and a blank line behind.

    Raises
    ------
    InputError
        If it has two geometries, a symmetry or a Z-matrix, or an atom that is no element.
    """
    text, depth, geometries = [], 0, 0
    for number, line in numbered_lines(path):
        words = line.split("#")[0].split() or [""]
        key = words[0].casefold()
        where = f"{path} line {number}: {line.strip()[:60]!r}"
        if depth == 0:
            depth = int(key == "geometry")
            geometries += depth
            if geometries > 1:
                raise InputError(
                    f"{where} begins another geometry - expected one. Write a file for each."
                )
        elif key == "end":
            depth -= 1
            line = "end\n" if depth else "end\n\n"
        elif (key == "symmetry" and words[-1].casefold() != "c1") or key.startswith("zm"):
            raise InputError(
                f"{where}, so atoms may be missing or have no coordinates - expected all atoms, "
                "with x, y and z. Write them, and remove the line."
            )
        elif row := _ROW.match(line):
            line = _row(row[1], row[2], where)
        elif not key:
            continue
        depth += depth > 0 and key in _PARTS
        text.append(line)
    return io.StringIO("".join(text))


def _row(name: str, place: str, where: str) -> str:
    if _NO_ATOM.match(name):
        return ""
    known = _NAME.fullmatch(name)
    element = known[1].title() if known else ""
    if not atomic_numbers.get(element):
        raise InputError(
            f"{where}: {name!r} is no chemical element - expected one, as O or H1. Write elements."
        )
    return f"{element}{place}\n"
