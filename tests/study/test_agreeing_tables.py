"""Tables without a note, as published ones are, must agree with each other and with themselves."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from study.agreeing_tables import require_agreement
from study.claims.consistency import require_consistent
from study.soundness.verdicts import reasons
from study.tables import read_tables

Change = Callable[[pd.DataFrame], pd.DataFrame | None]
RUNS, ERRORS, BONDS = "decompose/summary", "evaluate/errors", "bde/summary"
CLAIMS, SEEDS, LAWS = "claims/claims", "gauge/seeds", "soundness/laws"
NAMED, COMPARED = "bde/named", "null/compare"
NAMES = [RUNS, ERRORS, BONDS, CLAIMS, SEEDS, LAWS, NAMED, COMPARED]
FIRST, SECOND = "minispice/n512/micro/s0", "minispice/n512/micro/s1"


@pytest.fixture
def published(root: Path, tmp_path: Path) -> Path:
    """A copy of a few published tables."""
    for name in NAMES:
        target = tmp_path / f"{name}.csv"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(root / "results" / "published" / "default" / f"{name}.csv", target)
    return tmp_path


def rewrite(path: Path, change: Change) -> None:
    table = pd.read_csv(path)
    changed = change(table)
    (table if changed is None else changed).to_csv(path, index=False)


def without(run: str) -> Change:
    return lambda table: table[table["run"] != run]


def copied(table: pd.DataFrame, run: str, seed: int) -> pd.DataFrame:
    rows = table[table["run"] == FIRST].assign(run=run, seed=seed)
    return pd.concat([table[table["run"] != run], rows])


def again(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table.tail(1).assign(mae_eV=0.5, force_mae_meV_per_ang=1.0)])


def other(column: str, change: Callable[[Any], Any]) -> Change:
    """Change a column in the last row."""
    return lambda table: pd.concat(
        [table.iloc[:-1], table.tail(1).assign(**{column: change(table[column].iloc[-1])})]
    )


def another_d(table: pd.DataFrame) -> pd.DataFrame:
    """Add a run a second time, with another D."""
    rows = table[table["run"] == FIRST]
    moved = {name: rows[name] + 0.3 for name in rows if name.endswith("_error_eV")}
    return pd.concat([table, rows.assign(bond_energy_eV=rows["bond_energy_eV"] + 0.3, **moved)])


def capitals(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns=str.upper)


def test_published_tables_agree(published: Path) -> None:
    read = read_tables([published], NAMES)
    require_consistent(read[CLAIMS])
    assert not reasons(read[LAWS])


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        (ERRORS, without(SECOND), f"has no rows of run {SECOND}"),
        (BONDS, without(SECOND), f"has no rows of run {SECOND}"),
        (ERRORS, lambda t: copied(t, SECOND, 1), f"{FIRST} and {SECOND} have the same numbers"),
        (RUNS, lambda t: copied(t, SECOND, 1), f"{FIRST} and {SECOND} have the same numbers"),
        (BONDS, again, "is the second about"),
        (RUNS, again, "is the second about"),
        (BONDS, capitals, "lacks the columns run, dataset, n_train, model, seed"),
        (SEEDS, lambda t: t.assign(n_train=80), "is about minispice/n80/micro"),
        (CLAIMS, lambda t: t.assign(n_seeds=9), "says 9 seeds of minispice/n32/micro"),
        (ERRORS, lambda t: t.assign(test_set=t.test_set + " "), "no spaces are allowed around"),
        (BONDS, lambda t: t.assign(within_types_kendall=1.4), "a correlation is from -1 to 1"),
        (CLAIMS, lambda t: t.assign(value_lo=t.value_hi, value_hi=t.value_lo), "above value_hi"),
        (ERRORS, other("n_parameters", lambda n: 2 * n), "n_parameters of minispice nano is"),
        (NAMED, another_d, f"is the second about {FIRST}"),
        (NAMED, lambda t: pd.concat([t, t.tail(1)]), "is there twice"),
        (NAMED, other("structures", lambda _: "x"), "geometry of x is relaxed"),
        (NAMED, lambda t: t.assign(de_eV=t["de_eV"] + t["n_train"]), "de_error_eV is"),
        (
            NAMED,
            lambda t: t.assign(bond_energy_eV=23.06 * t["bond_energy_eV"]),
            "bde298_error_eV is",
        ),
        (COMPARED, lambda t: t.assign(difference=-t["difference"]), "e3d minus null_value is"),
    ],
)
def test_tables_that_disagree_are_refused(
    name: str, change: Change, text: str, published: Path, input_error: Any
) -> None:
    if name == SEEDS:  # of another study: the one of these tables has no such cell
        for table in (RUNS, ERRORS, BONDS):
            rewrite(published / f"{table}.csv", lambda t: t[t["n_train"] == 512])
    rewrite(published / f"{name}.csv", change)
    with input_error(f"{name}.csv", text):
        read_tables([published], [RUNS, name])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.assign(value=-t.value), "first less second is"),
        (lambda t: t.assign(value=t.value + 9, first=t["first"] + 9), "outside of its interval"),
        (lambda t: t.assign(answer="yes"), "the answer yes, and an interval from"),
        (lambda t: t.assign(answer="undetermined"), "the answer undetermined, and an interval"),
        (lambda t: t.assign(answer="perhaps"), "the answer perhaps"),
    ],
)
def test_a_claim_does_not_contradict_itself(
    change: Change, text: str, published: Path, input_error: Any
) -> None:
    table = change(pd.read_csv(published / f"{CLAIMS}.csv"))
    assert table is not None
    with input_error("claims/claims: ", text):
        require_consistent(table)


def test_a_reference_energy_is_one(published: Path, input_error: Any) -> None:
    table = pd.read_csv(published / f"{NAMED}.csv")
    require_agreement(table, published)
    last = table["seed"] == 2
    for name, sign in (("bond_energy_eV", 1), ("de_eV", 1)):
        table.loc[last, name] += sign
    with input_error("de_eV of CH3-H is", "as elsewhere"):
        require_agreement(table, published)


def test_a_law_is_obeyed_or_not(published: Path, input_error: Any) -> None:
    laws = pd.read_csv(published / f"{LAWS}.csv")
    laws["obeyed"] = laws["obeyed"].replace("yes", "False")
    with input_error("obeyed is 'False'", "yes and no"):
        reasons(laws)
