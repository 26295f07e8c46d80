"""Agreement of D with a reference: against SciPy, and the coverage of paired differences."""

import numpy as np
import pytest
from scipy import stats

from e3d.statistics import deletions, estimate, jackknife
from e3d.statistics.agreement import (
    BETWEEN,
    BIAS,
    MAE,
    SCORES,
    TYPES_MAE,
    WITHIN,
    kendall,
    n_pairs,
    ranks,
    scores,
    spearman,
)

EXACT = 1e-12  # the same sums in another order, in float64


def _tau_by_type(x: np.ndarray, y: np.ndarray, kinds: np.ndarray) -> float:
    """Return SciPy's tau of each type, weighted by its pairs; equal to tau-a without ties."""
    parts = [(x[kinds == kind], y[kinds == kind]) for kind in np.unique(kinds.astype(str))]
    pairs = np.array([len(a) * (len(a) - 1) / 2 for a, _ in parts])
    taus = [stats.kendalltau(a, b).statistic if len(a) > 1 else 0.0 for a, b in parts]
    return float(pairs @ taus / pairs.sum())


@pytest.fixture
def bonds() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Forty bonds of six types in twelve molecules, and three made-up D of them."""
    rng = np.random.default_rng(3)
    kinds = rng.choice(list("abcdef"), size=40).astype(object)
    reference = rng.normal(4, 1, size=40)
    return reference + rng.normal(0, 0.5, (3, 40)), reference, kinds, rng.integers(0, 12, size=40)


def test_scores_agree_with_scipy_one_choice_at_a_time(bonds: tuple[np.ndarray, ...]) -> None:
    d, reference, kinds, molecules = bonds
    found = scores(d, reference, kinds, deletions(molecules))

    def type_means(x: np.ndarray, keep: np.ndarray) -> np.ndarray:
        present = np.unique(kinds[keep].astype(str))
        return np.array([x[keep & (kinds == kind)].mean() for kind in present])

    def means(x: np.ndarray, keep: np.ndarray) -> np.ndarray:
        return np.array([type_means(x, keep), type_means(reference, keep)])

    for row in range(3):
        one = {
            MAE: lambda keep, x=d[row]: float(np.abs(x - reference)[keep].mean()),
            BIAS: lambda keep, x=d[row]: float((x - reference)[keep].mean()),
            TYPES_MAE: lambda keep, x=d[row]: float(np.abs(np.diff(means(x, keep), axis=0)).mean()),
            BETWEEN: lambda keep, x=d[row]: float(stats.spearmanr(*means(x, keep)).statistic),
            WITHIN: lambda keep, x=d[row]: _tau_by_type(x[keep], reference[keep], kinds[keep]),
        }
        assert set(one) == set(SCORES)
        for name, statistic in one.items():
            expected, got = jackknife(statistic, molecules), estimate(found[name][row])
            np.testing.assert_allclose(
                [got.value, got.lo, got.hi], [expected.value, expected.lo, expected.hi], rtol=1e-10
            )
    counts = np.unique(kinds.astype(str), return_counts=True)[1]
    assert n_pairs(kinds) == (counts * (counts - 1) // 2).sum()


def test_equal_means_are_ties_whatever_their_rounding() -> None:
    d = np.array([[4.0, 4.0 + 1e-15, 4.0 - 1e-15]])
    kinds = np.array(["a", "a", "a"], dtype=object)
    keep = np.ones((1, 3), dtype=bool)
    assert scores(d, np.array([1.0, 2.0, 3.0]), kinds, keep)[WITHIN].item() == 0.0


def test_one_molecule_and_two_types_have_no_interval_and_no_rank() -> None:
    kinds, keep = np.array(["a", "b"], dtype=object), deletions(np.zeros(2, int))
    found = scores(np.array([[4.0, 5.0]]), np.array([4.0, 4.0]), kinds, keep)
    assert estimate(found[MAE][0]).value == 0.5
    assert np.isnan(estimate(found[MAE][0]).lo)
    assert np.isnan(found[BETWEEN][0, 0])
    assert np.isnan(found[WITHIN][0, 0])


def test_the_paired_interval_covers_the_difference_and_is_narrower_than_unpaired() -> None:
    """Two D share most of their error; their mean absolute errors are expected to differ by 0.3."""
    rng = np.random.default_rng(0)
    trials, molecules, per = 400, 25, 2
    groups = np.repeat(np.arange(molecules), per)
    kinds = np.full(len(groups), "a", dtype=object)
    keep, zero = deletions(groups), np.zeros(len(groups))
    covered, widths, apart = 0, [], []
    for _ in range(trials):
        shared = np.repeat(
            rng.normal(size=molecules), per
        )  # the molecule's own: rows of one molecule are not independent
        d = np.stack([5.0 + shared, 4.7 + shared + 0.3 * rng.normal(size=len(groups))])
        mae = scores(d, zero, kinds, keep)[MAE]
        difference = estimate(mae[0] - mae[1])
        covered += difference.lo <= 0.3 <= difference.hi
        widths.append(difference.half_width)
        apart.append(np.hypot(estimate(mae[0]).half_width, estimate(mae[1]).half_width))
    share = covered / trials
    assert abs(share - 0.95) < 4 * np.sqrt(0.95 * 0.05 / trials), share
    assert np.mean(widths) < 0.3 * np.mean(apart)


def test_ranks_are_scipys_about_their_mean() -> None:
    values = np.random.default_rng(5).integers(0, 6, size=(3, 25)).astype(float)  # with ties
    np.testing.assert_array_equal(ranks(values), stats.rankdata(values, axis=1) - 13)
    some = np.random.default_rng(6).random(25) < 0.6
    expected = np.zeros(25)
    expected[some] = stats.rankdata(values[0][some]) - (some.sum() + 1) / 2
    np.testing.assert_array_equal(ranks(values[0], present=some), expected)


def test_spearman_is_scipys_and_nan_where_undefined() -> None:
    x, y = np.random.default_rng(6).integers(0, 6, size=(2, 25)).astype(float)  # with ties
    expected = stats.spearmanr(x, y).statistic
    assert float(spearman(x, y)) == pytest.approx(expected, rel=EXACT)
    assert np.isnan(spearman(x, np.ones(25)))
    assert np.isnan(spearman(np.ones(25), y))
    assert np.isnan(spearman(x[:2], y[:2]))


def test_kendall_within_one_kind_is_scipys_without_ties() -> None:
    x, y = np.random.default_rng(7).normal(size=(2, 20))
    one = np.full(20, "one", dtype=object)
    expected = stats.kendalltau(x, y + x).statistic
    assert float(kendall(x, y + x, one)) == pytest.approx(expected, rel=EXACT)
    assert n_pairs(one) == 190


def test_kendall_counts_pairs_of_one_kind_only() -> None:
    """The order between types is perfect, within each type reversed: only the second may count."""
    x = np.array([1.0, 2, 3, 11, 12])
    y = np.array([3.0, 2, 1, 12, 11])
    two, one = np.array([*"aaabb"], dtype=object), np.array([*"aaaaa"], dtype=object)
    assert float(kendall(x, y, two)) == -1.0
    assert n_pairs(two) == 4
    assert float(kendall(x, y, one)) > 0
    assert float(kendall(x, np.array([1.0, 2, 3, 12, 11]), two)) == (3 - 1) / 4
    tied, rising = np.array([1.0, 1, 2]), np.array([1.0, 2, 3])
    assert float(kendall(tied, rising, one[:3])) == pytest.approx(2 / 3)
    assert np.isnan(kendall(x[:2], y[:2], np.array(["a", "b"], dtype=object)))
    assert n_pairs(np.array(["a", "b"], dtype=object)) == 0
