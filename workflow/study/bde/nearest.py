"""Which reference energy D is nearest to, on the bonds that have both."""

from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.fields import RELAXED, THERMAL
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES, Reference
from e3d.statistics import UNDETERMINED, group_mean, interval_columns, verdict

FIRST, SECOND, NEARER = "first", "second", "nearer"
GAP: Final = "difference_eV"
"""MAE of D against the first reference minus that against the second."""
_MAES: Final = ("mae_first_eV", "mae_second_eV")
COLUMNS: Final = (
    *(C.GEOMETRY, FIRST, SECOND, "n_bonds", C.N_MOLECULES, *_MAES),
    *(*interval_columns(GAP), NEARER),
)


def nearest(named: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each geometry and pair of references, from a run's named bonds.

    The two mean absolute errors and their difference are over the same bonds, the interval is a
    jackknife over molecules. ``nearer`` names a reference only where the interval excludes zero.
    """
    rows = []
    for place in (RELAXED, THERMAL):
        for first, second in combinations(REFERENCES.values(), 2):
            part = named[(named[C.GEOMETRY] == place)].dropna(subset=[first.error, second.error])
            if len(part):
                about = {C.GEOMETRY: place, FIRST: first.name, SECOND: second.name}
                rows.append(about | _paired(part, first, second))
    return pd.DataFrame(rows, columns=list(map(str, COLUMNS)))


def _paired(part: pd.DataFrame, first: Reference, second: Reference) -> dict[str, Any]:
    errors = [part[one.error].abs().to_numpy(dtype=float) for one in (first, second)]
    molecules = np.unique(part[C.MOLECULE], return_inverse=True)[1]
    gap = group_mean(errors[0] - errors[1], molecules)
    return {
        "n_bonds": len(part),
        C.N_MOLECULES: int(molecules.max()) + 1,
        **dict(zip(_MAES, (float(error.mean()) for error in errors), strict=True)),
        **gap.columns(GAP),
        NEARER: verdict(gap, second.name, first.name, neither=UNDETERMINED, unknown=UNDETERMINED),
    }
