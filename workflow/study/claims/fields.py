"""Columns of the table of claims, and what is asked in it."""

from typing import Final

from e3d.statistics import interval_columns
from study.fields import CELL

CLAIM, ABOUT, UNIT, ANSWER = "claim", "about", "unit", "answer"
FIRST, SECOND = "first", "second"
"""What is compared: of D or the model, and of its rival; blank where one number stands alone."""
DISSOCIATION: Final = "dissociation"
"""Error of D against an energy of breaking the bond, less that against mean bond energies."""
NULL: Final = "null model"
"""Error of D less that of a fitted null model, against a reference energy."""
WITHIN_TYPES: Final = "within types"
"""Kendall's rank correlation of D with BDE298 over pairs of bonds of one type."""
BARRIERS: Final = "barriers"
"""Error of activation energies less that of guessing the mean of the other reactions."""
PATHS: Final = "paths"
"""Share of reaction paths whose changed bonds D tells, less the share that the length tells."""
CROSSING: Final = "crossing"
"""Error of where breaking and forming bonds cross by D, less that by Pauling's bond order."""
HALFWAY: Final = "halfway"
"""Where D of a stretched bond has halved, less where its labelled energy has risen halfway (Å)."""
SEPARATION: Final = "separation"
"""Error of bond-separation energies from D, less that of zero, which additivity says."""
COLUMNS: Final = (
    *(*CELL, "n_seeds", CLAIM, ABOUT, UNIT, *interval_columns("value"), FIRST, SECOND),
    *("n", "n_groups", ANSWER),
)
