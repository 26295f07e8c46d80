"""Levels of theory: what they are called and what an isolated atom weighs in them."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from e3d.errors import InputError
from e3d.units import HARTREE_EV

ISOLATED_ATOMS_FILE = Path(__file__).with_name("isolated_atoms.csv")
"""Isolated atoms of the theories that are not written here: theory, element, energy_eV, source."""

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
    """A level of theory with the energies of its neutral isolated atoms (eV)."""

    name: str
    source: str
    isolated_atom_energy: Mapping[str, float]


SPICE = Theory(
    name="wB97M-D3(BJ)/def2-TZVPPD",
    source="SPICE 2.0.1, neutral atoms at SPICE's level (openmm/spice-dataset)",
    isolated_atom_energy={element: e * HARTREE_EV for element, e in _SPICE_HARTREE.items()},
)

GFN2 = Theory(name="GFN2-xTB", source="", isolated_atom_energy={})


class _Theories(Mapping[str, Theory]):
    """Every known theory by name; :data:`ISOLATED_ATOMS_FILE` is read when it is first asked for."""

    def __getitem__(self, name: str) -> Theory:
        return _known()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_known())

    def __len__(self) -> int:
        return len(_known())


THEORIES: Final[Mapping[str, Theory]] = _Theories()


@cache
def _known() -> Mapping[str, Theory]:
    found = {SPICE.name: SPICE, GFN2.name: GFN2} | read_theories(ISOLATED_ATOMS_FILE)
    added = found[
        SPICE.name
    ].isolated_atom_energy  # neutral atoms SPICE has not; its own come first
    own = replace(SPICE, isolated_atom_energy={**added, **SPICE.isolated_atom_energy})
    return found | {SPICE.name: own}


def read_theories(path: Path) -> dict[str, Theory]:
    """Read theories from a table with the columns theory, element, energy_eV and source.

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
                atoms.setdefault(row["theory"], {})[row["element"]] = float(row["energy_eV"])
                sources[row["theory"]] = row["source"]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as a table theory, element, energy_eV, source ({type(error).__name__}: {error}). "
            "Install the package again, or restore the file."
        ) from None
    return {name: Theory(name, sources[name], energies) for name, energies in atoms.items()}


IONIC_ONLY = ("Li", "Na", "Mg", "K", "Ca")
"""Elements SPICE has only as ions: no neutral reference, so sum(D) is no atomisation energy."""


def ionic_only(theory: str) -> tuple[str, ...]:
    """Return the elements that the datasets of a level of theory have as ions only."""
    return IONIC_ONLY if theory == SPICE.name else ()
