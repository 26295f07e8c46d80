"""Spherical harmonics as polynomials of a direction's x, y and z, their coefficients exact.

The real solid harmonics of degree l, without Condon-Shortley phase (Racah's normalisation), are

    S_l,+m = N_lm P_lm Re (X + iY)^m        N_lm^2 = (2 - delta_m0) (l - m)! / (l + m)!
    S_l,-m = N_lm P_lm Im (X + iY)^m
    P_lm   = 2^-l sum_k (-1)^k C(l, k) C(2l - 2k, l) (l - 2k)! / (l - 2k - m)! r^2k Z^(l - 2k - m)

with m = 0 .. l and k = 0 .. (l - m) / 2 (Helgaker, Jorgensen and Olsen, Molecular
Electronic-Structure Theory, 6.4). e3nn 0.6 orders them by m = -l .. l and takes its y as the axis:
X, Y, Z here are its z, x, y.

Coefficients are fractions until one square root, so they are the same bits in every process. Solved
for by ``torch.linalg.lstsq`` they were not: its default driver takes the order of its pivots from
memory that PyTorch 2.13 leaves uninitialised (pytorch/pytorch#187411).
"""

import math
from collections import defaultdict
from fractions import Fraction
from math import comb, factorial
from typing import Final

Powers = tuple[int, int, int]
"""Exponents of x, y and z."""

_Polynomial = dict[Powers, Fraction]

_SQUARED_LENGTH: Final[_Polynomial] = {
    (2, 0, 0): Fraction(1),
    (0, 2, 0): Fraction(1),
    (0, 0, 2): Fraction(1),
}


def harmonics(degree: int, normalization: str) -> list[dict[Powers, float]]:
    """Return e3nn's 2l + 1 spherical harmonics of degree l, each as coefficients of monomials.

    Parameters
    ----------
    normalization
        e3nn's: the squares add up to 1 (``norm``), 2l + 1 (``component``) or, integrated over the
        sphere, each to 1 (``integral``).

    Raises
    ------
    KeyError
        If the normalization is none of these.

    Examples
    --------
    >>> harmonics(1, "norm")
    [{(1, 0, 0): 1.0}, {(0, 1, 0): 1.0}, {(0, 0, 1): 1.0}]
    """
    whole = 2 * degree + 1
    scale = {"norm": 1.0, "component": whole, "integral": whole / (4 * math.pi)}[normalization]
    found = []
    for m in range(-degree, degree + 1):
        squared_norm = (
            Fraction(2 - (m == 0)) * factorial(degree - abs(m)) / factorial(degree + abs(m))
        )
        polynomial = _product(_along_axis(degree, abs(m)), _around_axis(m))
        found.append(
            {
                (powers[1], powers[2], powers[0]): math.copysign(
                    math.sqrt(float(c * c * squared_norm) * scale), c
                )
                for powers, c in polynomial.items()
            }
        )
    return found


def _along_axis(degree: int, m: int) -> _Polynomial:
    """Return P_lm, homogeneous of degree l - m, by powers of X, Y and Z."""
    total: defaultdict[Powers, Fraction] = defaultdict(Fraction)
    even: _Polynomial = {(0, 0, 0): Fraction(1)}  # r^2k
    for k in range((degree - m) // 2 + 1):
        rest = degree - 2 * k
        c = Fraction((-1) ** k * comb(degree, k) * comb(degree + rest, degree), 2**degree)
        c *= Fraction(factorial(rest), factorial(rest - m))
        for powers, value in _product({(0, 0, rest - m): c}, even).items():
            total[powers] += value
        even = _product(even, _SQUARED_LENGTH)
    return {powers: value for powers, value in total.items() if value}


def _around_axis(m: int) -> _Polynomial:
    """Return Re (X + iY)^m for m >= 0, and Im (X + iY)^|m| below, by powers of X, Y and Z."""
    order, first = abs(m), int(m < 0)
    return {
        (order - p, p, 0): Fraction((-1) ** (p // 2) * comb(order, p))
        for p in range(first, order + 1, 2)
    }


def _product(left: _Polynomial, right: _Polynomial) -> _Polynomial:
    total: defaultdict[Powers, Fraction] = defaultdict(Fraction)
    for a, c in left.items():
        for b, d in right.items():
            total[a[0] + b[0], a[1] + b[1], a[2] + b[2]] += c * d
    return {powers: value for powers, value in total.items() if value}
