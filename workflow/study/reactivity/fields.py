"""Columns of the stage's tables: each name, with its unit, once."""

from typing import Final

from e3d.fields import Column as C

REACTION, LEVEL = "reaction", "level"
MODEL_EV, LABEL_EV = "model_eV", "label_eV"
"""Barrier, or energy of an image above the first one, by the model and by the labels."""

# barriers: a row per reaction and direction; summary: a row per set and group of reactions
SET, DIRECTION, OPEN_SHELL, EXTRAPOLATION = "set", "direction", "open_shell", "extrapolation"
REFERENCE, REFERENCE_EV = "reference", "reference_eV"
PARTS: Final = ("model", "level", "total")
"""Errors of a barrier: model - label, label - reference, and their sum."""
ERROR: Final = {part: f"error_{part}_eV" for part in PARTS}
MAE: Final = {part: f"mae_{part}_eV" for part in PARTS}
BIAS: Final = {part: f"bias_{part}_eV" for part in PARTS}
MAE_GUESS: Final = "mae_mean_barrier_eV"
BARRIERS: Final = (
    *(SET, REACTION, DIRECTION, OPEN_SHELL, EXTRAPOLATION, C.IN_TRAINING, LEVEL),
    *(REFERENCE, MODEL_EV, LABEL_EV, REFERENCE_EV, *ERROR.values()),
)

# scans: a row per bond and distance; scan_errors: a row per bond
BOND, RELAXED, INSIDE_RANGE = "bond", "relaxed", "within_training_range"
INSIDE_CUTOFF, METHOD = "within_cutoff", "label_method"
RANGE_LO, RANGE_HI = "range_lo_ang", "range_hi_ang"
ENERGY, LABEL_ENERGY = "energy_eV", "label_energy_eV"
FORCE, LABEL_FORCE = "force_eV_per_ang", "label_force_eV_per_ang"
SCANS: Final = (
    *(BOND, C.BOND_TYPE, C.MOLECULE, C.IN_TRAINING, RELAXED, C.R, RANGE_LO, RANGE_HI),
    *(INSIDE_RANGE, ENERGY, LABEL_ENERGY, FORCE, LABEL_FORCE, C.BOND_ENERGY),
    *(INSIDE_CUTOFF, LEVEL, METHOD),
)
PLACES: Final = ("inside", "shorter", "longer", "unknown")
"""Where a distance lies beside those of training."""
ENERGY_MAE: Final = {place: f"energy_mae_{place}_eV" for place in PLACES}
FORCE_MAE: Final = {place: f"force_mae_{place}_eV_per_ang" for place in PLACES}
HALF_BOND_ENERGY, HALF_LABEL_ENERGY = "half_bond_energy_ang", "half_label_energy_ang"
SCAN_ENDS: Final = (
    *("relaxed_ang", "bond_energy_relaxed_eV", "bond_energy_longest_eV", "longest_ang"),
    *("energy_longest_eV", "label_energy_longest_eV", HALF_BOND_ENERGY, HALF_LABEL_ENERGY),
)
SCAN_ERRORS: Final = (
    *(BOND, C.BOND_TYPE, C.MOLECULE, C.IN_TRAINING, *(f"n_{place}" for place in PLACES)),
    *(*ENERGY_MAE.values(), *FORCE_MAE.values(), *SCAN_ENDS),
)

# paths: a row per image and pair bonded at either end; path_changes: a row per reaction
PATH_COORDINATE, PATH_FRACTION = "path_coordinate_ang", "path_fraction"
SADDLE, ROLE, XTB_EV, MAYER = "saddle", "role", "xtb_eV", "mayer_order"
BREAKING, FORMING, KEPT = "breaking", "forming", "kept"
"""Roles of a pair: bonded in the reactant only, in the product only, in both."""
PATHS: Final = (
    *(REACTION, "image", PATH_COORDINATE, PATH_FRACTION, SADDLE, MODEL_EV, LABEL_EV, XTB_EV),
    *(LEVEL, C.I, C.J, C.ELEMENTS, ROLE, C.R, C.BOND_ENERGY, MAYER),
)
MEASURES: Final = ("bond_energy", "length", "pauling", "mayer")
"""What the change of a pair is measured by: D, length, and bond orders of it and of the labels."""
ORDERS: Final = ("bond_energy", "pauling", "mayer")
"""The measures that vanish where there is no bond."""
PATH_CHANGES: Final = (
    *(REACTION, C.IN_TRAINING, "n_pairs", "n_breaking", "n_forming", "n_fall", "n_rise"),
    *(*(f"hits_{name}" for name in MEASURES), "hits_by_chance"),
    *(f"read_off_{name}" for name in MEASURES),
    *(*(f"crossing_{name}" for name in ORDERS), "saddle_fraction", "label_saddle_fraction"),
)
