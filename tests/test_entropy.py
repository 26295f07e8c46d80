"""Entropies of known distributions, the bias correction, and what decomposability means."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d import tables
from e3d.decompose.load import Decomposed
from e3d.entropy import (
    ALL,
    WITHIN,
    Bins,
    binned,
    conditional_entropy,
    conditional_information,
    decomposability_table,
    entropy_table,
    histogram_table,
    information,
    joint,
    miller_madow,
    plug_in,
    require_one_sample_size,
    run_tables,
)
from e3d.fields import BONDS_FILE, MEANS_FILE
from e3d.fields import Column as C

BINS = Bins(bond_energy_eV=0.05, scaled=0.05, r_ang=0.02)
EXACT = 1e-12  # a few operations on numbers near one, in float64


def _part(
    kinds: Sequence[str], d: Sequence[float], molecules: Sequence[str], r: Sequence[float] | None = None
) -> Decomposed:
    bonds = pd.DataFrame(
        {
            str(C.BOND_TYPE): list(kinds),
            str(C.BOND_ENERGY): np.asarray(d, dtype=float),
            str(C.MOLECULE): list(molecules),
            str(C.R): np.ones(len(d)) if r is None else np.asarray(r, dtype=float),
            str(C.INTACT): True,
        }
    )
    return Decomposed("test-molecules", bonds, pd.DataFrame())


def _random_part(n: int = 600, n_molecules: int = 12, seed: int = 0) -> Decomposed:
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["C-H", "C-C", "C=C"], size=n)
    centre = pd.Series({"C-H": 4.5, "C-C": 3.8, "C=C": 6.0})[kinds].to_numpy()
    molecules = [f"M{k}" for k in rng.integers(0, n_molecules, size=n)]
    return _part(kinds, centre + 0.3 * rng.normal(size=n), molecules, rng.normal(1.2, 0.1, size=n))


def test_entropy_of_known_distributions() -> None:
    assert plug_in(np.repeat(np.arange(8), 5)) == pytest.approx(np.log(8), rel=EXACT)
    assert plug_in(np.array([0, 0, 0, 1])) == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25), rel=EXACT)
    zero = plug_in(np.zeros(9, dtype=int))
    assert zero == 0.0
    assert not np.signbit(zero)
    assert miller_madow(np.array([0, 0, 0, 1])) == pytest.approx(plug_in(np.array([0, 0, 0, 1])) + 1 / 8, rel=EXACT)


def test_miller_madow_is_closer_to_the_truth_on_small_samples() -> None:
    rng = np.random.default_rng(0)
    p = np.arange(1, 9) / 36
    truth = float(-np.sum(p * np.log(p)))
    samples = [rng.choice(8, size=25, p=p) for _ in range(400)]
    plain, corrected = (np.mean([estimator(s) for s in samples]) - truth for estimator in (plug_in, miller_madow))
    assert plain < -0.1
    # standard error of a mean of 400: 0.12 / 20 = 0.006; what remains is the bias of second order
    assert abs(corrected) < abs(plain) / 3, (plain, corrected)


def test_information_of_independent_labels_vanishes_after_correction_and_is_not_clipped() -> None:
    rng = np.random.default_rng(1)
    pairs = [rng.integers(0, 4, size=(2, 60)) for _ in range(400)]
    plain = np.array([information(x, y, plug_in) for x, y in pairs])
    corrected = np.array([information(x, y, miller_madow) for x, y in pairs])
    assert plain.min() >= -EXACT
    assert plain.mean() > 0.05
    assert abs(corrected.mean()) < plain.mean() / 4  # standard error 0.035 / 20, and a bias of second order
    assert corrected.min() < 0


def test_information_of_a_function_is_the_entropy() -> None:
    x = np.random.default_rng(2).integers(0, 12, size=300)
    y = x // 3
    for entropy in (plug_in, miller_madow):
        assert information(x, y, entropy) == pytest.approx(entropy(y), abs=EXACT)
        assert information(x, x, entropy) == pytest.approx(entropy(x), abs=EXACT)
    assert information(x, y, plug_in) == pytest.approx(information(y, x, plug_in), abs=EXACT)


def test_joint_labels_are_one_per_pair() -> None:
    first, second = np.array([0, 0, 1, 1, 0]), np.array([-5, 7, -5, 7, -5])
    labels = joint(first, second)
    assert labels[0] == labels[4]
    assert len(set(labels.tolist())) == 4


def test_chain_rules_of_the_conditional_forms() -> None:
    rng = np.random.default_rng(3)
    x, y, z = rng.integers(0, 4, size=(3, 500))
    y = (x + y) % 3
    h = conditional_entropy(y, z, plug_in)
    assert h == pytest.approx(plug_in(joint(y, z)) - plug_in(z), abs=EXACT)
    chain = information(joint(x, z), y, plug_in) - information(z, y, plug_in)
    assert conditional_information(x, y, z, plug_in) == pytest.approx(chain, abs=1e-11)
    assert conditional_information(x, y, x, plug_in) == pytest.approx(0.0, abs=EXACT)


def test_bins_are_multiples_of_the_width() -> None:
    assert binned(np.array([-0.01, 0.0, 0.049, 0.051, 4.999]), 0.05).tolist() == [-1, 0, 0, 1, 99]


def _fraction(part: Decomposed, measure: str, column: str = "fraction") -> float:
    table = decomposability_table(part, BINS).set_index("measure")
    return float(table.loc[measure, column])


def test_decomposability_is_one_where_d_separates_the_types() -> None:
    kinds = ["C-H", "C-C", "C=C", "C#C"] * 30
    centre = {"C-H": 4.51, "C-C": 3.81, "C=C": 6.01, "C#C": 8.01}
    part = _part(kinds, [centre[k] for k in kinds], [f"M{i % 7}" for i in range(120)])
    assert _fraction(part, "I(D; type)") == pytest.approx(1.0, abs=EXACT)
    assert _fraction(part, "I(D; type)", "fraction_mm") == pytest.approx(1.0, abs=EXACT)
    assert _fraction(part, "I(D; order | elements)") == pytest.approx(1.0, abs=EXACT)
    assert _fraction(part, "I(r; type)") == pytest.approx(0.0, abs=EXACT)
    target = decomposability_table(part, BINS)["target_entropy_nats"]
    assert target[0] == pytest.approx(np.log(4), rel=EXACT)
    # C-H tells nothing of an order; three orders of C and C in 90 of 120 bonds
    assert target[2] == pytest.approx(0.75 * np.log(3), rel=EXACT)


def test_elements_alone_tell_types_but_no_orders() -> None:
    kinds = ["C-H", "C=C", "C-C", "C:C", "C~C"] * 40
    part = _part(kinds, [4.5 if "H" in k else 3.0 for k in kinds], [f"M{i % 9}" for i in range(200)])
    assert 0.3 < _fraction(part, "I(D; type)") < 0.9
    # four orders of C and C, the unknown one of periodic structures among them, in 160 of 200 bonds
    expected = pytest.approx(0.8 * np.log(4), rel=EXACT)
    assert _fraction(part, "I(D; order | elements)", "target_entropy_nats") == expected
    assert _fraction(part, "I(D; order | elements)") == pytest.approx(0.0, abs=EXACT)
    assert _fraction(part, "I(D; order | elements)", "fraction_mm") < 0.01


def test_one_type_has_no_decomposability() -> None:
    table = decomposability_table(_part(["C-H"] * 6, np.arange(6), list("aabbcc")), BINS)
    assert table["fraction"].isna().all()
    assert (table["target_entropy_nats"] == 0).all()


def test_shuffling_d_destroys_decomposability() -> None:
    part = _random_part()
    d = part.bonds[C.BOND_ENERGY].to_numpy()
    shuffled = _part(
        part.bonds[C.BOND_TYPE], np.random.default_rng(9).permutation(d), part.bonds[C.MOLECULE], part.bonds[C.R]
    )
    assert _fraction(part, "I(D; type)", "fraction_mm") > 0.5
    assert abs(_fraction(shuffled, "I(D; type)", "fraction_mm")) < 0.1


def test_the_scale_free_form_does_not_see_the_scale() -> None:
    part = _random_part()
    small = Decomposed(
        part.structures, part.bonds.assign(**{C.BOND_ENERGY: part.bonds[C.BOND_ENERGY] / 64}), part.means
    )
    big, little = (entropy_table(p, BINS).set_index(["quantity", "bond_type"]) for p in (part, small))
    pd.testing.assert_frame_equal(big.loc["D/sd"], little.loc["D/sd"])
    assert big.loc[("D", ALL), "entropy_nats"] > little.loc[("D", ALL), "entropy_nats"] + 1
    for measure, same in (("I(D/sd; type)", True), ("I(D; type)", False)):
        assert (abs(_fraction(part, measure) - _fraction(small, measure)) < EXACT) == same


def test_within_types_is_the_mean_over_types() -> None:
    table = entropy_table(_random_part(), BINS).set_index(["quantity", "bond_type"]).loc["D"]
    types = table.drop([ALL, WITHIN])
    for column in ("entropy_nats", "entropy_mm_nats"):
        expected = np.average(types[column], weights=types["n"])
        assert table.loc[WITHIN, column] == pytest.approx(expected, rel=EXACT)
    assert table.loc[WITHIN, "entropy_nats"] < table.loc[ALL, "entropy_nats"]
    assert types["n"].sum() == table.loc[ALL, "n"] == table.loc[WITHIN, "n"] == 600
    assert ((table["entropy_mm_nats_lo"] < table["entropy_mm_nats"]) & table["entropy_mm_nats_hi"].notna()).all()


def test_no_interval_where_the_jackknife_would_lie() -> None:
    few = entropy_table(_part(["C-H"] * 20, np.arange(20) % 4, ["a", "b"] * 10), BINS)
    saturated = entropy_table(_part(["C-H"] * 20, np.arange(20) * 1.0, [f"M{i}" for i in range(20)]), BINS)
    uneven = entropy_table(_part(["C-H"] * 20, np.arange(20) * 1.0, [f"M{i // 3}" for i in range(20)]), BINS)
    constant = entropy_table(_part(["C-H"] * 20, [0.01] * 20, [f"M{i}" for i in range(20)]), BINS)
    for table in (few, saturated, uneven, constant):
        assert table["entropy_mm_nats"].notna().all()
        assert table[["entropy_mm_nats_lo", "entropy_mm_nats_hi"]].isna().all(axis=None)
    assert saturated["entropy_nats"].to_numpy() == pytest.approx(np.log(20), rel=EXACT)


def test_constant_d_has_no_entropy() -> None:
    table = entropy_table(_part(["C-H", "C-C"] * 5, [0.0] * 10, list("aabbccddee")), BINS)
    assert (table["entropy_nats"] == 0).all()
    assert set(table["occupied_bins"]) == {1}


def test_histogram_counts_every_bond() -> None:
    part = _random_part()
    table = histogram_table(part, BINS)
    assert table[C.COUNT].sum() == 600
    totals = table.groupby(C.BOND_TYPE)[C.COUNT].sum().to_dict()
    assert totals == part.bonds[C.BOND_TYPE].value_counts().to_dict()
    d = part.bonds[C.BOND_ENERGY]
    row = table.iloc[5]
    inside = (part.bonds[C.BOND_TYPE] == row[C.BOND_TYPE]) & (d >= row["bond_energy_bin_eV"] - 1e-9)
    assert int((inside & (d < row["bond_energy_bin_eV"] + 0.05 - 1e-9)).sum()) == row[C.COUNT]


def test_run_tables_leave_out_frames_whose_bonds_changed(tmp_path: Path) -> None:
    folder = tmp_path / "test-molecules"
    folder.mkdir()
    bonds = _random_part().bonds
    bonds[C.INTACT] = np.arange(600) >= 100
    bonds.to_parquet(folder / BONDS_FILE)
    pd.DataFrame({C.SMILES: ["x"], C.BOND_ENERGY: [1.0], C.N: [1]}).to_csv(folder / MEANS_FILE)
    run = {"run": "a/n8/nano/s0", "dataset": "a", "n_train": 8, "model": "nano", "seed": 0}
    run_tables([folder], tmp_path / "s0.csv", BINS, run)
    table = tables.read(tmp_path / "s0.csv", columns=("run", "seed", "entropy_mm_nats"))
    assert table.loc[table[C.BOND_TYPE] == ALL, "n"].tolist() == [500, 500]
    assert tables.read(tmp_path / "s0.histogram.csv")["count"].sum() == 500
    assert len(tables.read(tmp_path / "s0.decomposability.csv")) == 5
    first = (tmp_path / "s0.csv").read_bytes()
    run_tables([folder], tmp_path / "s0.csv", BINS, run)
    assert (tmp_path / "s0.csv").read_bytes() == first


def test_entropies_of_different_sample_sizes_are_not_put_side_by_side(input_error: Any) -> None:
    rows = [
        {"run": f"r{k}", "dataset": "a", "structures": "test-molecules", "bond_type": kind, "n": n}
        for k, sizes in enumerate([(10, 20), (10, 20)])
        for kind, n in zip(("C-H", "C-C"), sizes, strict=True)
    ]
    require_one_sample_size(pd.DataFrame(rows))
    rows[3]["n"] = 21
    with input_error("C-C", "different sample sizes", "same structures"):
        require_one_sample_size(pd.DataFrame(rows))
    rows[2]["dataset"] = rows[3]["dataset"] = "b"
    require_one_sample_size(pd.DataFrame(rows))
