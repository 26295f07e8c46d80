"""Wording that all findings share: a number is never given without its interval."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.fields import (
    NAMED_BONDS,
    TEST_CONFORMATIONS,
    TEST_IONIC,
    TEST_MOLECULES,
    TEST_SPLITS,
)
from e3d.statistics import Estimate
from e3d.statistics.intervals import NO, YES, Interval
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


def number(found: Interval, mean: float, unit: str = "", *, digits: int = 2) -> str:
    """Return a number with its interval, as text.

    >>> number(Estimate(1.0, 0.5, 1.5), 1.0, " eV")
    '1.00 eV [0.50, 1.50]'
    """
    if not (np.isfinite(found.lo) and np.isfinite(found.hi)):
        return f"{mean:.{digits}f}{unit} [no interval]"
    if found.lo == found.hi:  # replicates that all agree: saturation, not certainty
        return f"{mean:.{digits}f}{unit} [no spread between molecules]"
    return f"{mean:.{digits}f}{unit} [{found.lo:.{digits}f}, {found.hi:.{digits}f}]"


def of_row(row: Mapping[Any, Any], *, digits: int = 2) -> str:
    """Return the number of a row of answers or claims, its ``unit`` and interval, as text."""
    found = Estimate.read(row, "value")
    unit = f" {row['unit']}" if isinstance(row["unit"], str) and row["unit"] else ""
    return number(found, found.value, unit, digits=digits)


def value(part: pd.DataFrame, column: str, unit: str = "", *, digits: int = 2) -> str:
    """Return the mean over the seeds of a column with its interval, as text."""
    if part.empty or not part[column].notna().any():
        return NOT_THERE
    found = runs.over_seeds(part, column)
    return number(found, found.mean, unit, digits=digits)


def several(words: str) -> str:
    """Return the plural of a kind of bond energy: ``mean bond energies``; BDE298 has none."""
    return f"{words[:-1]}ies" if words.endswith("y") else words


def one_of(answer: str, yes: str, no: str, undetermined: str) -> str:
    """Return the words for a verdict."""
    return {YES: yes, NO: no}.get(answer, undetermined)
