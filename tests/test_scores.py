"""Scores of D on named bonds: against the one-at-a-time statistics, and the coverage of paired differences."""

import numpy as np
import pytest

from e3d.scores import BETWEEN, BIAS, MAE, SCORES, TYPES_MAE, WITHIN, deletions, estimate, n_pairs, scores
from e3d.statistics import jackknife, spearman, stratified_kendall


@pytest.fixture
def bonds() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Forty bonds of six types in twelve molecules, and three made-up D of them."""
    rng = np.random.default_rng(3)
    kinds = rng.choice(list("abcdef"), size=40).astype(object)
    reference = rng.normal(4, 1, size=40)
    return reference + rng.normal(0, 0.5, (3, 40)), reference, kinds, rng.integers(0, 12, size=40)


def test_scores_agree_with_the_statistics_one_at_a_time(bonds: tuple[np.ndarray, ...]) -> None:
    d, reference, kinds, molecules = bonds
    found = scores(d, reference, kinds, deletions(molecules))

    def type_means(x: np.ndarray, keep: np.ndarray) -> np.ndarray:
        return np.array([x[keep & (kinds == kind)].mean() for kind in np.unique(kinds[keep].astype(str))])

    for row in range(3):
        one = {
            MAE: lambda keep, x=d[row]: float(np.abs(x - reference)[keep].mean()),
            BIAS: lambda keep, x=d[row]: float((x - reference)[keep].mean()),
            TYPES_MAE: lambda keep, x=d[row]: float(np.abs(type_means(x, keep) - type_means(reference, keep)).mean()),
            BETWEEN: lambda keep, x=d[row]: spearman(type_means(x, keep), type_means(reference, keep)),
            WITHIN: lambda keep, x=d[row]: stratified_kendall(x[keep], reference[keep], kinds[keep])[0],
        }
        assert set(one) == set(SCORES)
        for name, statistic in one.items():
            expected, got = jackknife(statistic, molecules), estimate(found[name][row])
            np.testing.assert_allclose(
                [got.value, got.lo, got.hi], [expected.value, expected.lo, expected.hi], rtol=1e-10
            )
    assert n_pairs(kinds) == stratified_kendall(d[0], reference, kinds)[1]


def test_equal_means_are_ties_whatever_their_rounding() -> None:
    d = np.array([[4.0, 4.0 + 1e-15, 4.0 - 1e-15]])
    kinds = np.array(["a", "a", "a"], dtype=object)
    keep = np.ones((1, 3), dtype=bool)
    assert scores(d, np.array([1.0, 2.0, 3.0]), kinds, keep)[WITHIN].item() == 0.0


def test_one_molecule_and_two_types_have_no_interval_and_no_rank() -> None:
    found = scores(
        np.array([[4.0, 5.0]]), np.array([4.0, 4.0]), np.array(["a", "b"], dtype=object), deletions(np.zeros(2, int))
    )
    assert estimate(found[MAE][0]).value == 0.5
    assert np.isnan(estimate(found[MAE][0]).lo)
    assert np.isnan(found[BETWEEN][0, 0])
    assert np.isnan(found[WITHIN][0, 0])


def test_the_paired_interval_covers_the_difference_and_is_narrower_than_unpaired() -> None:
    """Two D share most of their error; the expectation of the difference of their mean absolute errors is 0.3."""
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
