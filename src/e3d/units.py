"""Units: eV and Å inside, everything else is converted once, here.

Values are CODATA 2018 (the set PySCF and Psi4 use), so that SPICE's hartree and bohr round-trip.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

HARTREE_EV = 27.211386245988
"""One hartree in eV (CODATA 2018)."""

BOHR_ANG = 0.529177210903
"""One bohr in Å (CODATA 2018)."""

HARTREE_PER_BOHR_EV_PER_ANG = HARTREE_EV / BOHR_ANG
"""One hartree/bohr in eV/Å."""

EV_KCAL_MOL = 23.060547830619
"""One eV in kcal/mol (CODATA 2018: e N_A / 4184 J)."""

EV_MEV = 1000.0
"""One eV in meV."""

EV_KJ_MOL = 96.48533212331
"""One eV in kJ/mol (CODATA 2018: e N_A / 1000 J)."""

NM_ANG = 10.0
"""One nm in Å."""

EV_PER_ANG3_GPA = 160.2176634
"""One eV/Å^3 in GPa (CODATA 2018: e / 1e-30 m^3)."""

KBAR_EV_PER_ANG3 = 0.1 / EV_PER_ANG3_GPA
"""One kbar (0.1 GPa) in eV/Å^3."""

DALTON_PER_ANG3_G_PER_CM3 = 1.66053906660
"""One dalton/Å^3 in g/cm^3 (CODATA 2018)."""

_ATOMIC_UNITS: Final = ("au", "a.u.", "atomic units", "atomic_units", "atomic_unit")

LENGTHS_ANG: Final[Mapping[str, float]] = {
    **dict.fromkeys(("a", "å", "ang", "angs", "angstrom", "angstroms", "ångström"), 1.0),
    **dict.fromkeys(("bohr", "bohrs", "a0", "a_0", *_ATOMIC_UNITS), BOHR_ANG),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), NM_ANG),
    **dict.fromkeys(("pm", "picometer", "picometers", "picometre", "picometres"), 0.01),
}
"""Spellings of units of length, in small letters, in Å."""

ENERGIES_EV: Final[Mapping[str, float]] = {
    **dict.fromkeys(("ev", "electron_volt", "electronvolt", "electron volt"), 1.0),
    **dict.fromkeys(("hartree", "hartrees", "ha", "eh", "e_h", *_ATOMIC_UNITS), HARTREE_EV),
    **dict.fromkeys(("ry", "rydberg", "rydbergs"), HARTREE_EV / 2),
    **dict.fromkeys(("kcal/mol", "kcal/mole", "kilocalorie/mole"), 1 / EV_KCAL_MOL),
    **dict.fromkeys(("kj/mol", "kj/mole", "kilojoule/mole"), 1 / EV_KJ_MOL),
}
"""Spellings of units of energy, in small letters, in eV; "per" and the like are written "/"."""

_SMALL_M: Final[Mapping[str, float]] = {
    **dict.fromkeys(("meV", "millielectronvolt"), 1 / EV_MEV),
    **dict.fromkeys(("mHa", "mEh", "mhartree", "millihartree"), HARTREE_EV / 1000),
}
_PRESSURES_EV_PER_ANG3: Final[Mapping[str, float]] = {
    "gpa": 1 / EV_PER_ANG3_GPA,
    **dict.fromkeys(("kbar", "kb"), KBAR_EV_PER_ANG3),
    "bar": KBAR_EV_PER_ANG3 / 1000,
}

Quantity: TypeAlias = Literal["length", "energy", "force", "stress"]


def unit_factor(quantity: Quantity, unit: str) -> float | None:
    """Return what a unit of ``quantity`` is in eV and Å, None if the spelling is not known.

    >>> unit_factor("length", "nanometer"), unit_factor("force", "eV/Angstrom")
    (10.0, 1.0)
    >>> unit_factor("energy", "furlong") is None
    True
    """
    text = _fraction(unit)
    small = text.casefold()
    if quantity == "length":
        return LENGTHS_ANG.get(small)
    if quantity == "energy":
        return _SMALL_M.get(text, ENERGIES_EV.get(small))
    if quantity == "stress" and small in _PRESSURES_EV_PER_ANG3:
        return _PRESSURES_EV_PER_ANG3[small]
    power = 1 if quantity == "force" else 3
    if small in _ATOMIC_UNITS:
        return HARTREE_EV / BOHR_ANG**power
    energy, _, length = text.rpartition("/")
    if power == 3:
        length = re.sub(r"\^?3$", "", length) if length.endswith("3") else ""
    ev, ang = unit_factor("energy", energy), unit_factor("length", length)
    return None if ev is None or ang is None else ev / ang**power


def _fraction(unit: str) -> str:
    """Write a unit with "/" and "^" alone: ``kJ mol^-1 nm^-1`` is ``kJ/mol/nm``."""
    text = unit.strip().replace("**", "^").replace("³", "^3")
    text = re.sub(r"\s*/\s*|[\s_]+per[\s_]+", "/", text)
    text = re.sub(r"/\((.+?)[\s*·]+(.+?)\)", r"/\1/\2", text)
    text = re.sub(r"[\s*·]+([^\s*·/^]+?)\^?\(?-(\d)\)?", r"/\1^\2", text)
    return text.replace("^1", "")
