"""Charge, spin and units that files of programs state, and that ASE's readers pass over."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from e3d.errors import InputError
from e3d.structure_files.named_elements import numbered_lines

_Q: Final = r"(?P<charge>[-+]?\d+)"
_WHOLE: Final = rf"{_Q}(?:\.0*)?"
_REAL: Final = r"(?P<charge>[-+]?\d*\.\d+[Ee][-+]\d+)"
_M: Final = r"(?P<multiplicity>\d+)"
_STATED: Final[Mapping[str, tuple[str, ...]]] = {
    "gaussian-in": (
        rf"\s*{_Q}(?:\s*,\s*|\s+){_M}(?:[\s,]+[-+]?\d+[\s,]+\d+)*\s*$",
        r"[^!]*\bunits\s*[=(][^!]*\b(?P<length_unit>au|bohr)\b",
    ),
    "gaussian-out": (rf"\s*Charge\s*=\s*{_Q}\s+Multiplicity\s*=\s*{_M}(\s+in supermolecule)?\s*$",),
    "orca-output": (rf"\s*Total Charge\s+Charge\s+\.+\s+{_Q}", rf"\s*Multiplicity\s+Mult\s.*?{_M}"),
    "nwchem-out": (rf"\s*Charge\s*:\s*{_Q}\s*$", rf"\s*Spin multiplicity\s*:\s*{_M}"),
    "nwchem-in": (rf"\s*charge\s+{_Q}\s*$", r"\s*geometry\b.*\bunits\s+(?P<length_unit>\S+)"),
    "gamess-us-out": (rf"\s*CHARGE OF MOLECULE\s*=\s*{_Q}", rf"\s*SPIN MULTIPLICITY\s*=\s*{_M}"),
    "cjson": (rf'.*"totalCharge"\s*:\s*{_Q}', rf'.*"totalSpinMultiplicity"\s*:\s*{_M}'),
    "turbomole": (rf"\$eht\b.*\bcharge=\s*{_Q}", r"\$eht\b.*\bunpaired=\s*(?P<unpaired>\d+)"),
    "espresso-in": (rf"[^!]*\btot_charge\s*=\s*{_Q}(?:\.0*)?(?:[dDeE][-+]?0+)?\s*(?:,.*|!.*)?$",),
    "abinit-in": (rf"\s*(?:cell)?charge\s+{_Q}(?:\.0*)?(?:[dDeE][-+]?0+)?\s*(?:[!#].*)?$",),
    "octopus-in": (rf"\s*ExcessCharge\s*=\s*{_WHOLE}\s*(?:#.*)?$",),
    "dftb": (rf"\s*Charge\s*=\s*{_WHOLE}\s*(?:#.*)?$",),
    "onetep-in": (rf"\s*charge\s*[:=\s]\s*{_WHOLE}\s*(?:[!#].*)?$",),
    "cp2k-restart": (rf"\s*CHARGE\s+{_Q}\s*$", rf"\s*MULTIPLICITY\s+{_M}\s*$"),
    "aims-output": (rf"\s*Charged system requested:\s*Charge\s*=\s*{_REAL}",),
    "lammps-data": (r".*\bunits\s*=\s*(?P<units>\w+)",),
    "lammps-dump-text": (r"(?P<units>[a-z]+)\s*$",),  # the line behind ITEM: UNITS
}
"""What a line states, by ASE's format."""
_NOT_READ: Final[Mapping[str, Mapping[str, str]]] = {
    "turbomole": {
        r"\$coord\s+\S": "coordinates that ASE takes for bohr",
        r"\$(periodic|cell|lattice)\b": "a cell that ASE passes over",
    },
    "gaussian-in": {
        r"--link1--": "a second job, whose atoms ASE may mix with the first",
        r"\s*[A-Za-z][\w()=,.-]*[\s,]+(-\d+|0)([\s,]+[-+]?\d*\.\d*([eEdD][-+]?\d+)?){3}\s*$": (
            "a code that holds an atom fixed, which ASE does not read"
        ),
    },
}


def stated_by(path: Path, form: str) -> dict[str, Any]:
    """Return charge, multiplicity and units that a file of ASE's format ``form`` states.

    Raises
    ------
    InputError
        If it states two charges, or something that ASE reads wrongly.
    """
    if form not in _STATED:
        return {}
    found: dict[str, str] = {}
    for number, line in numbered_lines(path):
        for pattern, what in _NOT_READ.get(form, {}).items():
            if re.match(pattern, line, re.IGNORECASE):
                raise InputError(
                    f"{path} line {number}: {line.strip()[:60]!r} says {what} - expected "
                    "elements and coordinates alone, in the format's own unit. Convert the file to "
                    "extended XYZ."
                )
        if form == "lammps-data" and number > 1:
            break
        for pattern in _STATED[form]:
            one = re.match(pattern, line, re.IGNORECASE)
            for key, value in one.groupdict().items() if one else ():
                if form == "gaussian-in":  # rows of bonds look alike
                    found.setdefault(key, value)
                elif found.setdefault(key, value) != value:
                    raise InputError(
                        f"{path} line {number}: states {key} {value} after {found[key]} - expected "
                        "one. Split the file, or convert it to extended XYZ with `charge`."
                    )
    return {key: value if "unit" in key else _number(value) for key, value in found.items()}


def _number(text: str) -> float:
    return float(text) if "." in text else int(text)
