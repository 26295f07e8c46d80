"""Stretched bonds: energy, force along the bond and D(r) of a run beside the label theory.

Energies are relative to the scan's relaxed geometry (GFN2-xTB's minimum), once for the model and once for the
labels: separated fragments would need the model's energies of radicals, which it has never seen. The fragments
are rigid, so that the force along the bond, -dE/dr, is the sum of the forces on the moving fragment along it.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.fields import Column as C
from e3d.potential import EdgePotential
from e3d_labels.stretch import moving_rows
from study.reactivity.coverage import Coverage
from study.reactivity.evaluated import Evaluated, Floats, evaluate
from study.reactivity.labelled import LabelledScan

BOND = "bond"
ENERGY, LABEL_ENERGY = "energy_eV", "label_energy_eV"
FORCE, LABEL_FORCE = "force_eV_per_ang", "label_force_eV_per_ang"
INSIDE: Final = "within_training_range"
SCAN_COLUMNS: Final = (
    *(
        BOND,
        C.BOND_TYPE,
        C.MOLECULE,
        C.IN_TRAINING,
        "relaxed",
        C.R,
        "range_lo_ang",
        "range_hi_ang",
        INSIDE,
    ),
    *(
        ENERGY,
        LABEL_ENERGY,
        FORCE,
        LABEL_FORCE,
        C.BOND_ENERGY,
        "within_cutoff",
        "level",
        "label_method",
    ),
)
PLACES: Final = ("inside", "shorter", "longer")
_ERRORS: Final = tuple(f"{kind}_mae_{where}" for kind in ("energy", "force") for where in PLACES)
SCAN_SUMMARY_COLUMNS: Final = (
    *(BOND, C.BOND_TYPE, C.MOLECULE, C.IN_TRAINING, *(f"n_{where}" for where in PLACES)),
    *(f"{name}_{'eV' if name.startswith('energy') else 'eV_per_ang'}" for name in _ERRORS),
    *("relaxed_ang", "bond_energy_relaxed_eV", "bond_energy_longest_eV", "longest_ang"),
    *(
        "energy_longest_eV",
        "label_energy_longest_eV",
        "half_bond_energy_ang",
        "half_label_energy_ang",
    ),
)


def scan_table(
    model: EdgePotential,
    scans: Sequence[LabelledScan],
    coverage: Coverage | None,
    labelled_at: str,
    trained_at: str,
) -> pd.DataFrame:
    """Return a row per point of every scan whose elements the model knows.

    ``within_training_range``: r lies between the shortest and the longest bond of this type in the run's training
    frames (blank if these are unknown). Labels are blank for a run of another level of theory.
    """
    usable = [scan for scan in scans if model.knows(scan.structures[0])]
    seen = iter(evaluate(model, [structure for scan in usable for structure in scan.structures]))
    rows: list[dict[str, Any]] = []
    for scan in usable:
        frames = [next(seen) for _ in scan.structures]
        rows += _rows(scan, frames, coverage, labelled=trained_at in ("", labelled_at))
    table = pd.DataFrame(rows, columns=[str(name) for name in SCAN_COLUMNS])
    table["level"] = labelled_at if trained_at in ("", labelled_at) else trained_at
    table["within_cutoff"] = table[C.R] < model.r_max
    return table


def _rows(
    scan: LabelledScan, frames: Sequence[Evaluated], coverage: Coverage | None, *, labelled: bool
) -> list[dict[str, Any]]:
    first = scan.structures[0]
    kind = next(bond.bond_type for bond in first.bonds or () if (bond.i, bond.j) == scan.bond)
    low, high = (
        (np.nan, np.nan) if coverage is None else coverage.ranges.get(kind, (np.nan, np.nan))
    )
    relaxed = scan.relaxed
    energy = np.array([frame.energy for frame in frames])
    label = scan.labels.energy if labelled else np.full(len(frames), np.nan)
    theirs = scan.labels.forces if labelled else np.full_like(scan.labels.forces, np.nan)
    common = {
        BOND: scan.name,
        C.BOND_TYPE: kind,
        C.MOLECULE: first.smiles,
        C.IN_TRAINING: None if coverage is None else coverage.trained_on([first]),
        "range_lo_ang": low,
        "range_hi_ang": high,
    }
    return [
        {
            **common,
            "relaxed": k == relaxed,
            C.R: r,
            INSIDE: None if coverage is None else bool(low <= r <= high),
            ENERGY: energy[k] - energy[relaxed],
            LABEL_ENERGY: label[k] - label[relaxed],
            FORCE: along(scan, k, frames[k].forces),
            LABEL_FORCE: along(scan, k, theirs[k]),
            C.BOND_ENERGY: frames[k].d(scan.bond),
            "label_method": scan.labels.method[k] if labelled else "",
        }
        for k, r in enumerate(scan.r)
    ]


def along(scan: LabelledScan, k: int, forces: Floats) -> float:
    """Return -dE/dr (eV/Å) at point k: the force (N, 3) on the fragment of the bond's second atom, along the bond."""
    i, j = scan.bond
    x = scan.structures[k].positions
    axis = (x[j] - x[i]) / np.linalg.norm(x[j] - x[i])
    rows = moving_rows(scan.structures[k].mapped_smiles or "", scan.bond)
    return float(forces[rows].sum(axis=0) @ axis)


def scan_summary(points: pd.DataFrame) -> pd.DataFrame:
    """Return a row per bond: errors within the training range, below and above it, and how far D and energy follow.

    ``half_bond_energy_ang``: where D has fallen to half of its value at the relaxed geometry;
    ``half_label_energy_ang``: where the label energy has risen to half of its value at the longest distance. Both by
    linear interpolation beyond the relaxed geometry, NaN where that does not happen.
    """
    rows = [
        {
            BOND: name,
            **{str(key): part[key].iloc[0] for key in (C.BOND_TYPE, C.MOLECULE, C.IN_TRAINING)},
            **_score(part),
        }
        for name, part in points.groupby(BOND, sort=False)
    ]
    return pd.DataFrame(rows, columns=[str(name) for name in SCAN_SUMMARY_COLUMNS])


def _score(part: pd.DataFrame) -> dict[str, float]:
    r, low, high = (
        part[name].to_numpy(dtype=float) for name in (C.R, "range_lo_ang", "range_hi_ang")
    )
    masks = {"inside": (low <= r) & (r <= high), "shorter": r < low, "longer": r > high}
    others = ~part["relaxed"].to_numpy(
        dtype=bool
    )  # at the zero of both curves they agree by definition
    row: dict[str, float] = {f"n_{where}": int(mask.sum()) for where, mask in masks.items()}
    for where, mask in masks.items():
        chosen, energy = part[mask], part[mask & others]
        row[f"energy_mae_{where}_eV"] = float((energy[ENERGY] - energy[LABEL_ENERGY]).abs().mean())
        row[f"force_mae_{where}_eV_per_ang"] = float(
            (chosen[FORCE] - chosen[LABEL_FORCE]).abs().mean()
        )
    start = int(np.flatnonzero(part["relaxed"])[0])
    r, d = r[start:], part[C.BOND_ENERGY].to_numpy(dtype=float)[start:]
    label = part[LABEL_ENERGY].to_numpy(dtype=float)[start:]
    return row | {
        "relaxed_ang": r[0],
        "bond_energy_relaxed_eV": d[0],
        "bond_energy_longest_eV": d[-1],
        "longest_ang": r[-1],
        "energy_longest_eV": float(part[ENERGY].iloc[-1]),
        "label_energy_longest_eV": label[-1],
        "half_bond_energy_ang": first_crossing(r, d - d[0] / 2) if d[0] > 0 else np.nan,
        "half_label_energy_ang": first_crossing(r, label[-1] / 2 - label),
    }


def first_crossing(x: Floats, y: Floats) -> float:
    """Return where y (n,) first changes from positive to not positive, linearly interpolated; NaN if it does not."""
    down = np.flatnonzero((y[:-1] > 0) & (y[1:] <= 0))
    if not len(down):
        return float("nan")
    k = int(down[0])
    return float(x[k] + (x[k + 1] - x[k]) * y[k] / (y[k] - y[k + 1]))
