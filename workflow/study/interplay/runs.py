"""One row per run: how well it was learned, how it scales, how ordered D is, and how good."""

from typing import Any, Final

import pandas as pd

from e3d.fields import RELAXED, RUN_COLUMNS, TEST_CONFORMATIONS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298, REFERENCES
from e3d.statistics.agreement import MAE, WITHIN
from study.entropy.fields import (
    ENTROPY_MM,
    FRACTION_MM,
    INFORMATION_MM,
    MEASURE,
    ORDER_BY_D,
    QUANTITY,
    SCALED_D,
    TYPE_BY_SCALED_D,
    D,
)
from study.entropy.fields import WITHIN as WITHIN_TYPES
from study.fields import BONDED_SHARE
from study.reactivity.fields import MAE as BARRIER_MAE
from study.reactivity.fields import SET
from study.scaling.fits import exponents

ALPHA, SPREAD, BARRIER = "alpha", "seed_spread_eV", "barrier_mae_eV"
SCALED_ENTROPY, DECOMPOSABILITY = "entropy_scaled_mm_nats", "decomposability"
TAU: Final = f"{BDE298.name}_{WITHIN}"
BDE298_MAE: Final = f"{BDE298.name}_{MAE}"
ERROR: Final = f"{C.FORCE_MAE}_conformations"
CENTRAL: Final = {
    ERROR: "force MAE (meV/Å)",
    ALPHA: r"exponent $\alpha$",
    SCALED_ENTROPY: r"entropy $H(D/\sigma_D)$ (nats)",
    DECOMPOSABILITY: "decomposability",
    BONDED_SHARE: r"bonded share $\beta$",
    BDE298_MAE: f"MAE, {BDE298.label}",
    TAU: r"within-type $\tau$",
    BARRIER: "barrier MAE (eV)",
    SPREAD: "seed spread (eV)",
}
"""The quantities whose pairs are correlated, with the labels of their axes."""
_CELL: Final = [str(C.DATASET), str(C.N_TRAIN), str(C.MODEL)]


def run_table(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per run, in the order of ``decompose/summary``; NaN for what is not known.

    Entropy, decomposability and the bonded share are those of new conformations of pool molecules;
    D is compared with references at the relaxed geometry, over all named bonds.
    """
    summary = _at(tables["decompose/summary"], {C.STRUCTURES: TEST_CONFORMATIONS})
    runs = summary[[*map(str, RUN_COLUMNS), str(C.N_PARAMETERS), BONDED_SHARE]]
    runs = runs.reset_index(drop=True)
    errors = tables["evaluate/errors"]
    barriers = {SET: "unimolecular", "reactions": "all"}
    columns = {
        **_errors(errors),
        **_entropies(tables["entropy/entropy"], tables["entropy/decomposability"]),
        **_agreement(tables["bde/summary"]),
        BARRIER: _by_run(tables["reactivity/summary"], BARRIER_MAE["model"], barriers),
    }
    for name, values in columns.items():
        runs[name] = runs[C.RUN].map(values).astype(float)
    of_conformations = _at(errors, {C.TEST_SET: TEST_CONFORMATIONS})
    alpha = exponents(of_conformations, str(C.FORCE_MAE)).rename(columns={"value": ALPHA})
    runs = runs.merge(alpha, on=[str(C.DATASET), str(C.MODEL), str(C.SEED)], how="left")
    return runs.merge(seed_spread(tables["bde/named"]), on=_CELL, how="left")


def _at(table: pd.DataFrame, values: dict[Any, str]) -> pd.DataFrame:
    for name, value in values.items():
        table = table[table[name] == value]
    return table


def _by_run(table: pd.DataFrame, column: str, values: dict[Any, str]) -> pd.Series:
    """Return a column of the rows with these values, by run."""
    rows = _at(table, values)
    return pd.Series(rows[column].to_numpy(dtype=float), index=rows[C.RUN].astype(str))


def _errors(errors: pd.DataFrame) -> dict[str, pd.Series]:
    return {
        f"{metric}_{name.removeprefix('test-')}": _by_run(
            errors, metric, {C.GROUP_KIND: "all", C.TEST_SET: name}
        )
        for metric in (C.FORCE_MAE, C.ENERGY_MAE)
        for name in TEST_SPLITS
    }


def _entropies(entropy: pd.DataFrame, information: pd.DataFrame) -> dict[str, pd.Series]:
    here: dict[Any, str] = {C.STRUCTURES: TEST_CONFORMATIONS}
    within = {**here, C.BOND_TYPE: WITHIN_TYPES}
    scaled, order = {**here, MEASURE: TYPE_BY_SCALED_D}, {**here, MEASURE: ORDER_BY_D}
    return {
        ENTROPY_MM: _by_run(entropy, ENTROPY_MM, {**within, QUANTITY: D}),
        SCALED_ENTROPY: _by_run(entropy, ENTROPY_MM, {**within, QUANTITY: SCALED_D}),
        DECOMPOSABILITY: _by_run(information, FRACTION_MM, scaled),
        "order_information": _by_run(information, INFORMATION_MM, order),
    }


def _agreement(summary: pd.DataFrame) -> dict[str, pd.Series]:
    relaxed = _at(summary, {C.GEOMETRY: RELAXED, "molecules": "all"})
    return {
        f"{name}_{score}": _by_run(relaxed, score, {"reference": name})
        for score in (MAE, WITHIN)
        for name in REFERENCES
    }


def seed_spread(named: pd.DataFrame) -> pd.DataFrame:
    """Return, for every dataset, N and model, the spread over seeds of D of a named bond, eV.

    The root of the mean over bonds of the variance over seeds, relaxed geometry; NaN with one seed.
    """
    relaxed = _at(named, {C.GEOMETRY: RELAXED})
    variance = relaxed.groupby([*_CELL, "bond"])[C.BOND_ENERGY].var(ddof=1)
    return variance.groupby(level=_CELL).mean().pow(0.5).rename(SPREAD).reset_index()
