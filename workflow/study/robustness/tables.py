"""D of the same named bonds from different training sets, at one model size and N."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d import tables
from e3d.arrays import Masks
from e3d.fields import RELAXED, RUN_COLUMNS
from e3d.fields import Column as C
from e3d.statistics import interval_columns
from study.agreeing_tables import require_agreement
from study.fields import plain, trained
from study.robustness.agreement import SCORES, agreement, with_residuals
from study.robustness.fields import (
    BEYOND,
    BY_SEEDS,
    GROUPS,
    PAIR,
    RESIDUAL,
    SD,
    SIDES,
    TRAINED,
    D,
)
from study.runs import datasets

PAIR_COLUMNS: Final = (
    *(*PAIR, "molecules", "n_seeds_a", "n_seeds_b", "n_bonds", "n_types", "n_molecules"),
    *(*interval_columns(*SCORES), *SD.values(), f"{BY_SEEDS}_lo", f"{BY_SEEDS}_hi", BEYOND),
)
BOND_COLUMNS: Final = (
    *(*PAIR, "bond", str(C.BOND_TYPE), str(C.MOLECULE), D["a"], SD["a"], D["b"], SD["b"]),
    *(*TRAINED.values(), *RESIDUAL.values()),
)
_CELL: Final = [str(C.N_TRAIN), str(C.MODEL)]


def write_tables(named: Path, output: Path) -> None:
    """Write the table of pairs to ``output`` and ``bonds.csv`` beside it."""
    read = tables.read(named, columns=RUN_COLUMNS)
    require_agreement(read, named)
    for table, path in zip(
        compare(trained(plain(read))), (output, output.with_name("bonds.csv")), strict=True
    ):
        tables.write(table, path, inputs=[named])


def compare(named: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of pairs and of bonds; without a second dataset both have columns only.

    ``named`` is the study's ``bde/named``. The bonds are at the relaxed geometry and of the seeds
    that both sets have; the dataset with most runs is the first of its pairs.
    """
    relaxed = named[(named[C.GEOMETRY] == RELAXED) & named[C.BOND_ENERGY].notna()]
    pairs: list[dict[str, Any]] = []
    bonds = [pd.DataFrame(columns=list(BOND_COLUMNS))]
    for names in combinations(datasets(relaxed), 2):
        a, b = (dict(list(relaxed[relaxed[C.DATASET] == one].groupby(_CELL))) for one in names)
        for cell in (cell for cell in a if cell in b):
            keys: dict[str, Any] = dict(zip(PAIR, (*names, *cell), strict=True))
            sides = _same_seeds(a[cell], b[cell])
            both = _join(*sides)
            if both.empty:
                continue
            bonds.append(with_residuals(both).assign(**keys)[list(BOND_COLUMNS)])
            d = [rows.pivot_table(C.BOND_ENERGY, "bond", C.SEED) for rows in sides]
            pairs += [{**keys, **row} for row in _rows(both, d)]
    table = pd.concat(bonds[1:] or bonds, ignore_index=True)
    return pd.DataFrame(pairs, columns=list(PAIR_COLUMNS)), table


def _same_seeds(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of both of the seeds that both have."""
    seeds = {*a[C.SEED]} & {*b[C.SEED]}
    return a[a[C.SEED].isin(seeds)], b[b[C.SEED].isin(seeds)]


def _join(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Return the bonds that both have, with the columns of each side."""
    first, second = (_over_seeds(rows, side) for rows, side in zip((a, b), SIDES, strict=True))
    return first.merge(second.drop(columns=[str(C.BOND_TYPE), str(C.MOLECULE)]), on="bond")


def _over_seeds(rows: pd.DataFrame, side: str) -> pd.DataFrame:
    """Return a row per bond: D and its SD over seeds (eV), and the share of them it was in."""
    trained = rows[C.IN_TRAINING].map({True: 1.0, False: 0.0, "True": 1.0, "False": 0.0})
    columns = {
        str(C.BOND_TYPE): (C.BOND_TYPE, "first"),
        str(C.MOLECULE): (C.MOLECULE, "first"),
        D[side]: (C.BOND_ENERGY, "mean"),
        SD[side]: (C.BOND_ENERGY, "std"),
        f"seeds_{side}": (C.BOND_ENERGY, "size"),
        TRAINED[side]: (C.IN_TRAINING, "mean"),
    }
    known = rows.assign(**{C.IN_TRAINING: trained})
    return known.groupby("bond", sort=False).agg(**columns).reset_index()


def _rows(both: pd.DataFrame, d: list[pd.DataFrame]) -> Iterator[dict[str, Any]]:
    """Yield the row of every group of bonds; ``d`` is D of bonds x seeds of each set."""
    counts = {f"n_seeds_{side}": one.shape[1] for side, one in zip(SIDES, d, strict=True)}
    for group in GROUPS:
        part = both[_chosen(both, group)]
        if len(part):
            numbers = {
                "n_bonds": len(part),
                "n_types": part[C.BOND_TYPE].nunique(),
                "n_molecules": part[C.MOLECULE].nunique(),
            }
            known = [one.loc[part["bond"]].dropna().to_numpy() for one in d]
            yield {"molecules": group, **counts, **numbers, **agreement(part, known)}


def _chosen(both: pd.DataFrame, group: str) -> Masks:
    """Return which bonds (n,) are of a group.

    A molecule that only some seeds saw, or of unknown training, is in none but all.
    """
    a, b = (both[name].to_numpy(dtype=float) for name in TRAINED.values())
    masks = {
        "all": np.ones(len(both), dtype=bool),
        "both": (a == 1) & (b == 1),
        "neither": (a == 0) & (b == 0),
        "one": np.abs(a - b) == 1,
    }
    return np.asarray(masks[group], dtype=bool)
