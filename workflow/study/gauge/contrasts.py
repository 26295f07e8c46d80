"""Whether differences of D keep their sign: between types, and between bonds of one type."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.arrays import Floats
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298
from e3d.statistics import NO, UNDETERMINED, YES, Estimate, t_quantile, verdict
from study.fields import CELL, base_and_variant, plain
from study.gauge.fields import BONDS, DETERMINED, MEAN, MIN_SEEDS, TYPES
from study.gauge.seeds import by_seed

_COLUMNS: Final = (
    *("dataset", "n_train", "base", "kind", "lower", "higher", "n_seeds", "n_variants", MEAN),
    *("seed_sd_eV", "new_seed_lo_eV", "new_seed_hi_eV", "ablations_min_eV", "ablations_max_eV"),
    DETERMINED,
)


def contrasts(named: pd.DataFrame) -> pd.DataFrame:
    """Return differences of D over base seeds, and their range over the means of variants.

    Between the means of two types, in alphabetical order; and between two named bonds of one type,
    the one with the lower BDE298 first, so that the order of BDE298 is a difference above zero.
    ``determined`` is no if a seed or a variant has another sign; yes if none has and the interval
    in which another seed would lie (95 %, mean +- t s sqrt(1 + 1 / n)) excludes zero; else
    undetermined, as without three seeds and a variant.
    """
    rows: list[dict[str, Any]] = []
    for cell, part in plain(named).groupby(CELL):
        related = named[(named[CELL[:2]] == list(cell[:2])).all(axis=1)]
        related = related[related["bond"].isin(part["bond"])]
        variants = [
            group
            for model, group in related.groupby(C.MODEL)
            if base_and_variant(str(model))[0] == cell[2] != model
        ]
        for kind, level, pairs in (
            (TYPES, C.BOND_TYPE, _types(part)),
            (BONDS, "bond", _bonds(part)),
        ):
            means, *others = (by_seed(one).groupby(level=level).mean() for one in (part, *variants))
            of_variants = [one.mean(axis=1) for one in others]
            for pair in pairs:
                if set(pair) <= set(means.index):
                    gaps = means.loc[pair[1]] - means.loc[pair[0]]
                    found = _contrast(np.asarray(gaps, float), _gaps(of_variants, pair))
                    values = (*cell, kind, *pair, *found)
                    rows.append(dict(zip(_COLUMNS, values, strict=True)))
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _types(part: pd.DataFrame) -> Iterator[tuple[str, str]]:
    yield from itertools.combinations(sorted(part[C.BOND_TYPE].unique()), 2)


def _bonds(part: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield pairs of bonds of one type with different BDE298, the weaker bond first."""
    known = part[part[BDE298.column].notna()].drop_duplicates("bond")
    for _, of_type in known.sort_values([BDE298.column, "bond"]).groupby(C.BOND_TYPE):
        bonds = zip(of_type["bond"], of_type[BDE298.column], strict=True)
        for (a, low), (b, high) in itertools.combinations(bonds, 2):
            if low < high:
                yield a, b


def _gaps(means: Sequence[pd.Series], pair: tuple[str, str]) -> Floats:
    """Return the difference (V,) of a pair in every variant that has both, eV."""
    return np.array([float(v[pair[1]] - v[pair[0]]) for v in means if set(pair) <= set(v.index)])


def _contrast(gaps: Floats, others: Floats) -> tuple[Any, ...]:
    """Return the numbers and the verdict of a difference, eV: over base seeds, over variants."""
    n = len(gaps)
    sd = float(gaps.std(ddof=1)) if n > 1 else np.nan
    half = t_quantile(n - 1) * sd * np.sqrt(1 + 1 / n) if n > 1 else np.nan
    another = Estimate.symmetric(float(gaps.mean()), half)
    said = UNDETERMINED
    if n >= MIN_SEEDS and len(others):
        one_sign = len(set(np.sign([*gaps, *others]))) == 1
        said = verdict(another, YES, YES) if one_sign else NO
    ends = (others.min(), others.max()) if len(others) else (np.nan, np.nan)
    return n, len(others), another.value, sd, another.lo, another.hi, *ends, said
