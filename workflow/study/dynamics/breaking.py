"""Does D before a break tell which bond breaks first? Scores of D, of bond length, and of chance.

Every predictor gives each bond of a molecule a weakness, the lowest of which is the bond it expects to
break. Instants lie ``lead`` before the first sample in which a bond is broken. Pure functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d.fields import Column as C
from e3d.statistics import Estimate, group_mean, interval_columns, verdict
from study.dynamics.series import Floats, Ints, Outcome, Series

LEADS_FS = (10.0, 20.0, 50.0, 100.0)
WINDOW_FS = 50.0
ALL = "all"
"""All molecules together, instead of one."""
CHANCE_PERCENTILE = 0.5
AGAINST = {"D": "r_rel", "D_z": "r_z", "D_mean": "r_rel"}
"""Each predictor made of D, and the one made of lengths that it is paired with."""
PREDICTORS = (*AGAINST, "r", "r_rel", "r_z")
INSTANT_ONLY = ("D_mean", "r")
_SCORES = ("top1", "percentile", "within_class")
_MEASURES = (
    "top1",
    "chance_top1",
    "top1_minus_chance",
    "percentile",
    "within_class",
    "top1_minus_length",
    "percentile_minus_length",
)
COLUMNS = (
    *(
        C.MOLECULE,
        "lead_fs",
        "window_fs",
        "predictor",
        "length_predictor",
        "n_replicas",
        C.N_MOLECULES,
    ),
    *interval_columns(*_MEASURES),
    "n_within_class",
    "beats_chance",
    "beats_length",
)


@dataclass(frozen=True)
class Thermal:
    """Mean and standard deviation of r (Å) and D (eV) of each bond (B,) at the lowest temperature."""

    r: Floats
    r_sd: Floats
    bond_energy: Floats
    bond_energy_sd: Floats


def thermal(series: Series, first: int) -> Thermal:
    """Return means over the intact samples from ``first`` on; bonds of one class share theirs."""
    moments = []
    for quantity in (series.r, series.bond_energy):
        pooled = {
            label: np.concatenate(
                [
                    segment
                    for bond in np.flatnonzero(series.bond_class == label).tolist()
                    for segment in series.segments(quantity, bond, first)
                ]
            )
            for label in set(series.bond_class.tolist())
        }
        known = {
            label: (v.mean(), v.std()) if len(v) > 1 else (np.nan, np.nan)
            for label, v in pooled.items()
        }
        moments += list(
            np.array([known[label] for label in series.bond_class.tolist()], dtype=np.float64).T
        )
    return Thermal(*moments)


def weakness(series: Series, replica: int, rows: slice, means: Thermal) -> dict[str, Floats]:
    """Return the weakness (B,) of each bond by every predictor, from the mean over the samples ``rows``.

    ``D`` the bond energy, ``D_z`` its deviation from the thermal mean in standard deviations, ``D_mean``
    that mean alone, ``r`` the length (the longest breaks), ``r_rel`` the length over the sum of covalent
    radii, on which the criterion of breaking rests, ``r_z`` its deviation like ``D_z``.
    """
    r, d = series.r[replica, rows].mean(axis=0), series.bond_energy[replica, rows].mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "D": d,
            "D_z": (d - means.bond_energy) / means.bond_energy_sd,
            "D_mean": means.bond_energy,
            "r": -r,
            "r_rel": -r / series.reach,
            "r_z": -(r - means.r) / means.r_sd,
        }


def scores(weak: Floats, broken: int, bond_class: Ints) -> tuple[float, float, float]:
    """Return how well weaknesses (B,) foretold that bond ``broken`` breaks first.

    Returns
    -------
    ``top1``: 1 where it is the weakest, a share where several are; chance 1/B. ``percentile``: share of
    the other bonds that are less weak, ties a half (the area under the ROC curve of one positive); chance
    1/2. ``within_class``: the same among the bonds equivalent to it, NaN if there are none. NaN where a
    weakness is unknown.
    """
    if not np.isfinite(weak).all():
        return (float("nan"),) * 3
    least = weak == weak.min()
    others = np.arange(len(weak)) != broken
    above = np.where(weak > weak[broken], 1.0, np.where(weak == weak[broken], 0.5, 0.0))
    same = others & (bond_class == bond_class[broken])
    within = float(above[same].mean()) if same.any() else float("nan")
    return float(least[broken] / least.sum()), float(above[others].mean()), within


def judged(series: Sequence[Series], equilibration: int) -> pd.DataFrame:
    """Return one row per broken replica, lead, window and predictor, with its scores.

    The lowest temperature gives the thermal means and is not judged. Instants must come after the start,
    windows must be full; molecules of one bond have nothing to tell.
    """
    rows: list[dict[str, Any]] = []
    lowest = {
        s.molecule: min(x.temperature_K for x in series if x.molecule == s.molecule) for s in series
    }
    means = {
        s.molecule: thermal(s, equilibration)
        for s in series
        if s.temperature_K == lowest[s.molecule]
    }
    for one in series:
        if one.temperature_K == lowest[one.molecule] or len(one.bonds) < 2:
            continue
        for replica in np.flatnonzero(one.outcome == Outcome.BROKEN).tolist():
            for lead in LEADS_FS:
                for window in (0.0, WINDOW_FS):
                    rows += _judge(one, replica, lead, window, means[one.molecule])
    columns = [C.MOLECULE, "replica", "lead_fs", "window_fs", "predictor", "n_bonds", *_SCORES]
    return pd.DataFrame(rows, columns=list(map(str, columns)))


def _judge(
    series: Series, replica: int, lead: float, window: float, means: Thermal
) -> list[dict[str, Any]]:
    last = int(series.stopped[replica]) - round(lead / series.sample_fs)
    first = last - max(round(window / series.sample_fs) - 1, 0)
    if first < 1:  # sample 0 is the start, the same for all
        return []
    weak = weakness(series, replica, slice(first, last + 1), means)
    key = {
        C.MOLECULE: series.molecule,
        "replica": f"{series.temperature_K:g} K {replica}",
        "lead_fs": lead,
        "window_fs": window,
        "n_bonds": len(series.bonds),
    }
    broken = int(series.broken[replica])
    return [
        key
        | {"predictor": name}
        | dict(zip(_SCORES, scores(weak[name], broken, series.bond_class), strict=True))
        for name in PREDICTORS
        if window == 0 or name not in INSTANT_ONLY
    ]


def table(judgements: pd.DataFrame) -> pd.DataFrame:
    """Return mean scores for each molecule and for all, lead, window and predictor.

    Intervals: jackknife over the replicas of a molecule, and over molecules for all of them. Differences
    are paired by replica. ``beats_chance`` and ``beats_length`` speak of the percentile: ``yes`` or ``no``
    only where the interval of the difference excludes zero, else ``undetermined``.
    """
    rows = []
    for name in [*dict.fromkeys(judgements[C.MOLECULE]), ALL]:
        part = judgements if name == ALL else judgements[judgements[C.MOLECULE] == name]
        for (lead, window), here in part.groupby(["lead_fs", "window_fs"]):
            units = here[C.MOLECULE] if name == ALL else here["replica"]
            for predictor in dict.fromkeys(here["predictor"]):
                key = {
                    C.MOLECULE: name,
                    "lead_fs": lead,
                    "window_fs": window,
                    "predictor": predictor,
                }
                rows.append(key | _row(here, predictor, units))
    return pd.DataFrame(rows, columns=list(map(str, COLUMNS)))


def _row(here: pd.DataFrame, predictor: str, units: "pd.Series[Any]") -> dict[str, Any]:
    chosen = (here["predictor"] == predictor).to_numpy()
    unit = np.unique(units.to_numpy()[chosen].astype(str), return_inverse=True)[1]
    measured = {name: here[name].to_numpy(dtype=np.float64)[chosen] for name in _SCORES}
    measured["chance_top1"] = 1 / here["n_bonds"].to_numpy(dtype=np.float64)[chosen]
    measured["top1_minus_chance"] = measured["top1"] - measured["chance_top1"]
    measured["percentile_minus_chance"] = measured["percentile"] - CHANCE_PERCENTILE
    length = AGAINST.get(predictor)
    if (
        length is not None
    ):  # each replica has a row of every predictor, so both are in the same order
        other = (here["predictor"] == length).to_numpy()
        for score in ("top1", "percentile"):
            measured[f"{score}_minus_length"] = (
                measured[score] - here[score].to_numpy(dtype=np.float64)[other]
            )
    row: dict[str, Any] = {
        "length_predictor": length or "",
        "n_replicas": int(np.isfinite(measured["percentile"]).sum()),
        C.N_MOLECULES: int(here[C.MOLECULE].nunique()),
        "n_within_class": int(np.isfinite(measured["within_class"]).sum()),
    }
    found = {name: _mean(values, unit) for name, values in measured.items()}
    for name, one in found.items():
        row |= one.columns(name)
    for rival in ("chance", "length"):
        difference = found.get(f"percentile_minus_{rival}")
        row[f"beats_{rival}"] = verdict(difference, needs_width=True) if difference else ""
    return row


def _mean(values: Floats, unit: NDArray[np.int64]) -> Estimate:
    known = np.isfinite(values)
    if not known.any():
        return Estimate(float("nan"))
    return group_mean(values[known], unit[known])
