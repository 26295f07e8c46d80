"""One row per run: how well it was learned, how it scales, how ordered D is, how good D and barriers are."""

from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.fields import RUN_COLUMNS, TEST_CONFORMATIONS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.statistics.agreement import MAE, WITHIN
from study.references import BDE298, REFERENCES
from study.scaling.fits import exponents

ALPHA, BETA, SPREAD = "alpha", "bonded_share", "seed_spread_eV"
ENTROPY, SCALED_ENTROPY = "entropy_mm_nats", "entropy_scaled_mm_nats"
DECOMPOSABILITY, ORDER_INFORMATION = "decomposability", "order_information"
BARRIER = "barrier_mae_eV"
TAU = f"{BDE298.name}_{WITHIN}"
BDE298_MAE = f"{BDE298.name}_{MAE}"
ERROR = f"{C.FORCE_MAE}_conformations"
_BARRIER_SET: Final = "unimolecular"
_CELL: Final = [str(C.DATASET), str(C.N_TRAIN), str(C.MODEL)]
Tables = dict[str, pd.DataFrame]


def run_table(tables: Tables) -> pd.DataFrame:
    """Return one row per run, in the order of ``decompose/summary``; NaN where a table does not tell.

    Entropy, decomposability and the bonded share are those of new conformations of pool molecules (as in the figure
    of emergence); D against references is taken at the relaxed geometry, over all named bonds.
    """
    summary = _at(tables["decompose/summary"], {C.STRUCTURES: TEST_CONFORMATIONS})
    runs = summary[[*map(str, RUN_COLUMNS), str(C.N_PARAMETERS), BETA]].reset_index(drop=True)
    columns = {
        **_errors(tables["evaluate/errors"]),
        **_entropies(tables),
        **_bde(tables["bde/summary"]),
    }
    columns[BARRIER] = _barriers(tables.get("reactivity/summary"))
    for name, values in columns.items():
        runs[name] = runs[C.RUN].map(values).astype(float)
    keys = [str(C.DATASET), str(C.MODEL), str(C.SEED)]
    runs = runs.merge(_alpha(tables["evaluate/errors"]), on=keys, how="left")
    return runs.merge(seed_spread(tables["bde/named"]), on=_CELL, how="left")


def _at(table: pd.DataFrame, values: dict[Any, str]) -> pd.DataFrame:
    for name, value in values.items():
        table = table[table[name] == value]
    return table


def _by_run(table: pd.DataFrame, column: str, **values: str) -> pd.Series:
    """Return a column of the rows with these values, by run."""
    rows = _at(table, values)
    return pd.Series(rows[column].to_numpy(dtype=float), index=rows[C.RUN].astype(str))


def _errors(errors: pd.DataFrame) -> dict[str, pd.Series]:
    overall = {str(C.GROUP_KIND): "all"}
    return {
        f"{metric}_{name.removeprefix('test-')}": _by_run(errors, metric, **overall, test_set=name)
        for metric in (C.FORCE_MAE, C.ENERGY_MAE)
        for name in TEST_SPLITS
    }


def _entropies(tables: Tables) -> dict[str, pd.Series]:
    entropy, told = tables["entropy/entropy"], tables["entropy/decomposability"]
    here = {str(C.STRUCTURES): TEST_CONFORMATIONS}
    within = {**here, str(C.BOND_TYPE): "within types"}
    return {
        ENTROPY: _by_run(entropy, "entropy_mm_nats", **within, quantity="D"),
        SCALED_ENTROPY: _by_run(entropy, "entropy_mm_nats", **within, quantity="D/sd"),
        DECOMPOSABILITY: _by_run(told, "fraction_mm", **here, measure="I(D/sd; type)"),
        ORDER_INFORMATION: _by_run(
            told, "information_mm_nats", **here, measure="I(D; order | elements)"
        ),
    }


def _bde(summary: pd.DataFrame) -> dict[str, pd.Series]:
    relaxed = _at(summary, {C.GEOMETRY: "relaxed", "molecules": "all"})
    maes = {f"{name}_{MAE}": _by_run(relaxed, MAE, reference=name) for name in REFERENCES}
    taus = {f"{name}_{WITHIN}": _by_run(relaxed, WITHIN, reference=name) for name in REFERENCES}
    return {**maes, **taus}


def _barriers(summary: pd.DataFrame | None) -> pd.Series:
    """Return the mean absolute error of activation energies against the labels' own level (eV), by run."""
    if summary is None:
        return pd.Series(dtype=float)
    return _by_run(summary, "mae_model_eV", set=_BARRIER_SET, reactions="all")


def _alpha(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the exponent of force MAE on new conformations over N, of every dataset, model and seed."""
    return exponents(_at(errors, {C.TEST_SET: TEST_CONFORMATIONS}), str(C.FORCE_MAE)).rename(
        columns={"value": ALPHA}
    )


def seed_spread(named: pd.DataFrame) -> pd.DataFrame:
    """Return, for every dataset, N and model, how far D of a named bond is from seed to seed (eV).

    The root of the mean over bonds of the variance over seeds, relaxed geometry; NaN with one seed.
    """
    relaxed = _at(named, {C.GEOMETRY: "relaxed"})
    variance = relaxed.groupby([*_CELL, "bond"])[C.BOND_ENERGY].var(ddof=1).reset_index()
    mean = variance.groupby(_CELL)[C.BOND_ENERGY].mean().reset_index()
    mean[SPREAD] = np.sqrt(mean[C.BOND_ENERGY].to_numpy(dtype=float))
    return mean[[*_CELL, SPREAD]]
