"""Columns of the stage's tables: each name, with its unit, once."""

from typing import Final

from e3d.fields import Column as C
from e3d.statistics import interval_columns

TEMPERATURE, BOND_CLASS, N_WINDOWS = "temperature_K", "bond_class", "n_windows"
_BOND = (C.I, C.J, C.BOND_TYPE, C.FINE_TYPE)

# dynamics: a row per molecule, temperature and bond
PEAK_R, R_SHARE, D_SHARE = "peak_r_cm", "r_share_at_peak_r", "bond_energy_share_at_peak_r"
ENERGY_CHANGE, KINETIC, MEDIAN_END = "energy_change_eV", "kinetic_K", "median_end_fs"
MEANS: Final = ("r_mean_ang", "r_sd_ang", "bond_energy_mean_eV", "bond_energy_sd_eV")
TIMES: Final = ("tau_r_fs", "tau_bond_energy_fs")
PEAKS: Final = (PEAK_R, "peak_bond_energy_cm", "coherence_at_peak_r", R_SHARE, D_SHARE)
DYNAMICS: Final = (
    *(C.MOLECULE, TEMPERATURE, "extrapolation", *_BOND, BOND_CLASS),
    *("n_replicas", "n_intact", "n_broken", "n_exploded", "n_broken_below_start"),
    *(MEDIAN_END, ENERGY_CHANGE, KINETIC, "n_first_breaks", "n_samples", *MEANS),
    *(*interval_columns("correlation"), *TIMES, N_WINDOWS, *PEAKS),
)

# spectrum: a row per molecule, temperature, class of equivalent bonds and frequency
FREQUENCY, POWER_R, POWER_D = "frequency_cm", "power_r_ang2_cm", "power_bond_energy_eV2_cm"
POWERS: Final = (FREQUENCY, POWER_R, POWER_D, "coherence")
SPECTRUM: Final = (C.MOLECULE, TEMPERATURE, C.FINE_TYPE, BOND_CLASS, N_WINDOWS, *POWERS)

# trajectory: a row per bond and sample of one replica
BREAKS, TIME_TO_BREAK = "breaks", "time_to_break_fs"
TRAJECTORY: Final = (*(C.MOLECULE, TEMPERATURE, *_BOND, BREAKS, TIME_TO_BREAK, C.R, C.BOND_ENERGY),)

# breaking: a row per molecule (and one for all), lead, window and predictor
ALL: Final = "all"
"""All molecules together, instead of one."""
LEAD, WINDOW, PREDICTOR = "lead_fs", "window_fs", "predictor"
KEY: Final = (C.MOLECULE, LEAD, WINDOW, PREDICTOR)
TOP1, PERCENTILE, WITHIN_CLASS = SCORES = ("top1", "percentile", "within_class")
BREAKING: Final = (
    *(*KEY, "length_predictor", "n_replicas", C.N_MOLECULES),
    *interval_columns(TOP1, "chance_top1", "top1_minus_chance", PERCENTILE, WITHIN_CLASS),
    *interval_columns("top1_minus_length", "percentile_minus_length"),
    *("n_within_class", "beats_chance", "beats_length"),
)
