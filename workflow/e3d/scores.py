"""How well D of named bonds agrees with a reference: errors and rank correlations, with jackknife replicates.

Scores are computed for several D (runs, null models, draws of one) and for every molecule left out at once, so that
two D are compared on the same bonds and their difference has an interval of its own (a paired jackknife).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from e3d.statistics import Estimate, jackknife_se, t_quantile

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]

MAE, BIAS, TYPES_MAE = "mae_eV", "bias_eV", "types_mae_eV"
BETWEEN, WITHIN = "between_types_spearman", "within_types_kendall"
SCORES: Final = (MAE, BIAS, TYPES_MAE, BETWEEN, WITHIN)
TIE_EV: Final = 1e-9
"""Bond energies closer than this are equal: tables hold ten digits, and means of equal numbers differ by rounding."""


def deletions(groups: NDArray[np.int64]) -> Masks:
    """Return masks (1 + g, n) of the rows kept: all of them, then all but those of each of the g groups."""
    labels = np.unique(groups)
    return np.vstack([np.ones((1, len(groups)), dtype=bool), groups != labels[:, None]])


def estimate(replicates: Floats) -> Estimate:
    """Return the first of ``replicates`` (1 + g,), as :func:`deletions` orders them, with its 95 % interval."""
    value, rest = float(replicates[0]), replicates[1:]
    if len(rest) < 2:
        return Estimate(value, float("nan"), float("nan"))
    half = t_quantile(len(rest) - 1) * jackknife_se(rest)
    return Estimate(value, value - half, value + half)


def scores(d: Floats, reference: Floats, kinds: NDArray[np.object_], keep: Masks) -> dict[str, Floats]:
    """Return every score (K, R) of K bond energies on R choices of bonds.

    Parameters
    ----------
    d
        Bond energies (K, n) in eV.
    reference
        What they should be (n,), eV.
    kinds
        Bond type of each bond (n,).
    keep
        Bonds that count (R, n), as :func:`deletions` gives them.

    Returns
    -------
    ``mae_eV``, ``bias_eV`` over bonds, ``types_mae_eV`` over means of types; ``between_types_spearman``, Spearman's
    rho of means of types; ``within_types_kendall``, Kendall's tau-a over the pairs of one type. NaN where undefined.
    """
    weight = keep.astype(float)
    error = d - reference
    member = (kinds == np.unique(kinds.astype(str))[:, None]).astype(float)  # (T, n)
    counts = weight @ member.T  # (R, T)
    present = counts > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        mae, bias = (values @ weight.T / weight.sum(axis=1) for values in (np.abs(error), error))
        type_d = (d[:, None, :] * weight) @ member.T / counts
        type_reference = (reference * weight) @ member.T / counts
        gaps = np.where(present, np.abs(type_d - type_reference), 0.0)
        types_mae = gaps.sum(axis=2) / present.sum(axis=1)
    rho = _spearman(np.where(present, type_d, 0.0), np.where(present, type_reference, 0.0), present)
    tau = _kendall(d, reference, kinds, keep)
    return {MAE: mae, BIAS: bias, TYPES_MAE: types_mae, BETWEEN: rho, WITHIN: tau}


def _order(difference: Floats) -> Floats:
    """Return -1, 0 or 1 for each difference (eV); ties are zero."""
    return np.where(np.abs(difference) < TIE_EV, 0.0, np.sign(difference))


def _spearman(x: Floats, y: Floats, present: Masks) -> Floats:
    """Return Spearman's rho (K, R) of ``x`` (K, R, T) and ``y`` (R, T) over the types present (R, T).

    Centred average ranks are half the sum of signs of the differences to all others. NaN below three types, or where
    one is constant.
    """
    there = present.astype(float)
    ranks_x, ranks_y = (
        (_order(v[..., :, None] - v[..., None, :]) * there[..., None, :]).sum(axis=-1) * there for v in (x, y)
    )
    square = (ranks_x**2).sum(axis=-1) * (ranks_y**2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = (ranks_x * ranks_y).sum(axis=-1) / np.sqrt(square)
    return np.where(there.sum(axis=-1) < 3, np.nan, rho)


def _pairs(kinds: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of both bonds of every pair of one type."""
    return tuple(np.argwhere(np.triu(kinds[:, None] == kinds, k=1)).T)  # type: ignore[return-value]


def n_pairs(kinds: NDArray[np.object_]) -> int:
    """Return the number of pairs of bonds of one type."""
    return len(_pairs(kinds)[0])


def _kendall(d: Floats, reference: Floats, kinds: NDArray[np.object_], keep: Masks) -> Floats:
    """Return (concordant - discordant) / pairs (K, R), over pairs of one type (Kendall 1938, Biometrika 30, 81)."""
    a, b = _pairs(kinds)
    both = (keep[:, a] & keep[:, b]).astype(float)  # (R, P)
    agree = _order(d[:, a] - d[:, b]) * _order(reference[a] - reference[b])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(agree @ both.T / both.sum(axis=1))
