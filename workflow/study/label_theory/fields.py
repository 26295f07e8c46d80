"""Names in the stage's tables; drawing these needs no HDF5, as making them does."""

from typing import Final

SEPARATION: Final = "separation_eV"
LABEL_SEPARATION: Final = f"label_{SEPARATION}"
SEPARATION_ERROR: Final = "separation_error_eV"

ORDERS: Final = {"Mayer": "mayer_indices", "Wiberg": "wiberg_lowdin_indices"}
"""Bond orders, and their arrays in a labelled file."""
WHO: Final = ("d", "length", "difference")
"""Whose rank correlation: that of D, of minus the length, and the first minus the second."""
