"""Columns of the gauge tables, and the words in them."""

from typing import Final

MIN_SEEDS: Final = 3
"""With fewer, nothing is concluded."""

D, TYPE_MEAN = "D", "type mean"
IN_MOLECULE, IN_TYPE, OF_TYPES = "contrast in molecule", "contrast in type", "contrast of types"
"""Quantities whose spread is measured: D, means over types, and differences of two of these."""
SD: Final = "sd_eV"
"""Over seeds, or as predicted from the Gauss-Newton matrix."""
MEASURED: Final = "measured"

VALUE, SIGMA2 = "value_eV", "sigma2_relative"
BOND, TYPE, ENERGY, SUM = "bond", "type", "energy", "sum of D"
"""Kinds of quantities whose SD is predicted, beside the contrasts above."""

RMS_CHANGE, SEED_RMS = "rms_change_eV", "seed_rms_eV"
"""RMS change of D by a variant, and by another seed."""
MOVES, KEEPS = "moves D more than seeds do", "not"
"""Verdict on a variant that changes D more, and less, than another seed does."""

MEAN, DETERMINED, REPRODUCES = "mean_eV", "determined", "reproduces"
TYPES, BONDS = "types", "bonds of one type"
"""Kinds of differences: between means of types, and between two named bonds of one type."""
