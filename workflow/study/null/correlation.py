"""Does D follow a null model's? Correlation of both over all bonds of a set of structures, and within bond types."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d.fields import Column as C
from e3d.statistics import estimate, interval_columns, jackknife_groups
from e3d.statistics.agreement import TIE_EV
from study.null.names import FITTED, NULL_MODEL, column

Floats = NDArray[np.float64]
_VALUES = ("pearson", "within_types_pearson", "mean_difference_eV", "mae_eV")


def correlations(bonds: pd.DataFrame) -> pd.DataFrame:
    """Return, for each set of structures and fitted null model, how D of E3D goes with the null model's.

    ``bonds`` has a row per bond of each molecule with D of E3D and of the null models. Pearson's correlation over all
    bonds, and with the mean of each bond type taken off both; mean and mean absolute difference. Intervals: molecules
    left out, in at most 100 groups.
    """
    rows = []
    for name, part in bonds.groupby(C.STRUCTURES, sort=False):
        for null in FITTED:
            both = part[part[column(null)].notna()]
            if len(both):
                rows.append({C.STRUCTURES: name, NULL_MODEL: null, **_of(both, column(null))})
    columns = [C.STRUCTURES, NULL_MODEL, C.N, C.N_MOLECULES, "n_types", *interval_columns(*_VALUES)]
    return pd.DataFrame(rows, columns=[str(name) for name in columns])


def _of(part: pd.DataFrame, other: str) -> dict[str, Any]:
    x, y = part[C.BOND_ENERGY].to_numpy(dtype=float), part[other].to_numpy(dtype=float)
    molecules = np.unique(part[C.MOLECULE].astype(str), return_inverse=True)[1]
    types = np.unique(part[C.BOND_TYPE].astype(str), return_inverse=True)[1]
    groups, n_types = jackknife_groups(molecules), int(types.max()) + 1
    terms = np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y, np.abs(x - y)])
    cell = groups * n_types + types
    n_groups = int(groups.max()) + 1
    sums = np.stack(
        [np.bincount(cell, weights=term, minlength=n_groups * n_types) for term in terms]
    )
    sums = sums.reshape(len(terms), n_groups, n_types)
    kept = np.concatenate(
        [sums.sum(axis=1)[:, None], sums.sum(axis=1)[:, None] - sums], axis=1
    )  # (terms, 1 + g, T)
    whole = kept.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {
            "pearson": _correlation(*_spreads(whole)),
            "within_types_pearson": _correlation(
                *(np.nansum(spread, axis=1) for spread in _spreads(kept))
            ),
            "mean_difference_eV": (whole[1] - whole[2]) / whole[0],
            "mae_eV": whole[6] / whole[0],
        }
    row: dict[str, Any] = {
        C.N: len(part),
        C.N_MOLECULES: int(molecules.max()) + 1,
        "n_types": n_types,
    }
    for name, replicates in values.items():
        row |= estimate(replicates).columns(name)
    return row


def _spreads(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the sums of squared and mixed deviations from the mean; what is zero to rounding is zero."""
    n, x, y, xx, yy, xy = sums[:6]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (xx - x * x / n, yy - y * y / n, xy - x * y / n)
    return found


def _correlation(xx: Floats, yy: Floats, xy: Floats) -> Floats:
    """Return xy / sqrt(xx yy); NaN where one of the two does not vary."""
    constant = (xx < TIE_EV) | (yy < TIE_EV)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(constant, np.nan, xy / np.sqrt(xx * yy))
