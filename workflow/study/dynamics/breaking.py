"""Does D announce which bond breaks first? Scores of D, of bond length, and of chance.

Every predictor gives each bond of a molecule a weakness, the lowest of which is the bond it expects
to break. Instants lie ``lead`` before the first sample in which a bond is broken.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import finite_group_mean, verdict
from study.dynamics import fields as f
from study.dynamics.series import Floats, Ints, Series

LEADS_FS: Final = (10.0, 20.0, 50.0, 100.0)
WINDOW_FS: Final = 50.0
CHANCE_PERCENTILE: Final = 0.5
AGAINST: Final = {"D": "r_rel", "D_z": "r_z", "D_mean": "r_rel"}
"""Each predictor made of D, and the one made of lengths that it is paired with."""
INSTANT_ONLY: Final = ("D_mean", "r")


@dataclass(frozen=True)
class Thermal:
    """Mean and standard deviation of r (Å) and D (eV) of each bond (B,)."""

    r: Floats
    r_sd: Floats
    bond_energy: Floats
    bond_energy_sd: Floats


def thermal(series: Series, first: int) -> Thermal:
    """Return means over the intact samples from ``first`` on; bonds of one class share theirs."""
    moments = []
    for quantity in (series.r, series.bond_energy):
        mean, sd = np.full((2, len(series.bonds)), np.nan)
        for label in np.unique(series.bond_class):
            members = series.bond_class == label
            bonds = np.flatnonzero(members).tolist()
            values = np.concatenate(
                [part for bond in bonds for part in series.segments(quantity, bond, first)]
            )
            if len(values) > 1:
                mean[members], sd[members] = values.mean(), values.std()
        moments += [mean, sd]
    return Thermal(*moments)


def weakness(series: Series, replica: int, rows: slice, means: Thermal) -> dict[str, Floats]:
    """Return the weakness (B,) of each bond by every predictor, from means over samples ``rows``.

    ``D`` the bond energy, ``D_z`` its deviation from the thermal mean in standard deviations,
    ``D_mean`` that mean alone, ``r`` the length (the longest breaks), ``r_rel`` the length over the
    sum of covalent radii, on which the criterion of breaking rests, ``r_z`` its deviation like
    ``D_z``.
    """
    r, d = (values[replica, rows].mean(axis=0) for values in (series.r, series.bond_energy))
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
    """Return how well weaknesses (B,) announced that bond ``broken`` breaks first.

    Returns
    -------
    ``top1``: 1 where it is the weakest, a share where several are; chance 1/B. ``percentile``:
    share of the other bonds that are less weak, ties a half (the area under the ROC curve of one
    positive); chance 1/2. ``within_class``: the same among the bonds equivalent to it, NaN if there
    are none. All NaN where a weakness is unknown.
    """
    if not np.isfinite(weak).all():
        return (float("nan"),) * 3
    least = weak == weak.min()
    others = np.arange(len(weak)) != broken
    above = np.where(weak > weak[broken], 1.0, np.where(weak == weak[broken], 0.5, 0.0))
    same = others & (bond_class == bond_class[broken])
    within = float(above[same].mean()) if same.any() else float("nan")
    return float(least[broken] / least.sum()), float(above[others].mean()), within


def replica_scores(series: Sequence[Series], first: int) -> pd.DataFrame:
    """Return a row per broken replica, lead, window and predictor, with its scores.

    The lowest temperature gives the thermal means, over samples from ``first`` on, and has no
    scores. Instants must come after the start, windows must be full; a molecule with one bond
    leaves nothing to announce.
    """
    coldest: dict[str, Series] = {}
    for one in sorted(series, key=lambda one: one.temperature_K):
        coldest.setdefault(one.molecule, one)
    means = {name: thermal(one, first) for name, one in coldest.items()}
    rows = [
        row
        for one in series
        if one.temperature_K > coldest[one.molecule].temperature_K and len(one.bonds) > 1
        for replica in one.all_broken()
        for lead in LEADS_FS
        for window in (0.0, WINDOW_FS)
        for row in _scored(one, replica, lead, window, means[one.molecule])
    ]
    columns = (C.MOLECULE, "replica", f.LEAD, f.WINDOW, f.PREDICTOR, "n_bonds", *f.SCORES)
    return pd.DataFrame(rows, columns=columns)


def _scored(
    series: Series, replica: int, lead: float, window: float, means: Thermal
) -> Iterator[dict[str, Any]]:
    last = int(series.stopped[replica]) - round(lead / series.sample_fs)
    first = last - max(round(window / series.sample_fs) - 1, 0)
    if first < 1:  # sample 0 is the start, the same for all
        return
    broken = int(series.broken[replica])
    for name, weak in weakness(series, replica, slice(first, last + 1), means).items():
        if window == 0 or name not in INSTANT_ONLY:
            values = scores(weak, broken, series.bond_class)
            yield {
                C.MOLECULE: series.molecule,
                "replica": f"{series.temperature_K:g} K {replica}",
                f.LEAD: lead,
                f.WINDOW: window,
                f.PREDICTOR: name,
                "n_bonds": len(series.bonds),
                **dict(zip(f.SCORES, values, strict=True)),
            }


def breaking_table(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return mean scores for each molecule and for all, lead, window and predictor.

    Intervals: jackknife over the replicas of a molecule, and over molecules for all of them.
    Differences are paired by replica. ``beats_chance`` and ``beats_length`` speak of the
    percentile: ``yes`` or ``no`` only where the interval of the difference excludes zero, else
    ``undetermined``.
    """
    rows = []
    for name in [*dict.fromkeys(replicas[C.MOLECULE]), f.ALL]:
        part = replicas if name == f.ALL else replicas[replicas[C.MOLECULE] == name]
        for (lead, window), here in part.groupby([f.LEAD, f.WINDOW]):
            unit = C.MOLECULE if name == f.ALL else "replica"
            for predictor in dict.fromkeys(here[f.PREDICTOR]):
                key = dict(zip(f.KEY, (name, lead, window, predictor), strict=True))
                rows.append(key | _row(here, predictor, unit))
    return pd.DataFrame(rows, columns=f.BREAKING)


def _row(here: pd.DataFrame, predictor: str, unit: str) -> dict[str, Any]:
    own = here[here[f.PREDICTOR] == predictor]
    units = np.unique(own[unit].to_numpy(dtype=str), return_inverse=True)[1]
    measured = {name: own[name].to_numpy(dtype=np.float64) for name in f.SCORES}
    measured["chance_top1"] = 1 / own["n_bonds"].to_numpy(dtype=np.float64)
    measured["top1_minus_chance"] = measured[f.TOP1] - measured["chance_top1"]
    measured["percentile_minus_chance"] = measured[f.PERCENTILE] - CHANCE_PERCENTILE
    length = AGAINST.get(predictor, "")
    if length:  # each replica has a row of every predictor, so both are in the same order
        other = here[here[f.PREDICTOR] == length]
        for score in (f.TOP1, f.PERCENTILE):
            gap = measured[score] - other[score].to_numpy(dtype=np.float64)
            measured[f"{score}_minus_length"] = gap
    found = {name: finite_group_mean(values, units) for name, values in measured.items()}
    row: dict[str, Any] = {
        "length_predictor": length,
        "n_replicas": int(np.isfinite(measured[f.PERCENTILE]).sum()),
        C.N_MOLECULES: int(here[C.MOLECULE].nunique()),
        "n_within_class": int(np.isfinite(measured[f.WITHIN_CLASS]).sum()),
    }
    for name, one in found.items():
        row |= one.columns(name)
    for rival in ("chance", "length"):
        difference = found.get(f"percentile_minus_{rival}")
        row[f"beats_{rival}"] = verdict(difference, needs_width=True) if difference else ""
    return row
