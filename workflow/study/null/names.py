"""Names of the null models, the columns of their D, and what each of them is told."""

from typing import Final

COARSE, FINE, PAIR = "additivity-coarse", "additivity-fine", "pair-potential"
UNTRAINED, IN_MOLECULES, IN_TYPES = "untrained", "shuffled-in-molecules", "shuffled-in-types"

FITTED: Final = (COARSE, FINE, PAIR)
"""Fitted to the training frames of a run."""
NULLS: Final = (*FITTED, UNTRAINED, IN_MOLECULES, IN_TYPES)

ADDITIVITY_TYPES: Final = {COARSE: "bond_type", FINE: "bond_type_fine"}
"""The column whose types an additivity counts."""

NULL_MODEL: Final = "null_model"
INFORMATION: Final = {
    COARSE: "training energies; the bonds of each molecule and their orders (not known to E3D); no geometry, no forces",
    FINE: "as the coarse one, and the hybridisation of both atoms",
    PAIR: "training energies and forces, elements and distances: what E3D is told; the same loss weights, and the "
    "validation frames to choose its smoothness",
    UNTRAINED: "the architecture, its scale and Nbar; no labels",
    IN_MOLECULES: "D itself, without which bond of a molecule has it",
    IN_TYPES: "D itself, without which bond of a type has it",
}
"""What each null model is told, for its row in the table of fits and for the method."""

TITLES: Final = {
    COARSE: "bond additivity",
    FINE: "bond additivity with hybridisation",
    PAIR: "a pair potential",
    UNTRAINED: "an untrained network",
    IN_MOLECULES: "D shuffled within molecules",
    IN_TYPES: "D shuffled within bond types",
}
"""What figures and sentences call them."""


def column(null: str) -> str:
    """Return the column that holds D (eV) of a null model."""
    return f"{null.replace('-', '_')}_eV"
