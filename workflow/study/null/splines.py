"""Cubic B-splines on equal intervals that end smoothly at the cutoff, and the penalty on their curvature."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LOWEST_ANG = 0.4
"""No two nuclei of a molecule come closer; the first interval's polynomials go on below."""
INTERVAL_ANG = 0.2
"""A Morse curve of a covalent bond is met within some 5 meV (de Boor 1978: the error grows as its fourth power)."""


@dataclass(frozen=True)
class Basis:
    """B_m(r), m < ``size``: value, slope and curvature vanish at ``r_max`` (Å), since none reaches beyond it."""

    r_max: float

    @property
    def size(self) -> int:
        """Number of functions."""
        return max(1, round((self.r_max - LOWEST_ANG) / INTERVAL_ANG))

    @property
    def interval(self) -> float:
        """Width of an interval, Å."""
        return (self.r_max - LOWEST_ANG) / self.size

    def __call__(self, r: Floats) -> tuple[Ints, Floats, Floats]:
        """Return the functions (P, 4) that are not zero at ``r`` (P,), their values and slopes (1/Å).

        Numbers from ``size`` on stand for functions that were left out: their coefficients are zero.
        """
        x = (r - LOWEST_ANG) / self.interval
        first = np.clip(np.floor(x), 0, None).astype(np.int64)
        t = x - first
        values = (
            np.stack(
                [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3],
                axis=1,
            )
            / 6
        )
        slopes = (
            np.stack([-((1 - t) ** 2), 3 * t**2 - 4 * t, -3 * t**2 + 2 * t + 1, t**2], axis=1) / 2
        )
        return first[:, None] + np.arange(4), values, slopes / self.interval

    def curvature(self) -> Floats:
        """Return P (size, size) with c^T P c the sum of squared second differences, past the last function too.

        Eilers & Marx 1996, Stat. Sci. 11, 89. The zeros past the end make P positive definite.
        """
        difference = np.eye(self.size) - 2 * np.eye(self.size, k=1) + np.eye(self.size, k=2)
        return np.asarray(difference.T @ difference)
