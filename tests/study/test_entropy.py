"""Entropies of known distributions, the bias correction, and what decomposability means."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d import tables
from e3d.decomposition.decomposed import Decomposed
from e3d.fields import BONDS_FILE, MEANS_FILE, PAIRS_FILE
from e3d.fields import Column as C
from study.entropy.bins import Bins, Ints, binned, counted, information, joint, of_counts
from study.entropy.entropies import asymmetry, entropy_table
from study.entropy.fields import ALL, WITHIN
from study.entropy.mutual_information import decomposability_table
from study.entropy.non_bonded import non_bonded_table
from study.entropy.tables import histogram_table, require_one_sample_size, write_tables

WIDTHS = (0.05, 0.05, 0.02)
BINS = Bins(*WIDTHS)
EXACT = 1e-12  # a few operations on numbers near one, in float64


def plug_in(labels: Ints) -> float:
    return of_counts(np.unique(labels, return_counts=True)[1])[0]


def miller_madow(labels: Ints) -> float:
    return of_counts(np.unique(labels, return_counts=True)[1])[1]


def conditional_entropy(y: Ints, given: Ints, entropy: Callable[[Ints], float]) -> float:
    return float(sum((given == z).mean() * entropy(y[given == z]) for z in np.unique(given)))


def _part(
    kinds: Sequence[str],
    d: Sequence[float],
    molecules: Sequence[str],
    r: Sequence[float] | None = None,
) -> Decomposed:
    bonds = pd.DataFrame(
        {
            str(C.BOND_TYPE): list(kinds),
            str(C.BOND_ENERGY): np.asarray(d, dtype=float),
            str(C.MOLECULE): list(molecules),
            str(C.R): np.ones(len(d)) if r is None else np.asarray(r, dtype=float),
            str(C.EPS_IJ): -np.asarray(d, dtype=float) / 2,
            str(C.EPS_JI): -np.asarray(d, dtype=float) / 2,
            str(C.Z_I): 6,
            str(C.Z_J): 1,
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
    assert plug_in(np.array([0, 0, 0, 1])) == pytest.approx(
        -0.75 * np.log(0.75) - 0.25 * np.log(0.25), rel=EXACT
    )
    zero = plug_in(np.zeros(9, dtype=int))
    assert zero == 0.0
    assert not np.signbit(zero)
    assert miller_madow(np.array([0, 0, 0, 1])) == pytest.approx(
        plug_in(np.array([0, 0, 0, 1])) + 1 / 8, rel=EXACT
    )


def test_miller_madow_is_closer_to_the_truth_on_small_samples() -> None:
    rng = np.random.default_rng(0)
    p = np.arange(1, 9) / 36
    truth = float(-np.sum(p * np.log(p)))
    samples = [rng.choice(8, size=25, p=p) for _ in range(400)]
    plain, corrected = (
        np.mean([estimator(s) for s in samples]) - truth for estimator in (plug_in, miller_madow)
    )
    assert plain < -0.1
    # standard error of a mean of 400: 0.12 / 20 = 0.006; what remains is the bias of second order
    assert abs(corrected) < abs(plain) / 3, (plain, corrected)


def _information(x: Ints, y: Ints, given: Ints | None = None) -> tuple[float, float]:
    plain, corrected = information(
        x, y, np.zeros_like(x) if given is None else given, np.zeros_like(x)
    )
    return float(plain[0]), float(corrected[0])


def test_information_of_independent_labels_vanishes_after_correction_and_is_not_clipped() -> None:
    rng = np.random.default_rng(1)
    plain, corrected = np.array(
        [_information(*rng.integers(0, 4, size=(2, 60))) for _ in range(400)]
    ).T
    assert plain.min() >= -EXACT
    assert plain.mean() > 0.05
    assert (
        abs(corrected.mean()) < plain.mean() / 4
    )  # standard error 0.035 / 20, and a bias of second order
    assert corrected.min() < 0


def test_information_of_a_function_is_the_entropy() -> None:
    x = np.random.default_rng(2).integers(0, 12, size=300)
    y = x // 3
    for share, whole, itself in zip(
        _information(x, y), (plug_in(y), miller_madow(y)), _information(x, x), strict=True
    ):
        assert share == pytest.approx(whole, abs=EXACT)
        assert itself > share
    assert _information(x, x) == pytest.approx((plug_in(x), miller_madow(x)), abs=EXACT)
    assert _information(x, y)[0] == pytest.approx(_information(y, x)[0], abs=EXACT)


def test_counts_without_a_group_are_those_of_the_other_rows() -> None:
    rng = np.random.default_rng(4)
    labels, given, groups = (
        rng.integers(-3, 9, size=300),
        rng.integers(0, 4, size=300),
        rng.integers(0, 7, size=300),
    )
    labels[given == 2] = 0
    given[0] = 5  # one row alone: gone without its group
    found = counted(labels, given, groups)
    for row, group in enumerate([None, *range(7)]):
        keep = np.ones(300, dtype=bool) if group is None else groups != group
        for values, estimator in ((found.plain, plug_in), (found.corrected, miller_madow)):
            expected = conditional_entropy(labels[keep], given[keep], estimator)
            assert found.mean(values)[row] == pytest.approx(expected, rel=EXACT)
        several = keep & (given != 5)
        expected = conditional_entropy(labels[several], given[several], miller_madow)
        assert found.mean(found.corrected, at_least=2)[row] == pytest.approx(expected, rel=EXACT)


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
    chain = _information(joint(x, z), y)[0] - _information(z, y)[0]
    assert _information(x, y, z)[0] == pytest.approx(chain, abs=1e-11)
    assert _information(x, y, x)[0] == pytest.approx(0.0, abs=EXACT)


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
    # C-H has one order only; three orders of C and C in 90 of 120 bonds
    assert target[2] == pytest.approx(0.75 * np.log(3), rel=EXACT)


def test_elements_alone_give_types_but_no_orders() -> None:
    kinds = ["C-H", "C=C", "C-C", "C:C", "C~C"] * 40
    part = _part(
        kinds, [4.5 if "H" in k else 3.0 for k in kinds], [f"M{i % 9}" for i in range(200)]
    )
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
        part.bonds[C.BOND_TYPE],
        np.random.default_rng(9).permutation(d),
        part.bonds[C.MOLECULE],
        part.bonds[C.R],
    )
    assert _fraction(part, "I(D; type)", "fraction_mm") > 0.5
    assert abs(_fraction(shuffled, "I(D; type)", "fraction_mm")) < 0.1


def test_the_scale_free_form_does_not_see_the_scale() -> None:
    part = _random_part()
    bonds = part.bonds.copy()
    bonds[[C.BOND_ENERGY, C.EPS_IJ, C.EPS_JI]] /= 64
    small = Decomposed(part.structures, bonds, part.means)
    big, little = (
        entropy_table(p, BINS).set_index(["quantity", "bond_type"]) for p in (part, small)
    )
    for quantity in ("D/sd", "eps/sd", "A/sd"):
        pd.testing.assert_frame_equal(big.loc[quantity], little.loc[quantity], rtol=1e-9)
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
    assert (
        (table["entropy_mm_nats_lo"] < table["entropy_mm_nats"])
        & table["entropy_mm_nats_hi"].notna()
    ).all()


def test_no_interval_where_the_jackknife_would_claim_too_much() -> None:
    few = entropy_table(_part(["C-H"] * 20, np.arange(20) % 4, ["a", "b"] * 10), BINS)
    saturated = entropy_table(
        _part(["C-H"] * 20, np.arange(20) * 1.0, [f"M{i}" for i in range(20)]), BINS
    )
    uneven = entropy_table(
        _part(["C-H"] * 20, np.arange(20) * 1.0, [f"M{i // 3}" for i in range(20)]), BINS
    )
    constant = entropy_table(_part(["C-H"] * 20, [0.01] * 20, [f"M{i}" for i in range(20)]), BINS)
    for table in (few, saturated, uneven, constant):
        table = table[table["quantity"].isin(["D", "D/sd"])]  # the two eps of a bond are in one bin
        assert table["entropy_mm_nats"].notna().all()
        assert table[["entropy_mm_nats_lo", "entropy_mm_nats_hi"]].isna().all(axis=None)
    saturated = saturated[saturated["quantity"].isin(["D", "D/sd"])]
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


def test_tables_leave_out_frames_whose_bonds_changed(tmp_path: Path) -> None:
    folder = tmp_path / "test-molecules"
    folder.mkdir()
    bonds = _random_part().bonds
    bonds[C.INTACT] = np.arange(600) >= 100
    bonds.to_parquet(folder / BONDS_FILE)
    _pairs().to_parquet(folder / PAIRS_FILE)
    pd.DataFrame({C.SMILES: ["x"], C.BOND_ENERGY: [1.0], C.N: [1]}).to_csv(folder / MEANS_FILE)
    run = {"run": "a/n8/nano/s0", "dataset": "a", "n_train": 8, "model": "nano", "seed": 0}
    write_tables([folder], tmp_path / "s0.csv", *WIDTHS, run)
    table = tables.read(tmp_path / "s0.csv", columns=("run", "seed", "entropy_mm_nats"))
    everything = table[table[C.BOND_TYPE] == ALL].set_index("quantity")["n"].to_dict()
    bonds_of = {"D": 500, "D/sd": 500, "eps": 1000, "eps/sd": 1000, "A": 500, "A/sd": 500}
    assert everything == bonds_of | {"D non-bonded": 100}
    assert tables.read(tmp_path / "s0.histogram.csv")["count"].sum() == 500
    assert len(tables.read(tmp_path / "s0.decomposability.csv")) == 7
    assert set(tables.read(tmp_path / "s0.sensitivity.csv")["n_molecules"]) == {2, 3, 6, 12}
    first = (tmp_path / "s0.csv").read_bytes()
    write_tables([folder], tmp_path / "s0.csv", *WIDTHS, run)
    assert (tmp_path / "s0.csv").read_bytes() == first


def test_structures_without_a_bond_are_left_out_and_alone_are_one_line(
    tmp_path: Path, input_error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("test-molecules", "crystals"):
        (tmp_path / name).mkdir()
        bonds = _random_part().bonds.iloc[: 600 if name == "test-molecules" else 0]
        bonds.to_parquet(tmp_path / name / BONDS_FILE)
        _pairs().to_parquet(tmp_path / name / PAIRS_FILE)
        pd.DataFrame({C.SMILES: ["x"], C.BOND_ENERGY: [1.0], C.N: [1]}).to_csv(
            tmp_path / name / MEANS_FILE
        )
    run = {"run": "a/n8/nano/s0", "dataset": "a", "n_train": 8, "model": "nano", "seed": 0}
    with caplog.at_level("WARNING"):
        folders = [tmp_path / "test-molecules", tmp_path / "crystals"]
        write_tables(folders, tmp_path / "s0.csv", *WIDTHS, run)
    assert "crystals left out" in caplog.text
    assert set(tables.read(tmp_path / "s0.csv")[C.STRUCTURES]) == {"test-molecules"}
    with input_error("crystals: no intact frame with a known bond"):
        write_tables([tmp_path / "crystals"], tmp_path / "s1.csv", *WIDTHS, run)
    assert not list(tmp_path.glob("s1*"))


def _pairs() -> pd.DataFrame:
    """Non-bonded pairs: C-H in four bins of D, the outer two 0.05 eV away; H-H in one."""
    rows = [
        ("C-H", 1.1, -0.05, 10),
        ("C-H", 1.1, -0.01, 20),
        ("C-H", 1.3, 0.0, 10),
        ("C-H", 1.3, 0.04, 20),
    ]
    rows += [("C-H", 1.3, 0.05, 20), ("H-H", 1.1, 0.02, 20)]
    return pd.DataFrame(rows, columns=[C.ELEMENTS, "r_bin_ang", "bond_energy_bin_eV", C.COUNT])


def test_non_bonded_pairs_are_added_up_to_wider_bins_exactly() -> None:
    table = non_bonded_table("x", _pairs(), BINS).set_index(C.BOND_TYPE)
    # bins [-0.05, 0), [0, 0.05) and [0.05, 0.1): 30, 30 and 20 of C-H, 20 of H-H in the second
    expected = plug_in(np.repeat([0, 1, 2], [30, 30, 20]))
    assert table.loc["C-H", "entropy_nats"] == pytest.approx(expected, rel=EXACT)
    assert table.loc["C-H", "entropy_mm_nats"] == pytest.approx(expected + 2 / 160, rel=EXACT)
    assert table.loc["H-H", "entropy_nats"] == 0
    assert table.loc[ALL, "entropy_nats"] == pytest.approx(
        plug_in(np.repeat([0, 1, 2], [30, 50, 20])), rel=EXACT
    )
    assert table.loc[WITHIN, "entropy_nats"] == pytest.approx(0.8 * expected, rel=EXACT)
    assert table.loc["C-H", "differential_binned_nats"] == pytest.approx(
        expected + 2 / 160 + np.log(0.05), rel=EXACT
    )
    assert table[C.N].tolist() == [100, 100, 80, 20]
    fine = non_bonded_table("x", _pairs(), Bins(0.01, 0.05, 0.02)).set_index(C.BOND_TYPE)
    assert fine.loc["C-H", "occupied_bins"] == 5


def test_non_bonded_pairs_have_no_rows_where_bins_do_not_fit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert non_bonded_table("x", _pairs(), Bins(0.025, 0.05, 0.02)).empty
    assert "0.025 eV is no multiple" in caplog.text
    assert non_bonded_table("x", _pairs().iloc[:0], BINS).empty


def test_asymmetry_does_not_depend_on_the_order_of_atoms() -> None:
    rng = np.random.default_rng(5)
    bonds = pd.DataFrame(
        {C.EPS_IJ: rng.normal(size=40), C.EPS_JI: rng.normal(size=40), C.Z_I: 6, C.Z_J: 1}
    )
    bonds.loc[:19, C.Z_J] = 6
    swapped = bonds.rename(
        columns={C.EPS_IJ: C.EPS_JI, C.EPS_JI: C.EPS_IJ, C.Z_I: C.Z_J, C.Z_J: C.Z_I}
    )
    a = asymmetry(bonds)
    assert a.tolist() == asymmetry(swapped).tolist()
    assert (a[:20] >= 0).all()  # carbon and carbon
    assert (
        a[20:].tolist() == (bonds[C.EPS_JI] - bonds[C.EPS_IJ])[20:].tolist()
    )  # from hydrogen, which is j here


def test_both_edges_of_a_bond_count() -> None:
    part = _random_part()
    part.bonds[C.EPS_IJ], part.bonds[C.EPS_JI] = -1.0, -3.0
    table = entropy_table(part, BINS).set_index(["quantity", "bond_type"])
    assert table.loc[("eps", "C-H"), "entropy_nats"] == pytest.approx(np.log(2), rel=EXACT)
    assert table.loc[("A", "C-H"), "entropy_nats"] == 0
    assert table.loc[("eps", WITHIN), "n"] == 2 * table.loc[("A", WITHIN), "n"]


def test_entropies_of_different_sample_sizes_are_not_put_side_by_side(input_error: Any) -> None:
    rows = [
        {
            "run": f"r{k}",
            "dataset": "a",
            "model": f"m{k}",
            "structures": "test-molecules",
            "quantity": "D",
            "bond_type": kind,
            "n": n,
        }
        for k, sizes in enumerate([(10, 20), (10, 20)])
        for kind, n in zip(("C-H", "C-C"), sizes, strict=True)
    ]
    require_one_sample_size(pd.DataFrame(rows))
    rows[3]["n"] = 21
    with input_error("C-C", "different sample sizes", "same structures"):
        require_one_sample_size(pd.DataFrame(rows))
    rows[2]["dataset"] = rows[3]["dataset"] = "b"
    require_one_sample_size(pd.DataFrame(rows))
    rows[2]["dataset"] = rows[3]["dataset"] = "a"
    rows[3]["quantity"] = rows[1]["quantity"] = "D non-bonded"
    require_one_sample_size(pd.DataFrame(rows))  # another model, another cutoff, other pairs
    rows[2]["model"] = rows[3]["model"] = "m0"
    with input_error("C-C", "different sample sizes"):
        require_one_sample_size(pd.DataFrame(rows))
