"""Levels of theory: their names and the energies of their isolated atoms."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final, Literal

from e3d.errors import InputError
from e3d.units import HARTREE_EV

ISOLATED_ATOMS_FILE: Final = Path(__file__).with_name("isolated_atoms.csv")
"""A table of the isolated atoms that are not written here."""
ATOM_COLUMNS: Final = ("theory", "element", "energy_eV", "source")
"""Columns of such a table."""

_SPICE_HARTREE = {
    "H": -0.4987605100487531,
    "B": -24.671520535482145,
    "C": -37.87264507233593,
    "N": -54.62327513368922,
    "O": -75.11317840410095,
    "F": -99.78611622985483,
    "Si": -289.4131352299586,
    "P": -341.3059197024934,
    "S": -398.1599636677874,
    "Cl": -460.1988762285739,
    "Br": -2574.1167240829964,
    "I": -297.76228914445625,
}


@dataclass(frozen=True)
class Theory:
    """A level of theory with the energies (eV) of its neutral isolated atoms by element."""

    name: str
    source: str = ""
    isolated_atom_energy: Mapping[str, float] = field(default_factory=dict)


SPICE: Final = Theory(
    "wB97M-D3(BJ)/def2-TZVPPD",
    "SPICE 2.0.1, neutral atoms at SPICE's level (openmm/spice-dataset)",
    {element: energy * HARTREE_EV for element, energy in _SPICE_HARTREE.items()},
)
"""SPICE's level with its own atoms; :func:`theories` adds those that SPICE has as ions only."""

GFN2: Final = Theory("GFN2-xTB")
"""GFN2-xTB; :func:`theories` adds its atoms."""

AIMNET2: Final = "AIMNet2 (wB97M-D3/def2-TZVPP)"
"""A network's approximation of its theory; :func:`theories` has atoms fitted to SPICE's frames."""

_METHODS: Final = frozenset(
    (
        *("lda", "pbe", "pbesol", "rpbe", "revpbe", "blyp", "bp86", "tpss", "scan", "rscan"),
        *("r2scan", "hse", "hse03", "hse06", "pbe0", "b3lyp", "camb3lyp", "m06l", "m062x"),
        *("wb97xd", "wb97xd3", "wb97xv", "wb97mv", "b973c", "pbeh3c", "r2scan3c", "mp2", "ccsd"),
        *("gfn0", "gfn1", "gfnff", "dftb", "am1", "pm3", "pm6", "pm7"),
    )
)
"""Methods, beside those of the known theories, as :func:`method` writes them."""
_NO_METHOD: Final = frozenset(
    ("dft", "ks", "rks", "uks", "roks", "hf", "rhf", "uhf", "gga", "meta", "hybrid", "u", "xtb")
)
"""Words that many methods go by."""

IONIC_ONLY: Final = ("Li", "Na", "Mg", "K", "Ca")
"""Elements SPICE has only as ions: no neutral reference, so sum(D) is no atomisation energy."""


@cache
def theories() -> Mapping[str, Theory]:
    """Return every known theory by name.

    >>> round(theories()["GFN2-xTB"].isolated_atom_energy["H"], 3)
    -10.707
    """
    found = {SPICE.name: SPICE, GFN2.name: GFN2} | read_theories(ISOLATED_ATOMS_FILE)
    more = found[SPICE.name].isolated_atom_energy
    own = replace(SPICE, isolated_atom_energy={**more, **SPICE.isolated_atom_energy})
    return found | {SPICE.name: own}


def read_theories(path: Path) -> dict[str, Theory]:
    """Read theories from a table with :data:`ATOM_COLUMNS`.

    Raises
    ------
    InputError
        If it is missing, lacks a column, or an energy is no number.
    """
    atoms: dict[str, dict[str, float]] = {}
    sources: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                name, element, energy, source = (row[column] for column in ATOM_COLUMNS)
                atoms.setdefault(name, {})[element] = float(energy)
                sources[name] = source
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as a table {', '.join(ATOM_COLUMNS)} "
            f"({type(error).__name__}: {error}). Install the package again, or restore the file."
        ) from None
    return {name: Theory(name, sources[name], energies) for name, energies in atoms.items()}


def ionic_only(theory: str) -> tuple[str, ...]:
    """Return the elements that the datasets of a level of theory have as ions only.

    >>> ionic_only("wB97M-D3(BJ)/def2-TZVPPD")
    ('Li', 'Na', 'Mg', 'K', 'Ca')
    >>> ionic_only("GFN2-xTB")
    ()
    """
    return IONIC_ONLY if theory == SPICE.name else ()


def method(level: str) -> str:
    """Return the method that a level of theory names, without case, hyphens and ``(BJ)``.

    It is the first known one, else the first word; "" if there is none.

    >>> method("ωB97M-D3(BJ)/def2-TZVPPD"), method("Psi4 wb97m-d3bj"), method("GGA+U")
    ('wb97md3', 'wb97md3', '')
    """
    words, known = _words(level), known_methods()
    return next((word for word in words if word in known), words[0] if words else "")


@cache
def known_methods() -> frozenset[str]:
    """Return the methods that are known by name, as :func:`method` writes them."""
    return _METHODS | {_words(name)[0] for name in theories()}


def disagreement(stated: str, theory: str) -> Literal["none", "perhaps", "sure"]:
    """Say whether a level of theory that a file states is another one than ``theory``.

    It is sure where both are known by name. Names of one's own may stand for any level.

    >>> disagreement("gfn2", "GFN2-xTB"), disagreement("GFN2-xTB", "wB97M-D3(BJ)/def2-TZVPPD")
    ('none', 'sure')
    >>> disagreement("PBE0/def2-SVP", "mine")
    'perhaps'
    """
    one, other = _words(stated), _words(theory)
    levels = [_words(name) for name in theories()]
    if not one or one == other:
        return "none"
    if one in levels and other in levels:
        return "sure"
    ours, theirs = method(theory), method(stated)
    if ours != theirs:
        return "sure" if {ours, theirs} <= known_methods() else "perhaps"
    bases = {basis for basis in map(_basis, (stated, theory)) if basis}
    return "perhaps" if len(bases) > 1 else "none"


def _words(level: str) -> list[str]:
    """Return the words of a level of theory; what comes after a comma says by which program."""
    text = level.casefold().partition(",")[0].replace("ω", "w").replace("omega", "w")
    parts = re.split(r"[\s/;:()_+]+", text.replace("(bj)", "").replace("*", "(d)"))
    words = [re.sub("[^a-z0-9]|(?<=d3)-?bj$|-?xtb$", "", part) for part in parts]
    return [word for word in words if word and word not in _NO_METHOD]


def _basis(level: str) -> str:
    found = re.search(r"/\s*([^\s,;/]+)", level.casefold().replace("*", "(d)"))
    return re.sub("[^a-z0-9]", "", found[1]) if found else ""
