"""Errors of D at named bonds that are the same at every N: which of them are in training is fixed.

Larger training sets hold more of the named molecules. Errors over all of them, or over those in
training at each N, would fall for that reason alone.
"""

from typing import Final

import numpy as np
import pandas as pd

from e3d.fields import RELAXED
from e3d.fields import Column as C
from e3d.named_bonds.references import Reference
from e3d.statistics import Estimate, group_mean, interval_columns
from e3d.statistics.crossed import over_seeds
from study.fields import trained

MAE: Final = "mae_eV"
ALWAYS, NEVER = "always", "never"
"""Bonds of molecules that are in training at every N, and at none."""


def same_bonds(named: pd.DataFrame, reference: Reference) -> dict[str, pd.DataFrame]:
    """Return the relaxed named bonds that are in training at every N, and those at no N.

    Rows of all runs, those of given models too, at bonds that have the ``reference`` energy. A
    group without bonds is left out. Where no run that is trained here has any, all bonds are one
    group, without a name.
    """
    table = named[(named[C.GEOMETRY] == RELAXED) & named[reference.column].notna()]
    here = trained(table)
    if here.empty:
        return {"": table}
    seen = here[C.IN_TRAINING].astype(bool)
    grouped = seen.groupby([here[C.DATASET], here["bond"]])
    members = {ALWAYS: grouped.all(), NEVER: ~grouped.any()}
    chosen = {
        group: set(which.index[which].get_level_values("bond"))
        - set(which.index[~which].get_level_values("bond"))
        for group, which in members.items()
    }
    return {group: table[table["bond"].isin(bonds)] for group, bonds in chosen.items() if bonds}


def errors(part: pd.DataFrame, reference: Reference) -> pd.DataFrame:
    """Return the mean absolute error (eV) of every run at the bonds of ``part``.

    Intervals: jackknife over molecules.
    """
    keys = [C.RUN, C.DATASET, C.N_TRAIN, C.MODEL, C.SEED]
    rows = [
        dict(zip(keys, run, strict=True)) | _mean(_error(bonds, reference), bonds).columns(MAE)
        for run, bonds in part.groupby(keys, sort=False)
    ]
    return pd.DataFrame(rows, columns=[*map(str, keys), *interval_columns(MAE)])


def change(part: pd.DataFrame, reference: Reference, dataset: str, model: str) -> Estimate:
    """Return by how much the error (eV) of a model changes from its smallest N to its largest.

    Paired: the same bonds, and seeds that both have. The interval is over molecules and seeds.
    """
    own = part[(part[C.DATASET] == dataset) & (part[C.MODEL] == model)]
    first, last = own[C.N_TRAIN].min(), own[C.N_TRAIN].max()
    wide = own.assign(error=_error(own, reference)).pivot_table(
        index=[C.SEED, "bond", C.MOLECULE], columns=C.N_TRAIN, values="error"
    )
    if first == last or wide.empty:
        return Estimate(np.nan)
    gaps = (wide[last] - wide[first]).dropna().reset_index(name="gap")
    if gaps.empty:
        return Estimate(np.nan)
    return over_seeds([_mean(rows["gap"], rows) for _, rows in gaps.groupby(C.SEED)])


def _error(bonds: pd.DataFrame, reference: Reference) -> "pd.Series[float]":
    return (bonds[C.BOND_ENERGY] - bonds[reference.column]).abs()


def _mean(values: "pd.Series[float]", bonds: pd.DataFrame) -> Estimate:
    molecules = np.unique(bonds[C.MOLECULE].astype(str), return_inverse=True)[1]
    return group_mean(np.asarray(values, dtype=np.float64), molecules)
