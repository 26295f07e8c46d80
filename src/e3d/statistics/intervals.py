"""A statistic with its 95 % interval, its columns in a table, and what an interval decides."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import numpy as np

LEVEL: Final = 0.95
NO_WIDTH: Final = 1e-9
"""A narrower interval is that of replicates that all agree: saturation, not certainty."""
YES, NO, UNDETERMINED = "yes", "no", "undetermined"
_ENDS: Final = ("", "_lo", "_hi")


class Interval(Protocol):
    """Anything with a lower and an upper end; NaN where they are not known."""

    @property
    def lo(self) -> float:
        """Lower end."""

    @property
    def hi(self) -> float:
        """Upper end."""


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95 % interval; the interval is NaN where fewer than two groups speak."""

    value: float
    lo: float = float("nan")
    hi: float = float("nan")

    @classmethod
    def symmetric(cls, value: float, half_width: float) -> Self:
        """Return ``value`` +- ``half_width``."""
        return cls(value, value - half_width, value + half_width)

    @classmethod
    def read(cls, row: Any, name: str) -> Self:
        """Return the estimate that a row of a table holds in the columns of ``name``."""
        return cls(*(float(row[column]) for column in interval_columns(name)))

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.hi - self.lo) / 2

    @property
    def has_interval(self) -> bool:
        """Whether both ends of the interval are known."""
        return bool(np.isfinite(self.lo) and np.isfinite(self.hi))

    def columns(self, name: str) -> dict[str, float]:
        """Return value, lower and upper end by their columns (:func:`interval_columns`).

        >>> Estimate(1.0, 0.5, 2.5).columns("mae_eV")
        {'mae_eV': 1.0, 'mae_eV_lo': 0.5, 'mae_eV_hi': 2.5}
        """
        return dict(zip(interval_columns(name), (self.value, self.lo, self.hi), strict=True))

    def transformed(self, function: Callable[[float], float]) -> "Estimate":
        """Return a rising ``function`` of the value and of both ends."""
        return Estimate(*(float(function(x)) for x in (self.value, self.lo, self.hi)))


def interval_columns(*names: str) -> list[str]:
    """Return the columns of estimates: each name, then the name with ``_lo`` and with ``_hi``.

    >>> interval_columns("mae_eV")
    ['mae_eV', 'mae_eV_lo', 'mae_eV_hi']
    """
    return [f"{name}{end}" for name in names for end in _ENDS]


def t_quantile(dof: float) -> float:
    """Return the two-sided 95 % quantile of Student's t with ``dof`` degrees of freedom.

    >>> round(t_quantile(9), 3)
    2.262
    """
    from scipy.special import stdtrit  # not before it is needed: commands start faster

    return float(stdtrit(dof, 0.5 + LEVEL / 2))


def has_width(interval: Interval) -> bool:
    """Say whether an interval is known and wider than rounding."""
    return bool(interval.hi - interval.lo > NO_WIDTH)


def verdict(
    interval: Interval,
    above: str = YES,
    below: str = NO,
    *,
    beside: float | Interval = 0.0,
    neither: str = UNDETERMINED,
    unknown: str | None = None,
    needs_width: bool = False,
) -> str:
    """Return the label of the side of a number on which a whole interval lies.

    Parameters
    ----------
    interval
        What is judged.
    above, below
        Labels of an interval that lies wholly above, and wholly below.
    beside
        The number, or another interval, from which the first one must then lie apart.
    neither
        Label of an interval that holds the number, or overlaps with the other interval.
    unknown
        Label where an end is not known, by default that of ``neither``.
    needs_width
        Whether an interval without width, of replicates that all agree, counts as not known.

    Examples
    --------
    >>> verdict(Estimate(0.3, 0.1, 0.5)), verdict(Estimate(0.3, -0.1, 0.7), "better", "worse")
    ('yes', 'undetermined')
    """
    low, high = (beside, beside) if isinstance(beside, (int, float)) else (beside.lo, beside.hi)
    unknown = neither if unknown is None else unknown
    if needs_width and not has_width(interval):
        return unknown
    if interval.lo > high:
        return above
    if interval.hi < low:
        return below
    return unknown if np.isnan([interval.lo, interval.hi, low, high]).any() else neither


def unanimous(labels: Iterable[str]) -> str:
    """Return the label that all verdicts share; undetermined where they differ or there is none.

    >>> unanimous(["yes", "yes"]), unanimous(["yes", "no"])
    ('yes', 'undetermined')
    """
    said = set(labels)
    return said.pop() if len(said) == 1 else UNDETERMINED


def all_hold(labels: Iterable[str], expected: int) -> str:
    """Return no if one of the verdicts is no, yes if all ``expected`` are, else undetermined.

    >>> all_hold(["yes", "yes"], 3)
    'undetermined'
    """
    said = list(labels)
    if NO in said:
        return NO
    return YES if len(said) == expected and set(said) == {YES} else UNDETERMINED
