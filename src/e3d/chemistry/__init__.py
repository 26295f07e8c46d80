"""Molecules, their bonds and the types of these, from SMILES or from a geometry, through RDKit."""

from e3d.chemistry.alike import (
    equivalent_bonds,
    fragment_rows,
)
from e3d.chemistry.elements import (
    number,
    symbol,
)
from e3d.chemistry.molecules import (
    FORMULA,
    Bond,
    Molecule,
    SmilesError,
    bond_type,
    canonical_smiles,
    flat,
    flat_smiles,
    formula,
    molecule,
    parse,
    unnamed,
)

__all__ = [
    "FORMULA",
    "Bond",
    "Molecule",
    "SmilesError",
    "bond_type",
    "canonical_smiles",
    "equivalent_bonds",
    "flat",
    "flat_smiles",
    "formula",
    "fragment_rows",
    "molecule",
    "number",
    "parse",
    "symbol",
    "unnamed",
]
