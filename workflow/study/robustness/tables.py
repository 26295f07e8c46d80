"""The ``robustness`` stage: the same named bonds' D from different training sets.

For each pair of datasets with runs of one model size and N: how far D differs, raw and after an offset between the
theories is taken out (a constant; a line; a constant per bond type), beside how far D differs between seeds.
"""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d import tables
from e3d.fields import Column as C
from e3d.statistics import (
    UNDETERMINED,
    Estimate,
    deletions,
    estimate,
    interval_columns,
    unanimous,
    verdict,
)
from e3d.statistics.agreement import BETWEEN, BIAS, MAE, WITHIN, scores
from e3d.statistics.intervals import all_hold
from e3d.statistics.variance import independent_rows, variance_ratio
from study.bde.order import STEPS
from study.fields import NAMED_BONDS, plain

Floats = NDArray[np.float64]
GROUPS: Final = ("all", "both", "neither", "one")
"""Named bonds by the trainings that their molecule was in."""
AFTER: Final = ("raw", "constant", "line", "types")
"""What is taken out: nothing, a constant, a line in D of the first set, a constant per bond type."""
_RAW: Final = (BIAS, MAE, "pearson", BETWEEN, WITHIN)
_FITTED: Final = (
    "slope",
    "intercept_eV",
    *(f"rms_{name}_eV" for name in AFTER),
    *(f"ratio_{n}" for n in AFTER[:3]),
)
MIN_SEEDS: Final = 3
"""Of either set: fewer conclude nothing."""
_KEYS: Final = ("dataset_a", "dataset_b", str(C.N_TRAIN), str(C.MODEL))
PAIR_COLUMNS: Final = (
    *(*_KEYS, "molecules", "n_seeds_a", "n_seeds_b", "n_bonds", "n_types", "n_molecules"),
    *interval_columns(*_RAW, *_FITTED),
    *("seed_sd_a_eV", "seed_sd_b_eV", "ratio_line_seeds_lo", "ratio_line_seeds_hi", "beyond_seeds"),
    *("order_a", "order_b"),
)
BOND_COLUMNS: Final = (
    *(*_KEYS, "bond", str(C.BOND_TYPE), str(C.MOLECULE)),
    *(
        f"{name}_{side}{unit}"
        for side in "ab"
        for name, unit in (("bond_energy", "_eV"), ("seed_sd", "_eV"))
    ),
    *("in_training_a", "in_training_b", "residual_constant_eV", "residual_line_eV"),
)
_CELL: Final = [str(C.N_TRAIN), str(C.MODEL)]


def compare(named: pd.DataFrame, order: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of pairs and of bonds; without a second dataset both have columns only.

    ``named`` and ``order`` are the study's ``bde/named`` and ``bde/order``. Named bonds at the relaxed geometry; the
    dataset with most runs is the first of its pairs.
    """
    relaxed = named[(named[C.GEOMETRY] == "relaxed") & named[C.BOND_ENERGY].notna()]
    runs = (
        relaxed.groupby(C.DATASET, sort=False)[C.RUN]
        .nunique()
        .sort_values(ascending=False, kind="stable")
    )
    pairs: list[dict[str, Any]] = []
    bonds: list[pd.DataFrame] = []
    for first, second in combinations(map(str, runs.index), 2):
        for cell, a, b in _shared(relaxed, first, second):
            keys = dict(zip(_KEYS, (first, second, *cell), strict=True))
            both = _join(a, b)
            if both.empty:
                continue
            orders = {
                f"order_{side}": _order(order, name, cell)
                for side, name in (("a", first), ("b", second))
            }
            bonds.append(_with_residuals(both).assign(**keys)[list(BOND_COLUMNS)])
            pairs += [row | orders for row in _rows(keys, both, (by_seed(a), by_seed(b)))]
    bond_table = (
        pd.concat(bonds, ignore_index=True) if bonds else pd.DataFrame(columns=list(BOND_COLUMNS))
    )
    return pd.DataFrame(pairs, columns=list(PAIR_COLUMNS)), bond_table


def _shared(
    named: pd.DataFrame, first: str, second: str
) -> Iterator[tuple[Any, pd.DataFrame, pd.DataFrame]]:
    """Yield N and model, and the rows of both datasets there, where both have runs."""
    a, b = (dict(list(named[named[C.DATASET] == name].groupby(_CELL))) for name in (first, second))
    yield from ((cell, a[cell], b[cell]) for cell in a if cell in b)


def over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row per bond: D and its SD over seeds (eV, NaN with one seed), variance of the mean, in training."""
    known = rows.assign(
        trained=rows[C.IN_TRAINING].map({True: 1.0, False: 0.0, "True": 1.0, "False": 0.0})
    )
    grouped = known.groupby("bond", sort=False)
    mean = grouped.agg(
        **{str(C.BOND_TYPE): (C.BOND_TYPE, "first"), str(C.MOLECULE): (C.MOLECULE, "first")},
        bond_energy=(C.BOND_ENERGY, "mean"), seed_sd=(C.BOND_ENERGY, "std"), seeds=(C.BOND_ENERGY, "size"),
        in_training=("trained", "mean"),
    )  # fmt: skip
    return mean.reset_index()


def by_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return D (eV) as bonds x seeds."""
    return rows.pivot_table(index="bond", columns=C.SEED, values=C.BOND_ENERGY)


def _join(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Return the bonds that both have, with the columns of each side."""
    names = {
        "bond_energy": "bond_energy_{}_eV",
        "seed_sd": "seed_sd_{}_eV",
        "in_training": "in_training_{}",
    }
    sides = [
        over_seeds(rows).rename(
            columns={**{k: v.format(s) for k, v in names.items()}, "seeds": f"seeds_{s}"}
        )
        for s, rows in (("a", a), ("b", b))
    ]
    return sides[0].merge(sides[1].drop(columns=[str(C.BOND_TYPE), str(C.MOLECULE)]), on="bond")


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """Return slope and intercept of least squares of y on x; NaN without two different x."""
    if len(x) < 3 or np.ptp(x) == 0:
        return float("nan"), float("nan")
    slope = float(np.cov(x, y, ddof=0)[0, 1] / np.var(x))
    return slope, float(y.mean() - slope * x.mean())


def _with_residuals(both: pd.DataFrame) -> pd.DataFrame:
    x, y = (both[f"bond_energy_{side}_eV"].to_numpy(dtype=float) for side in "ab")
    slope, intercept = _line(x, y)
    return both.assign(
        residual_constant_eV=y - x - (y - x).mean(), residual_line_eV=y - intercept - slope * x
    )


def _chosen(both: pd.DataFrame, group: str) -> NDArray[np.bool_]:
    """Return the bonds (n,) of a group; a molecule that only some seeds saw, or of unknown training, is in none."""
    if group == "all":
        return np.ones(len(both), dtype=bool)
    a, b = (both[f"in_training_{side}"].to_numpy(dtype=float) for side in "ab")
    masks = {"both": (a == 1) & (b == 1), "neither": (a == 0) & (b == 0), "one": np.abs(a - b) == 1}
    return np.asarray(masks[group], dtype=bool)


def _rows(
    keys: dict[str, Any], both: pd.DataFrame, d: tuple[pd.DataFrame, pd.DataFrame]
) -> Iterator[dict[str, Any]]:
    counts = {f"n_seeds_{side}": of_side.shape[1] for side, of_side in zip("ab", d, strict=True)}
    for group in GROUPS:
        part = both[_chosen(both, group)]
        if part.empty:
            continue
        yield {
            **keys,
            "molecules": group,
            **counts,
            "n_bonds": len(part),
            "n_types": part[C.BOND_TYPE].nunique(),
            "n_molecules": part[C.MOLECULE].nunique(),
            **(row := agreement(part)),
            **_beyond(row, [of_side.loc[part["bond"]].dropna().to_numpy() for of_side in d]),
        }


def agreement(part: pd.DataFrame) -> dict[str, Any]:
    """Return every score of the bonds of a pair with 95 % jackknife intervals over molecules."""
    x, y = (part[f"bond_energy_{side}_eV"].to_numpy(dtype=float) for side in "ab")
    kinds = part[C.BOND_TYPE].to_numpy(dtype=object)
    keep = deletions(pd.factorize(part[C.MOLECULE])[0])
    raw = {
        name: values[0] for name, values in scores(y[None], x, kinds, keep).items() if name in _RAW
    }
    variance = [
        part[f"seed_sd_{s}_eV"].to_numpy(dtype=float) ** 2 / part[f"seeds_{s}"].to_numpy()
        for s in "ab"
    ]
    fitted = [fit(x[rows], y[rows], kinds[rows], *(v[rows] for v in variance)) for rows in keep]
    replicates = raw | {
        name: np.array([one[name] for one in fitted]) for name in ("pearson", *_FITTED)
    }
    row: dict[str, Any] = {}
    for name, values in replicates.items():
        row |= estimate(values).columns(name)
    for s in "ab":
        row[f"seed_sd_{s}_eV"] = float(
            np.sqrt(np.mean(part[f"seed_sd_{s}_eV"].to_numpy(dtype=float) ** 2))
        )
    return row


def fit(
    x: Floats, y: Floats, kinds: NDArray[np.object_], var_x: Floats, var_y: Floats
) -> dict[str, float]:
    """Return the fits of D of one set on D of another (n,), eV, and what they leave.

    ``rms_*`` is sqrt(sum of squares / (n - p)) with p = 0 (raw), 1 (constant), 2 (line) or the number of types.
    ``ratio_*`` is that over what seeds alone would leave: sqrt(mean(b^2 var_x + var_y)), with the variances of the
    means over seeds and the slope b (1 but for the line); NaN where one set has one seed.
    """
    slope, intercept = _line(x, y)
    difference = y - x
    member = pd.factorize(kinds)[0]
    of_type = np.bincount(member, weights=difference) / np.bincount(member)
    left = (
        difference,
        difference - difference.mean(),
        y - intercept - slope * x,
        difference - of_type[member],
    )
    lost = (0, 1, 2, len(of_type))
    result = {"slope": slope, "intercept_eV": intercept, "pearson": _pearson(x, y)}
    for name, residual, p in zip(AFTER, left, lost, strict=True):
        dof = len(x) - p
        result[f"rms_{name}_eV"] = (
            float(np.sqrt(np.sum(residual**2) / dof)) if dof > 0 else float("nan")
        )
    for name, b in zip(AFTER, (1.0, 1.0, slope), strict=False):
        seeds = float(np.sqrt(np.mean(b**2 * var_x + var_y)))
        result[f"ratio_{name}"] = result[f"rms_{name}_eV"] / seeds if seeds > 0 else float("nan")
    return result


def _pearson(x: Floats, y: Floats) -> float:
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def _beyond(row: dict[str, Any], d: list[Floats]) -> dict[str, Any]:
    """Say whether the sets differ, after the line, by more than seeds alone leave (a ratio of 1).

    Both intervals must say so: over molecules, and over seeds (:func:`seeds_interval` of D (bonds, seeds) of each set).
    """
    of_molecules = Estimate.read(row, "ratio_line")
    of_seeds = seeds_interval(of_molecules.value, row["slope"], d)
    known = min(values.shape[1] for values in d) >= MIN_SEEDS
    beyond = unanimous(verdict(one, beside=1) for one in (of_molecules, of_seeds))
    return {
        "ratio_line_seeds_lo": of_seeds.lo,
        "ratio_line_seeds_hi": of_seeds.hi,
        "beyond_seeds": beyond if known else UNDETERMINED,
    }


def seeds_interval(ratio: float, slope: float, d: list[Floats]) -> Estimate:
    """Return a ratio of RMS to what seeds leave with the interval that the choice of seeds leaves, by F.

    Degrees of freedom: of what is left as many as rows of D are independent over seeds; of the seeds' variance these
    times the seeds less one, both sets put together after Satterthwaite 1946.
    """
    size, rows = [], []
    for values, b in zip(d, (slope, 1.0), strict=True):
        n = values.shape[1]
        if n < 2 or not len(values):
            return Estimate(ratio)
        deviations = values - values.mean(axis=1, keepdims=True)
        size.append(b**2 * float((deviations**2).sum()) / (n * (n - 1)))
        rows.append((independent_rows(deviations), n - 1))
    whole = sum(size) ** 2
    if not whole > 0:
        return Estimate(ratio)
    parts = list(zip(size, rows, strict=True))
    left = whole / sum(v**2 / k for v, (k, _) in parts if v > 0)
    dof = whole / sum(v**2 / (k * n) for v, (k, n) in parts if v > 0)
    return variance_ratio(ratio**2, left, dof).transformed(np.sqrt)


def _order(order: pd.DataFrame, dataset: str, cell: tuple[int, str]) -> str:
    """Say whether C-C < C=C < C#C holds among the named bonds: yes or no only where every seed says so."""
    here = (
        (order[C.DATASET] == dataset) & (order[C.N_TRAIN] == cell[0]) & (order[C.MODEL] == cell[1])
    )
    part = order[here & (order[C.STRUCTURES] == NAMED_BONDS)]
    is_step = [pair in STEPS for pair in zip(part["lower"], part["higher"], strict=True)]
    steps = part[np.array(is_step, dtype=bool)]  # an empty list would choose columns, not rows
    return unanimous(all_hold(seed["holds"], len(STEPS)) for _, seed in steps.groupby(C.SEED))


def write_tables(named: Path, order: Path, output: Path) -> None:
    """Write the table of pairs to ``output`` and ``bonds.csv`` beside it."""
    columns = (C.RUN, C.DATASET, C.N_TRAIN, C.MODEL, C.SEED)
    read = [plain(tables.read(path, columns=columns)) for path in (named, order)]
    for table, path in zip(compare(*read), (output, output.with_name("bonds.csv")), strict=True):
        tables.write(table, path, inputs=[named, order])
