"""Entropies of labels, plug-in and corrected: values in bins of fixed width, natural logarithm."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SPAN_PER_LABEL = 4  # counting costs the span of the labels, sorting their number and its logarithm
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Bins:
    """Bin widths: energies in eV, energies over the standard deviation of D, and r in Å; and what needs none, k."""

    bond_energy_eV: float
    scaled: float
    r_ang: float
    neighbours: int = 3


def of_counts(counts: Ints) -> tuple[float, float]:
    """Return the entropy (nats) of the ``counts`` of occupied bins: plug-in, and Miller-Madow's."""
    n = counts.sum()
    p = counts / n
    plain = float(-np.sum(p * np.log(p))) + 0.0  # no negative zero
    return plain, plain + (len(counts) - 1) / (2 * int(n))


def plug_in(labels: Ints) -> float:
    """Return H = -sum p ln p (nats) of the labels' counts."""
    return of_counts(_counts(labels))[0]


def miller_madow(labels: Ints) -> float:
    """Return the plug-in entropy plus (K - 1) / 2n, K the number of occupied bins."""
    return of_counts(_counts(labels))[1]


def _counts(labels: Ints) -> Ints:
    """Return how often each label occurs, in the order of the labels; counting beats sorting where it fits."""
    low, high = int(labels.min()), int(labels.max())
    if high - low > _SPAN_PER_LABEL * len(labels):
        return np.unique(labels, return_counts=True)[1]
    counts = np.bincount(labels - low)
    return counts[counts > 0]


def joint(first: Ints, second: Ints) -> Ints:
    """Return one label per distinct pair of labels, in the order of the pairs."""
    low, high = int(second.min()), int(second.max())
    return np.asarray((first - first.min()) * (high - low + 1) + (second - low), dtype=np.int64)


def conditional_entropy(y: Ints, given: Ints, entropy: Callable[[Ints], float]) -> float:
    """Return H(y | given) = sum over z of p(z) H(y) within z, in nats."""
    return float(sum((given == z).mean() * entropy(y[given == z]) for z in np.unique(given)))


def binned(values: NDArray[np.float64], width: float) -> Ints:
    """Return the bin of each value, of fixed ``width``, edges at multiples of it."""
    return np.floor(values / width).astype(np.int64)
