"""How well D of the named bonds agrees with their reference energies: errors and rank orders."""

from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.fields import RELAXED, THERMAL
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES, Reference
from e3d.statistics import deletions, interval_columns
from e3d.statistics.agreement import SCORES, n_pairs, score_estimate, scores

_SUMMARY_COLUMNS: Final = (
    *(C.GEOMETRY, "reference", "molecules", "n_bonds", "n_types", "n_pairs_within_types"),
    *interval_columns(*SCORES),
)


def summary(named: pd.DataFrame) -> pd.DataFrame:
    """Return errors and rank correlations of D against each reference energy.

    Rows: geometry x reference x (all, in_training, not_in_training). ``mae``, ``bias`` are over
    named bonds, ``types_mae`` over bond types; ``between_types`` is Spearman's rho of type means,
    ``within_types`` Kendall's tau over pairs of one type. Intervals: jackknife over molecules,
    those of ranks on Fisher's scale.
    """
    rows = []
    for place in (RELAXED, THERMAL):
        for one in REFERENCES.values():
            for group in ("all", "in_training", "not_in_training"):
                part = named[(named[C.GEOMETRY] == place) & named[one.column].notna()]
                if group != "all":
                    part = part[part[C.IN_TRAINING] == (group == "in_training")]
                if len(part):
                    about = {C.GEOMETRY: place, "reference": one.name, "molecules": group}
                    rows.append({**about, **_scores(part, one)})
    return pd.DataFrame(rows, columns=list(map(str, _SUMMARY_COLUMNS)))


def _scores(part: pd.DataFrame, reference: Reference) -> dict[str, Any]:
    d, ref = (part[name].to_numpy(dtype=float) for name in (C.BOND_ENERGY, reference.column))
    kinds = part[C.BOND_TYPE].to_numpy(dtype=object)
    groups = np.unique(part[C.MOLECULE], return_inverse=True)[1]
    row: dict[str, Any] = {
        "n_bonds": len(part),
        "n_types": len(set(kinds)),
        "n_pairs_within_types": n_pairs(kinds),
    }
    for label, replicates in scores(d[None], ref, kinds, deletions(groups)).items():
        row |= score_estimate(label, replicates[0], kinds).columns(label)
    return row
