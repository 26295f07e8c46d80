"""Seeds and ablations of a study: what differs between runs that energies and forces do not tell apart.

D is that of the named bonds at the relaxed geometry. SDs are over seeds, per bond, with n - 1; ``all`` and
type rows are the root of the mean square over bonds, with a jackknife over molecules (of type means: over types).
That interval is about the choice of bonds; the choice of n seeds adds about 1 / sqrt(2 (n - 1)) of the SD. Verdicts
have to hold for both choices: D of all bonds may move together from seed to seed, which bonds cannot tell.
With two seeds nothing is concluded.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d.fields import TEST_CONFORMATIONS
from e3d.fields import Column as C
from e3d.statistics import (
    NO,
    UNDETERMINED,
    YES,
    Estimate,
    estimate,
    group_mean,
    interval_columns,
    jackknife,
    unanimous,
    verdict,
)
from e3d.statistics.agreement import WITHIN, kendall, spearman
from e3d.statistics.intervals import all_hold
from e3d.statistics.variance import independent_rows, variance_ratio
from study.fields import base_and_variant, plain
from study.references import BDE298

MIN_SEEDS = 3
CELL = [str(C.DATASET), str(C.N_TRAIN), str(C.MODEL)]
MOVES, KEEPS = "moves D more than seeds do", "not"
"""What is said of a variant whose change of D is larger, and smaller, than that by another seed."""
Array = NDArray[np.float64]
SEED_COLUMNS = (
    *(*CELL, "n_seeds", "quantity", C.BOND_TYPE, C.N, *interval_columns("sd_eV")),
    *("energy_mae_mean", "energy_mae_sd", "force_mae_mean", "force_mae_sd", "verdict"),
)
ABLATION_COLUMNS = (
    *("dataset", "n_train", "base", "variant", "n_seeds"),
    *("offset_removed", "n_bonds", "mean_change_eV"),
    *interval_columns("rms_change_eV", "seed_rms_eV", "rms_ratio"),
    *("spearman", "kendall", WITHIN, "energy_mae_change", "force_mae_change"),
    *("bde298_mae_change_eV", "bonded_share_change", "bonded_share_seed_sd", "verdict"),
)
COMPARE_COLUMNS = (
    *(*CELL, "sigma2_relative", "n_seeds", "n_bonds"),
    *(*interval_columns("spearman", "predicted_over_seed_sd"), "reproduces"),
)


def by_seed(named: pd.DataFrame) -> pd.DataFrame:
    """Return D (eV) of one cell as bonds x seeds, of bonds that every seed has; index: bond, type, molecule."""
    index = ["bond", str(C.BOND_TYPE), str(C.MOLECULE)]
    return named.pivot_table(index=index, columns=C.SEED, values=C.BOND_ENERGY, sort=True).dropna()


def rms_sd(values: pd.DataFrame) -> Estimate:
    """Return the root mean square over rows of the SD over columns, with a jackknife over molecules, else over types.

    The index names one unit or, of a difference, two (``other``): a difference goes with either.
    """
    names = values.index.names
    units = [
        str(C.MOLECULE if C.MOLECULE in names else C.BOND_TYPE),
        *(["other"] if "other" in names else []),
    ]
    labels = np.stack([values.index.get_level_values(unit).to_numpy(dtype=str) for unit in units])
    variance = values.var(axis=1, ddof=1).to_numpy()
    value = float(np.sqrt(variance.mean()))
    groups = np.unique(labels)
    kept = [variance[(labels != group).all(axis=0)] for group in groups]
    if not all(map(len, kept)):
        return Estimate(value)
    return estimate(np.array([value, *(np.sqrt(part.mean()) for part in kept)]))


def seeds(named: pd.DataFrame, errors: pd.DataFrame) -> pd.DataFrame:
    """Return the spread over seeds of D, by type, of type means and of differences, beside that of the test errors."""
    rows: list[dict[str, Any]] = []
    for cell, part in plain(named).groupby(CELL):
        d = by_seed(part)
        if d.shape[1] < 2 or d.empty:
            continue
        common = {
            **dict(zip(CELL, cell, strict=True)),
            "n_seeds": d.shape[1],
            **_errors(errors, cell),
        }
        for quantity, kind, values in _quantities(d):
            sd = rms_sd(values)
            known = d.shape[1] >= MIN_SEEDS and np.isfinite(sd.lo)
            row = {"quantity": quantity, C.BOND_TYPE: kind, C.N: len(values), **sd.columns("sd_eV")}
            rows.append(common | row | {"verdict": "measured" if known else UNDETERMINED})
    return pd.DataFrame(rows, columns=[str(name) for name in SEED_COLUMNS])


def _quantities(d: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Return name, bond type and values x seeds of what is compared between the seeds."""
    found = [("D", "all", d)]
    found += [("D", str(kind), part) for kind, part in d.groupby(level=C.BOND_TYPE)]
    for name, level in (("contrast in molecule", C.MOLECULE), ("contrast in type", C.BOND_TYPE)):
        gaps = [_gap(part) for _, part in d.groupby(level=level) if len(part) > 1]
        if gaps:
            found.append((name, "all", pd.concat(gaps)))
    types = d.groupby(level=C.BOND_TYPE).mean()
    found.append(("type mean", "all", types))
    if len(types) > 1:
        found.append(("contrast of types", "all", _gap(types)))
    return found


def _gap(part: pd.DataFrame) -> pd.DataFrame:
    """Return the differences of all pairs of rows; the index is the first row's and the unit of the second one."""
    first, second = np.triu_indices(len(part), k=1)
    unit = C.MOLECULE if C.MOLECULE in part.index.names else C.BOND_TYPE
    index = (
        part.index[first]
        .to_frame(index=False)
        .assign(other=part.index.get_level_values(unit)[second])
    )
    return pd.DataFrame(
        part.to_numpy()[second] - part.to_numpy()[first], index=pd.MultiIndex.from_frame(index)
    )


def _errors(errors: pd.DataFrame, cell: tuple[Any, ...]) -> dict[str, float]:
    part = errors[(errors[CELL] == list(cell)).all(axis=1) & (errors[C.GROUP_KIND] == "all")]
    part = part.groupby(C.SEED)[[C.ENERGY_MAE, C.FORCE_MAE]].mean()  # of the test sets
    names = {"energy_mae": C.ENERGY_MAE, "force_mae": C.FORCE_MAE}
    return {
        f"{name}_{label}": float(part[column].agg(how))
        for name, column in names.items()
        for label, how in (("mean", "mean"), ("sd", "std"))
    }


def ablations(
    named: pd.DataFrame, errors: pd.DataFrame, summary: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return, for every variant, the change of D against its base at the same seeds, beside the spread of base seeds.

    The spread is that of a difference of two seeds, sqrt(2) SD, which is what a change of nothing but the seed gives.
    ``rms_ratio`` is the change over that, with an interval over seeds (F, of as many rows as are independent). The
    verdict needs this interval beside 1 and the jackknife over molecules of the difference of squares beside 0.
    The change of the bonded share (``summary``: that of ``e3d decompose``, new conformations) stands beside its SD over
    base seeds and has no verdict.
    """
    rows: list[dict[str, Any]] = []
    for cell, part in named.groupby(CELL):
        base, variant = base_and_variant(str(cell[2]))
        origin = named[(named[CELL] == [cell[0], cell[1], base]).all(axis=1)]
        if not variant or origin.empty:
            continue
        before, after = by_seed(origin), by_seed(part)
        common: list[Any] = sorted(set(before.columns) & set(after.columns))
        bonds = before.index.intersection(after.index)
        if not common or bonds.empty:
            continue
        before, after = before.loc[bonds], after.loc[bonds]
        keys = {
            "dataset": cell[0],
            "n_train": cell[1],
            "base": base,
            "variant": variant,
            "n_seeds": len(common),
        }
        for centred in (False, True):
            rows.append(keys | _change(before, after, common, centred=centred)
                        | _other_changes(errors, named[named["bond"].isin(bonds.get_level_values("bond"))], cell,
                                         base, common)
                        | _share_change(summary, cell, base, common))  # fmt: skip
    return pd.DataFrame(rows, columns=list(ABLATION_COLUMNS))


def _change(
    before: pd.DataFrame, after: pd.DataFrame, common: list[Any], *, centred: bool
) -> dict[str, Any]:
    change = after[common] - before[common]
    spread = before
    mean = float(change.to_numpy().mean())
    if centred:
        change, spread = change - change.mean(), spread - spread.mean()
    molecules = np.unique(change.index.get_level_values(C.MOLECULE), return_inverse=True)[1]
    moved = group_mean((change**2).mean(axis=1).to_numpy(), molecules, np.sqrt)
    several = spread.shape[1] > 1
    variance = (
        2 * spread.var(axis=1, ddof=1).to_numpy() if several else np.full(len(spread), np.nan)
    )
    noise = group_mean(variance, molecules, np.sqrt)
    gap = group_mean((change**2).mean(axis=1).to_numpy() - variance, molecules)
    rows = independent_rows(spread.sub(spread.mean(axis=1), axis=0).to_numpy())
    with np.errstate(invalid="ignore", divide="ignore"):
        square = np.divide(moved.value**2, noise.value**2)
    ratio = variance_ratio(float(square), len(common) * rows, (spread.shape[1] - 1) * rows)
    known = spread.shape[1] >= MIN_SEEDS and len(common) >= 2 and np.isfinite(gap.lo)
    said = unanimous([verdict(gap, MOVES, KEEPS), verdict(ratio, MOVES, KEEPS, beside=1)])
    return {
        "offset_removed": centred,
        "n_bonds": len(change),
        "mean_change_eV": mean,
        **moved.columns("rms_change_eV"),
        **noise.columns("seed_rms_eV"),
        **ratio.transformed(np.sqrt).columns("rms_ratio"),
        **_orders(before[common].mean(axis=1), after[common].mean(axis=1)),
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
    errors: pd.DataFrame, named: pd.DataFrame, cell: tuple[Any, ...], base: str, common: list[Any]
) -> dict[str, float]:
    """Return the changes of test errors (meV/atom, meV/Å) and of the MAE against BDE298, at the same seeds."""
    one, other = ((*cell[:2], model) for model in (base, cell[2]))
    of_errors = [_errors(errors[errors[C.SEED].isin(common)], c) for c in (one, other)]
    of_bde = [
        named[(named[CELL] == list(c)).all(axis=1) & named[C.SEED].isin(common)][BDE298.error]
        .abs()
        .mean()
        for c in (one, other)
    ]
    return {
        "energy_mae_change": of_errors[1]["energy_mae_mean"] - of_errors[0]["energy_mae_mean"],
        "force_mae_change": of_errors[1]["force_mae_mean"] - of_errors[0]["force_mae_mean"],
        "bde298_mae_change_eV": float(of_bde[1] - of_bde[0]),
    }


def _share_change(
    summary: pd.DataFrame | None, cell: tuple[Any, ...], base: str, common: list[Any]
) -> dict[str, float]:
    """Return the change of the bonded share at the same seeds, and its SD over base seeds; NaN where unknown."""
    if summary is None:
        return {"bonded_share_change": np.nan, "bonded_share_seed_sd": np.nan}
    here = summary[summary[C.STRUCTURES] == TEST_CONFORMATIONS]
    before, after = (
        here[(here[CELL] == [*cell[:2], model]).all(axis=1)]
        .set_index(C.SEED)["bonded_share"]
        .astype(float)
        for model in (base, cell[2])
    )
    change = (after.reindex(common) - before.reindex(common)).mean()
    return {"bonded_share_change": float(change), "bonded_share_seed_sd": float(before.std(ddof=1))}


def compare(rigidity: pd.DataFrame, named: pd.DataFrame) -> pd.DataFrame:
    """Return, per cell and regulariser, the predicted SD of D against the SD over seeds: rank and ratio of the RMS.

    Rank: Spearman over bonds, jackknife over molecules. The interval of the ratio is the wider of that jackknife's and
    of the one that so few seeds leave (chi-squared, of as many bonds as are independent). ``reproduces`` is yes if the
    rank is above 0.5 with an interval above 0 and the ratio's lies in 0.5 to 2; no if the ratio's lies outside of that
    or the rank's below 0; else undetermined. Several rigidities of a cell (one per seed): root of the mean square.
    """
    rows: list[dict[str, Any]] = []
    for key, part in rigidity[rigidity["kind"] == "bond"].groupby([*CELL, "sigma2_relative"]):
        d = by_seed(named[(named[CELL] == list(key[:3])).all(axis=1)])
        predicted = np.sqrt((part["sd_eV"] ** 2).groupby(part["bond"]).mean()).dropna()
        d = d[d.index.get_level_values("bond").isin(predicted.index)]
        if d.shape[1] < 2 or d.empty:
            continue
        x = predicted[d.index.get_level_values("bond")].to_numpy()
        about = dict(zip(COMPARE_COLUMNS, (*key, d.shape[1], len(d)), strict=False))
        rows.append(about | _compared(x, d))
    return pd.DataFrame(rows, columns=list(COMPARE_COLUMNS))


def _compared(predicted: Array, d: pd.DataFrame) -> dict[str, Any]:
    """Return rank and ratio of predicted SDs (B,) against those of D over seeds, with intervals, and the verdict."""
    observed = d.var(axis=1, ddof=1).to_numpy()
    molecules = np.unique(d.index.get_level_values(C.MOLECULE), return_inverse=True)[1]
    rank = jackknife(lambda keep: float(spearman(predicted[keep], observed[keep])), molecules)

    def root(keep: NDArray[np.bool_]) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.sqrt((predicted[keep] ** 2).mean() / observed[keep].mean()))

    ratio = jackknife(root, molecules)
    dof = (d.shape[1] - 1) * independent_rows(d.sub(d.mean(axis=1), axis=0).to_numpy())
    of_seeds = variance_ratio(ratio.value**2, np.inf, dof).transformed(np.sqrt)
    lo, hi = np.minimum(ratio.lo, of_seeds.lo), np.maximum(ratio.hi, of_seeds.hi)
    wider = Estimate(ratio.value, float(lo), float(hi))
    in_range = verdict(wider, beside=0.5), verdict(wider, above=NO, below=YES, beside=2)
    said = all_hold([verdict(rank), *in_range], 3)
    if d.shape[1] < MIN_SEEDS or (said == YES and not rank.value > 0.5):
        said = UNDETERMINED
    return {
        **rank.columns("spearman"),
        **wider.columns("predicted_over_seed_sd"),
        "reproduces": said,
    }
