"""Jackknives cover what they should, and agree with the textbook and with SciPy."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from e3d.statistics import (
    deletions,
    estimate,
    group_mean,
    jackknife,
    jackknife_groups,
    replicates,
    t_quantile,
)
from e3d.statistics.resampling import group_ratio, jackknife_se
from e3d.statistics.variance import independent_rows, variance_ratio, welch_dof

EXACT = 1e-12  # the same sums in another order, in float64


def _clustered(rng: np.random.Generator, n_groups: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Values around zero with as much scatter between groups as within, and their groups."""
    groups = np.repeat(np.arange(n_groups), rng.integers(3, 8, size=n_groups))
    return rng.normal(size=n_groups)[groups] + rng.normal(size=len(groups)), groups


def test_jackknife_of_a_mean_is_the_textbook_interval() -> None:
    values = np.random.default_rng(0).normal(size=15)
    found = jackknife(lambda keep: float(values[keep].mean()), np.arange(15))
    se = values.std(ddof=1) / np.sqrt(15)
    assert found.value == pytest.approx(values.mean(), rel=EXACT)
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 14) * se, rel=EXACT)
    interval = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (found.lo, found.hi) == pytest.approx((interval.low, interval.high), rel=1e-10)


@pytest.mark.parametrize("transform", [np.asarray, np.sqrt, np.log])
def test_group_mean_is_the_jackknife_of_the_mean(transform: Any) -> None:
    values, groups = _clustered(np.random.default_rng(1))
    values = values**2
    fast = group_mean(values, groups, transform)
    slow = jackknife(lambda keep: float(transform(values[keep].mean())), groups)
    np.testing.assert_allclose(
        [fast.value, fast.lo, fast.hi], [slow.value, slow.lo, slow.hi], rtol=1e-10
    )
    assert fast.half_width > 0


def test_group_ratio_is_the_jackknife_of_a_ratio_of_sums() -> None:
    part, whole = np.random.default_rng(8).uniform(1.0, 2.0, size=(2, 9))
    fast = group_ratio(part, whole)
    slow = jackknife(lambda keep: float(part[keep].sum() / whole[keep].sum()), np.arange(9))
    np.testing.assert_allclose(
        [fast.value, fast.lo, fast.hi], [slow.value, slow.lo, slow.hi], rtol=1e-10
    )
    assert fast.value != pytest.approx(np.mean(part / whole), rel=1e-6), "not a mean of ratios"
    assert np.isnan(group_ratio(part[:1], whole[:1]).half_width)
    assert np.isnan(group_ratio(part[:2], np.array([1.0, 0.0])).half_width)


def test_group_mean_covers_the_truth_with_clustered_data() -> None:
    """95 % of intervals hold the truth; taking rows as independent would miss it far more often."""
    rng = np.random.default_rng(2)
    trials = 800
    covered = naive = 0
    for _ in range(trials):
        values, groups = _clustered(rng)
        covered += abs((e := group_mean(values, groups)).value) < e.half_width
        naive += abs((e := group_mean(values, np.arange(len(values)))).value) < e.half_width
    # binomial standard error of the coverage: sqrt(0.95 * 0.05 / 800) = 0.008; four of them
    assert covered / trials == pytest.approx(0.95, abs=0.03)
    assert naive / trials < 0.85


def test_one_group_has_a_value_and_no_interval() -> None:
    for found in (
        group_mean(np.array([1.0, 2.0]), np.array([4, 4])),
        jackknife(lambda keep: float(keep.mean() + 0.5), np.array([4, 4])),
        jackknife(lambda keep: 1.5, np.arange(5), dof=0.0),
    ):
        assert found.value == 1.5
        assert np.isnan([found.lo, found.hi, found.half_width]).all()


def test_a_replicate_that_is_not_a_number_gives_no_interval() -> None:
    found = jackknife(lambda keep: 1.0 if keep[0] else np.nan, np.arange(4))
    assert found.value == 1.0
    assert np.isnan(found.half_width)
    assert np.isnan(jackknife_se(np.array([1.0])))
    assert jackknife_se(np.full(5, 2.0)) == 0.0


def test_jackknife_takes_the_degrees_of_freedom_it_is_given() -> None:
    values = np.random.default_rng(3).normal(size=9)
    wide = jackknife(lambda keep: float(values[keep].mean()), np.arange(9), dof=1.0)
    usual = jackknife(lambda keep: float(values[keep].mean()), np.arange(9))
    assert wide.half_width / usual.half_width == pytest.approx(
        t_quantile(1.0) / t_quantile(8.0), rel=EXACT
    )


def test_replicates_are_the_statistic_of_each_deletion() -> None:
    values, groups = _clustered(np.random.default_rng(9), 6)
    masks = deletions(groups)
    assert masks.shape == (7, len(groups))
    assert masks[0].all()
    for label, keep in enumerate(masks[1:]):
        np.testing.assert_array_equal(keep, groups != label)
    found = replicates(lambda keep: float(values[keep].mean()), groups)
    np.testing.assert_array_equal(found, [values[keep].mean() for keep in masks])
    assert estimate(found) == jackknife(lambda keep: float(values[keep].mean()), groups)
    assert np.isnan(estimate(found[:2]).lo)


def test_many_molecules_are_dealt_into_groups_whole() -> None:
    molecules = np.random.default_rng(4).integers(1000, 1350, size=5000)
    groups = jackknife_groups(molecules)
    assert len(np.unique(groups)) == 100
    for m in np.unique(molecules):
        assert len(set(groups[molecules == m])) == 1
    few = np.array([7, 3, 3, 9])
    assert len(np.unique(jackknife_groups(few))) == 3


def test_dealing_molecules_into_groups_keeps_the_standard_error() -> None:
    rng = np.random.default_rng(5)
    ratios = []
    for _ in range(60):
        values, molecules = _clustered(rng, 350)
        dealt = group_mean(values, jackknife_groups(molecules)).half_width
        ratios.append(dealt / group_mean(values, molecules).half_width)
    # one ratio scatters by 1 / sqrt(2 * 99) = 7 %, the mean of 60 by 1 %; t has 99 degrees, not 349
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize("sizes", [(5, 9), (2, 30), (12, 12)])
def test_welch_dof_agrees_with_scipy(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(sizes))
    a, b = (rng.normal(scale=s, size=n) for s, n in zip((1.0, 3.0), sizes, strict=True))
    variances = [sample.var(ddof=1) / len(sample) for sample in (a, b)]
    expected = stats.ttest_ind(a, b, equal_var=False).df
    assert welch_dof(variances, sizes) == pytest.approx(expected, rel=1e-10)


def test_welch_dof_is_zero_where_it_is_unknown() -> None:
    assert welch_dof([0.1, 0.1], [1, 5]) == 0.0
    assert welch_dof([np.nan, 0.1], [3, 5]) == 0.0
    assert welch_dof([0.0, 0.0], [3, 5]) == 0.0
    assert welch_dof([0.1, 0.0], [2, 5]) == pytest.approx(1.0)


def test_t_quantile() -> None:
    assert t_quantile(1) == pytest.approx(12.7062, abs=1e-4)  # Student's table
    assert t_quantile(1e9) == pytest.approx(1.95996, abs=1e-5)


def test_independent_rows_count_what_moves_apart() -> None:
    rng = np.random.default_rng(0)
    seeds = rng.normal(size=(1, 6))
    assert independent_rows(np.repeat(seeds, 9, axis=0)) == pytest.approx(1.0)
    apart = rng.normal(size=(4000, 6))
    assert independent_rows(apart - apart.mean(axis=1, keepdims=True)) == pytest.approx(
        5.0, rel=0.02
    )
    assert np.isnan(independent_rows(np.zeros((3, 3))))


def test_the_interval_of_a_ratio_of_variances_is_that_of_f() -> None:
    found = variance_ratio(2.0, 4.0, 7.0)
    assert 2.0 / found.lo == pytest.approx(stats.f.ppf(0.975, 4, 7))
    assert 2.0 / found.hi == pytest.approx(stats.f.ppf(0.025, 4, 7))
    known = variance_ratio(2.0, np.inf, 7.0)
    assert known.lo == pytest.approx(2.0 * stats.chi2.ppf(0.025, 7) / 7, rel=1e-6)
    assert known.hi == pytest.approx(2.0 * stats.chi2.ppf(0.975, 7) / 7, rel=1e-6)
    assert np.isnan(variance_ratio(2.0, 4.0, 0.0).lo)
