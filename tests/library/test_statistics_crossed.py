"""Intervals over molecules and seeds cover the truth, and those of correlations end at 1."""

from collections.abc import Callable

import numpy as np
import pytest

from e3d.statistics import Estimate, group_mean, replicates
from e3d.statistics.agreement import BETWEEN, WITHIN, half_step, kendall, score_estimate, spearman
from e3d.statistics.correlations import estimate_correlation, fisher, is_correlation
from e3d.statistics.crossed import crossed, over_seeds

MOLECULES = np.repeat(np.arange(20), 3)
TRIALS = 600
FOUR_ERRORS = 4 * np.sqrt(0.95 * 0.05 / TRIALS)  # binomial


def _runs(rng: np.random.Generator, n_seeds: int, of_seed: float) -> np.ndarray:
    """Values (seeds, 60) about zero: of the molecule, of the seed, of both, and of the bond."""
    return np.asarray(
        rng.normal(size=20)[MOLECULES]
        + of_seed * rng.normal(size=(n_seeds, 1))
        + 0.5 * rng.normal(size=(n_seeds, 20))[:, MOLECULES]
        + 0.3 * rng.normal(size=(n_seeds, 60))
    )


def _together(values: np.ndarray) -> Estimate:
    return over_seeds([group_mean(run, MOLECULES) for run in values])


def _at_once(values: np.ndarray) -> Estimate:
    def mean(keep: np.ndarray, seeds: np.ndarray) -> float:
        return float(values[np.ix_(seeds, keep)].mean())

    return crossed(mean, MOLECULES, len(values)).estimate


def _molecules_alone(values: np.ndarray) -> Estimate:
    return group_mean(values.mean(axis=0), MOLECULES)


def _covered(make: Callable[[np.ndarray], Estimate], n_seeds: int, of_seed: float) -> float:
    rng = np.random.default_rng(n_seeds)
    found = [make(_runs(rng, n_seeds, of_seed)) for _ in range(TRIALS)]
    return sum(one.lo < 0 < one.hi for one in found) / TRIALS


@pytest.mark.parametrize("n_seeds", [3, 5])
@pytest.mark.parametrize("of_seed", [0.0, 0.15, 0.5])
def test_runs_put_together_cover_the_truth_and_never_too_seldom(
    n_seeds: int, of_seed: float
) -> None:
    """They take an upper bound for what molecules add, so that they may cover more than 95 %."""
    together = _covered(_together, n_seeds, of_seed)
    assert 0.95 - FOUR_ERRORS < together < 0.99, together
    at_once = _covered(_at_once, n_seeds, of_seed)
    assert at_once == pytest.approx(0.95, abs=FOUR_ERRORS), at_once


def test_molecules_alone_are_too_sure_where_seeds_differ() -> None:
    assert _covered(_molecules_alone, 3, 0.5) < 0.85


def test_the_upper_bound_is_near() -> None:
    rng = np.random.default_rng(7)
    pairs = [(_together(v), _at_once(v)) for v in (_runs(rng, 5, 0.1) for _ in range(40))]
    ratios = [a.half_width / b.half_width for a, b in pairs]
    assert 1.0 < np.median(ratios) < 1.15, np.median(ratios)
    assert all(a.value == pytest.approx(b.value) for a, b in pairs)


def test_equal_runs_are_one_run_and_one_run_keeps_its_interval() -> None:
    run = Estimate(1.0, 0.5, 1.6)
    assert over_seeds([run]) == run
    same = over_seeds([Estimate(1.0, 0.5, 1.5)] * 3)
    assert (same.value, same.lo, same.hi) == pytest.approx((1.0, 0.5, 1.5))
    assert not over_seeds([run, Estimate(1.0)]).has_interval, "a run without one gives none"
    assert over_seeds([run, Estimate(3.0)]).value == 2.0


# --- correlations


def test_no_interval_of_a_correlation_ends_beyond_one() -> None:
    rng = np.random.default_rng(0)
    x = np.arange(7.0)
    kinds = np.array([*"abcdefg"], dtype=object)
    for _ in range(50):
        y = x + 1.5 * rng.normal(size=7)
        of_molecules = replicates(lambda keep, y=y: float(spearman(x[keep], y[keep])), np.arange(7))
        found = score_estimate(BETWEEN, of_molecules, kinds)
        if found.has_interval:
            assert -1 <= found.lo <= found.value <= found.hi <= 1
    several = over_seeds(
        [Estimate(0.9, 0.5, 0.99), Estimate(1.0, 0.7, 1.0), Estimate(0.8, 0.2, 0.97)],
        correlation=True,
    )
    assert several.value == pytest.approx(0.9)
    assert 0 < several.lo < 0.9 < several.hi < 1


def test_a_perfect_order_of_all_replicates_has_no_interval() -> None:
    assert not estimate_correlation(np.ones(6), 0.1).has_interval
    broken = estimate_correlation(np.array([1.0, 1.0, 0.5, 1.0, 1.0, 1.0]), 0.1)
    assert broken.value == broken.hi == 1.0
    assert broken.lo < 0.9


def test_half_a_step_is_half_of_what_one_exchange_costs() -> None:
    x = np.arange(6.0)
    exchanged = x.copy()
    exchanged[:2] = exchanged[1::-1]
    types, one = np.array([*"abcdef"], dtype=object), np.array([*"aaaaaa"], dtype=object)
    assert 2 * half_step(BETWEEN, types) == pytest.approx(1 - float(spearman(x, exchanged)))
    assert 2 * half_step(WITHIN, one) == pytest.approx(1 - float(kendall(x, exchanged, one)))
    assert fisher(np.array([0.0]))[0] == 0.0
    assert np.isfinite(fisher(np.array([1.0]), half_step(BETWEEN, types))[0])


def test_intervals_of_ranks_cover_the_truth() -> None:
    """Spearman's rho of 30 pairs of a bivariate normal distribution."""
    rng = np.random.default_rng(1)
    r = 0.8
    truth = 6 / np.pi * np.arcsin(r / 2)
    trials, inside = 400, 0
    for _ in range(trials):
        x = rng.normal(size=30)
        y = r * x + np.sqrt(1 - r**2) * rng.normal(size=30)
        of_pairs = replicates(
            lambda keep, x=x, y=y: float(spearman(x[keep], y[keep])), np.arange(30)
        )
        found = estimate_correlation(of_pairs, 6 / (30 * 899))
        inside += found.lo <= truth <= found.hi
    # binomial standard error 0.011; the sample's rho is biased by about 1 / n
    assert inside / trials == pytest.approx(0.95, abs=0.04), inside / trials


def test_columns_of_correlations_are_known_by_name() -> None:
    names = ["within_types_kendall", "d_between_types_spearman", "pearson"]
    assert all(map(is_correlation, names))
    assert not any(map(is_correlation, ["mae_eV", "difference", "fraction_knn"]))
