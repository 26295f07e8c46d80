"""How well D of bonds agrees with a reference: errors and rank correlations.

Scores are computed for several D (runs, null models, draws of one) and for every molecule left out
at once, so that two D are compared on the same bonds and their difference has an interval of its
own (a paired jackknife).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from e3d.arrays import Floats, Ints, Masks
from e3d.statistics.correlations import estimate_correlation
from e3d.statistics.intervals import Estimate
from e3d.statistics.resampling import estimate

Kinds = NDArray[np.object_]

MAE, BIAS, TYPES_MAE = "mae_eV", "bias_eV", "types_mae_eV"
BETWEEN, WITHIN = "between_types_spearman", "within_types_kendall"
SCORES: Final = (MAE, BIAS, TYPES_MAE, BETWEEN, WITHIN)
RANKS: Final = (BETWEEN, WITHIN)
"""Scores that are rank correlations: their intervals are taken on Fisher's scale."""
TIE_EV: Final = 1e-9
"""Closer bond energies are equal: tables hold ten digits, and means of equal numbers differ."""


def scores(d: Floats, reference: Floats, kinds: Kinds, keep: Masks) -> dict[str, Floats]:
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
        Bonds that count (R, n), as :func:`e3d.statistics.resampling.deletions` gives them.

    Returns
    -------
    ``mae_eV``, ``bias_eV`` over bonds, ``types_mae_eV`` over means of types;
    ``between_types_spearman``, Spearman's rho of means of types; ``within_types_kendall``,
    Kendall's tau-a over the pairs of one type. NaN where undefined.
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
    type_d, type_reference = (np.where(present, means, 0.0) for means in (type_d, type_reference))
    rho = spearman(type_d, type_reference, present=present, tie=TIE_EV)
    tau = kendall(d, reference, kinds, keep=keep, tie=TIE_EV)
    return {MAE: mae, BIAS: bias, TYPES_MAE: types_mae, BETWEEN: rho, WITHIN: tau}


def _order(difference: Floats, tie: float) -> Floats:
    """Return -1, 0 or 1 for each difference; one smaller than ``tie`` is zero."""
    return np.where(np.abs(difference) < tie, 0.0, np.sign(difference))


def ranks(values: Floats, *, present: Masks | None = None, tie: float = 0.0) -> Floats:
    """Return average ranks (..., n) about their mean: half the sum of signs of all differences.

    Values closer than ``tie`` are equal. Those not ``present`` (..., n) have rank 0 and give none.
    """
    there = 1.0 if present is None else present.astype(float)
    signs = _order(values[..., :, None] - values[..., None, :], tie)
    if present is not None:
        signs = signs * present.astype(float)[..., None, :]
    return np.asarray(signs.sum(axis=-1) * there / 2)


def spearman(x: Floats, y: Floats, *, present: Masks | None = None, tie: float = 0.0) -> Floats:
    """Return Spearman's rho (...) of ``x`` and ``y`` (..., n) over those ``present`` (..., n).

    Ranks of ties are averaged. NaN below three entries, or where one is constant.

    >>> float(spearman(np.array([1.0, 2.0, 3.0]), np.array([4.0, 6.0, 5.0])))
    0.5
    """
    of_x, of_y = (ranks(values, present=present, tie=tie) for values in (x, y))
    square = (of_x**2).sum(axis=-1) * (of_y**2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = (of_x * of_y).sum(axis=-1) / np.sqrt(square)
    n = x.shape[-1] if present is None else present.sum(axis=-1)
    return np.where(np.asarray(n) < 3, np.nan, rho)


def kendall(
    x: Floats, y: Floats, kinds: Kinds, *, keep: Masks | None = None, tie: float = 0.0
) -> Floats:
    """Return Kendall's tau-a, (concordant - discordant) / pairs, over the pairs of one kind.

    The easy order between kinds cannot help (Kendall 1938, Biometrika 30, 81). NaN without pairs.

    Parameters
    ----------
    x
        Values (..., n).
    y
        What they are compared with (n,).
    kinds
        Bond type of each (n,).
    keep
        Those that count (R, n), for a result (..., R); by default all, for a result (...).
    tie
        Values closer than this are equal.
    """
    a, b = _pairs(kinds)
    # pairs that count: (P,) or (R, P)
    both = np.ones(len(a)) if keep is None else (keep[:, a] & keep[:, b]).astype(float)
    agree = _order(x[..., a] - x[..., b], tie) * _order(y[a] - y[b], tie)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(agree @ both.T / both.sum(axis=-1))


def _pairs(kinds: Kinds) -> tuple[Ints, Ints]:
    """Return the rows of both bonds of every pair of one type."""
    return tuple(np.argwhere(np.triu(kinds[:, None] == kinds, k=1)).T)  # type: ignore[return-value]


def half_step(score: str, kinds: Kinds) -> float:
    """Return half of the step between the two largest values that a rank correlation can have.

    Of Spearman's rho of n types 6 / (n (n^2 - 1)), of Kendall's tau over P pairs 1 / P: a perfect
    order is told from one that is better than perfect by no more than that.

    >>> half_step(WITHIN, np.array(["C-H", "C-H", "C-C", "C-H"])) == 1 / 3
    True
    """
    if score == WITHIN:
        return 1 / max(n_pairs(kinds), 1)
    n = len(np.unique(kinds.astype(str)))
    return 6 / (n * (n**2 - 1)) if n > 1 else 1.0


def score_estimate(score: str, replicates: Floats, kinds: Kinds) -> Estimate:
    """Return a score with its interval from its replicates (1 + groups,); ranks by Fisher's."""
    if score in RANKS:
        return estimate_correlation(replicates, half_step(score, kinds))
    return estimate(replicates)


def n_pairs(kinds: Kinds) -> int:
    """Return the number of pairs of bonds of one type.

    >>> n_pairs(np.array(["C-H", "C-H", "C-C", "C-H"]))
    3
    """
    return len(_pairs(kinds)[0])
