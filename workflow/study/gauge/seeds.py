"""The spread of D over seeds: runs that energies and forces do not distinguish.

D is that of the named bonds at the relaxed geometry. SDs are over seeds, per bond, with n - 1; rows
of several bonds have the root of the mean square, with a jackknife over molecules (of type means:
over types). That interval is about the choice of bonds; the choice of n seeds adds about
1 / sqrt(2 (n - 1)) of the SD.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import UNDETERMINED, Estimate, estimate, interval_columns
from study.fields import CELL, plain
from study.gauge import fields

_OTHER: Final = "other"
_COLUMNS: Final = (
    *(*CELL, "n_seeds", "quantity", C.BOND_TYPE, C.N, *interval_columns(fields.SD)),
    *("energy_mae_mean", "energy_mae_sd", "force_mae_mean", "force_mae_sd", "verdict"),
)


def at_cell(table: pd.DataFrame, *cell: Any) -> pd.DataFrame:
    """Return the rows of a dataset, number of training frames and model: all seeds."""
    return table[(table[CELL] == list(cell)).all(axis=1)]


def by_seed(named: pd.DataFrame) -> pd.DataFrame:
    """Return D (eV) of one cell as bonds x seeds, of the bonds that every seed has.

    The index names bond, type and molecule.
    """
    index = ["bond", str(C.BOND_TYPE), str(C.MOLECULE)]
    return named.pivot_table(index=index, columns=C.SEED, values=C.BOND_ENERGY, sort=True).dropna()


def mean_errors(errors: pd.DataFrame) -> dict[str, float]:
    """Return mean and SD over seeds of the MAEs of energies (meV/atom) and forces (meV/Å).

    Those of both test sets are averaged first.
    """
    part = errors[errors[C.GROUP_KIND] == "all"]
    part = part.groupby(C.SEED)[[C.ENERGY_MAE, C.FORCE_MAE]].mean()
    return {
        f"{name}_{label}": float(part[column].agg(how))
        for name, column in (("energy_mae", C.ENERGY_MAE), ("force_mae", C.FORCE_MAE))
        for label, how in (("mean", "mean"), ("sd", "std"))
    }


def seeds(named: pd.DataFrame, errors: pd.DataFrame) -> pd.DataFrame:
    """Return the spread of D, of means over types and of differences, beside that of test errors.

    A row per cell and quantity; with two seeds nothing is concluded.
    """
    rows: list[dict[str, Any]] = []
    for cell, part in plain(named).groupby(CELL):
        d = by_seed(part)
        n = d.shape[1]
        if n < 2 or d.empty:
            continue
        common = {**dict(zip(CELL, cell, strict=True)), "n_seeds": n}
        common |= mean_errors(at_cell(errors, *cell))
        for quantity, kind, values in _quantities(d):
            sd = _rms_sd(values)
            known = n >= fields.MIN_SEEDS and np.isfinite(sd.lo)
            about = {"quantity": quantity, C.BOND_TYPE: kind, C.N: len(values)}
            verdict = {"verdict": fields.MEASURED if known else UNDETERMINED}
            rows.append({**common, **about, **sd.columns(fields.SD), **verdict})
    return pd.DataFrame(rows, columns=[str(name) for name in _COLUMNS])


def _quantities(d: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield name, bond type and values x seeds of what is compared between the seeds."""
    yield fields.D, "all", d
    for kind, part in d.groupby(level=C.BOND_TYPE):
        yield fields.D, str(kind), part
    for name, level in ((fields.IN_MOLECULE, C.MOLECULE), (fields.IN_TYPE, C.BOND_TYPE)):
        gaps = [_gaps(part) for _, part in d.groupby(level=level) if len(part) > 1]
        if gaps:
            yield name, "all", pd.concat(gaps)
    types = d.groupby(level=C.BOND_TYPE).mean()
    yield fields.TYPE_MEAN, "all", types
    if len(types) > 1:
        yield fields.OF_TYPES, "all", _gaps(types)


def _unit(values: pd.DataFrame) -> str:
    return str(C.MOLECULE if C.MOLECULE in values.index.names else C.BOND_TYPE)


def _gaps(part: pd.DataFrame) -> pd.DataFrame:
    """Return the differences of all pairs of rows.

    The index is that of the first row and, as ``other``, the molecule or type of the second.
    """
    first, second = np.triu_indices(len(part), k=1)
    index = part.index[first].to_frame(index=False)
    index[_OTHER] = part.index.get_level_values(_unit(part))[second]
    values = part.to_numpy()
    return pd.DataFrame(values[second] - values[first], index=pd.MultiIndex.from_frame(index))


def _rms_sd(values: pd.DataFrame) -> Estimate:
    """Return the root mean square over rows of the SD over columns, with a jackknife interval.

    Molecules are left out, else types; a difference goes with either of its two.
    """
    units = [name for name in (_unit(values), _OTHER) if name in values.index.names]
    labels = np.stack([values.index.get_level_values(unit).to_numpy(dtype=str) for unit in units])
    variance = values.var(axis=1, ddof=1).to_numpy()
    rms = float(np.sqrt(variance.mean()))
    kept = [variance[(labels != group).all(axis=0)] for group in np.unique(labels)]
    if not all(map(len, kept)):
        return Estimate(rms)
    return estimate(np.array([rms, *(np.sqrt(part.mean()) for part in kept)]))
