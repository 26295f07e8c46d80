"""How D and r of a bond fluctuate: means, correlation, correlation time, power spectrum. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e3d.statistics import Estimate, jackknife

Floats = NDArray[np.float64]

C_CM_PER_FS = 2.99792458e-5
"""Speed of light in cm/fs: a frequency in 1/fs over it is a wavenumber in 1/cm."""
SEGMENT = 128
"""Samples of a Welch window: at 2 fs, 256 fs, a resolution of 130 cm^-1."""
LOWEST_PEAK_CM = 300.0
"""Below it a spectrum shows drift and rotation (centrifugal stretch), no stretch of a bond."""
BAND_CM = 200.0
"""Half width of the band around the peak of r: three bins, which a Hann window spreads a line over."""
_SOKAL = 5.0


@dataclass(frozen=True)
class Spectrum:
    """One-sided power spectra of r and D of a bond class, and how coherent they are.

    ``frequency_cm`` (K,) 1/cm; ``r`` Å² cm, ``bond_energy`` eV² cm, both densities over wavenumber;
    ``coherence`` (K,) between 0 and 1, NaN of a single window, where it is 1 whatever the data;
    ``n_windows`` the number of windows averaged.
    """

    frequency_cm: Floats
    r: Floats
    bond_energy: Floats
    coherence: Floats
    n_windows: int


def correlation_time(segments: Sequence[Floats], step: float) -> float:
    """Return the correlation time 2 * integral of rho(t)^2, by the trapezoidal rule, in the unit of ``step``.

    tau of exp(-t/tau), and half of it (for fast oscillation) of exp(-t/tau) cos(wt), whose plain integral
    cancels and says nothing. It also sets the error of a variance: 2 sigma^4 tau / T over a time T.
    Autocovariances of the segments (one per replica, about their common mean) are added up; the sum ends
    at the first lag >= 5 tau (Sokal 1997, section 3). NaN for a constant or fewer than two samples.
    """
    parts = [segment for segment in segments if len(segment)]
    longest = max(map(len, parts), default=0)
    if longest < 2:
        return float("nan")
    mean = np.concatenate(parts).mean()
    covariance, pairs = np.zeros(longest), np.zeros(longest)
    for part in parts:
        n, x = len(part), part - mean
        full = np.fft.irfft(np.abs(np.fft.rfft(x, 2 * longest)) ** 2, 2 * longest)
        covariance[:n] += full[:n]
        pairs[:n] += np.arange(n, 0, -1)
    if not covariance[0] > 0:
        return float("nan")
    rho = covariance / pairs / (covariance[0] / pairs[0])
    tau = 1 + 2 * np.cumsum(rho[1:] ** 2)
    enough = np.arange(1, longest) >= _SOKAL * tau
    return float(step * tau[enough.argmax() if enough.any() else -1])


def spectrum(
    pairs: Sequence[tuple[Floats, Floats]], step_fs: float, segment: int = SEGMENT
) -> Spectrum | None:
    """Return spectra of r and D averaged over the windows of several series; None if all are shorter than one.

    Welch 1967, IEEE Trans. Audio Electroacoust. 15, 70: Hann windows that overlap by half, each without its
    mean. ``pairs`` holds (r, D) of each bond and replica, sampled every ``step_fs``.
    """
    from scipy import signal

    total, n_windows = None, 0
    for r, d in pairs:
        windows = max(0, (len(r) - segment // 2) // (segment - segment // 2))
        if not windows:
            continue
        options: Any = {
            "fs": 1 / (step_fs * C_CM_PER_FS),
            "nperseg": segment,
            "detrend": "constant",
        }
        frequency, rr = signal.welch(r, **options)
        dd, rd = signal.welch(d, **options)[1], signal.csd(r, d, **options)[1]
        part = windows * np.array([rr.astype(complex), dd, rd])
        total, n_windows = part if total is None else total + part, n_windows + windows
    if total is None:
        return None
    rr, dd, rd = total[0].real / n_windows, total[1].real / n_windows, total[2] / n_windows
    coherence = np.full(len(rr), np.nan)
    if n_windows > 1:
        np.divide(np.abs(rd) ** 2, rr * dd, out=coherence, where=rr * dd > 0)
    return Spectrum(frequency, rr, dd, coherence, n_windows)


def peak(frequency: Floats, power: Floats, lowest: float = LOWEST_PEAK_CM) -> int:
    """Return the row of the highest power at or above ``lowest``."""
    return int(np.where(frequency >= lowest, power, -np.inf).argmax())


def share_near(
    frequency: Floats, power: Floats, centre: float, half_width: float = BAND_CM
) -> float:
    """Return the share of the power that lies within ``half_width`` of a frequency."""
    return float(power[np.abs(frequency - centre) <= half_width].sum() / power.sum())


def correlation(r: Sequence[Floats], d: Sequence[Floats]) -> Estimate:
    """Return Pearson's correlation of r and D over all samples, with a jackknife interval over the replicas."""
    groups = np.repeat(np.arange(len(r)), [len(part) for part in r])
    x, y = np.concatenate([*r, np.empty(0)]), np.concatenate([*d, np.empty(0)])

    def pearson(keep: NDArray[np.bool_]) -> float:
        a, b = x[keep], y[keep]
        if len(a) < 3 or not a.std() > 0 or not b.std() > 0:
            return float("nan")
        return float(np.corrcoef(a, b)[0, 1])

    return jackknife(pearson, groups)
