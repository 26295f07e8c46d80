"""Seeds, ablations and contrasts of a study: what differs between runs that energies and forces do not tell apart.

D is that of the named bonds at the relaxed geometry. SDs are over seeds, per bond, with n - 1; ``all`` and
type rows are the root of the mean square over bonds, with a jackknife over molecules (of type means: over types).
That interval is about the choice of bonds; the choice of n seeds adds about 1 / sqrt(2 (n - 1)) of the SD.
With two seeds nothing is concluded.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kendalltau

from e3d import tables
from e3d.fields import Column as C
from e3d.fields import base_and_variant
from e3d.statistics import Estimate, group_mean, spearman

MIN_SEEDS = 3
CELL = [str(C.DATASET), str(C.N_TRAIN), str(C.MODEL)]
UNDETERMINED = "undetermined"
Array = NDArray[np.float64]
SEED_COLUMNS = (*CELL, "n_seeds", "quantity", C.BOND_TYPE, C.N, "sd_eV", "sd_eV_lo", "sd_eV_hi", "energy_mae_mean",
                "energy_mae_sd", "force_mae_mean", "force_mae_sd", "verdict")  # fmt: skip
ABLATION_COLUMNS = ("dataset", "n_train", "base", "variant", "n_seeds", "offset_removed", "n_bonds", "mean_change_eV",
                    "rms_change_eV", "rms_change_eV_lo", "rms_change_eV_hi", "seed_rms_eV", "seed_rms_eV_lo",
                    "seed_rms_eV_hi", "spearman", "kendall", "energy_mae_change", "force_mae_change",
                    "bde298_mae_change_eV", "verdict")  # fmt: skip
CONTRAST_COLUMNS = ("dataset", "n_train", "base", "lower", "higher", "n_seeds", "n_variants", "mean_eV", "seed_sd_eV",
                    "ablations_min_eV", "ablations_max_eV", "determined")  # fmt: skip


def by_seed(named: pd.DataFrame) -> pd.DataFrame:
    """Return D (eV) of one cell as bonds x seeds, of bonds that every seed has; index: bond, type, molecule."""
    index = ["bond", str(C.BOND_TYPE), str(C.MOLECULE)]
    return named.pivot_table(index=index, columns=C.SEED, values=C.BOND_ENERGY, sort=True).dropna()


def rms_sd(values: pd.DataFrame, molecules: NDArray[np.int64]) -> Estimate:
    """Return the root mean square over rows of the SD over columns, with a jackknife over molecules."""
    return group_mean(values.var(axis=1, ddof=1).to_numpy(), molecules, np.sqrt)


def seeds(named: pd.DataFrame, errors: pd.DataFrame) -> pd.DataFrame:
    """Return the spread over seeds of D, by type, of type means and of differences, beside that of the test errors."""
    rows: list[dict[str, Any]] = []
    plain = tables.plain(named)
    for cell, part in plain.groupby(CELL):
        d = by_seed(part)
        if d.shape[1] < 2 or d.empty:
            continue
        common = {**dict(zip(CELL, cell, strict=True)), "n_seeds": d.shape[1], **_errors(errors, cell)}
        for quantity, kind, values in _quantities(d):
            by_molecule = C.MOLECULE in values.index.names
            labels = values.index.get_level_values(C.MOLECULE if by_molecule else 0)
            sd = rms_sd(values, np.unique(labels.to_numpy(), return_inverse=True)[1])
            known = d.shape[1] >= MIN_SEEDS and np.isfinite(sd.lo)
            rows.append(common | {"quantity": quantity, C.BOND_TYPE: kind, C.N: len(values), "sd_eV": sd.value,
                        "sd_eV_lo": sd.lo, "sd_eV_hi": sd.hi, "verdict": "measured" if known else UNDETERMINED})  # fmt: skip # noqa: E501
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
    """Return the differences of all pairs of rows; a pair is counted with the molecule of its first bond."""
    first, second = np.triu_indices(len(part), k=1)
    return pd.DataFrame(part.to_numpy()[second] - part.to_numpy()[first], index=part.index[first])


def _errors(errors: pd.DataFrame, cell: tuple[Any, ...]) -> dict[str, float]:
    part = errors[(errors[CELL] == list(cell)).all(axis=1) & (errors[C.GROUP_KIND] == "all")]
    part = part.groupby(C.SEED)[[C.ENERGY_MAE, C.FORCE_MAE]].mean()  # of the test sets
    names = {"energy_mae": C.ENERGY_MAE, "force_mae": C.FORCE_MAE}
    return {
        f"{name}_{label}": float(part[column].agg(how))
        for name, column in names.items()
        for label, how in (("mean", "mean"), ("sd", "std"))
    }


def ablations(named: pd.DataFrame, errors: pd.DataFrame) -> pd.DataFrame:
    """Return, for every variant, the change of D against its base at the same seeds, beside the spread of base seeds.

    The spread is that of a difference of two seeds, sqrt(2) SD, which is what a change of nothing but the seed gives.
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
        keys = {"dataset": cell[0], "n_train": cell[1], "base": base, "variant": variant, "n_seeds": len(common)}
        for centred in (False, True):
            rows.append(keys | _change(before, after, common, centred=centred)
                        | _other_changes(errors, named, cell, base, common))  # fmt: skip
    return pd.DataFrame(rows, columns=list(ABLATION_COLUMNS))


def _change(before: pd.DataFrame, after: pd.DataFrame, common: list[Any], *, centred: bool) -> dict[str, Any]:
    change = after[common] - before[common]
    spread = before
    mean = float(change.to_numpy().mean())
    if centred:
        change, spread = change - change.mean(), spread - spread.mean()
    molecules = np.unique(change.index.get_level_values(C.MOLECULE), return_inverse=True)[1]
    moved = group_mean((change**2).mean(axis=1).to_numpy(), molecules, np.sqrt)
    several = spread.shape[1] > 1
    variance = 2 * spread.var(axis=1, ddof=1).to_numpy() if several else np.full(len(spread), np.nan)
    noise = group_mean(variance, molecules, np.sqrt)
    gap = group_mean((change**2).mean(axis=1).to_numpy() - variance, molecules)
    known = spread.shape[1] >= MIN_SEEDS and len(common) >= 2 and np.isfinite(gap.lo)
    verdict = "moves D more than seeds do" if gap.lo > 0 else "not" if gap.hi < 0 else UNDETERMINED
    x, y = before[common].mean(axis=1).to_numpy(), after[common].mean(axis=1).to_numpy()
    return {"offset_removed": centred, "n_bonds": len(change), "mean_change_eV": mean, "rms_change_eV": moved.value,
            "rms_change_eV_lo": moved.lo, "rms_change_eV_hi": moved.hi, "seed_rms_eV": noise.value,
            "seed_rms_eV_lo": noise.lo, "seed_rms_eV_hi": noise.hi, "spearman": spearman(x, y),
            "kendall": float(kendalltau(x, y).statistic) if len(x) > 2 else np.nan,
            "verdict": verdict if known else UNDETERMINED}  # fmt: skip


def _other_changes(
    errors: pd.DataFrame, named: pd.DataFrame, cell: tuple[Any, ...], base: str, common: list[Any]
) -> dict[str, float]:
    """Return the changes of test errors (meV/atom, meV/Å) and of the MAE against BDE298, at the same seeds."""
    one, other = ((*cell[:2], model) for model in (base, cell[2]))
    of_errors = [_errors(errors[errors[C.SEED].isin(common)], c) for c in (one, other)]
    of_bde = [
        named[(named[CELL] == list(c)).all(axis=1) & named[C.SEED].isin(common)]["bde298_error_eV"].abs().mean()
        for c in (one, other)
    ]
    return {
        "energy_mae_change": of_errors[1]["energy_mae_mean"] - of_errors[0]["energy_mae_mean"],
        "force_mae_change": of_errors[1]["force_mae_mean"] - of_errors[0]["force_mae_mean"],
        "bde298_mae_change_eV": float(of_bde[1] - of_bde[0]),
    }


def contrasts(named: pd.DataFrame) -> pd.DataFrame:
    """Return differences of type means: over base seeds, and their range over the variants' seed means.

    ``determined`` is yes if no seed and no variant has another sign and the seeds' SD is below half of the value; it
    takes three seeds and a variant, else it is undetermined.
    """
    rows: list[dict[str, Any]] = []
    for cell, part in tables.plain(named).groupby(CELL):
        means = _type_means(part)
        related = named[(named[CELL[:2]] == list(cell[:2])).all(axis=1)]
        variants = [
            _type_means(group).mean(axis=1)
            for model, group in related.groupby(C.MODEL)
            if base_and_variant(str(model))[0] == cell[2] and base_and_variant(str(model))[1]
        ]
        for lower, higher in itertools.combinations(means.index, 2):
            gaps = (means.loc[higher] - means.loc[lower]).to_numpy()
            others = np.array([v[higher] - v[lower] for v in variants if {higher, lower} <= set(v.index)])
            sd = float(gaps.std(ddof=1)) if len(gaps) > 1 else np.nan
            one_sign = len(set(np.sign([*gaps, *others]))) == 1 and sd < abs(gaps.mean()) / 2
            known = len(gaps) >= MIN_SEEDS and len(others) > 0
            rows.append(dict(zip(CONTRAST_COLUMNS, (*cell, lower, higher, len(gaps), len(others), gaps.mean(), sd,
                        others.min() if len(others) else np.nan, others.max() if len(others) else np.nan,
                        ("yes" if one_sign else "no") if known else UNDETERMINED), strict=True)))  # fmt: skip
    return pd.DataFrame(rows, columns=list(CONTRAST_COLUMNS))


def _type_means(part: pd.DataFrame) -> pd.DataFrame:
    return by_seed(part).groupby(level=C.BOND_TYPE).mean()


def compare(rigidity: pd.DataFrame, named: pd.DataFrame) -> pd.DataFrame:
    """Return, per run and regulariser, the predicted SD of D against the SD over seeds: rank and ratio of the RMS."""
    rows: list[dict[str, Any]] = []
    columns = [*CELL, "sigma2_relative", "n_seeds", "n_bonds", "spearman", "predicted_over_seed_sd", "reproduces"]
    for key, part in rigidity[rigidity["kind"] == "bond"].groupby([*CELL, "sigma2_relative"]):
        d = by_seed(named[(named[CELL] == list(key[:3])).all(axis=1)])
        if d.shape[1] < 2:
            continue
        observed = d.std(axis=1, ddof=1).droplevel([str(C.BOND_TYPE), str(C.MOLECULE)])
        predicted = part.set_index("bond")["sd_eV"].reindex(observed.index).dropna()
        observed = observed[predicted.index]
        ratio = float(np.sqrt((predicted**2).mean() / (observed**2).mean()))
        rank = spearman(predicted.to_numpy(), observed.to_numpy())
        verdict = UNDETERMINED if d.shape[1] < MIN_SEEDS else "yes" if rank > 0.5 and 0.5 < ratio < 2 else "no"
        rows.append(dict(zip(columns, (*key, d.shape[1], len(observed), rank, ratio, verdict), strict=True)))
    return pd.DataFrame(rows, columns=columns)


def study_tables(named: Path, errors: Path, rigidity: Path, output: Path) -> None:
    """Write seeds.csv, ablations.csv, contrasts.csv and compare.csv into the folder of ``output``."""
    bonds = tables.read(named)
    bonds = bonds[bonds[C.GEOMETRY] == "relaxed"]
    tested = tables.read(errors)
    found = {
        "seeds": seeds(bonds, tested),
        "ablations": ablations(bonds, tested),
        "contrasts": contrasts(bonds),
        "compare": compare(tables.read(rigidity), bonds),
    }
    for name, table in found.items():
        tables.write(table, output.with_name(f"{name}.csv"), inputs=[named, errors, rigidity])
