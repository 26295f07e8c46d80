"""Wording that all findings share: a number is never given without its interval and its seeds."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from e3d.fields import (
    NAMED_BONDS,
    TEST_CONFORMATIONS,
    TEST_IONIC,
    TEST_MOLECULES,
    TEST_SPLITS,
)
from e3d.statistics.intervals import Interval, verdict
from study import runs
from study.fields import TEST_ALL

Tables = dict[str, pd.DataFrame]
Run = runs.Run

SETS: Final = {
    TEST_CONFORMATIONS: "new conformations of pool molecules",
    TEST_MOLECULES: "molecules never in the pool",
    TEST_ALL: "both test sets",
    NAMED_BONDS: "relaxed named molecules",
}
"""What each set of structures is called in sentences."""


def called(structures: str) -> str:
    """Return what a set of structures is called in sentences; a test dataset goes by its name."""
    return SETS.get(structures, f"frames of {structures}")


def test_sets(names: Iterable[str]) -> list[str]:
    """Return the sets of test frames among ``names``, those of the study's own splits first."""
    others = [name for name in dict.fromkeys(names) if name not in (*SETS, TEST_IONIC)]
    return [*TEST_SPLITS, *others]


NOT_THERE: Final = "not in the tables"


def value(
    part: pd.DataFrame, column: str, unit: str = "", *, digits: int = 2, seeds: bool = True
) -> str:
    """Return mean, interval and range over the seeds of a column, as text."""
    if part.empty or not part[column].notna().any():
        return NOT_THERE
    s = runs.over_seeds(part, column)
    mean, low, high = (f"{x:.{digits}f}" for x in (s.mean, s.seed_min, s.seed_max))
    ends = f" {interval(s, digits=digits)}" if f"{column}_lo" in part else ""
    # a jackknife whose replicates all agree has no width: that is saturation, not certainty
    if s.has_interval and s.lo == s.hi:
        ends = " [no spread between molecules]"
    spread = f" (seeds {low} to {high})" if s.n_seeds > 1 else " (one seed)"
    return f"{mean}{unit}{ends}{spread if seeds else ''}"


def interval(ends: Interval, *, digits: int = 2) -> str:
    """Return an interval as text in square brackets."""
    if not (np.isfinite(ends.lo) and np.isfinite(ends.hi)):
        return "[no interval]"
    return f"[{ends.lo:.{digits}f}, {ends.hi:.{digits}f}]"


def zero(ends: Interval) -> str:
    """Say that an interval holds zero, where it does."""
    return verdict(ends, "", "", neither=", zero not excluded", unknown="")


def counted(n: int, thing: str) -> str:
    """Return a number of things: ``1 seed``, ``5 seeds``."""
    return f"{n} {thing}{'' if n == 1 else 's'}"


def listed(texts: Iterable[str]) -> str:
    """Join parts of a sentence that may hold commas."""
    return "; ".join(texts)
