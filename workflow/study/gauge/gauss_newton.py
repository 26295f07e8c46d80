"""Local prediction rigidity: what the data determine, by the Gauss-Newton matrix of the loss.

With J the derivatives of the scaled residuals by the weights, H = J^T J, and g the derivative of a
quantity,

    variance = s2 * g^T (H + sigma2 I)^-1 g          rigidity = 1 / variance

(Bigi, Chong, Ceriotti, Grasselli 2024; Chong et al. 2023, J. Chem. Theory Comput. 19, 8020); s2 is
the residual variance. What depends on sigma2 is set by the regulariser and not by the data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from e3d.arrays import Floats

REGULARISERS: Final = (1e-12, 1e-10, 1e-8, 1e-6, 1e-4)
"""sigma2 over the largest eigenvalue of H."""
NULL_SPACE: Final = 1e-12
"""Smaller eigenvalues, as a share of the largest, are zero: float64 rounding times some 10^3."""


@dataclass(frozen=True)
class Rigidity:
    """Eigenvalues (P,) and eigenvectors (P, P) of H, and the residual variance of a row."""

    eigenvalues: Floats
    vectors: Floats
    residual_variance: float
    n_rows: int

    def variances(self, g: Floats, relative: float) -> Floats:
        """Return the variance (Q,) of quantities by their derivatives g (Q, P).

        ``relative`` is sigma2 over the largest eigenvalue.
        """
        damped = self.eigenvalues + relative * self.eigenvalues[-1]
        return np.asarray(self.residual_variance * ((g @ self.vectors) ** 2 / damped).sum(axis=1))

    def null_share(self, g: Floats) -> Floats:
        """Return the part (Q,) of |g|^2 in the null space of H; NaN where g is zero."""
        parts = (g @ self.vectors) ** 2
        zero = self.eigenvalues < NULL_SPACE * self.eigenvalues[-1]
        with np.errstate(invalid="ignore"):
            return np.asarray(parts[:, zero].sum(axis=1) / parts.sum(axis=1))

    def effective_rank(self, relative: float) -> float:
        """Return sum lambda / (lambda + sigma2), the directions determined (MacKay 1992)."""
        damped = self.eigenvalues + relative * self.eigenvalues[-1]
        return float((self.eigenvalues / damped).sum())


def gauss_newton(
    blocks: Iterable[tuple[Floats, Floats]], n_parameters: int, weight: float = 1.0
) -> Rigidity:
    """Return H = weight * sum J^T J, diagonalised.

    Parameters
    ----------
    blocks
        Scaled residuals (R,) and their derivatives J (R, P). The residual variance is their mean
        square: the weights adapt to few of the rows, so no degree of freedom is taken off.
    n_parameters
        Number of weights P.
    weight
        How many rows each of them stands for, where they are a sample.

    Raises
    ------
    ValueError
        If there are no rows.
    """
    h = np.zeros((n_parameters, n_parameters))
    squares, n_rows = 0.0, 0
    for residuals, rows in blocks:
        h += rows.T @ rows
        squares += float(residuals @ residuals)
        n_rows += len(residuals)
    if not n_rows:
        raise ValueError("no rows: the training frames have no labels")
    values, vectors = np.linalg.eigh(h * weight)
    # rounding makes zeros slightly negative
    return Rigidity(np.maximum(values, 0.0), vectors, squares / n_rows, n_rows)
