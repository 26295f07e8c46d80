"""The bond energies that D is compared with: tables, figures and findings follow from this list.

They are different quantities, so every table says which one it compares with (design, section 2).
Another one is an entry here and a column ``<name>_kcal_mol`` in its table here.
"""

from dataclasses import dataclass
from typing import Final

BDE_TABLE, ENERGIES_TABLE = "bde", "bond_energies"
"""Tables of named bonds, by the option of the command that reads them."""


@dataclass(frozen=True)
class Reference:
    """One kind of bond energy.

    Parameters
    ----------
    name
        Its stem in the columns of tables.
    words
        Its name in sentences.
    symbol
        Its name in figures, in matplotlib's mathematical text.
    table
        Which table of named bonds has it, in kcal/mol.
    electronic
        Whether it holds no vibrations, so that ``resources/label_level.csv`` has it at the labels'
        level of theory too.
    """

    name: str
    words: str
    symbol: str
    table: str
    electronic: bool

    @property
    def kcal_mol(self) -> str:
        """Column of its value in kcal/mol."""
        return f"{self.name}_kcal_mol"

    @property
    def column(self) -> str:
        """Column of its value in eV."""
        return f"{self.name}_eV"

    @property
    def error(self) -> str:
        """Column of D minus its value, eV."""
        return f"{self.name}_error_eV"

    @property
    def label(self) -> str:
        """Label of its axis."""
        return f"{self.symbol} (eV)"


BDE298: Final = Reference("bde298", "BDE298", "BDE$_{298}$", BDE_TABLE, electronic=False)
"""Enthalpy of homolytic cleavage at 298 K: the reference that most named bonds have."""
DE: Final = Reference("de", "De", "$D_e$", ENERGIES_TABLE, electronic=True)
"""Electronic energy of the same cleavage."""
MEAN_BOND_ENERGY: Final = Reference(
    "mean_bond_energy", "mean bond energy", "mean bond energy", ENERGIES_TABLE, electronic=True
)
"""Share of the atomisation energy."""

REFERENCES: Final = {one.name: one for one in (BDE298, DE, MEAN_BOND_ENERGY)}
"""All of them by name, in the order of panels and sentences."""
