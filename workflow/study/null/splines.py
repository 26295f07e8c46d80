"""Cubic B-splines on equal intervals that end smoothly at the cutoff, and a curvature penalty."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from e3d.arrays import Floats, Ints

LOWEST_ANG: Final = 0.4
"""No two nuclei of a molecule come closer; below it, the first interval's polynomials continue."""
INTERVAL_ANG: Final = 0.2
"""Follows a Morse curve of a covalent bond to some 5 meV (de Boor 1978: the error grows as h^4)."""


@dataclass(frozen=True)
class Basis:
    """B_m(r), m < ``size``: none reaches beyond ``r_max`` (Å).

    Value, slope and curvature of any sum of them vanish there.
    """

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
        """Return the functions (P, 4) that are not zero at ``r`` (P,), their values and slopes.

        ``r`` in Å, slopes in 1/Å. Numbers from ``size`` on stand for functions that were left out:
        their coefficients are zero.
        """
        x = (r - LOWEST_ANG) / self.interval
        first = np.clip(np.floor(x), 0, None).astype(np.int64)
        t = x - first
        value = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
        slope = [-((1 - t) ** 2), 3 * t**2 - 4 * t, -3 * t**2 + 2 * t + 1, t**2]
        slopes = np.stack(slope, axis=1) / 2
        return (
            first[:, None] + np.arange(4),
            np.stack(value, axis=1) / 6,
            slopes / self.interval,
        )

    def curvature(self) -> Floats:
        """Return P (size, size): c^T P c is the sum of squared second differences of c.

        Also past the last function, where c is zero, which makes P positive definite (Eilers & Marx
        1996, Stat. Sci. 11, 89).
        """
        difference = np.eye(self.size) - 2 * np.eye(self.size, k=1) + np.eye(self.size, k=2)
        return np.asarray(difference.T @ difference)
