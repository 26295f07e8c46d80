"""Levels of theory: what they are called and what an isolated atom weighs in them."""

from collections.abc import Mapping
from dataclasses import dataclass

from e3d.units import HARTREE_EV

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

THEORIES: Mapping[str, Theory] = {SPICE.name: SPICE, GFN2.name: GFN2}

IONIC_ONLY = ("Li", "Na", "Mg", "K", "Ca")
"""Elements SPICE has only as ions: no neutral reference, so sum(D) is no atomisation energy."""
