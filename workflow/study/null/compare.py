"""E3D beside every null model, on the same bonds: scores of both, their difference and its paired interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d.fields import Column as C
from e3d.statistics import (
    UNDETERMINED,
    Estimate,
    deletions,
    estimate,
    interval_columns,
    jackknife_groups,
    verdict,
)
from e3d.statistics.agreement import BETWEEN, BIAS, MAE, SCORES, WITHIN, n_pairs, scores
from e3d.statistics.resampling import Masks
from study.null.names import IN_TYPES, NULL_MODEL
from study.null.shuffle import expected_absolute_error, shuffled
from study.references import REFERENCES

Floats = NDArray[np.float64]

ABS_BIAS: Final = "abs_bias_eV"
RANKS: Final = (BETWEEN, WITHIN)
"""Scores of which more is better; of the others less is, and a signed bias is judged by its size."""
BETTER, WORSE, NOT_JUDGED = "better", "worse", "not judged"
LABELS: Final = "labels"
"""Stands for the reference where test errors are compared."""
SHUFFLE_SEED: Final = 0
_METRICS: Final = {C.ENERGY_MAE: C.N_FRAMES, C.FORCE_MAE: "n_atoms"}  # and what it is a mean over

COLUMNS: Final = (
    C.GEOMETRY,
    "reference",
    NULL_MODEL,
    "score",
    C.N,
    C.N_MOLECULES,
    "n_without",
    "n_pairs_within_types",
    *interval_columns("e3d", "null_value", "difference"),
    "verdict",
)


@dataclass(frozen=True)
class Null:
    """D of a null model on the named bonds, eV: one row (1, n) if it is fitted, else a row for each draw (K, n).

    ``scores`` are those that mean something; ``mean`` (n,) is the exact expectation of D, where it is known.
    """

    name: str
    d: Floats
    scores: tuple[str, ...] = SCORES
    mean: Floats | None = None


def compare_named(named: pd.DataFrame, nulls: Sequence[Null], draws: int) -> pd.DataFrame:
    """Return the comparison on named bonds: geometry x reference x null model x score.

    Parameters
    ----------
    named
        A row per named bond (the table of ``e3d bde``), with D of E3D and the references.
    nulls
        D of each null model on these rows; NaN where it has none.
    draws
        How often D is shuffled within the types of the bonds compared.
    """
    rows = []
    for place in ("relaxed", "thermal"):
        for name, reference in REFERENCES.items():
            there = ((named[C.GEOMETRY] == place) & named[reference.column].notna()).to_numpy()
            common = {C.GEOMETRY: place, "reference": name}
            for null in nulls:
                both = there & np.isfinite(null.d).all(axis=0)
                if both.any():
                    bonds = _Bonds.of(named[both], reference.column)
                    theirs = scores(null.d[:, both], bonds.reference, bonds.kinds, bonds.keep)
                    mean = None if null.mean is None else null.mean[both]
                    found = _rows(null.name, null.scores, bonds, theirs, _exact(bonds, mean))
                    rows += [
                        {**common, "n_without": int(there.sum() - both.sum()), **row}
                        for row in found
                    ]
            if there.any():
                found = _in_types(_Bonds.of(named[there], reference.column), draws)
                rows += [{**common, "n_without": 0, **row} for row in found]
    return pd.DataFrame(rows, columns=[str(name) for name in COLUMNS])


@dataclass(frozen=True)
class _Bonds:
    """The named bonds that are compared, n of them, and the molecules left out in turn."""

    d: Floats  # (n,) eV, of E3D
    reference: Floats  # (n,) eV
    kinds: NDArray[np.object_]  # (n,)
    keep: Masks  # (1 + molecules, n)

    @classmethod
    def of(cls, part: pd.DataFrame, column: str) -> "_Bonds":
        molecules = np.unique(part[C.MOLECULE].astype(str), return_inverse=True)[1]
        d, reference = (part[name].to_numpy(dtype=float) for name in (C.BOND_ENERGY, column))
        return cls(d, reference, part[C.BOND_TYPE].to_numpy(dtype=object), deletions(molecules))


def _exact(bonds: _Bonds, mean: Floats | None) -> dict[str, Floats]:
    """Return the scores (R,) whose expectation is exactly that of the mean D: the bias, which is linear in D."""
    if mean is None:
        return {}
    return {BIAS: scores(mean[None], bonds.reference, bonds.kinds, bonds.keep)[BIAS][0]}


def _in_types(bonds: _Bonds, draws: int) -> list[dict[str, Any]]:
    """Compare with D shuffled among the compared bonds of one type; type means and the bias stay as they are."""
    types = np.unique(bonds.kinds.astype(str), return_inverse=True)[1]
    d = shuffled(bonds.d, types, np.random.default_rng(SHUFFLE_SEED), draws)
    exact = {
        MAE: expected_absolute_error(bonds.d, bonds.reference, types, bonds.keep),
        WITHIN: np.where(np.isfinite(_scores_of(bonds)[WITHIN]), 0.0, np.nan),
    }
    return _rows(
        IN_TYPES, (MAE, WITHIN), bonds, scores(d, bonds.reference, bonds.kinds, bonds.keep), exact
    )


def _scores_of(bonds: _Bonds) -> dict[str, Floats]:
    found = scores(bonds.d[None], bonds.reference, bonds.kinds, bonds.keep)
    return {name: values[0] for name, values in found.items()}


def _rows(
    null: str,
    names: Sequence[str],
    bonds: _Bonds,
    theirs: dict[str, Floats],
    exact: dict[str, Floats],
) -> list[dict[str, Any]]:
    """Return a row per score; a bias is compared signed, and by its size to be judged."""
    ours = _scores_of(bonds)
    if BIAS in names:
        ours[ABS_BIAS], theirs[ABS_BIAS] = np.abs(ours[BIAS]), np.abs(theirs[BIAS])
        exact |= {ABS_BIAS: np.abs(exact[BIAS])} if BIAS in exact else {}
        names = [*names, ABS_BIAS]
    common = {
        NULL_MODEL: null,
        C.N: len(bonds.d),
        C.N_MOLECULES: len(bonds.keep) - 1,
        "n_pairs_within_types": n_pairs(bonds.kinds),
    }
    return [{**common, **_row(name, ours[name], theirs[name], exact.get(name))} for name in names]


def _row(score: str, ours: Floats, theirs: Floats, exact: Floats | None = None) -> dict[str, Any]:
    """Return one comparison from replicates: ``ours`` (R,), ``theirs`` (K, R), ``exact`` (R,) their expectation."""
    middle = theirs.mean(axis=0) if exact is None else exact
    mine, other, difference = estimate(ours), estimate(middle), estimate(ours - middle)
    draws = None
    if len(theirs) > 1:
        low, high = np.quantile(theirs[:, 0], [0.025, 0.975])
        draws = Estimate(other.value, float(low), float(high))
    return {
        "score": score,
        **mine.columns("e3d"),
        **(draws or other).columns("null_value"),
        **difference.columns("difference"),
        "verdict": judge(score, difference, mine.value, draws),
    }


def judge(score: str, difference: Estimate, e3d: float, draws: Estimate | None = None) -> str:
    """Say whether E3D is better or worse than a null model, only where the interval of the difference excludes zero.

    Of a random null model, E3D must also lie outside of the middle 95 % of its draws; of another, a rank's interval
    without width decides nothing: few types have few orders, and all replicates may agree. Of errors less is better.
    """
    if score == BIAS:
        return NOT_JUDGED
    if draws is not None and draws.lo <= e3d <= draws.hi:
        return UNDETERMINED
    above, below = (BETTER, WORSE) if score in RANKS else (WORSE, BETTER)
    return verdict(difference, above, below, needs_width=score in RANKS and draws is None)


def compare_errors(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison of test errors, on the molecules of which both have all frames.

    Both tables have a row per test set and molecule, as ``e3d evaluate`` writes them; ``theirs`` names its null model
    as the model. Molecules are left out in turn, in at most 100 groups.
    """
    keys = [C.TEST_SET, C.GROUP, C.N_FRAMES, "n_atoms"]
    mine = ours[ours[C.GROUP_KIND] == "molecule"][[*keys, *_METRICS]]
    rows = []
    for null, part in theirs[theirs[C.GROUP_KIND] == "molecule"].groupby(C.MODEL, sort=False):
        joined = mine.merge(part[[*keys, *_METRICS]], on=keys, suffixes=("", "_null"))
        for name, both in joined.groupby(C.TEST_SET, sort=False):
            total = int((mine[C.TEST_SET] == name).sum())
            for metric, size in _METRICS.items():
                weight = both[size].to_numpy(dtype=float)
                replicates = [
                    _left_out(both[f"{metric}{end}"].to_numpy(dtype=float), weight)
                    for end in ("", "_null")
                ]
                common = {C.GEOMETRY: name, "reference": LABELS, NULL_MODEL: null, C.N: len(both)}
                counts = {C.N_MOLECULES: len(both), "n_without": total - len(both)}
                rows.append(
                    {**common, **counts, **_row(str(metric), replicates[0], replicates[1][None])}
                )
    return pd.DataFrame(rows, columns=[str(name) for name in COLUMNS])


def _left_out(values: Floats, weight: Floats) -> Floats:
    """Return the weighted mean (1 + groups,) over all molecules, then without each group of them."""
    group = jackknife_groups(np.arange(len(values)))
    part, whole = np.bincount(group, weights=values * weight), np.bincount(group, weights=weight)
    with np.errstate(invalid="ignore"):
        rest = (part.sum() - part) / (whole.sum() - whole)
    return np.concatenate([[part.sum() / whole.sum()], rest])
