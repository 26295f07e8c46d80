"""Cube files in Å: ASE takes every length for bohr, and fails at the grid."""

from itertools import islice
from pathlib import Path
from typing import Final

from e3d.errors import InputError
from e3d.structure_files.named_elements import numbered_lines

CUBE: Final = "cube"
_AXES: Final = slice(3, 6)
"""Lines with the points along each axis, after two of text and one of atoms."""


def require_bohr(path: Path) -> None:
    """Refuse a cube file whose numbers of points are negative, which says that lengths are in Å.

    Raises
    ------
    InputError
        Naming the line.
    """
    for number, line in list(islice(numbered_lines(path), _AXES.stop))[_AXES]:
        if line.split()[:1] and line.split()[0].startswith("-"):
            raise InputError(
                f"{path} line {number}: {line.strip()[:60]!r} has a negative number of points, "
                "which says that lengths are in Å - expected bohr. Convert the file to extended "
                "XYZ."
            )
