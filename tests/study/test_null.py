"""Null models on cases whose answer is known: additive energies, shuffles, and verdicts."""

import numpy as np
import pandas as pd
import pytest

from e3d.fields import Column as C
from e3d.statistics import UNDETERMINED, Estimate, deletions
from e3d.statistics.agreement import BETWEEN, BIAS, MAE, WITHIN, scores
from study.null.additivity import (
    DETERMINED,
    RIDGES,
    Decomposition,
    Molecules,
    cross_validation,
    fit,
    shrunk_to_parents,
)
from study.null.compare import (
    BETTER,
    NOT_JUDGED,
    WORSE,
    NullEnergies,
    comparison,
    judge,
)
from study.null.correlation import correlations
from study.null.names import COARSE, FINE, IN_TYPES, NULL_MODEL, PAIR, NullModel
from study.null.shuffle import expected, expected_absolute_error, shuffled

TRUE = np.array([-4.5, -3.6, -6.2, -8.1])


def additive(n: int = 30, noise: float = 0.0, seed: int = 0) -> Molecules:
    """Molecules whose energies are sums over four bond types, with noise."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 5, size=(n, 4)).astype(float)
    energy = counts @ TRUE + noise * rng.normal(size=n)
    return Molecules(
        ("a", "b", "c", "d"), counts, energy, rng.integers(1, 20, size=n).astype(float), np.eye(4)
    )


# --- additivity


def test_additive_energies_are_met_exactly() -> None:
    fitted = fit(additive())
    assert fitted.ridge == RIDGES[0]
    np.testing.assert_allclose(
        fitted.bond_energy, -TRUE, atol=1e-6
    )  # what the smallest ridge, 1e-8, leaves
    assert fitted.rank == 4
    assert fitted.determined.all()
    error, half = fitted.jackknife()
    assert error.max() < 1e-6
    assert (half >= error).all()


def test_no_ridge_is_least_squares_also_of_collinear_counts() -> None:
    data = additive(noise=0.3)
    twice = Molecules(
        ("a", "b", "c", "d", "d2"),
        np.hstack([data.counts, data.counts[:, 3:]]),
        data.energy,
        data.frames,
        np.eye(5),
    )
    root = np.sqrt(twice.frames)
    expected_c = np.linalg.lstsq(root[:, None] * twice.counts, root * twice.energy, rcond=None)[0]
    np.testing.assert_allclose(Decomposition(twice).coefficients(0.0), expected_c, atol=1e-10)
    np.testing.assert_allclose(Decomposition(twice).coefficients(1e-10), expected_c, atol=1e-6)
    fitted = fit(twice)
    assert fitted.rank == 4
    np.testing.assert_allclose(fitted.resolution, [1, 1, 1, 0.5, 0.5], atol=1e-10)
    assert fitted.determined.tolist() == [True, True, True, False, False]
    assert 0.5 < DETERMINED < 1
    sd = fitted.ridge_sd()
    assert sd[3:].min() > 100 * sd[:3].max(), "the ridge alone holds what the data do not"


def test_ridge_is_the_minimum_of_its_loss() -> None:
    data, ridge = additive(noise=0.3), 0.5
    parts = Decomposition(data)
    w = data.frames / data.frames.sum()
    normal = data.counts.T @ (w[:, None] * data.counts) + ridge * parts.scale * np.eye(4)
    np.testing.assert_allclose(
        parts.coefficients(ridge),
        np.linalg.solve(normal, data.counts.T @ (w * data.energy)),
        rtol=1e-10,
    )
    np.testing.assert_allclose(parts.variance(ridge), np.diag(np.linalg.inv(normal)), rtol=1e-10)


def test_cross_validation_shrinks_noise_and_keeps_a_signal() -> None:
    data = additive(n=60)
    noise = np.random.default_rng(1).normal(size=60)
    assert fit(Molecules(data.types, data.counts - 2, noise, data.frames, data.spread)).ridge >= 10
    assert fit(additive(n=60, noise=0.1)).ridge <= 1e-2


def test_a_molecule_with_a_type_of_its_own_does_not_choose_the_ridge() -> None:
    data = additive(n=20, noise=0.1)
    lone = np.zeros((21, 5))
    lone[:20, :4], lone[20, 4] = data.counts, 3.0
    more = Molecules(
        ("a", "b", "c", "d", "e"),
        lone,
        np.append(data.energy, 1e4),
        np.append(data.frames, 1.0),
        np.eye(5),
    )
    assert cross_validation(more).min() < 1.0, "its 10 keV would be an error in every fold"
    fitted = fit(more)
    error, half = fitted.jackknife()
    assert np.isnan(error[4])
    assert np.isnan(half[4])
    assert np.isfinite(error[:4]).all()


def test_too_few_molecules_have_no_cross_validation() -> None:
    fitted = fit(
        Molecules(("a",), np.array([[4.0]]), np.array([-18.0]), np.array([3.0]), np.eye(1))
    )
    assert np.isnan(fitted.cv_rmse_eV)
    np.testing.assert_allclose(fitted.bond_energy, [4.5], rtol=1e-6)
    empty = fit(Molecules((), np.empty((0, 0)), np.empty(0), np.empty(0), np.empty((0, 0))))
    assert len(empty.bond_energy) == empty.rank == 0


def test_fine_types_that_the_data_do_not_distinguish_get_the_coarse_value() -> None:
    data = additive(noise=0.0)
    split = np.hstack([data.counts[:, :3], data.counts[:, 3:], data.counts[:, 3:]])
    names, parents = ("a", "b", "c", "d1", "d2"), ["a", "b", "c", "d", "d"]
    fitted = fit(
        Molecules(
            names,
            split,
            data.counts @ TRUE + data.counts[:, 3] * TRUE[3],
            data.frames,
            shrunk_to_parents(parents),
        )
    )
    np.testing.assert_allclose(fitted.bond_energy, [*-TRUE, -TRUE[3]], atol=1e-3)
    assert fitted.determined.tolist() == [True, True, True, False, False]


# --- shuffles


def test_shuffling_keeps_every_group_and_its_sum() -> None:
    rng = np.random.default_rng(0)
    values, groups = rng.normal(size=50), rng.integers(0, 9, size=50)
    drawn = shuffled(values, groups, rng, 400)
    for group in range(9):
        here = groups == group
        np.testing.assert_array_equal(
            np.sort(drawn[:, here], axis=1),
            np.broadcast_to(np.sort(values[here]), (400, here.sum())),
        )
    assert (drawn != values).any()
    error = np.abs(drawn.mean(axis=0) - expected(values, groups))
    assert error.max() < 6 * values.std() / np.sqrt(400)


def test_the_exact_expectation_of_a_shuffled_error_is_what_draws_give() -> None:
    rng = np.random.default_rng(2)
    values, reference, groups = (
        rng.normal(size=30),
        rng.normal(size=30),
        rng.integers(0, 4, size=30),
    )
    keep = deletions(rng.integers(0, 5, size=30))
    exact = expected_absolute_error(values, reference, groups, keep)
    kinds = groups.astype(str).astype(object)
    drawn = scores(shuffled(values, groups, rng, 4000), reference, kinds, keep)
    assert abs(drawn[MAE][:, 0].mean() - exact[0]) < 6 * drawn[MAE][:, 0].std() / np.sqrt(4000)
    for kept, one in zip(
        keep, exact, strict=True
    ):  # a molecule left out is neither scored nor dealt
        part = values[kept], reference[kept], groups[kept]
        assert expected_absolute_error(*part, np.ones((1, kept.sum()), dtype=bool))[
            0
        ] == pytest.approx(one, abs=1e-12)
    assert np.abs(drawn[WITHIN].mean(axis=0)).max() < 6 * drawn[WITHIN].std() / np.sqrt(4000)


# --- comparison


@pytest.fixture
def named() -> pd.DataFrame:
    """Forty named bonds of five types, two a molecule; D is BDE298 with noise."""
    rng = np.random.default_rng(5)
    kinds = np.array(list("abcde") * 8)
    truth = np.array([3.0, 4.0, 5.0, 6.0, 7.0] * 8) + 0.2 * rng.normal(size=40)
    return pd.DataFrame(
        {
            C.GEOMETRY: "relaxed",
            C.STRUCTURES: "named-bonds",
            "bond": [f"b{k}" for k in range(40)],
            C.BOND_TYPE: kinds,
            C.MOLECULE: [f"m{k // 2}" for k in range(40)],
            C.BOND_ENERGY: truth + 0.5 * rng.normal(size=40),
            "bde298_eV": truth,
            "de_eV": np.nan,
            "mean_bond_energy_eV": truth - 0.3,
        }
    )


ERRORS = (C.TEST_SET, C.GROUP_KIND, C.GROUP, C.N_FRAMES, "n_atoms", C.ENERGY_MAE, C.FORCE_MAE)
NO_ERRORS = pd.DataFrame(columns=[*ERRORS, C.MODEL])


def compared(named: pd.DataFrame, *nulls: NullEnergies, draws: int = 50) -> pd.DataFrame:
    return comparison(named, nulls, draws, NO_ERRORS, NO_ERRORS)


def _one(table: pd.DataFrame, score: str, null: NullModel, reference: str = "bde298") -> pd.Series:
    rows = table[(table["score"] == score) & (table[NULL_MODEL] == null.name)]
    rows = rows[rows["reference"] == reference]
    assert len(rows) == 1
    return rows.iloc[0]


def test_an_exact_null_wins_and_a_poor_one_loses(named: pd.DataFrame) -> None:
    truth = named["bde298_eV"].to_numpy()[None]
    table = compared(named, NullEnergies(COARSE, truth), NullEnergies(FINE, 20.0 - truth))
    best, poor = _one(table, MAE, COARSE), _one(table, MAE, FINE)
    assert best["verdict"] == WORSE
    assert best["null_value"] == 0.0
    assert (
        best["difference"]
        == best["e3d"]
        == pytest.approx(np.abs(named[C.BOND_ENERGY] - truth[0]).mean())
    )
    assert poor["verdict"] == BETTER
    assert _one(table, WITHIN, FINE)["null_value"] == pytest.approx(-1.0)
    assert _one(table, BIAS, FINE)["verdict"] == NOT_JUDGED
    assert _one(table, "abs_bias_eV", FINE)["verdict"] == BETTER
    assert _one(table, MAE, COARSE, "mean_bond_energy")["null_value"] == pytest.approx(0.3)
    assert not (table["reference"] == "de").any(), "no bond has it"


def test_the_same_d_is_undetermined(named: pd.DataFrame) -> None:
    same = named[C.BOND_ENERGY].to_numpy()[None]
    table = compared(named, NullEnergies(PAIR, same))
    table = table[table[NULL_MODEL] == PAIR.name]
    assert (table["difference"] == 0).all()
    assert set(table["verdict"]) == {UNDETERMINED, NOT_JUDGED}


def test_bonds_without_a_null_are_left_out_of_both_and_counted(named: pd.DataFrame) -> None:
    d = named["bde298_eV"].to_numpy()[None].copy()
    d[0, named[C.BOND_TYPE] == "a"] = np.nan
    row = _one(compared(named, NullEnergies(COARSE, d)), MAE, COARSE)
    rest = named[named[C.BOND_TYPE] != "a"]
    assert (row[C.N], row["n_without"]) == (32, 8)
    assert row["e3d"] == pytest.approx((rest[C.BOND_ENERGY] - rest["bde298_eV"]).abs().mean())


def test_shuffling_in_types_touches_only_what_is_within_types(named: pd.DataFrame) -> None:
    table = compared(named.assign(**{C.BOND_ENERGY: named["bde298_eV"]}), draws=300)
    assert set(table["score"]) == {MAE, WITHIN}
    row = _one(table, WITHIN, IN_TYPES)
    assert (row["e3d"], row["null_value"], row["verdict"]) == (1.0, 0.0, BETTER)
    assert -0.5 < row["null_value_lo"] < 0 < row["null_value_hi"] < 0.5
    means = named.groupby(C.BOND_TYPE)["bde298_eV"].transform("mean")
    random = compared(named.assign(**{C.BOND_ENERGY: means}), draws=300)
    assert _one(random, WITHIN, IN_TYPES)["verdict"] == UNDETERMINED


@pytest.mark.parametrize(
    ("score", "interval", "draws", "word"),
    [
        (MAE, (-0.5, -0.3, -0.1), None, BETTER),
        (MAE, (0.5, 0.3, 0.7), None, WORSE),
        (WITHIN, (0.5, 0.3, 0.7), None, BETTER),
        (WITHIN, (-0.5, -0.7, -0.3), None, WORSE),
        (WITHIN, (0.5, -0.1, 1.1), None, UNDETERMINED),
        (WITHIN, (0.5, np.nan, np.nan), None, UNDETERMINED),
        (WITHIN, (0.5, 0.3, 0.7), Estimate(0.0, -0.9, 0.9), UNDETERMINED),
        (WITHIN, (0.5, 0.3, 0.7), Estimate(0.0, -0.2, 0.2), BETTER),
    ],
)
def test_verdicts(
    score: str, interval: tuple[float, float, float], draws: Estimate | None, word: str
) -> None:
    value, *ends = interval
    assert judge(score, Estimate(value, min(ends), max(ends)), 0.5, draws) == word


def test_test_errors_are_paired_by_molecule(named: pd.DataFrame) -> None:
    sizes = {
        C.TEST_SET: "test-molecules",
        C.GROUP_KIND: "molecule",
        C.N_FRAMES: 2,
        "n_atoms": 10,
        C.FORCE_MAE: 100.0,
    }
    ours = pd.DataFrame(
        [{**sizes, C.GROUP: f"m{k}", C.ENERGY_MAE: 10.0 + 3 * k} for k in range(12)]
    )
    theirs = ours.assign(**{C.ENERGY_MAE: ours[C.ENERGY_MAE] + 2.0, C.MODEL: COARSE.name}).iloc[1:]
    table = comparison(named.iloc[:0], [], 0, ours, theirs).set_index("score")
    row = table.loc[str(C.ENERGY_MAE)]
    np.testing.assert_allclose(
        [row["difference"], row["difference_lo"], row["difference_hi"]], -2.0, rtol=1e-12
    )
    assert (row["verdict"], row[C.N_MOLECULES], row["n_without"]) == (BETTER, 11, 1)
    assert table.loc[str(C.FORCE_MAE), "verdict"] == UNDETERMINED
    assert row["e3d"] == pytest.approx(ours[C.ENERGY_MAE].iloc[1:].mean())


def test_correlation_within_types_is_not_that_between_types(named: pd.DataFrame) -> None:
    kinds = named.groupby(C.BOND_TYPE)[C.BOND_ENERGY].transform("mean")
    within = named[C.BOND_ENERGY] - kinds
    bonds = named.assign(
        **{
            COARSE.column: kinds,
            FINE.column: kinds - within,
            PAIR.column: named[C.BOND_ENERGY] - 1,
        }
    )
    table = correlations(bonds).set_index(NULL_MODEL)
    assert table.loc[COARSE.name, "pearson"] > 0.9
    assert np.isnan(table.loc[COARSE.name, "within_types_pearson"])
    assert table.loc[FINE.name, "within_types_pearson"] == pytest.approx(-1.0)
    assert table.loc[PAIR.name, "pearson"] == pytest.approx(1.0)
    assert table.loc[PAIR.name, "mean_difference_eV"] == pytest.approx(1.0)
    both = bonds.groupby(C.STRUCTURES).size().iloc[0]
    assert table.loc[PAIR.name, C.N] == both
    x, y = bonds[C.BOND_ENERGY], bonds[FINE.column]
    assert table.loc[FINE.name, "pearson"] == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_a_rank_that_no_molecule_can_change_decides_nothing() -> None:
    """Four types keep their order whichever molecule is left out: the interval has no width."""
    same = Estimate(0.2, 0.2, 0.2)
    assert judge(BETWEEN, same, 1.0) == UNDETERMINED
    assert (
        judge(WITHIN, Estimate(1.0, 1.0, 1.0), 1.0, Estimate(0.0, -0.3, 0.3)) == BETTER
    )  # a permutation test
