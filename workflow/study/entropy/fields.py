"""Names in the tables of entropy: quantities, rows, measures, estimators and columns.

Columns with ``mm`` are Miller-Madow corrected, those with ``knn`` are from nearest neighbours.
"""

from typing import Final

QUANTITY, MEASURE, ESTIMATOR = "quantity", "measure", "estimator"

D, EPS, A, NON_BONDED = "D", "eps", "A", "D non-bonded"
"""Energies whose entropy is taken."""
R: Final = "r"
SCALED: Final = "/sd"
"""After the name of an energy: in units of the standard deviation of all bonded D."""
SCALED_D: Final = f"{D}{SCALED}"

ALL, WITHIN = "all", "within types"
"""Rows of all bonds: together, and as the mean over bond types."""

TYPE_BY_D, TYPE_BY_SCALED_D, TYPE_BY_R = "I(D; type)", "I(D/sd; type)", "I(r; type)"
ORDER_BY_D, ORDER_BY_R = "I(D; order | elements)", "I(r; order | elements)"
TYPE_BEYOND_R: Final = f"{TYPE_BY_SCALED_D} - {TYPE_BY_R}"
ORDER_BEYOND_R: Final = f"{ORDER_BY_D} - {ORDER_BY_R}"

PLUG_IN, MILLER_MADOW, NEIGHBOURS = "plug-in", "Miller-Madow", "nearest neighbours"

ENTROPY, ENTROPY_MM = "entropy_nats", "entropy_mm_nats"
BINNED, KNN, GAP = "differential_binned_nats", "differential_knn_nats", "binned_minus_knn_nats"
"""H + ln w, h from neighbours, and the first minus the second on the same values."""
INFORMATION, INFORMATION_MM, INFORMATION_KNN = (
    f"information{kind}_nats" for kind in ("", "_mm", "_knn")
)
TARGET_ENTROPY: Final = "target_entropy_nats"
FRACTION, FRACTION_MM, FRACTION_KNN = (f"fraction{kind}" for kind in ("", "_mm", "_knn"))
"""Information over the entropy of what it is about."""
WIDTH, BIN_WIDTH = "bin_width_eV", "bin_width"
"""The second in the unit of its quantity."""
DIFFERENTIAL: Final = "differential_nats"
DIFFERENTIAL_SD: Final = f"{DIFFERENTIAL}_sd"
"""H + ln w or h of one estimator, over draws of molecules: mean and standard deviation."""

LABELS: Final = {
    ENTROPY_MM: r"$H(D/\sigma_D \mid \mathrm{type})$ (nats)",
    FRACTION_MM: r"$I(\,\cdot\,;\,\mathrm{type})\,/\,H(\mathrm{type})$",
}
"""Axis labels."""
