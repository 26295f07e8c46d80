"""Columns of the tables of robustness; ``a`` and ``b`` are the two training sets of a pair."""

from typing import Final

from e3d.fields import Column as C

SIDES: Final = "ab"
PAIR: Final = ("dataset_a", "dataset_b", str(C.N_TRAIN), str(C.MODEL))
"""What a pair is: two datasets at one number of training frames and model size."""
D: Final = {side: f"bond_energy_{side}_eV" for side in SIDES}
SD: Final = {side: f"seed_sd_{side}_eV" for side in SIDES}
"""Mean of D over seeds, and its standard deviation."""
TRAINED: Final = {side: f"{C.IN_TRAINING}_{side}" for side in SIDES}
GROUPS: Final = ("all", "both", "neither", "one")
"""Named bonds by the trainings that their molecule was in."""

CONSTANT, LINE = "constant", "line"
AFTER: Final = ("raw", CONSTANT, LINE, "types")
"""What is taken off: nothing, a constant, a line in D of the first set, a constant per type."""
RMS: Final = {name: f"rms_{name}_eV" for name in AFTER}
"""What is then left of the difference."""
RATIO: Final = {name: f"ratio_{name}" for name in AFTER[:3]}
"""The same over what seeds alone leave."""
RESIDUAL: Final = {name: f"residual_{name}_eV" for name in (CONSTANT, LINE)}
SLOPE, INTERCEPT, PEARSON = "slope", "intercept_eV", "pearson"
BY_SEEDS: Final = f"{RATIO[LINE]}_seeds"
"""The ratio's interval by the choice of seeds."""
BEYOND: Final = "beyond_seeds"
