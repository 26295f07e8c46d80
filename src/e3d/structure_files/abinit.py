"""The crystal of an input of Abinit, in words that ASE's reader knows.

ASE knows no ``3*18.9``, ``1.0d0``, ``1/3`` nor comments after ``!``. It takes every ``xcart`` for
bohr, and passes over symmetry and whatever else makes another crystal of the numbers.
"""

import io
import re
from fractions import Fraction
from pathlib import Path
from typing import Final

from e3d.errors import InputError
from e3d.structure_files.named_elements import numbered_lines

ABINIT: Final = "abinit-in"
_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?"
_REPEATED: Final = re.compile(rf"(\d+)\*({_NUMBER}(?:/{_NUMBER})?)")
_QUOTIENT: Final = re.compile(rf"({_NUMBER})/({_NUMBER})")
_NOT_READ: Final = {
    "scalecart": "a scale of the cell",
    "angdeg": "a cell by its angles",
    "natrd": "atoms that symmetry multiplies",
    "spgroup": "atoms that symmetry multiplies",
    "brvltt": "a centred cell",
    "nobj": "atoms that are moved or repeated",
    "include": "another file",
}
"""Words that ASE passes over, and what they say; ``spgroup 1`` and the like say nothing."""
_GEOMETRY: Final = re.compile(r"(acell|rprim|xred|xcart|xangst|typat|natom)(\d+|[?:+*])+")
"""Words of one of several data sets."""
_TRIVIAL: Final = ("0", "1")
_LONGEST_REPEAT: Final = 100_000


def abinit_input(path: Path) -> io.StringIO:
    """Return a file with numbers one by one, and no comments.

    Raises
    ------
    InputError
        If it has several geometries, or says something that ASE passes over.
    """
    words: list[tuple[int, str]] = []
    for number, line in numbered_lines(path):
        for word in re.split("[#!]", line)[0].casefold().replace("=", " ").split():
            words += [(number, one) for one in _numbers(word, f"{path} line {number}")]
    for (number, word), (_, after) in zip(words, [*words[1:], (0, "")], strict=True):
        where = f"{path} line {number}: {word!r}"
        trivial = word in ("spgroup", "brvltt", "natrd", "nobj") and after in _TRIVIAL
        if word.strip('"') in _NOT_READ and not trivial:
            raise InputError(
                f"{where} says {_NOT_READ[word.strip(chr(34))]}, which ASE passes over - expected "
                "acell, rprim and all atoms. Convert the file to extended XYZ."
            )
        if _GEOMETRY.fullmatch(word):
            raise InputError(
                f"{where} is of one of several data sets - expected one geometry. Write a file for "
                "each."
            )
    _require_bohr([word for _, word in words], path)
    return io.StringIO("\n".join([word for _, word in words]) + "\n")


def _numbers(word: str, where: str) -> list[str]:
    """Return a word, or the numbers that it stands for."""
    repeated = _REPEATED.fullmatch(word)
    times, number = (int(repeated[1]), repeated[2]) if repeated else (1, word)
    if times > _LONGEST_REPEAT:
        raise InputError(f"{where}: {word!r} are too many numbers. Correct the line.")
    if quotient := _QUOTIENT.fullmatch(number):
        try:
            above, below = (Fraction(part.replace("d", "e")) for part in quotient.groups())
            number = repr(float(above / below))
        except ZeroDivisionError:
            raise InputError(f"{where}: {word!r} is no number. Correct the line.") from None
    elif re.fullmatch(_NUMBER, number):
        number = number.replace("d", "e")
    return [number] * times


def _require_bohr(words: list[str], path: Path) -> None:
    """Refuse ``xcart`` in another unit than bohr, which ASE takes for bohr."""
    if "xcart" not in words:
        return
    after = words[words.index("xcart") + 1 :]
    unit = next((word for word in after if not re.fullmatch(_NUMBER, word)), "")
    if unit.startswith("ang"):
        raise InputError(
            f"{path}: xcart is in {unit}, and ASE takes it for bohr. Write `xangst` instead."
        )
