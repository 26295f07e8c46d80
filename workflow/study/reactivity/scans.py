"""Stretched bonds: energy, force along the bond and D(r) of a run beside the label theory.

Energies are relative to the scan's relaxed geometry (GFN2-xTB's minimum), once for the model and
once for the labels: separated fragments would need the model's energies of radicals, which it has
never seen. The fragments are rigid, so that the force along the bond, -dE/dr, is the sum of the
forces on the moving fragment along it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from e3d.chemistry import fragment_rows
from e3d.fields import Column as C
from e3d.potential import EdgePotential
from study.reactivity import fields as f
from study.reactivity.coverage import Coverage
from study.reactivity.evaluated import Evaluated, Floats, evaluate
from study.reactivity.labelled import LabelledScan


def scan_table(
    model: EdgePotential, scans: Sequence[LabelledScan], coverage: Coverage | None, trained_at: str
) -> pd.DataFrame:
    """Return a row per point of every scan whose elements the model knows.

    ``within_training_range``: r lies between the shortest and the longest bond of this type in the
    run's training frames; blank without ``coverage``. Labels are blank if ``trained_at``, the run's
    level of theory ("" if unknown), is not theirs.
    """
    usable = [scan for scan in scans if model.knows(scan.structures[0])]
    seen = iter(evaluate(model, [structure for scan in usable for structure in scan.structures]))
    rows: list[dict[str, Any]] = []
    for scan in usable:
        rows += _rows(scan, [next(seen) for _ in scan.structures], coverage, trained_at)
    table = pd.DataFrame(rows, columns=f.SCANS)
    table[f.INSIDE_CUTOFF] = table[C.R] < model.r_max
    return table


def _rows(
    scan: LabelledScan, frames: Sequence[Evaluated], coverage: Coverage | None, trained_at: str
) -> list[dict[str, Any]]:
    first, zero, labels = scan.structures[0], scan.relaxed, scan.labels.beside(trained_at)
    kind = next(bond.bond_type for bond in first.bonds or () if (bond.i, bond.j) == scan.bond)
    unknown = (np.nan, np.nan)
    low, high = unknown if coverage is None else coverage.ranges.get(kind, unknown)
    common = {
        f.BOND: scan.name,
        C.BOND_TYPE: kind,
        C.MOLECULE: first.smiles,
        C.IN_TRAINING: None if coverage is None else coverage.trained_on([first]),
        f.RANGE_LO: low,
        f.RANGE_HI: high,
        f.LEVEL: labels.level,
    }
    return [
        common
        | {
            f.RELAXED: k == zero,
            C.R: r,
            f.INSIDE_RANGE: None if coverage is None else bool(low <= r <= high),
            f.ENERGY: frame.energy - frames[zero].energy,
            f.LABEL_ENERGY: labels.energy[k] - labels.energy[zero],
            f.FORCE: _along(scan, k, frame.forces),
            f.LABEL_FORCE: _along(scan, k, labels.forces[k]),
            C.BOND_ENERGY: frame.bond_energy[scan.bond],
            f.METHOD: labels.method[k],
        }
        for k, (r, frame) in enumerate(zip(scan.r, frames, strict=True))
    ]


def _along(scan: LabelledScan, k: int, forces: Floats) -> float:
    """Return -dE/dr (eV/Å) at point k: ``forces`` (N, 3) on one fragment, along the bond."""
    i, j = scan.bond
    x = scan.structures[k].positions
    axis = (x[j] - x[i]) / np.linalg.norm(x[j] - x[i])
    rows = fragment_rows(scan.structures[k].mapped_smiles or "", scan.bond)
    return float(forces[rows].sum(axis=0) @ axis)


def scan_summary(points: pd.DataFrame) -> pd.DataFrame:
    """Return a row per bond: errors within, below and above the training range, and both ends.

    Where the range is not known, errors are over all distances.

    ``half_bond_energy_ang``: where D has fallen to half of its value at the relaxed geometry;
    ``half_label_energy_ang``: where the label energy has risen to half of its value at the longest
    distance. Both by linear interpolation beyond the relaxed geometry, NaN if that does not happen.
    """
    same = (C.BOND_TYPE, C.MOLECULE, C.IN_TRAINING)
    rows = [
        {f.BOND: name, **{column: part[column].iloc[0] for column in same}, **_errors(part)}
        for name, part in points.groupby(f.BOND, sort=False)
    ]
    return pd.DataFrame(rows, columns=f.SCAN_ERRORS)


def _errors(part: pd.DataFrame) -> dict[str, Any]:
    r, low, high, d, energy, label = (
        part[name].to_numpy(dtype=float)
        for name in (C.R, f.RANGE_LO, f.RANGE_HI, C.BOND_ENERGY, f.ENERGY, f.LABEL_ENERGY)
    )
    masks = {
        "inside": (low <= r) & (r <= high),
        "shorter": r < low,
        "longer": r > high,
        "unknown": np.isnan(low),
    }
    zero = part[f.RELAXED].to_numpy(dtype=bool)  # there both curves agree by definition
    row: dict[str, Any] = {f"n_{place}": int(mask.sum()) for place, mask in masks.items()}
    gaps = (
        (part[f.ENERGY] - part[f.LABEL_ENERGY]).abs(),
        (part[f.FORCE] - part[f.LABEL_FORCE]).abs(),
    )
    for place, mask in masks.items():
        row[f.ENERGY_MAE[place]] = float(gaps[0][mask & ~zero].mean())
        row[f.FORCE_MAE[place]] = float(gaps[1][mask].mean())
    start = int(zero.argmax())
    r, d, label = r[start:], d[start:], label[start:]
    half_d = first_crossing(r, d - d[0] / 2) if d[0] > 0 else np.nan
    half_label = first_crossing(r, label[-1] / 2 - label)
    ends = (r[0], d[0], d[-1], r[-1], energy[-1], label[-1], half_d, half_label)
    return row | dict(zip(f.SCAN_ENDS, ends, strict=True))


def first_crossing(x: Floats, y: Floats) -> float:
    """Return where y (n,), interpolated, first turns from positive to not positive, or NaN."""
    down = np.flatnonzero((y[:-1] > 0) & (y[1:] <= 0))
    if not len(down):
        return float("nan")
    k = int(down[0])
    return float(x[k] + (x[k + 1] - x[k]) * y[k] / (y[k] - y[k + 1]))
