"""Whether D goes with the bond energies of a null model: correlation over all bonds of a set."""

from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.arrays import Floats
from e3d.fields import Column as C
from e3d.statistics import estimate, interval_columns, jackknife_groups
from e3d.statistics.agreement import MAE, TIE_EV
from e3d.statistics.correlations import estimate_correlation, is_correlation
from study.null.names import FITTED, NULL_MODEL

PEARSON: Final = "pearson"
WITHIN_PEARSON: Final = "within_types_pearson"
_VALUES: Final = (PEARSON, WITHIN_PEARSON, "mean_difference_eV", MAE)
_COLUMNS: Final = (
    *(C.STRUCTURES, NULL_MODEL, C.N, C.N_MOLECULES, "n_types"),
    *interval_columns(*_VALUES),
)


def correlations(bonds: pd.DataFrame) -> pd.DataFrame:
    """Return a row per set of structures and fitted null model.

    ``bonds`` has a row per bond of each molecule, with D of E3D and of the null models. Pearson's
    correlation is over all bonds, and with the mean of its bond type taken off each. Then the mean
    and the mean absolute difference. Intervals: molecules left out, in at most 100 groups.
    """
    rows = []
    for name, part in bonds.groupby(C.STRUCTURES, sort=False):
        for null in FITTED:
            both = part[part[null.column].notna()]
            if len(both):
                found = _correlation(both, null.column)
                rows.append({C.STRUCTURES: name, NULL_MODEL: null.name, **found})
    return pd.DataFrame(rows, columns=[str(name) for name in _COLUMNS])


def _correlation(part: pd.DataFrame, other: str) -> dict[str, Any]:
    """Return the columns of one row, from sums over every group of molecules and bond type."""
    x, y = part[C.BOND_ENERGY].to_numpy(dtype=float), part[other].to_numpy(dtype=float)
    molecules, types = (
        np.unique(part[name].astype(str), return_inverse=True)[1]
        for name in (C.MOLECULE, C.BOND_TYPE)
    )
    groups = jackknife_groups(molecules)
    shape = (int(groups.max()) + 1, int(types.max()) + 1)
    cell = groups * shape[1] + types
    terms = (np.ones(len(x)), x, y, x * x, y * y, x * y, np.abs(x - y))
    sums = np.stack(
        [np.bincount(cell, weights=term, minlength=shape[0] * shape[1]) for term in terms]
    ).reshape(len(terms), *shape)
    all_groups = sums.sum(axis=1)[:, None]
    kept = np.concatenate([all_groups, all_groups - sums], axis=1)  # (terms, 1 + groups, types)
    whole = kept.sum(axis=2)
    n, of_x, of_y, gap = whole[[0, 1, 2, -1]]
    with np.errstate(invalid="ignore", divide="ignore"):
        within = [np.nansum(deviations, axis=1) for deviations in _deviations(kept)]
        values = (_pearson(*_deviations(whole)), _pearson(*within), (of_x - of_y) / n, gap / n)
    row: dict[str, Any] = {
        C.N: len(part),
        C.N_MOLECULES: int(molecules.max()) + 1,
        "n_types": shape[1],
    }
    for name, replicates in zip(_VALUES, values, strict=True):
        found = estimate_correlation if is_correlation(name) else estimate
        row |= found(replicates).columns(name)
    return row


def _deviations(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the sums of squared deviations of x and y from their means, and of the products."""
    n, x, y, xx, yy, xy = sums[:6]
    return xx - x * x / n, yy - y * y / n, xy - x * y / n


def _pearson(xx: Floats, yy: Floats, xy: Floats) -> Floats:
    """Return xy / sqrt(xx yy); NaN where x or y does not vary beyond rounding."""
    constant = (xx < TIE_EV) | (yy < TIE_EV)
    return np.where(constant, np.nan, xy / np.sqrt(xx * yy))
