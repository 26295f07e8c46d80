"""How r and D of a bond fluctuate: correlation, correlation time, power spectrum."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from e3d.statistics import Estimate, jackknife

Floats = NDArray[np.float64]

C_CM_PER_FS: Final = 2.99792458e-5
"""Speed of light in cm/fs: a frequency in 1/fs over it is a wavenumber in 1/cm."""
WINDOW: Final = 128
"""Samples of a Welch window: at 2 fs, 256 fs, a resolution of 130 cm^-1."""
LOWEST_PEAK_CM: Final = 300.0
"""Below it a spectrum shows drift and rotation (centrifugal stretch), no stretch of a bond."""
BAND_CM: Final = 200.0
"""Half width of the band around the peak of r: three bins, over which a Hann window spreads it."""
_SOKAL: Final = 5.0


@dataclass(frozen=True)
class Spectrum:
    """One-sided power spectra of r and D of a bond class at K wavenumbers."""

    frequency_cm: Floats  # (K,), 1/cm
    r: Floats  # (K,), Å² cm: a density over wavenumber
    bond_energy: Floats  # (K,), eV² cm, as r
    coherence: Floats  # (K,), 0 to 1; NaN of a single window, where it is 1 whatever the data
    n_windows: int  # averaged

    def peaks(self) -> tuple[float, float, float, float, float]:
        """Return what the spectra say of the vibration that stretches the bond.

        The wavenumbers of the highest power of r and of D; at the first of these, the coherence;
        and the shares of r's and of D's power that lie within ``BAND_CM`` of it.
        """
        cm = self.frequency_cm
        highest = [
            int(np.where(cm >= LOWEST_PEAK_CM, power, -np.inf).argmax())
            for power in (self.r, self.bond_energy)
        ]
        k = highest[0]
        near = np.abs(cm - cm[k]) <= BAND_CM
        r, d = (float(power[near].sum() / power.sum()) for power in (self.r, self.bond_energy))
        return float(cm[k]), float(cm[highest[1]]), float(self.coherence[k]), r, d


def correlation_time(segments: Sequence[Floats], step: float) -> float:
    """Return the correlation time 2 * integral of rho(t)^2, in the unit of ``step``.

    tau of exp(-t/tau), and half of it (for fast oscillation) of exp(-t/tau) cos(wt), whose plain
    integral cancels and says nothing. It also sets the error of a variance: 2 sigma^4 tau / T over
    a time T. Autocovariances of the segments (one for each replica, about their common mean) are
    added up; the sum, by the trapezoidal rule, ends at the first lag >= 5 tau (Sokal 1997, section
    3). NaN for a constant or fewer than two samples.
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


def spectrum(pairs: Sequence[tuple[Floats, Floats]], step_fs: float) -> Spectrum | None:
    """Return spectra averaged over the windows of several series; None if all are too short.

    Welch 1967, IEEE Trans. Audio Electroacoust. 15, 70: Hann windows that overlap by half, each
    without its mean.

    Parameters
    ----------
    pairs
        r (n,) in Å and D (n,) in eV of each bond and replica.
    step_fs
        Time between two samples.
    """
    options: Any = {"fs": 1 / (step_fs * C_CM_PER_FS), "nperseg": WINDOW, "detrend": "constant"}
    parts, n_windows = [], 0
    for r, d in pairs:
        windows = max(0, (len(r) - WINDOW // 2) // (WINDOW - WINDOW // 2))
        if windows:
            frequency, rr = signal.welch(r, **options)
            dd, rd = signal.welch(d, **options)[1], signal.csd(r, d, **options)[1]
            parts.append(windows * np.array([rr.astype(complex), dd, rd]))
            n_windows += windows
    if not parts:
        return None
    rr, dd, rd = np.sum(parts, axis=0) / n_windows
    rr, dd = rr.real, dd.real
    coherence = np.full(len(rr), np.nan)
    if n_windows > 1:
        np.divide(np.abs(rd) ** 2, rr * dd, out=coherence, where=rr * dd > 0)
    return Spectrum(frequency, rr, dd, coherence, n_windows)


def correlation(r: Sequence[Floats], d: Sequence[Floats]) -> Estimate:
    """Return Pearson's correlation of r and D over all samples, with its interval over replicas."""
    replica = np.repeat(np.arange(len(r)), [len(part) for part in r])
    x, y = np.concatenate(r), np.concatenate(d)

    def pearson(keep: NDArray[np.bool_]) -> float:
        a, b = x[keep], y[keep]
        if len(a) < 3 or not a.std() > 0 or not b.std() > 0:
            return float("nan")
        return float(np.corrcoef(a, b)[0, 1])

    return jackknife(pearson, replica)
