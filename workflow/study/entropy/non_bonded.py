"""Entropy of D of the pairs that are not bonded, from the histograms a decomposition keeps."""

import logging
from typing import Final

import numpy as np
import pandas as pd

from e3d.arrays import Ints
from e3d.decomposition.totals import D_BIN_EV
from e3d.fields import Column as C
from study.entropy import fields
from study.entropy.bins import Bins, of_counts

log = logging.getLogger(__name__)
_WHOLE: Final = 1e-9
"""How far a ratio of two widths may be from a whole number: they are decimal fractions."""


def non_bonded_table(structures: str, pairs: pd.DataFrame, bins: Bins) -> pd.DataFrame:
    """Return the entropy of D of the non-bonded pairs: all, given their elements, by element pair.

    ``pairs`` are histograms whose bins of 0.01 eV are added up to the width of D's, which must be a
    multiple; else there are no rows. They know no molecules (0), so that there is no interval, and
    no values, so that nothing is estimated from neighbours. They count all frames, also those whose
    bonds changed.
    """
    if not len(pairs):
        return pd.DataFrame()
    width = bins.bond_energy_eV
    ratio = round(width / D_BIN_EV)
    if ratio < 1 or abs(width / D_BIN_EV - ratio) > _WHOLE:
        log.warning(
            "no entropy of non-bonded pairs: %g eV is no multiple of %g eV", width, D_BIN_EV
        )
        return pd.DataFrame()
    fine = np.round(pairs[C.BOND_ENERGY_BIN].to_numpy(dtype=float) / D_BIN_EV).astype(np.int64)
    coarse = pairs.assign(bin=fine // ratio).groupby([C.ELEMENTS, "bin"])[C.COUNT].sum()
    by_elements = {str(name): counts.to_numpy() for name, counts in coarse.groupby(level=0)}
    share = [counts.sum() / coarse.sum() for counts in by_elements.values()]
    within = np.array([of_counts(counts) for counts in by_elements.values()]).T @ share
    together = coarse.groupby(level="bin").sum().to_numpy()
    rows = [
        _row(fields.ALL, together, of_counts(together)),
        _row(fields.WITHIN, together, (within[0], within[1])),
        *(_row(name, counts, of_counts(counts)) for name, counts in by_elements.items()),
    ]
    table = pd.DataFrame(rows).assign(**{fields.BIN_WIDTH: width})
    table[fields.BINNED] = table[fields.ENTROPY_MM] + np.log(width)
    table.insert(0, C.STRUCTURES, structures)
    return table


def _row(name: str, counts: Ints, entropies: tuple[float, float]) -> dict[str, object]:
    return {
        fields.QUANTITY: fields.NON_BONDED,
        C.BOND_TYPE: name,
        C.N: int(counts.sum()),
        C.N_MOLECULES: 0,
        "occupied_bins": len(counts),
        **dict(zip((fields.ENTROPY, fields.ENTROPY_MM), entropies, strict=True)),
    }
