"""Estimates without bins: closed forms, brute force, quadrature, and coverage of intervals."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import digamma
from scipy.stats import norm

from e3d.statistics import replicates, t_quantile
from study.entropy import nearest_neighbours as knn
from study.entropy.bins import binned, estimate, of_counts
from study.entropy.nearest_neighbours import ByLabel, Labelled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
K = 3
EXACT = 1e-11  # sums of some hundred terms near one, in float64
MEANS, SPREADS, SHARES = (
    np.array([3.6, 4.5, 6.0]),
    np.array([0.15, 0.1, 0.3]),
    np.array([0.3, 0.5, 0.2]),
)


def of_labels(labels: Ints) -> tuple[float, float]:
    """Plug-in entropy and Miller-Madow's."""
    return of_counts(np.unique(labels, return_counts=True)[1])


def entropy(values: Floats, labels: Ints | None = None, k: int = K) -> float:
    labels = np.zeros(len(values), dtype=np.int64) if labels is None else labels
    everything = np.ones(len(values), dtype=bool)
    return knn.differential_entropy(ByLabel.sort(values, labels).part(everything), k)


def information(values: Floats, label: Ints, given: Ints | None = None, k: int = K) -> float:
    return knn.information(Labelled.sort(values, label, given), np.ones(len(values), dtype=bool), k)


def mixture(rng: np.random.Generator, component: Ints) -> Floats:
    return rng.normal(MEANS[component], SPREADS[component])


def density(x: float) -> float:
    return float(np.sum(SHARES * norm.pdf(x, MEANS, SPREADS)))


def integral(function: Callable[[float], float]) -> float:
    points = [float(m + s * d) for m, s in zip(MEANS, SPREADS, strict=True) for d in (-4, 0, 4)]
    return float(quad(function, 1.0, 9.0, points=points, limit=400)[0])


MIXTURE_ENTROPY = integral(lambda x: -density(x) * np.log(density(x)) if density(x) > 0 else 0.0)
WITHIN_ENTROPY = float(SHARES @ np.log(SPREADS * np.sqrt(2 * np.pi * np.e)))
MIXTURE_INFORMATION = MIXTURE_ENTROPY - WITHIN_ENTROPY


def brute_entropy(values: Floats, labels: Ints, k: int) -> float:
    terms = []
    for i, (value, label) in enumerate(zip(values, labels, strict=True)):
        others = np.sort(np.abs(np.delete(values, i) - value)[np.delete(labels, i) == label])
        if len(others):
            own = min(k, len(others))
            terms.append(digamma(len(others) + 1) - digamma(own) + np.log(2 * others[own - 1]))
    return float(np.mean(terms))


def brute_information(values: Floats, labels: Ints, given: Ints, k: int) -> float:
    pair = given * 100 + labels
    several = np.array([np.sum(pair == one) > 1 for one in pair])
    values, given, pair = values[several], given[several], pair[several]
    terms = []
    for i in range(len(values)):
        distance = np.abs(values - values[i])
        own, near = (
            np.delete(distance[same], np.sum(same[:i]))
            for same in (pair == pair[i], given == given[i])
        )
        reach = np.sort(own)[min(k, len(own)) - 1]
        counts = digamma(np.sum(own <= reach)) - digamma(np.sum(near <= reach))
        terms.append(digamma(len(near) + 1) - digamma(len(own) + 1) + counts)
    return float(np.mean(terms))


@pytest.mark.parametrize("k", [1, 3, 4])
@pytest.mark.parametrize("grid", [0.0, 0.125])
def test_as_brute_force(k: int, grid: float) -> None:
    rng = np.random.default_rng(k)
    for _ in range(10):
        values, labels = rng.normal(size=90), rng.integers(0, 12, size=90)
        labels[:40], given = 0, labels % 3
        if grid:  # multiples of a power of two, so that equal distances are equal in floating point
            values = np.round(values / grid) * grid
        else:
            assert entropy(values, labels, k) == pytest.approx(
                brute_entropy(values, labels, k), abs=EXACT
            )
        expected = brute_information(values, labels, given, k)
        assert information(values, labels, given, k) == pytest.approx(expected, abs=EXACT)


def test_two_values_by_hand() -> None:
    # psi(2) - psi(1) = 1: k is what there is, one
    assert entropy(np.array([1.0, 1.5])) == pytest.approx(1 + np.log(2 * 0.5), abs=EXACT)
    assert np.isnan(entropy(np.array([1.0])))
    assert np.isnan(entropy(np.array([1.0, 2.0]), np.array([0, 1])))
    assert np.isnan(information(np.array([1.0, 2.0]), np.array([0, 1])))


def test_a_label_with_one_value_is_left_out() -> None:
    values, labels = np.random.default_rng(0).normal(size=50), np.repeat([0, 1], 25)
    more, other = np.append(values, 0.1), np.append(labels, 2)
    assert entropy(more, other) == entropy(values, labels)
    assert information(more, other) == information(values, labels)


def test_unit_and_origin() -> None:
    rng = np.random.default_rng(1)
    values, labels = rng.normal(size=300), rng.integers(0, 3, size=300)
    assert entropy(values / 64 + 3, labels) == pytest.approx(
        entropy(values, labels) - np.log(64), abs=1e-9
    )
    assert information(values / 64, labels) == pytest.approx(information(values, labels), abs=EXACT)


def test_equal_values() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=1000)
    values[:5] = values[0]  # five equal: half a per cent
    assert (
        abs(entropy(values) - 0.5 * np.log(2 * np.pi * np.e)) < 0.3
    )  # five of 1000 weigh ln 1e-12 = -28 each: 0.14
    values[:20] = values[0]
    assert np.isnan(entropy(values))
    assert np.isnan(entropy(np.zeros(9)))
    # of values that repeat, information is that of their counts: all of it here, none there
    labels = np.repeat([0, 1], 200)
    assert information(labels * 1.0, labels) == pytest.approx(
        digamma(400) - digamma(200), abs=EXACT
    )
    assert information(np.zeros(400), labels) == pytest.approx(
        digamma(399 + 1) - digamma(200) + digamma(199) - digamma(399)
    )


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (lambda rng: rng.uniform(2, 5, size=400), np.log(3)),
        (lambda rng: rng.normal(4, 0.2, size=400), np.log(0.2 * np.sqrt(2 * np.pi * np.e))),
        (lambda rng: mixture(rng, rng.choice(3, p=SHARES, size=400)), MIXTURE_ENTROPY),
    ],
    ids=["uniform", "normal", "mixture"],
)
def test_entropy_of_known_densities(
    draw: Callable[[np.random.Generator], Floats], truth: float
) -> None:
    rng = np.random.default_rng(3)
    found = np.array(
        [
            [entropy(x), of_labels(binned(x, 0.05))[1] + np.log(0.05)]
            for x in (draw(rng) for _ in range(60))
        ]
    )
    # standard error below 0.06 / sqrt(60) = 0.008; the bias at n = 400 is of the same size
    assert np.abs(found.mean(axis=0) - truth) == pytest.approx(0.0, abs=0.03), (
        found.mean(axis=0) - truth
    )


def test_information_of_known_densities() -> None:
    rng = np.random.default_rng(4)
    shared, nothing = [], []
    for _ in range(60):
        component = rng.choice(3, p=SHARES, size=400)
        values = mixture(rng, component)
        shared.append(information(values, component))
        nothing.append(information(rng.permutation(values), component))
    assert np.mean(shared) == pytest.approx(MIXTURE_INFORMATION, abs=0.02)
    assert np.mean(nothing) == pytest.approx(0.0, abs=0.02)
    assert min(nothing) < 0  # not clipped


def test_information_beyond_what_is_given() -> None:
    rng = np.random.default_rng(5)
    given, label = np.repeat([0, 1], 600), rng.integers(0, 2, size=1200)
    values = 10.0 * given + np.where(given == 1, 3.0 * label, 0.0) + rng.normal(size=1200) * 0.1
    # all of the label where given is one, nothing of it where it is zero
    assert information(values, label, given) == pytest.approx(0.5 * np.log(2), abs=0.03)
    assert information(values, given) == pytest.approx(np.log(2), abs=0.01)


def intervals(
    values: Floats, component: Ints, groups: Ints
) -> dict[str, tuple[float, float, float]]:
    """Return value and interval of four estimators; ``fine`` is one that must fail."""
    by_size, labelled = (
        ByLabel.sort(values, np.zeros_like(component)),
        Labelled.sort(values, component),
    )
    labels, fine = binned(values, 0.05), binned(values, 0.005)
    statistics: dict[str, Callable[[NDArray[np.bool_]], float]] = {
        "knn": lambda keep: knn.differential_entropy(by_size.part(keep), K),
        "bins": lambda keep: of_labels(labels[keep])[1] + float(np.log(0.05)),
        "fine": lambda keep: of_labels(fine[keep])[0] + float(np.log(0.005)),
        "information": lambda keep: knn.information(labelled, keep, K),
    }
    found = {
        name: estimate(replicates(statistic, groups)) for name, statistic in statistics.items()
    }
    return {name: (e.value, e.lo, e.hi) for name, e in found.items()}


def coverage(repeats: int, *, by_molecule: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Return how often intervals cover, and how wide they are over what they should be.

    40 molecules of 15 bonds, two thirds of which share the molecule's component of the mixture.
    ``by_molecule`` deletes molecules, else random groups of bonds.
    """
    rng = np.random.default_rng(6)
    molecule = np.repeat(np.arange(40), 15)
    rows = []
    for _ in range(repeats):
        shared = rng.random(600) < 2 / 3
        component = np.where(
            shared, rng.choice(3, p=SHARES, size=40)[molecule], rng.choice(3, p=SHARES, size=600)
        )
        groups = molecule if by_molecule else rng.permutation(molecule)
        rows.append(intervals(mixture(rng, component), component, groups))
    truths = {
        "knn": MIXTURE_ENTROPY,
        "bins": MIXTURE_ENTROPY,
        "fine": MIXTURE_ENTROPY,
        "information": MIXTURE_INFORMATION,
    }
    covered, width = {}, {}
    for name, truth in truths.items():
        value, lo, hi = np.array([row[name] for row in rows]).T
        covered[name] = float(np.mean((lo <= truth) & (truth <= hi)))
        width[name] = float(np.mean(hi - lo) / (2 * t_quantile(39) * np.std(value)))
    return covered, width


def test_intervals_cover_the_truth_with_and_without_bins() -> None:
    covered, width = coverage(150, by_molecule=True)
    # 95 % of 150, less three standard errors of 0.018
    for name in ("knn", "bins", "information"):
        assert covered[name] >= 0.89, (covered, width)
        assert 0.8 < width[name] < 1.6, (covered, width)
    assert covered["fine"] < 0.1, covered  # the control: too narrow bins, not corrected


def test_deleting_bonds_instead_of_molecules_is_too_narrow() -> None:
    covered, width = coverage(60, by_molecule=False)
    assert covered["bins"] < 0.85, (covered, width)
    assert covered["knn"] < 0.88, (covered, width)
