"""Trajectories of VASP (XDATCAR) that were cut, or that VASP is still writing.

ASE says of them that the shape of an array is not homogeneous, and takes a number that lost its
last digits as it is.
"""

import re
from itertools import takewhile
from pathlib import Path
from typing import Final

from e3d.errors import InputError
from e3d.structure_files.named_elements import numbered_lines

XDATCAR: Final = "vasp-xdatcar"
_FRAME: Final = re.compile(r"(?i)\s*direct\s+configuration\s*=")
_ROW: Final = re.compile(r"(?:\s*[-+]?\d+\.\d+){3}\s*$")
_COUNTS: Final = 6


def require_whole_frames(path: Path) -> None:
    """Refuse a trajectory whose last frame, or last number, was cut.

    Raises
    ------
    InputError
        Naming the line where the frame begins.
    """
    lines = [line for _, line in numbered_lines(path)]
    frames = [k for k, line in enumerate(lines) if _FRAME.match(line)]
    counts = lines[_COUNTS].split() if frames and frames[0] > _COUNTS else []
    if not counts or not all(count.isdecimal() for count in counts):
        raise InputError(
            f"{path}: no frame begins behind a cell, elements and counts - expected these and "
            "`Direct configuration=`. It was cut, or is of another program: copy it again."
        )
    atoms = sum(map(int, counts))
    for start in frames:
        rows = len(list(takewhile(_ROW.match, lines[start + 1 :])))
        if rows != atoms:
            raise InputError(
                f"{path} line {start + 1}: {rows} rows of atoms follow, and the counts of line "
                f"{_COUNTS + 1} add up to {atoms} - expected as many. The file was cut, or is "
                "still being written: copy it again, or remove the frame."
            )
    if not lines[-1].endswith("\n"):
        raise InputError(
            f"{path} line {len(lines)}: the file ends within this line, so its last number may be "
            "cut. Copy it again, or remove the frame."
        )
