"""The colours of D: viridis, which reads the same for all kinds of colour vision and in grey."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from e3d.arrays import Floats
from e3d.drawing.axis import ticks

_VIRIDIS: Final = (
    *("#440154", "#48186a", "#472d7b", "#424086", "#3b528b", "#33638d"),
    *("#2c728e", "#26828e", "#21918c", "#1fa088", "#28ae80", "#3fbc73"),
    *("#5ec962", "#84d44b", "#addc30", "#d8e219", "#fde725"),
)
"""Viridis of matplotlib (Smith and van der Walt, CC0) at every sixteenth of its range."""
UNKNOWN: Final = "#9a9a9a"
"""A bond without a D: longer than the model's cutoff."""


@dataclass(frozen=True)
class ColorScale:
    """Colours of bond energies from ``low`` to ``high``, eV; values outside have those of the ends.

    >>> ColorScale(2.0, 6.0).color(2.0), ColorScale(2.0, 6.0).color(7.0)
    ('#440154', '#fde725')
    """

    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[Floats]) -> "ColorScale":
        """Return the scale from the least to the largest of some arrays, in halves of an eV.

        >>> ColorScale.of([np.array([2.6, np.nan, 4.2])])
        ColorScale(low=2.5, high=4.5)
        """
        flat = np.concatenate([np.ravel(one) for one in values] or [np.empty(0)])
        flat = flat[np.isfinite(flat)]
        if not len(flat):
            return cls(0.0, 1.0)
        low = float(np.floor(flat.min() * 2) / 2)
        return cls(low, max(float(np.ceil(flat.max() * 2) / 2), low + 0.5))

    def color(self, value: float) -> str:
        """Return the colour of a bond energy in eV, grey for NaN."""
        if not np.isfinite(value):
            return UNKNOWN
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        place = share * (len(_VIRIDIS) - 1)
        first = min(int(place), len(_VIRIDIS) - 2)
        ends = (_rgb(_VIRIDIS[first]), _rgb(_VIRIDIS[first + 1]))
        mixed = ends[0] + (place - first) * (ends[1] - ends[0])
        return "#" + "".join(f"{round(part):02x}" for part in mixed)

    def data(self) -> dict[str, Any]:
        """Return what a page needs to colour bonds alike."""
        return {"low": self.low, "high": self.high, "colors": _VIRIDIS, "unknown": UNKNOWN}

    def bar(self) -> str:
        """Return the colour bar, as HTML."""
        share = 100 / (self.high - self.low)
        marks = "".join(
            f'<span style="left:{(value - self.low) * share:.1f}%">{value:g}</span>'
            for value in ticks(self.low, self.high, 5)
        )
        return (
            '<div class="bar" role="img" aria-label="Colours of D from '
            f'{self.low:g} to {self.high:g} eV"><div class="bar-colors" '
            f'style="background:linear-gradient(90deg,{",".join(_VIRIDIS)})"></div>'
            f'<div class="bar-ticks">{marks}</div><div class="bar-title">D (eV)</div></div>'
        )


def _rgb(color: str) -> Floats:
    return np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)], dtype=np.float64)
