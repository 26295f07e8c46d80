"""Robustness: an offset between theories is taken out, what is left is set against the seeds."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d import tables
from e3d.fields import Column as C
from study.robustness import findings as words
from study.robustness.fields import BEYOND
from study.robustness.figure_robustness import make
from study.robustness.tables import BOND_COLUMNS, PAIR_COLUMNS, compare, write_tables

TYPES = {"C-H": 4.4, "C-C": 3.6, "C=C": 6.0, "C#C": 8.5, "H-O": 4.8}
SLOPE, OFFSET = 1.2, -0.3


def _named(seeds: int, noise: float, rng: np.random.Generator, sets: int = 2) -> pd.DataFrame:
    rows = []
    base = {f"{kind} {k}": (kind, d + 0.1 * k) for kind, d in TYPES.items() for k in range(6)}
    for index, seed in product(range(sets), range(seeds)):
        run = {**_run(index, seed), C.GEOMETRY: "relaxed"}
        for number, (bond, (kind, d)) in enumerate(base.items()):
            energy = (SLOPE * d + OFFSET if index else d) + noise * rng.normal()
            about = {"bond": bond, C.BOND_TYPE: kind, C.MOLECULE: f"molecule {number}"}
            trained = (number + index) % 2 == 0
            rows.append({**run, **about, C.IN_TRAINING: trained, C.BOND_ENERGY: energy})
    return pd.DataFrame(rows).rename(columns=str)


def _run(index: int, seed: int) -> dict[str, Any]:
    name = f"s{index}/n200/micro/s{seed}"
    return {C.RUN: name, C.DATASET: f"s{index}", C.N_TRAIN: 200, C.MODEL: "micro", C.SEED: seed}


def test_a_line_between_theories_is_taken_out_exactly() -> None:
    pairs, bonds = compare(_named(1, 0.0, np.random.default_rng(0)))
    row = pairs[pairs["molecules"] == "all"].iloc[0]
    assert (row["slope"], row["intercept_eV"], row["pearson"]) == pytest.approx(
        (SLOPE, OFFSET, 1.0), abs=1e-12
    )
    assert row["rms_line_eV"] < 1e-12  # float64 rounding of a few eV
    assert row["rms_raw_eV"] > row["rms_constant_eV"] > 0.2
    assert np.abs(bonds["residual_line_eV"]).max() < 1e-12
    assert row["beyond_seeds"] == "undetermined"  # one seed
    assert set(pairs["molecules"]) == {"all", "one"}


def test_intervals_cover_slope_and_seeds_explain_what_seeds_made() -> None:
    rng, trials = np.random.default_rng(1), 40
    rows = [compare(_named(5, 0.2, rng))[0].iloc[0] for _ in range(trials)]
    covered = np.mean([row["slope_lo"] < SLOPE < row["slope_hi"] for row in rows])
    assert covered > 0.85, (
        covered
    )  # 95 %, standard error 0.035; noise in x shrinks the slope by 0.3 %
    ratio = np.mean([row["ratio_line"] for row in rows])
    assert ratio == pytest.approx(1, abs=0.1), ratio
    assert np.mean([row["beyond_seeds"] == "yes" for row in rows]) < 0.1


def test_bonds_that_move_together_from_seed_to_seed_are_not_taken_for_many() -> None:
    """Three seeds, one number each, bonds going up or down with it: many, over molecules alone."""
    rng, found, alone = np.random.default_rng(5), [], []
    for _ in range(30):
        named = _named(3, 0.0, rng)
        cells = named.groupby([str(C.RUN)]).ngroup().to_numpy()
        number = named["bond"].str.split().str[1].astype(int).to_numpy()
        named[C.BOND_ENERGY] += 0.3 * (rng.normal(size=cells.max() + 1)[cells]) * (-1) ** number
        row = compare(named)[0].iloc[0]
        found.append(row["beyond_seeds"] == "yes")
        alone.append(row["ratio_line_lo"] > 1)
    assert np.mean(found) < 0.1
    assert np.mean(alone) > 0.2


def test_two_seeds_of_one_set_conclude_nothing() -> None:
    named = _named(3, 0.01, np.random.default_rng(6))
    second = named[C.DATASET] == "s1"
    shift = named["bond"].map(
        {bond: 5 * np.sin(7 * k) for k, bond in enumerate(named["bond"].unique())}
    )
    named.loc[second, C.BOND_ENERGY] += shift[second]
    assert compare(named)[0].iloc[0]["beyond_seeds"] == "yes"
    fewer = named[~(second & (named[C.SEED] == 2))]
    assert compare(fewer)[0].iloc[0]["beyond_seeds"] == "undetermined"


def test_more_than_seeds_is_seen() -> None:
    named = _named(5, 0.05, np.random.default_rng(2))
    second = named[C.DATASET] == "s1"
    shift = named["bond"].map(
        {bond: 0.5 * np.sin(7 * k) for k, bond in enumerate(named["bond"].unique())}
    )
    named.loc[second, C.BOND_ENERGY] += shift[second]
    row = compare(named)[0].iloc[0]
    assert row["beyond_seeds"] == "yes"


def test_seeds_that_one_set_lacks_do_not_count() -> None:
    named = _named(5, 0.2, np.random.default_rng(9))
    fewer = named[~((named[C.DATASET] == "s1") & (named[C.SEED] > 2))]
    row = compare(fewer)[0].iloc[0]
    assert (row["n_seeds_a"], row["n_seeds_b"]) == (3, 3)
    pd.testing.assert_frame_equal(compare(fewer)[0], compare(named[named[C.SEED] < 3])[0])


def test_one_dataset_gives_columns_and_no_sentence(tmp_path: Path) -> None:
    tables.write(_named(2, 0.1, np.random.default_rng(3), sets=1), tmp_path / "named.csv")
    write_tables(tmp_path / "named.csv", tmp_path / "pairs.csv")
    pairs, bonds = (tables.read(tmp_path / f"{name}.csv") for name in ("pairs", "bonds"))
    assert (list(pairs), list(bonds)) == (list(PAIR_COLUMNS), list(BOND_COLUMNS))
    assert pairs.empty
    assert not list(words.sentences({"robustness/pairs": pairs}, ("s0", "micro", 200)))


@pytest.mark.parametrize("more", [0.0, 0.3])
def test_a_run_is_there_once(more: float, tmp_path: Path, input_error: Any) -> None:
    named = _named(3, 0.1, np.random.default_rng(4))
    again = named[named[C.RUN] == named[C.RUN].iloc[0]].copy()
    again[C.BOND_ENERGY] += more
    pd.concat([named, again]).to_csv(tmp_path / "named.csv", index=False)
    with input_error("is the second about s0/n200/micro/s0"):
        write_tables(tmp_path / "named.csv", tmp_path / "pairs.csv")


def test_a_sentence_gives_the_interval_that_decides(tmp_path: Path) -> None:
    tables.write(_named(3, 0.1, np.random.default_rng(4)), tmp_path / "named.csv")
    write_tables(tmp_path / "named.csv", tmp_path / "pairs.csv")
    pairs = tables.read(tmp_path / "pairs.csv")
    (text,) = words.sentences({"robustness/pairs": pairs}, ("s0", "micro", 200))
    row = pairs[pairs["molecules"] == "all"].iloc[0]
    assert "D of the same 30 bonds is not shown to differ between s0 and s1 by more than" in text
    assert f"[{row['ratio_line_seeds_lo']:.2f}, {row['ratio_line_seeds_hi']:.2f}]" in text


def test_the_figure_says_in_how_many_pairs_d_differs(tmp_path: Path) -> None:
    tables.write(_named(3, 0.1, np.random.default_rng(4)), tmp_path / "named.csv")
    write_tables(tmp_path / "named.csv", tmp_path / "pairs.csv")
    made = {
        f"robustness/{name}": tables.read(tmp_path / f"{name}.csv") for name in ("pairs", "bonds")
    }
    one = " ".join(make(made).get_suptitle().split())
    assert one.startswith("D of the same 30 bonds is not shown to differ between s0 and s1")
    pairs = made["robustness/pairs"]
    second = pairs.assign(**{"dataset_b": "s2", BEYOND: "yes"})
    bonds = made["robustness/bonds"]
    made["robustness/pairs"] = pd.concat([pairs, second], ignore_index=True)
    made["robustness/bonds"] = pd.concat([bonds, bonds.assign(dataset_b="s2")], ignore_index=True)
    assert "In 1 of 2 pairs of training sets" in make(made).get_suptitle()


def test_a_bond_without_d_is_left_out() -> None:
    named = _named(3, 0.1, np.random.default_rng(8))
    named.loc[(named["bond"] == "C-H 0") & (named[C.DATASET] == "s0"), C.BOND_ENERGY] = np.nan
    row = compare(named)[0].iloc[0]
    assert row["n_bonds"] == 29
    assert np.isfinite(row["ratio_line_lo"])
