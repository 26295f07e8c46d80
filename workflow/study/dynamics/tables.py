"""Tables of bonds, of their spectra, and of one replica that breaks, from time series."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.fields import Column as C
from study.dynamics import fields as f
from study.dynamics.breaking import LEADS_FS
from study.dynamics.fluctuations import correlation, correlation_time, spectrum
from study.dynamics.series import Floats, Outcome, Series

TRAINING_K: Final = 500.0
"""Highest temperature of minispice's (and SPICE's) conformations; above, dynamics extrapolate."""
HIGHEST_CM: Final = 4500.0
"""End of a spectrum: no vibration of a molecule is faster."""
SHOWN_FS: Final = 200.0
"""Time before the break of the replica that is written out."""

Rows = list[dict[str, Any]]


def bond_tables(series: Sequence[Series], first: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of bonds and that of spectra; ``first`` is the first sample that counts."""
    rows: Rows = []
    lines: Rows = []
    for one in series:
        outcomes = _outcomes(one)
        for label in dict.fromkeys(one.bond_class.tolist()):
            members = np.flatnonzero(one.bond_class == label).tolist()
            own = [
                (one.segments(one.r, bond, first), one.segments(one.bond_energy, bond, first))
                for bond in members
            ]
            peaks, spectra = _spectrum(one, members[0], own)
            lines += spectra
            rows += [
                outcomes | _bond(one, bond, *segments) | peaks
                for bond, segments in zip(members, own, strict=True)
            ]
    return pd.DataFrame(rows, columns=f.DYNAMICS), pd.DataFrame(lines, columns=f.SPECTRUM)


def _outcomes(one: Series) -> dict[str, Any]:
    """Return what became of the replicas; the energy change is the mean over those that broke."""
    broken = one.outcome == Outcome.BROKEN
    ended = one.outcome != Outcome.INTACT
    return {
        C.MOLECULE: one.molecule,
        f.TEMPERATURE: one.temperature_K,
        "extrapolation": one.temperature_K > TRAINING_K,
        "n_replicas": len(one.outcome),
        **{f"n_{outcome}": int((one.outcome == outcome).sum()) for outcome in Outcome},
        "n_broken_below_start": int((one.energy_change[broken] < 0).sum()),
        f.MEDIAN_END: _if_any(np.median, one.stopped[ended] * one.sample_fs),
        f.ENERGY_CHANGE: _if_any(np.mean, one.energy_change[broken]),
        f.KINETIC: _if_any(np.mean, one.kinetic_K[np.isfinite(one.kinetic_K)]),
    }


def _if_any(how: Callable[[Floats], Any], values: Floats) -> float:
    return float(how(values)) if len(values) else float("nan")


def _bond(one: Series, bond: int, r: Sequence[Floats], d: Sequence[Floats]) -> dict[str, Any]:
    """Return the row of one bond from its lengths and its D, an array for each replica."""
    known = one.bonds[bond]
    whole = np.concatenate(r), np.concatenate(d)
    means = [_if_any(how, values) for values in whole for how in (np.mean, np.std)]
    times = [correlation_time(segments, one.sample_fs) for segments in (r, d)]
    return {
        C.I: known.i,
        C.J: known.j,
        C.BOND_TYPE: known.bond_type,
        C.FINE_TYPE: known.fine_type,
        f.BOND_CLASS: int(one.bond_class[bond]),
        "n_first_breaks": int((one.broken == bond).sum()),
        "n_samples": len(whole[0]),
        **dict(zip(f.MEANS, means, strict=True)),
        **correlation(r, d).columns("correlation"),
        **dict(zip(f.TIMES, times, strict=True)),
    }


def _spectrum(
    one: Series, bond: int, segments: Sequence[tuple[list[Floats], list[Floats]]]
) -> tuple[dict[str, Any], Rows]:
    """Return the peaks of a class of bonds, and its spectra line by line; nothing if too short."""
    pairs = [pair for r, d in segments for pair in zip(r, d, strict=True)]
    found = spectrum(pairs, one.sample_fs)
    if found is None:
        return {f.N_WINDOWS: 0}, []
    peaks = {f.N_WINDOWS: found.n_windows, **dict(zip(f.PEAKS, found.peaks(), strict=True))}
    shared = {
        C.MOLECULE: one.molecule,
        f.TEMPERATURE: one.temperature_K,
        C.FINE_TYPE: one.bonds[bond].fine_type,
        f.BOND_CLASS: int(one.bond_class[bond]),
        f.N_WINDOWS: found.n_windows,
    }
    lines = zip(found.frequency_cm, found.r, found.bond_energy, found.coherence, strict=True)
    return peaks, [
        shared | dict(zip(f.POWERS, line, strict=True)) for line in lines if line[0] <= HIGHEST_CM
    ]


def trajectory_table(series: Sequence[Series]) -> pd.DataFrame:
    """Return r and D of every bond along one replica that breaks, up to the break.

    Among those that are followed for the longest lead before the break, the one that breaks at the
    lowest temperature; else the one that lives longest. No rows if none breaks.
    """
    broken = [(one, replica) for one in series for replica in one.all_broken()]
    if not broken:
        return pd.DataFrame(columns=f.TRAJECTORY)

    def rank(pair: tuple[Series, int]) -> tuple[float, float]:
        one, replica = pair
        age = float(one.stopped[replica]) * one.sample_fs
        return max(max(LEADS_FS) - age, 0.0), one.temperature_K

    one, replica = min(broken, key=rank)
    stop = int(one.stopped[replica])
    rows = [
        {
            C.MOLECULE: one.molecule,
            f.TEMPERATURE: one.temperature_K,
            C.I: bond.i,
            C.J: bond.j,
            C.BOND_TYPE: bond.bond_type,
            C.FINE_TYPE: bond.fine_type,
            f.BREAKS: index == one.broken[replica],
            f.TIME_TO_BREAK: (sample - stop) * one.sample_fs,
            C.R: one.r[replica, sample, index],
            C.BOND_ENERGY: one.bond_energy[replica, sample, index],
        }
        for index, bond in enumerate(one.bonds)
        for sample in range(max(0, stop - round(SHOWN_FS / one.sample_fs)), stop + 1)
    ]
    return pd.DataFrame(rows, columns=f.TRAJECTORY)
