"""Small made-up tables of a study, for tests of figures and findings."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from e3d.fields import NAMED_BONDS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES
from e3d.statistics.agreement import MAE
from study.bde.order import STEPS
from study.fields import TEST_ALL
from study.null.names import COARSE, NULL_MODEL
from study.stages import FIGURES, figure_module

Tables = dict[str, pd.DataFrame]
SIZES = {"nano": 4000, "micro": 50000}
N_TRAIN = (32, 64, 128)
TWO: dict[str, Any] = {"models": ("nano", "micro"), "seeds": 2}
D_OF = {"C-H": 4.4, "C-C": 3.6, "C=C": 6.0, "C#C": 8.5, "C:C": 5.2, "Cl-H": 4.5}
METHANOL, FORMALDEHYDE, AMMONIUM = "CO", "C=O", "[NH4+]"
MOLECULE_OF = {
    "C-H": METHANOL, "C-C": "CC", "C=C": "C=C", "C#C": "C#C", "C:C": "c1ccccc1", "Cl-H": "Cl",
}  # fmt: skip
"""Molecules of the named bonds."""
MAPPED = {
    METHANOL: "[C:1]([O:2][H:6])([H:3])([H:4])[H:5]",
    FORMALDEHYDE: "[C:1](=[O:2])([H:3])[H:4]",
    AMMONIUM: "[N+:1]([H:2])([H:3])([H:4])[H:5]",
}
BONDS = {
    METHANOL: [(0, 1, "C-O"), (0, 2, "C-H"), (0, 3, "C-H"), (0, 4, "C-H"), (1, 5, "H-O")],
    FORMALDEHYDE: [(0, 1, "C=O"), (0, 2, "C-H"), (0, 3, "C-H")],
    AMMONIUM: [(0, 1, "H-N"), (0, 2, "H-N"), (0, 3, "H-N"), (0, 4, "H-N")],
}


def interval(name: str, value: float, half: float) -> dict[str, float]:
    return {name: value, f"{name}_lo": value - half, f"{name}_hi": value + half}


def decompose(run: dict[str, Any], shift: float) -> Tables:
    size = {"n_parameters": SIZES[run["model"]]}
    summary = [
        {
            **run,
            C.STRUCTURES: name,
            "frames": 10,
            "sum_rule_max_abs_eV": 2e-12,
            "bonded_share": 0.9 + shift,
            **size,
        }
        for name in (*TEST_SPLITS, NAMED_BONDS)
    ]
    means = [
        {
            **run, C.STRUCTURES: NAMED_BONDS, C.MOLECULE: molecule, C.SMILES: MAPPED[molecule],
            C.I: i, C.J: j, C.BOND_TYPE: kind, C.N: 1, C.BOND_ENERGY: 4.0 + 0.3 * i + 4 * shift,
        }
        for molecule, bonds in BONDS.items()
        for i, j, kind in bonds
    ]  # fmt: skip
    return {"decompose/summary": pd.DataFrame(summary), "decompose/bond_means": pd.DataFrame(means)}


def evaluate(run: dict[str, Any], shift: float) -> Tables:
    error = 100 / run["n_train"] + shift
    rows = [
        {
            **run, "test_set": name, "n_parameters": SIZES[run["model"]],
            "group_kind": kind, "group": kind,
            **interval(C.ENERGY_MAE, error, 2 * error), **interval(C.FORCE_MAE, 10 * error, error),
        }
        for name, kind in product(TEST_SPLITS, ("all", "molecule"))
    ]  # fmt: skip
    return {"evaluate/errors": pd.DataFrame(rows)}


def bde(run: dict[str, Any], shift: float) -> Tables:
    named = []
    for index, (kind, d) in enumerate(D_OF.items()):
        row = {
            **run,
            C.STRUCTURES: NAMED_BONDS,
            C.GEOMETRY: "relaxed",
            "bond": f"bond {kind} (some reaction)",
            C.MOLECULE: f"molecule {index}",
        }
        row |= {C.BOND_TYPE: kind, C.MOLECULE: MOLECULE_OF[kind]}
        row |= {C.IN_TRAINING: index % 2 == 0, C.BOND_ENERGY: d + shift}
        named.append(
            row | {f"{name}_eV": np.nan if index == 4 else d + 0.2 * index for name in REFERENCES}
        )
    summary = [
        {
            **run, C.GEOMETRY: "relaxed", "reference": name, "molecules": group,
            "n_bonds": 6, "n_types": 6, "n_pairs_within_types": 9 if name == "bde298" else 1,
            **interval("mae_eV", 0.5 + shift, 0.1), **interval("between_types_spearman", 0.8, 0.1),
            **interval("within_types_kendall", 0.1, 0.3 if name == "bde298" else np.nan),
        }
        for name, group in product(REFERENCES, ("all", "in_training", "not_in_training"))
    ]  # fmt: skip
    order = [
        {
            **run, C.STRUCTURES: name, "lower": lower, "higher": higher, "n_molecules_lower": 5,
            "n_molecules_higher": 3, "holds": "yes",
            **interval("difference_eV", D_OF[higher] - D_OF[lower], 0.5),
        }
        for name, (lower, higher) in product((TEST_ALL, NAMED_BONDS), STEPS)
    ]  # fmt: skip
    return {
        "bde/named": pd.DataFrame(named),
        "bde/summary": pd.DataFrame(summary),
        "bde/order": pd.DataFrame(order),
    }


def null(run: dict[str, Any], shift: float) -> Tables:
    about = {**run, C.GEOMETRY: "relaxed", NULL_MODEL: COARSE.name, "score": MAE, C.N: 5}
    values = {
        **interval("e3d", 0.5 + shift, 0.2),
        **interval("null_value", 0.4, 0.1),
        **interval("difference", 0.1 + shift, 0.3),
    }
    named = bde(run, shift)["bde/named"]
    named[COARSE.column] = [D_OF[kind] + 0.1 for kind in named[C.BOND_TYPE]]
    return {
        "null/named": named,
        "null/compare": pd.DataFrame([{**about, "reference": one, **values} for one in REFERENCES]),
    }


def entropy(run: dict[str, Any], shift: float) -> Tables:
    where = {**run, C.STRUCTURES: "test-conformations"}
    bins = [
        {
            **where,
            C.BOND_TYPE: kind,
            C.COUNT: count,
            "bond_energy_bin_eV": round(d + 0.05 * step, 10),
        }
        for kind, d in D_OF.items()
        for step, count in ((0, 3), (1, 5), (4, 1))
    ]
    within = [
        {
            **where, "quantity": name, C.BOND_TYPE: "within types", "bin_width": 0.05,
            **interval("entropy_mm_nats", 2.0 - shift, 0.1),
            **interval("differential_binned_nats", -1 - shift, 0.1),
            **interval("differential_knn_nats", -0.9 - shift - 0.01 * run["n_train"], 0.1),
            **interval("binned_minus_knn_nats", -0.1, 0.05),
        }
        for name in ("D", "D/sd", "eps", "A", "D non-bonded")
    ]  # fmt: skip
    measures = {
        "I(D/sd; type)": 0.8,
        "I(r; type)": 0.6,
        "I(D; order | elements)": 1.0,
        "I(r; order | elements)": 0.9,
    }
    measures |= {
        "I(D/sd; type) - I(r; type)": 0.2,
        "I(D; order | elements) - I(r; order | elements)": 0.01,
    }
    shares = [
        {
            **where,
            "measure": name,
            **interval("fraction_mm", x, 0.05),
            **interval("fraction_knn", x - 0.02, 0.05),
        }
        for name, x in measures.items()
    ]
    estimators = [
        ("nearest neighbours", np.nan),
        *product(("plug-in", "Miller-Madow"), (0.02, 0.05, 0.1)),
    ]
    sensitivity = [
        {
            **where, "quantity": "D", C.BOND_TYPE: "within types", C.N_MOLECULES: n,
            "estimator": name, "bin_width_eV": width, "differential_nats": -1 / n - shift,
            "differential_nats_sd": 0.1 if n < 8 else np.nan,
        }
        for n, (name, width) in product((2, 4, 8), estimators)
    ]  # fmt: skip
    return {
        "entropy/histogram": pd.DataFrame(bins),
        "entropy/entropy": pd.DataFrame(within),
        "entropy/decomposability": pd.DataFrame(shares),
        "entropy/sensitivity": pd.DataFrame(sensitivity),
    }


def fits(dataset: str, models: tuple[str, ...]) -> pd.DataFrame:
    rows = []
    for test_set, metric, model in product(TEST_SPLITS, (C.ENERGY_MAE, C.FORCE_MAE), models):
        base: dict[str, Any] = {C.DATASET: dataset, C.MODEL: model, "form": "power", "n_seeds": 2}
        base |= {"test_set": test_set, "metric": str(metric)}
        if model == "micro":
            rows.append(
                base
                | {"parameter": "", "status": "not identifiable: 2 values of N, the form needs 4"}
            )
            continue
        for name, value in (("a", 100.0), ("alpha", 0.7)):
            spread = {"value_lo": value / 2, "value_hi": value * 2}
            rows.append(base | {"parameter": name, "value": value, **spread, "status": "ok"})
    return pd.DataFrame(rows)


def study(
    models: tuple[str, ...] = ("nano",), seeds: int = 1, datasets: tuple[str, ...] = ("mini",)
) -> Tables:
    """Build every table the figures read, for a small grid."""
    return {name: table.copy() for name, table in _study(models, seeds, datasets).items()}


@cache
def _study(models: tuple[str, ...], seeds: int, datasets: tuple[str, ...]) -> Tables:
    parts: dict[str, list[pd.DataFrame]] = {}
    for dataset, model, n, seed in product(datasets, models, N_TRAIN, range(seeds)):
        run = {
            C.RUN: f"{dataset}/n{n}/{model}/s{seed}",
            C.DATASET: dataset,
            C.N_TRAIN: n,
            C.MODEL: model,
            C.SEED: seed,
        }
        for make in (decompose, evaluate, bde, null, entropy):
            for name, table in make(run, 0.1 * seed).items():
                parts.setdefault(name, []).append(table)
    tables = {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}
    tables["scaling/fits"] = pd.concat(
        [fits(dataset, models) for dataset in datasets], ignore_index=True
    )
    return tables


def maker(name: str, tables: Tables, **options: Any) -> Callable[[], Figure]:
    make = import_module(figure_module(name)).make
    if name == "molecules":
        options.setdefault("molecules", [METHANOL, FORMALDEHYDE])
    chosen = {table: tables[table] for table in FIGURES[name].tables}
    return lambda: make(chosen, **options)


def save_tables(tables: Tables, folder: Path) -> Path:
    for name, table in tables.items():
        path = folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False)
    return folder
