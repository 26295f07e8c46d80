"""E3D beside null models on the same bonds: both scores, their difference, its paired interval."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d.arrays import Floats, Masks
from e3d.fields import RELAXED, THERMAL
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES
from e3d.statistics import (
    UNDETERMINED,
    Estimate,
    deletions,
    estimate,
    interval_columns,
    jackknife_groups,
    replicates,
    verdict,
)
from e3d.statistics.agreement import (
    BIAS,
    MAE,
    RANKS,
    WITHIN,
    Kinds,
    n_pairs,
    score_estimate,
    scores,
)
from study.null.names import IN_TYPES, NULL_MODEL, NullModel
from study.null.shuffle import expected_absolute_error, shuffled

ABS_BIAS: Final = "abs_bias_eV"
BETTER, WORSE, NOT_JUDGED = "better", "worse", "not judged"
LABELS: Final = "labels"
"""Stands for the reference where test errors are compared."""
SHUFFLE_SEED: Final = 0
_METRICS: Final = {C.ENERGY_MAE: C.N_FRAMES, C.FORCE_MAE: "n_atoms"}
"""Test errors that are compared, and the column of what each is a mean over."""
_COLUMNS: Final = (
    *(C.GEOMETRY, "reference", NULL_MODEL, "score", C.N, C.N_MOLECULES, "n_without"),
    *("n_pairs_within_types", *interval_columns("e3d", "null_value", "difference"), "verdict"),
)


@dataclass(frozen=True)
class NullEnergies:
    """D of a null model on n named bonds, eV.

    ``d`` is (1, n) of a fitted one and (K, n) of K draws of a random one, NaN where it has no D;
    ``mean`` (n,) is the exact expectation of the draws, where it is known.
    """

    null: NullModel
    d: Floats
    mean: Floats | None = None


def comparison(
    named: pd.DataFrame,
    nulls: Sequence[NullEnergies],
    draws: int,
    errors: pd.DataFrame,
    null_errors: pd.DataFrame,
) -> pd.DataFrame:
    """Return the comparison of scores of D on named bonds, then that of test errors.

    Parameters
    ----------
    named
        A row per named bond (the table of ``bde``), with D of E3D and the references.
    nulls
        D of each null model on these rows.
    draws
        How often D is shuffled within the types of the bonds compared.
    errors, null_errors
        A row per test set and molecule, as ``e3d evaluate`` writes them, of E3D and of the fitted
        null models.
    """
    rows = [*_on_named_bonds(named, nulls, draws), *_on_test_sets(errors, null_errors)]
    return pd.DataFrame(rows, columns=[str(name) for name in _COLUMNS])


@dataclass(frozen=True)
class _Bonds:
    """The n named bonds that are compared, and the molecules left out in turn."""

    d: Floats  # (n,) eV, of E3D
    reference: Floats  # (n,) eV
    kinds: NDArray[np.object_]  # (n,)
    keep: Masks  # (1 + molecules, n)

    @classmethod
    def of(cls, part: pd.DataFrame, column: str) -> "_Bonds":
        molecules = np.unique(part[C.MOLECULE].astype(str), return_inverse=True)[1]
        d, reference = (part[name].to_numpy(dtype=float) for name in (C.BOND_ENERGY, column))
        return cls(d, reference, part[C.BOND_TYPE].to_numpy(dtype=object), deletions(molecules))

    def scores(self, d: Floats) -> dict[str, Floats]:
        """Return every score (K, 1 + molecules) of D (K, n)."""
        return scores(d, self.reference, self.kinds, self.keep)


def _on_named_bonds(
    named: pd.DataFrame, nulls: Sequence[NullEnergies], draws: int
) -> Iterator[dict[str, Any]]:
    """Yield the rows of named bonds: geometry x reference x null model x score."""
    for place, (name, reference) in product((RELAXED, THERMAL), REFERENCES.items()):
        there = ((named[C.GEOMETRY] == place) & named[reference.column].notna()).to_numpy()
        common = {C.GEOMETRY: place, "reference": name}
        for one in nulls:
            both = there & np.isfinite(one.d).all(axis=0)
            if both.any():
                bonds = _Bonds.of(named[both], reference.column)
                mean = None if one.mean is None else bonds.scores(one.mean[None, both])
                exact = {} if mean is None else {BIAS: mean[BIAS][0]}  # linear in D
                without = {"n_without": int(there.sum() - both.sum())}
                for row in _rows(one.null, bonds, bonds.scores(one.d[:, both]), exact):
                    yield {**common, **without, **row}
        if there.any():
            for row in _shuffled_in_types(_Bonds.of(named[there], reference.column), draws):
                yield {**common, "n_without": 0, **row}


def _shuffled_in_types(bonds: _Bonds, draws: int) -> Iterator[dict[str, Any]]:
    """Compare with D shuffled among the bonds of each type that are compared.

    That changes neither means of types nor the bias. The expectations of what it changes are known.
    """
    types = np.unique(bonds.kinds.astype(str), return_inverse=True)[1]
    d = shuffled(bonds.d, types, np.random.default_rng(SHUFFLE_SEED), draws)
    known = np.isfinite(bonds.scores(bonds.d[None])[WITHIN][0])
    exact = {
        MAE: expected_absolute_error(bonds.d, bonds.reference, types, bonds.keep),
        WITHIN: np.where(known, 0.0, np.nan),
    }
    yield from _rows(IN_TYPES, bonds, bonds.scores(d), exact)


def _rows(
    null: NullModel, bonds: _Bonds, theirs: dict[str, Floats], exact: dict[str, Floats]
) -> Iterator[dict[str, Any]]:
    """Yield a row per score of a null model; a bias is compared signed, and by its size."""
    ours = {name: values[0] for name, values in bonds.scores(bonds.d[None]).items()}
    for found in (ours, theirs, exact):
        if BIAS in found:
            found[ABS_BIAS] = np.abs(found[BIAS])
    common = {
        NULL_MODEL: null.name,
        C.N: len(bonds.d),
        C.N_MOLECULES: len(bonds.keep) - 1,
        "n_pairs_within_types": n_pairs(bonds.kinds),
    }
    for score in (*null.scores, *([ABS_BIAS] if BIAS in null.scores else [])):
        yield {**common, **_row(score, ours[score], theirs[score], bonds.kinds, exact.get(score))}


def _row(
    score: str, ours: Floats, theirs: Floats, kinds: Kinds, exact: Floats | None = None
) -> dict[str, Any]:
    """Return one comparison from replicates.

    Parameters
    ----------
    ours
        The score of E3D on all bonds and without each molecule (R,).
    theirs
        The same of a fitted null model (1, R), or of draws of a random one (K, R).
    kinds
        Bond type of each bond (n,), which says how fine a rank is.
    exact
        Their expectation (R,), where it is known.
    """
    middle = theirs.mean(axis=0) if exact is None else exact
    mine, other = (score_estimate(score, values, kinds) for values in (ours, middle))
    difference = estimate(ours - middle)
    drawn = None
    if len(theirs) > 1:
        low, high = np.quantile(theirs[:, 0], [0.025, 0.975])
        drawn = Estimate(other.value, float(low), float(high))
    return {
        "score": score,
        **mine.columns("e3d"),
        **(drawn or other).columns("null_value"),
        **difference.columns("difference"),
        "verdict": judge(score, difference, mine.value, drawn),
    }


def judge(score: str, difference: Estimate, e3d: float, drawn: Estimate | None = None) -> str:
    """Say whether E3D is better or worse than a null model, where the difference excludes zero.

    Of a rank more is better; other scores are errors, and a signed bias counts by its size.

    Beside a random null model, E3D must also lie outside the middle 95 % of its draws. Beside a
    fitted one, the interval of a rank needs a width: few types have few orders, so that all
    replicates may agree.
    """
    if score == BIAS:
        return NOT_JUDGED
    if drawn is not None and drawn.lo <= e3d <= drawn.hi:
        return UNDETERMINED
    above, below = (BETTER, WORSE) if score in RANKS else (WORSE, BETTER)
    return verdict(difference, above, below, needs_width=score in RANKS and drawn is None)


def _on_test_sets(ours: pd.DataFrame, theirs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of test errors, on the molecules of which both have all frames.

    ``theirs`` names its null model as the model. Molecules are left out in turn, in at most 100
    groups.
    """
    keys = [C.TEST_SET, C.GROUP, C.N_FRAMES, "n_atoms"]
    mine = ours[ours[C.GROUP_KIND] == "molecule"][[*keys, *_METRICS]]
    for null, part in theirs[theirs[C.GROUP_KIND] == "molecule"].groupby(C.MODEL, sort=False):
        joined = mine.merge(part[[*keys, *_METRICS]], on=keys, suffixes=("", "_null"))
        for name, both in joined.groupby(C.TEST_SET, sort=False):
            common = {
                C.GEOMETRY: name,
                "reference": LABELS,
                NULL_MODEL: null,
                C.N: len(both),
                C.N_MOLECULES: len(both),
                "n_without": int((mine[C.TEST_SET] == name).sum()) - len(both),
            }
            for metric, size in _METRICS.items():
                errors = [_left_out(both[f"{metric}{end}"], both[size]) for end in ("", "_null")]
                yield {**common, **_row(str(metric), errors[0], errors[1][None], np.array([]))}


def _left_out(errors: pd.Series, sizes: pd.Series) -> Floats:
    """Return the mean error (1 + groups,) over all molecules, then without each group of them."""
    values, weight = (column.to_numpy(dtype=float) for column in (errors, sizes))

    def mean(keep: Masks) -> float:
        return float(values[keep] @ weight[keep] / weight[keep].sum())

    with np.errstate(invalid="ignore"):
        return replicates(mean, jackknife_groups(np.arange(len(values))))
