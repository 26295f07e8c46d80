"""What the paper claims, asked of tables whose answers are known."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298, DE, MEAN_BOND_ENERGY
from e3d.statistics import group_mean
from study import runs
from study.claims import READS
from study.claims import fields as f
from study.claims.findings import sentences
from study.claims.paired import difference, items, mean
from study.claims.tables import claims, write_table
from study.null.names import COARSE, FINE, PAIR
from study_tables import save_tables

BONDS = [(kind, k) for kind in ("C-H", "C-C", "C-O") for k in range(8)]
RUN = ("a", "s", 8)


def _run(seed: int) -> dict[str, Any]:
    keys = {C.DATASET: RUN[0], C.N_TRAIN: RUN[2], C.MODEL: RUN[1], C.SEED: seed}
    return {C.RUN: f"a/n8/s/s{seed}", **keys}


def _study(error: float = 0.1, seeds: int = 3, bias: float = 0.0) -> dict[str, pd.DataFrame]:
    """Tables in which D is the mean bond energy but for ``error`` of each bond, and ``bias``.

    Additivity misses it by 0.4 eV, a pair potential by 2 eV. Barriers are missed by 0.1 eV.
    """
    rng = np.random.default_rng(0)
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in READS}
    truth = rng.normal(4.0, 0.5, len(BONDS))
    for seed in range(seeds):
        noise = error * rng.choice([-1.0, 1.0], len(BONDS)) + 0.01 * rng.normal(size=len(BONDS))
        named = pd.DataFrame(
            {
                C.GEOMETRY: "relaxed",
                "bond": [f"{kind} {k}" for kind, k in BONDS],
                C.BOND_TYPE: [kind for kind, _ in BONDS],
                C.MOLECULE: [f"m{k % 6}{kind}" for kind, k in BONDS],
                C.BOND_ENERGY: truth + noise + bias,
                MEAN_BOND_ENERGY.column: truth,
                DE.column: np.where(np.arange(len(BONDS)) < 2, np.nan, truth + 1.0),
                BDE298.column: truth + 0.2,
                COARSE.column: truth + 0.4,
                FINE.column: truth + 0.4,
                PAIR.column: truth + 2.0,
            }
        )
        label = (
            rng.uniform(1.0, 4.0, 12)
            if seed == 0
            else parts["reactivity/barriers"][0]["label_eV"].to_numpy()
        )
        barriers = pd.DataFrame(
            {
                "set": "unimolecular",
                "reaction": np.repeat([f"r{k}" for k in range(6)], 2),
                "direction": ["forward", "backward"] * 6,
                "error_model_eV": 0.1 + 0.02 * rng.normal(size=12),
                "label_eV": label,
            }
        )
        n = 6
        changes = pd.DataFrame(
            {
                "reaction": [f"r{k}" for k in range(n)],
                "n_breaking": 1,
                "n_forming": 1,
                "read_off_bond_energy": ["yes"] * (n - 1) + ["yes" if seed else "no"],
                "read_off_length": ["yes"] + ["no"] * (n - 1),
                "crossing_bond_energy": 0.5 + 0.01 * rng.normal(size=n),
                "crossing_pauling": 0.5,
                "crossing_mayer": 0.5,
            }
        )
        scans = pd.DataFrame(
            {
                "bond": [f"{kind} {k}" for kind, k in BONDS[:4]] + ["C=C"],
                C.BOND_TYPE: ["C-H"] * 4 + ["C=C"],
                C.MOLECULE: [*"abcde"],
                "half_bond_energy_ang": [1.5, 1.6, 1.5, 1.6, 9.0],
                "half_label_energy_ang": [1.7, 1.8, 1.75, 1.82, 1.0],
            }
        )
        separation = pd.DataFrame(
            {C.MOLECULE: [*"abcd"], "separation_error_eV": 0.1, "label_separation_eV": 1.0}
        )
        made = (named, separation, barriers, changes, scans)
        for name, table in zip(READS, made, strict=True):
            parts[name].append(table.assign(**_run(seed)).rename(columns=str))
    return {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}


def _row(table: pd.DataFrame, claim: str, about: str) -> pd.Series:
    (row,) = table[(table[f.CLAIM] == claim) & (table[f.ABOUT] == about)].to_dict("records")
    return pd.Series(row)


def test_each_claim_has_its_answer() -> None:
    table = claims(_study())
    row = _row(table, f.DISSOCIATION, "de")
    assert (row[f.ANSWER], row["n"], row["n_seeds"]) == ("no", 22, 3)
    assert (row[f.FIRST], row[f.SECOND]) == pytest.approx((1.0, 0.1), abs=0.05)
    assert row["value"] == pytest.approx(row[f.FIRST] - row[f.SECOND])
    for null, gap in ((COARSE, -0.3), (PAIR, -1.9)):
        row = _row(table, f.NULL, f"{null.name} mean_bond_energy")
        assert row["value"] == pytest.approx(gap, abs=0.01)
        assert row[f.ANSWER] == "yes"
    assert _row(table, f.WITHIN_TYPES, "bde298")[f.ANSWER] == "yes"
    assert _row(table, f.WITHIN_TYPES, "bde298")["value_hi"] <= 1
    assert _row(table, f.BARRIERS, "unimolecular")[f.ANSWER] == "yes"
    paths = _row(table, f.PATHS, "length")
    assert (paths[f.FIRST], paths[f.SECOND]) == pytest.approx((17 / 18, 1 / 6))
    assert paths["value_hi"] <= 1
    half = _row(table, f.HALFWAY, "single bonds")
    assert (half["value"], half["n"]) == (pytest.approx(-0.2175), 4), "the double bond is left out"
    # errors without a spread: all replicates agree, and nothing is concluded
    assert _row(table, f.SEPARATION, "zero")[f.ANSWER] == "undetermined"


def test_an_offset_of_d_turns_the_answers() -> None:
    table = claims(_study(bias=1.0))
    assert _row(table, f.DISSOCIATION, "de")[f.ANSWER] == "yes"
    assert _row(table, f.NULL, f"{COARSE.name} mean_bond_energy")[f.ANSWER] == "no"
    assert _row(table, f.WITHIN_TYPES, "bde298")[f.ANSWER] == "yes", "an order has no offset"


def test_what_is_compared_is_paired_and_averaged_over_seeds_first() -> None:
    named = _study(0.3)["null/named"]
    found = items(named, ["bond"], str(C.MOLECULE), [C.BOND_ENERGY, DE.column])
    assert (found.n, found.n_seeds) == (22, 3), "two bonds have no De"
    error = np.abs(found.values[C.BOND_ENERGY] - found.values[DE.column])
    one = items(named[named[C.SEED] == 0], ["bond"], str(C.MOLECULE), [C.BOND_ENERGY, DE.column])
    of_one = np.abs(one.values[C.BOND_ENERGY] - one.values[DE.column])
    alone = mean(one, of_one).found
    expected = group_mean(of_one[0], one.group)
    assert (alone.value, alone.lo, alone.hi) == pytest.approx(
        (expected.value, expected.lo, expected.hi)
    )
    rival = np.full_like(error, 0.5)
    gap = difference(found, error, rival)
    assert gap.found.value == pytest.approx(error.mean() - 0.5)
    assert (gap.first, gap.second) == pytest.approx((error.mean(), 0.5))


def test_a_bond_that_one_seed_lacks_is_left_out_of_all() -> None:
    named = _study()["null/named"]
    lacking = named.drop(named[(named[C.SEED] == 1) & (named["bond"] == "C-H 0")].index)
    found = items(lacking, ["bond"], str(C.MOLECULE), [C.BOND_ENERGY])
    assert found.n == len(BONDS) - 1


def test_the_guess_is_the_mean_of_the_reactions_that_are_kept() -> None:
    """A reaction that is left out is no part of what the others are guessed from."""
    tables = _study(seeds=1)
    row = _row(claims(tables), f.BARRIERS, "unimolecular")
    labels = tables["reactivity/barriers"]["label_eV"].to_numpy().reshape(6, 2)
    means = [np.delete(labels, k, axis=0).mean() for k in range(6)]
    assert row[f.SECOND] == pytest.approx(np.abs(labels - np.array(means)[:, None]).mean())
    assert (row["n"], row["n_groups"]) == (12, 6)


def test_sentences_are_plain_and_short() -> None:
    said = list(sentences({"claims/claims": claims(_study())}, RUN))
    text = "\n".join(said)
    assert "D is a share of the atomisation energy: it is nearer to mean bond energies" in text
    assert "D predicts mean bond energies better than counting bonds does (MAE 0.10 and" in text
    assert "D orders bonds of one type" in text
    assert "is predicted better than by guessing" in text
    assert "D shows which bonds break and form on 94 % of 6 reaction paths" in text
    assert max(map(len, said)) <= 200
    other = "\n".join(sentences({"claims/claims": claims(_study(bias=1.0))}, RUN))
    assert "D is the energy of breaking a bond" in other
    assert "Counting bonds predicts mean bond energies better than D does" in other
    nothing = {"claims/claims": claims(_study()).iloc[:0]}
    assert not list(sentences(nothing, RUN))


def test_the_command_reads_a_results_folder(tmp_path: Path, input_error: Any) -> None:
    tables = _study()
    folder = save_tables(tables, tmp_path)
    write_table([folder], tmp_path / "claims.csv")
    written = pd.read_csv(tmp_path / "claims.csv")
    assert list(written.columns) == list(f.COLUMNS)
    assert len(runs.at_run(written, RUN)) == len(written)
    (folder / "null" / "named.csv").unlink()
    with input_error("named.csv"):
        write_table([folder], tmp_path / "again.csv")
