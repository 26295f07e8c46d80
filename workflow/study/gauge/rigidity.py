"""Local prediction rigidity: what the data determine of D, from the Gauss-Newton matrix of the training loss.

With J the derivatives of the scaled residuals by the weights, H = J^T J, and g the derivative of a quantity,

    variance = s2 * g^T (H + sigma2 I)^-1 g          rigidity = 1 / variance

(Bigi, Chong, Ceriotti, Grasselli 2024; Chong et al. 2023, J. Chem. Theory Comput. 19, 8020). s2 is the residual
variance.
What depends on sigma2 is set by the regulariser and not by the data.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REGULARISERS = (1e-12, 1e-10, 1e-8, 1e-6, 1e-4)
"""sigma2 over the largest eigenvalue of H."""
NULL_SPACE = 1e-12
"""Eigenvalues below this share of the largest are zero: P times the rounding of float64 for a few thousand weights."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rigidity:
    """Eigenvalues (P,) and eigenvectors (P, P) of H, and the residual variance per row of the loss."""

    eigenvalues: Array
    vectors: Array
    residual_variance: float
    n_rows: int

    def variances(self, g: Array, relative: float) -> Array:
        """Return the variance (Q,) of quantities with derivatives g (Q, P) at sigma2 = relative * largest."""
        sigma2 = relative * self.eigenvalues[-1]
        return np.asarray(
            self.residual_variance
            * ((g @ self.vectors) ** 2 / (self.eigenvalues + sigma2)).sum(axis=1)
        )

    def null_share(self, g: Array) -> Array:
        """Return the part (Q,) of |g|^2 in the null space of H; NaN where g is zero."""
        parts = (g @ self.vectors) ** 2
        zero = self.eigenvalues < NULL_SPACE * self.eigenvalues[-1]
        with np.errstate(invalid="ignore"):
            return np.asarray(parts[:, zero].sum(axis=1) / parts.sum(axis=1))

    def effective_rank(self, relative: float) -> float:
        """Return sum lambda / (lambda + sigma2), directions that are determined (MacKay 1992)."""
        return float(
            (self.eigenvalues / (self.eigenvalues + relative * self.eigenvalues[-1])).sum()
        )


def gauss_newton(
    blocks: Iterable[tuple[Array, Array]], n_parameters: int, weight: float = 1.0
) -> Rigidity:
    """Return H = weight * sum J^T J of blocks of residuals (R,) and derivatives (R, P), diagonalised.

    ``weight`` is what every row stands for where rows are a sample of the data. The residual variance is the mean
    square of the scaled residuals: the weights adapt to few of the rows, so no degree of freedom is taken off.

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
