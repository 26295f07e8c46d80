"""How far a changed setting moves D: variants of a model size beside their base, seed by seed.

Verdicts have to hold for the choice of bonds and for that of seeds: D of all bonds may move
together from seed to seed, which a jackknife over bonds cannot see.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.fields import TEST_CONFORMATIONS
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298
from e3d.statistics import UNDETERMINED, group_mean, interval_columns, unanimous, verdict
from e3d.statistics.agreement import WITHIN, kendall, spearman
from e3d.statistics.variance import independent_rows, variance_ratio
from study.fields import BONDED_SHARE, CELL, base_and_variant
from study.gauge.fields import KEEPS, MIN_SEEDS, MOVES, RMS_CHANGE, SEED_RMS
from study.gauge.seeds import at_cell, by_seed, mean_errors

_ERRORS: Final = ("energy_mae", "force_mae")
_MEAN_CHANGE, _BDE298_CHANGE = "mean_change_eV", f"{BDE298.name}_mae_change_eV"
_COLUMNS: Final = (
    *("dataset", "n_train", "base", "variant", "n_seeds"),
    *("offset_removed", "n_bonds", _MEAN_CHANGE),
    *interval_columns(RMS_CHANGE, SEED_RMS, "rms_ratio"),
    *("spearman", "kendall", WITHIN, *(f"{name}_change" for name in _ERRORS), _BDE298_CHANGE),
    *(f"{BONDED_SHARE}_change", f"{BONDED_SHARE}_seed_sd", "verdict"),
)


def ablations(named: pd.DataFrame, errors: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return, for every variant, the change of D at the same seeds beside that by another seed.

    Both are of the seeds that variant and base have. A change of the seed alone is a difference of
    two seeds, sqrt(2) SD over the seeds of the base. ``rms_ratio`` is the change over that, with an
    interval over seeds (F, of as many rows as are independent). The verdict needs three seeds, this
    interval on one side of 1, and the jackknife over molecules of the difference of squares on the
    same side of 0. Changes of test errors and of the bonded share on new conformations (from
    ``summary``) have none.
    """
    rows: list[dict[str, Any]] = []
    for (dataset, n_train, model), part in named.groupby(CELL):
        base, variant = base_and_variant(str(model))
        cells = [(dataset, n_train, name) for name in (base, model)]
        origin = at_cell(named, *cells[0])
        if not variant or origin.empty:
            continue
        before, after = by_seed(origin), by_seed(part)
        seeds = sorted(set(before.columns) & set(after.columns))
        bonds = before.index.intersection(after.index)
        if not seeds or bonds.empty:
            continue
        keys = dict(zip(_COLUMNS, (*cells[0], variant, len(seeds)), strict=False))
        here = named[named["bond"].isin(bonds.get_level_values("bond"))]
        others = _other_changes(errors, here, summary, cells, seeds)
        for centred in (False, True):
            both = (one.loc[bonds, seeds] for one in (before, after))
            change = _change(*both, centred=centred)
            rows.append({**keys, **change, **others})
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _change(before: pd.DataFrame, after: pd.DataFrame, *, centred: bool) -> dict[str, Any]:
    """Return the columns of the change of D, bonds x seeds; ``centred`` takes off its mean."""
    change, spread = after - before, before
    mean = float(change.to_numpy().mean())
    if centred:
        change, spread = change - change.mean(), spread - spread.mean()
    n_seeds = change.shape[1]
    molecules = np.unique(change.index.get_level_values(C.MOLECULE), return_inverse=True)[1]
    square = (change**2).mean(axis=1).to_numpy()
    variance = np.full(len(spread), np.nan)
    if n_seeds > 1:
        variance = 2 * spread.var(axis=1, ddof=1).to_numpy()
    moved, noise = (group_mean(values, molecules, np.sqrt) for values in (square, variance))
    gap = group_mean(square - variance, molecules)
    rows = independent_rows(spread.sub(spread.mean(axis=1), axis=0).to_numpy())
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = float(np.divide(moved.value**2, noise.value**2))
    ratio = variance_ratio(squares, n_seeds * rows, (n_seeds - 1) * rows)
    known = n_seeds >= MIN_SEEDS and np.isfinite(gap.lo)
    said = unanimous([verdict(gap, MOVES, KEEPS), verdict(ratio, MOVES, KEEPS, beside=1)])
    return {
        "offset_removed": centred,
        "n_bonds": len(change),
        _MEAN_CHANGE: mean,
        **moved.columns(RMS_CHANGE),
        **noise.columns(SEED_RMS),
        **ratio.transformed(np.sqrt).columns("rms_ratio"),
        **_orders(before.mean(axis=1), after.mean(axis=1)),
        "verdict": said if known else UNDETERMINED,
    }


def _orders(before: pd.Series, after: pd.Series) -> dict[str, float]:
    """Return the rank correlations of two D (eV) of the same bonds, also within types."""
    x, y = before.to_numpy(dtype=float), after.to_numpy(dtype=float)
    types = before.index.get_level_values(C.BOND_TYPE).to_numpy(dtype=object)
    one = np.full(len(x), "all", dtype=object)
    return {
        "spearman": float(spearman(x, y)),
        "kendall": float(kendall(x, y, one)) if len(x) > 2 else np.nan,
        WITHIN: float(kendall(x, y, types)),
    }


def _other_changes(
    errors: pd.DataFrame,
    named: pd.DataFrame,
    summary: pd.DataFrame,
    cells: Sequence[tuple[Any, ...]],
    seeds: list[Any],
) -> dict[str, float]:
    """Return what else changes from base to variant, the two ``cells``, at the same seeds."""
    share = summary[summary[C.STRUCTURES] == TEST_CONFORMATIONS]
    tested, bde, shares = [], [], []
    for cell in cells:
        tested.append(mean_errors(at_cell(errors[errors[C.SEED].isin(seeds)], *cell)))
        bde.append(at_cell(named[named[C.SEED].isin(seeds)], *cell)[BDE298.error].abs().mean())
        shares.append(at_cell(share, *cell).set_index(C.SEED)[BONDED_SHARE].astype(float))
    before, after = tested
    changes = {name: after[f"{name}_mean"] - before[f"{name}_mean"] for name in _ERRORS}
    return {
        **{f"{name}_change": change for name, change in changes.items()},
        _BDE298_CHANGE: float(bde[1] - bde[0]),
        f"{BONDED_SHARE}_change": float(shares[1].sub(shares[0]).reindex(seeds).mean()),
        f"{BONDED_SHARE}_seed_sd": float(shares[0].std(ddof=1)),
    }
