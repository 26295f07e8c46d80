"""What a row of the table of claims says twice must agree: its number, interval and answer."""

import numpy as np
import pandas as pd

from e3d.errors import InputError
from e3d.statistics import NO, UNDETERMINED, YES
from study.claims import fields as f

_ROUNDED = 1e-6
"""Relative to numbers from 1: tables hold ten digits."""


def require_consistent(claims: pd.DataFrame) -> None:
    """Refuse rows that contradict themselves.

    A value is the first number less the second and lies in its interval. The answer is yes or no
    where the interval is on one side of zero, else undetermined.

    Raises
    ------
    InputError
        Naming the row and both of what contradicts.
    """
    value, low, high, first, second = (
        pd.to_numeric(claims[name], errors="coerce")
        for name in ("value", "value_lo", "value_hi", f.FIRST, f.SECOND)
    )
    slack = _ROUNDED * np.maximum(1, value.abs())
    _refuse(
        claims,
        (value - (first - second)).abs() > slack,
        "value {value:g}, and first less second is {of:g}",
        first - second,
    )
    _refuse(
        claims,
        (value < low - slack) | (value > high + slack),
        "value {value:g} outside of its interval, which begins at {of:g}",
        low,
    )
    aside = (low > 0) | (high < 0)
    one_sided = claims[f.ANSWER].isin([YES, NO])
    unknown = ~one_sided & (claims[f.ANSWER] != UNDETERMINED)
    wide = high - low > slack  # one without width, of replicates that all agree, decides nothing
    wrong = unknown | (one_sided & ~aside) | (~one_sided & aside & wide)
    _refuse(claims, wrong, "the answer {answer}, and an interval from {of:g} to {high:g}", low)


def _refuse(
    claims: pd.DataFrame, wrong: "pd.Series[bool]", says: str, of: "pd.Series[float]"
) -> None:
    if wrong.any():
        row = claims[wrong].iloc[0]
        said = says.format(
            value=row["value"], of=of[wrong].iloc[0], answer=row[f.ANSWER], high=row["value_hi"]
        )
        raise InputError(
            f"claims/claims: {row[f.CLAIM]} ({row[f.ABOUT]}) has {said} - both must say the same. "
            "Make the table again."
        )
