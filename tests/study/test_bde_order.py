"""Whether D rises from single to double to triple bonds, and when that stays open."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d.decomposition.decomposed import Decomposed
from e3d.fields import NAMED_BONDS, TEST_CONFORMATIONS, TEST_MOLECULES
from e3d.fields import Column as C
from study.bde.order import order


def _one(table: pd.DataFrame, **chosen: Any) -> pd.Series:
    for name, value in chosen.items():
        table = table[table[name] == value]
    assert len(table) == 1, table
    return table.iloc[0]


def _bonds(spread: dict[str, list[float]], prefix: str = "M") -> pd.DataFrame:
    """One molecule per D, two bonds each."""
    rows = [
        {C.BOND_TYPE: kind, C.MOLECULE: f"{prefix}{kind}{k:03d}", C.BOND_ENERGY: d + shift}
        for kind, values in spread.items()
        for k, d in enumerate(values)
        for shift in (-0.01, 0.01)
    ]
    return pd.DataFrame(rows)


def _holds(spread: dict[str, list[float]]) -> pd.DataFrame:
    return order([Decomposed(TEST_MOLECULES, _bonds(spread), pd.DataFrame())])


def test_order_says_yes_no_or_undetermined() -> None:
    table = _holds(
        {
            "C-C": [3.7, 3.8, 3.9, 3.8],
            "C=C": [6.0, 6.1, 5.9, 6.0],
            "C#C": [5.0, 5.1, 4.9, 5.0],
            "C-N": [3.0, 4.0, 3.5],
            "C=N": [3.4, 3.6, 3.8],
            "N-N": [1.7, 1.8, 1.9],
            "N=N": [4.0],
            "O-O": [1.5, 1.6],
        }
    )
    holds = {(row["lower"], row["higher"]): row["holds"] for row in table.to_dict("records")}
    assert holds == {
        ("C-C", "C=C"): "yes",
        ("C=C", "C#C"): "no",
        ("C-N", "C=N"): "undetermined",
        ("N-N", "N=N"): "undetermined",  # a single molecule has no interval
    }
    row = _one(table, higher="C=C")
    assert row["difference_eV"] == pytest.approx(6.0 - 3.8, abs=1e-12)
    assert row["difference_eV_lo"] < row["difference_eV"] < row["difference_eV_hi"]
    assert (row["n_molecules_lower"], row["n_molecules_higher"]) == (4, 4)


def test_two_molecules_of_a_type_have_one_degree_of_freedom() -> None:
    """Thirty molecules of the other type would make this difference look certain."""
    (row,) = _holds({"C-C": [3.7, 3.9] * 15, "C=C": [4.6, 5.2]}).to_dict("records")
    assert row["difference_eV"] == pytest.approx(1.1, abs=1e-9)
    assert row["holds"] == "undetermined"


def test_order_takes_both_test_sets_together() -> None:
    parts = [
        Decomposed(name, _bonds({"C-C": [3.7, 3.8], "C=C": [6.0, 6.1]}, name), pd.DataFrame())
        for name in (TEST_CONFORMATIONS, TEST_MOLECULES, NAMED_BONDS)
    ]
    table = order(parts)
    assert _one(table, structures="test-all")["n_molecules_lower"] == 4
    assert set(table[C.STRUCTURES]) == {TEST_CONFORMATIONS, TEST_MOLECULES, NAMED_BONDS, "test-all"}


def test_two_molecules_of_a_rare_type_never_share_a_jackknife_group() -> None:
    """Of 201 molecules dealt into 100 groups, the first and the 101st would be deleted together."""
    rng = np.random.default_rng(0)
    bonds = _bonds({"C-C": (3.8 + 0.1 * rng.normal(size=199)).tolist(), "C=C": [6.0, 6.05]})
    names = bonds.loc[bonds[C.BOND_TYPE] == "C-C", C.MOLECULE].unique()
    rename = {name: f"K{k + 1:03d}" if k < 99 else f"L{k:03d}" for k, name in enumerate(names)}
    rename |= {"MC=C000": "K000", "MC=C001": "K999"}
    bonds[C.MOLECULE] = bonds[C.MOLECULE].replace(rename)
    order_of = sorted(bonds[C.MOLECULE].unique())
    assert order_of.index("K999") - order_of.index("K000") == 100
    row = _one(order([Decomposed(TEST_MOLECULES, bonds, pd.DataFrame())]), higher="C=C")
    assert row["holds"] == "yes"
    assert np.isfinite(row["difference_eV_lo"])


def test_a_dataset_without_any_series_has_an_empty_table_with_its_columns() -> None:
    """Water: no C-C, C-N, C-O or N-N bond. What reads the table still finds its columns."""
    empty = order([])
    assert empty.empty
    assert {"structures", "lower", "higher", "difference_eV_lo", "holds"} <= set(empty.columns)
