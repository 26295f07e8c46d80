"""The ``entropy`` stage: how spread D is within a bond type, and how much it tells of the type.

Entropies are plug-in estimates in nats, H = -sum p ln p over bins of fixed width, also with the
Miller-Madow correction (K - 1) / 2n for K occupied bins (Miller 1955); and, without bins, estimates from
nearest neighbours (Kozachenko and Leonenko 1987, Ross 2014). Decomposability is I(D; bond type) /
H(bond type). Intervals are delete-group jackknifes over molecules around the corrected value; nothing is
clipped.
"""

from e3d.entropy.bins import Bins
from e3d.entropy.run import histogram_table, require_one_sample_size, run_tables
from e3d.entropy.tables import ALL, WITHIN, entropy_table
from e3d.entropy.told import decomposability_table

__all__ = [
    "ALL",
    "WITHIN",
    "Bins",
    "decomposability_table",
    "entropy_table",
    "histogram_table",
    "require_one_sample_size",
    "run_tables",
]
