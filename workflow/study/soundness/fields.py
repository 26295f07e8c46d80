"""Columns of the table of laws, and the laws by the words that findings use."""

from typing import Final

LAW: Final = "law"
QUANTITY: Final = "quantity"
DEVIATION: Final = "deviation"
LIMIT: Final = "limit"
UNIT: Final = "unit"
"""Of deviation and limit: rows have different ones."""
OBEYED: Final = "obeyed"
YES, NO = "yes", "no"
AGAIN_AT: Final = "trained_again_at"
"""The learning rate of a second training, whose first one diverged; empty where there was one."""

COLUMNS: Final = (LAW, QUANTITY, DEVIATION, LIMIT, UNIT, OBEYED, AGAIN_AT)

FINITE: Final = "finite numbers"
SUM_RULE: Final = "sum rule"
GRADIENT: Final = "forces from energies"
ROTATION: Final = "rotation"
REFLECTION: Final = "reflection"
TRANSLATION: Final = "translation"
PERMUTATION: Final = "permutation"
LOCALITY: Final = "locality"
LEARNED: Final = "learned its training frames"

LAWS: Final = (
    *(FINITE, SUM_RULE, GRADIENT, ROTATION, REFLECTION, TRANSLATION, PERMUTATION, LOCALITY),
    LEARNED,
)
