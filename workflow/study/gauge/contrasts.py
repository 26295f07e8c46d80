"""Differences of D that hold or do not: between types, and between named bonds of one type."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d import tables
from e3d.fields import Column as C
from e3d.statistics import NO, UNDETERMINED, YES, Estimate, t_quantile, verdict
from study.fields import base_and_variant, plain
from study.gauge.seeds import CELL, MIN_SEEDS, ablations, by_seed, compare, seeds
from study.references import BDE298

Array = NDArray[np.float64]
TYPES, BONDS = "types", "bonds of one type"
CONTRAST_COLUMNS = ("dataset", "n_train", "base", "kind", "lower", "higher", "n_seeds", "n_variants", "mean_eV",
                    "seed_sd_eV", "new_seed_lo_eV", "new_seed_hi_eV", "ablations_min_eV", "ablations_max_eV",
                    "determined")  # fmt: skip


def contrasts(named: pd.DataFrame) -> pd.DataFrame:
    """Return differences of D: over base seeds, and their range over the variants' seed means.

    Between the means of two types, in alphabetical order; and between two named bonds of one type (``kind``), the one
    with the lower BDE298 first: what E3D has in the chemist's order is above zero.
    ``determined`` is no if a seed or a variant has another sign; yes if none has and the interval in which another
    seed would lie (95 %, mean +- t s sqrt(1 + 1 / n)) excludes zero; else undetermined, as without three seeds and a
    variant.
    """
    rows: list[dict[str, Any]] = []
    for cell, part in plain(named).groupby(CELL):
        related = named[
            (named[CELL[:2]] == list(cell[:2])).all(axis=1) & named["bond"].isin(set(part["bond"]))
        ]
        variants = [
            group
            for model, group in related.groupby(C.MODEL)
            if base_and_variant(str(model))[0] == cell[2] and base_and_variant(str(model))[1]
        ]
        for kind, level, pairs in (
            (TYPES, str(C.BOND_TYPE), _types(part)),
            (BONDS, "bond", _bonds(part)),
        ):
            means = _means(part, level)
            others = [_means(group, level).mean(axis=1) for group in variants]
            for lower, higher in pairs:
                if not {lower, higher} <= set(means.index):
                    continue
                place = means.index.get_indexer(pd.Index([lower, higher]))
                low, high = means.to_numpy(dtype=float)[place]
                both = [v for v in others if {higher, lower} <= set(v.index)]
                gaps_of = np.array([float(v[higher] - v[lower]) for v in both])
                found = (*cell, kind, lower, higher, *_contrast(high - low, gaps_of))
                rows.append(dict(zip(CONTRAST_COLUMNS, found, strict=True)))
    return pd.DataFrame(rows, columns=list(CONTRAST_COLUMNS))


def _means(part: pd.DataFrame, level: str) -> pd.DataFrame:
    return by_seed(part).groupby(level=level).mean()


def _types(part: pd.DataFrame) -> Iterator[tuple[str, str]]:
    yield from itertools.combinations(sorted(part[C.BOND_TYPE].unique()), 2)


def _bonds(part: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield pairs of bonds of one type whose BDE298 is known and not the same, the weaker bond first."""
    known = (
        part[part[BDE298.column].notna()]
        .drop_duplicates("bond")
        .sort_values([BDE298.column, "bond"])
    )
    for _, of_type in known.groupby(C.BOND_TYPE):
        entries = list(zip(of_type["bond"], of_type[BDE298.column], strict=True))
        yield from (
            (a, b) for (a, low), (b, high) in itertools.combinations(entries, 2) if low < high
        )


def _contrast(gaps: Array, others: Array) -> tuple[Any, ...]:
    """Return what is told of a difference of two types: ``gaps`` over base seeds, ``others`` over variants (eV)."""
    n = len(gaps)
    sd = float(gaps.std(ddof=1)) if n > 1 else np.nan
    half = t_quantile(n - 1) * sd * np.sqrt(1 + 1 / n) if n > 1 else np.nan
    another = Estimate.symmetric(float(gaps.mean()), half)
    said = UNDETERMINED
    if n >= MIN_SEEDS and len(others):
        one_sign = len(set(np.sign([*gaps, *others]))) == 1
        said = verdict(another, YES, YES) if one_sign else NO
    ends = (others.min(), others.max()) if len(others) else (np.nan, np.nan)
    return n, len(others), another.value, sd, another.lo, another.hi, *ends, said


def write_tables(named: Path, errors: Path, rigidity: Path, summary: Path, output: Path) -> None:
    """Write seeds.csv, ablations.csv, contrasts.csv and compare.csv into the folder of ``output``."""
    bonds = tables.read(named)
    bonds = bonds[bonds[C.GEOMETRY] == "relaxed"]
    tested = tables.read(errors)
    found = {
        "seeds": seeds(bonds, tested),
        "ablations": ablations(bonds, tested, tables.read(summary)),
        "contrasts": contrasts(bonds),
        "compare": compare(tables.read(rigidity), bonds),
    }
    for name, table in found.items():
        tables.write(
            table, output.with_name(f"{name}.csv"), inputs=[named, errors, rigidity, summary]
        )
