"""Whether D rises from single to double to triple bonds of one pair of elements."""

import itertools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.arrays import Ints, Masks
from e3d.decomposition.decomposed import Decomposed
from e3d.fields import TEST_SPLITS
from e3d.fields import Column as C
from e3d.statistics import (
    group_mean,
    interval_columns,
    jackknife,
    jackknife_groups,
    t_quantile,
    verdict,
)
from e3d.statistics.variance import welch_dof
from study.fields import TEST_ALL

STEPS: Final = (("C-C", "C=C"), ("C=C", "C#C"))
"""The two steps that findings are about."""
DIFFERENCE: Final = "difference_eV"
"""Mean D of the higher order minus that of the lower."""
_PAIRS: Final = (("C", "C"), ("C", "N"), ("C", "O"), ("N", "N"))
_SIGNS: Final = "-=#"
_MEANS: Final = ("lower_bond_energy_eV", "higher_bond_energy_eV")
_COLUMNS: Final = (
    *(C.STRUCTURES, "lower", "higher", "n_molecules_lower", "n_molecules_higher", *_MEANS),
    *(*interval_columns(DIFFERENCE), "holds"),
)


def order(parts: Sequence[Decomposed]) -> pd.DataFrame:
    """Compare mean D of single, double and triple bonds of each pair of elements.

    The difference has a jackknife interval over molecules with Welch's degrees of freedom (a type
    of two molecules has one). ``holds`` is ``yes`` or ``no`` only where the interval excludes zero,
    else ``undetermined``.
    """
    rows = []
    thermal = [part.bonds for part in parts if part.structures in TEST_SPLITS]
    sources = {part.structures: part.bonds for part in parts}
    if len(thermal) > 1:
        sources[TEST_ALL] = pd.concat(thermal, ignore_index=True)
    for name, bonds in sources.items():
        for first, second in _PAIRS:
            kinds = [f"{first}{sign}{second}" for sign in _SIGNS]
            for lower, higher in itertools.pairwise(kinds):
                pair = bonds[bonds[C.BOND_TYPE].isin([lower, higher])]
                if pair[C.BOND_TYPE].nunique() == 2:
                    rows.append({C.STRUCTURES: name, **_difference(pair, lower, higher)})
    return pd.DataFrame(rows, columns=list(map(str, _COLUMNS)))


def _difference(pair: pd.DataFrame, lower: str, higher: str) -> dict[str, Any]:
    d = pair[C.BOND_ENERGY].to_numpy(dtype=float)
    up = (pair[C.BOND_TYPE] == higher).to_numpy()
    groups = _rarer_first(np.unique(pair[C.MOLECULE], return_inverse=True)[1], up)
    n = [len(set(groups[up == flag])) for flag in (False, True)]

    def gap(keep: Masks) -> float:
        high, low = d[keep & up], d[keep & ~up]
        return float(high.mean() - low.mean()) if len(high) and len(low) else np.nan

    spread = [group_mean(d[up == flag], groups[up == flag]) for flag in (False, True)]
    variances = [
        (one.half_width / t_quantile(max(m - 1, 1))) ** 2 for one, m in zip(spread, n, strict=True)
    ]
    difference = jackknife(gap, jackknife_groups(groups), dof=welch_dof(variances, n))
    means = (float(d[~up].mean()), float(d[up].mean()))
    return {
        **{"lower": lower, "higher": higher},
        **{"n_molecules_lower": n[0], "n_molecules_higher": n[1]},
        **dict(zip(_MEANS, means, strict=True)),
        **difference.columns(DIFFERENCE),
        "holds": verdict(difference),
    }


def _rarer_first(groups: Ints, up: Masks) -> Ints:
    """Renumber molecules (n,) so that those of the rarer type come first.

    Dealt into a hundred jackknife groups, two molecules that alone hold a type then never share
    one.
    """
    rarer = min(set(groups[up]), set(groups[~up]), key=len)
    later = ~np.isin(np.arange(groups.max() + 1), list(rarer))
    return np.argsort(np.argsort(later, kind="stable"))[groups]
