"""The ``entropy`` stage: how spread D is within a bond type, and how much it tells of the type.

Entropies are plug-in estimates in nats, H = -sum p ln p over bins of fixed width, also with the
Miller-Madow correction (K - 1) / 2n for K occupied bins (Miller 1955). Decomposability is
I(D; bond type) / H(bond type). Intervals are delete-group jackknifes over molecules around the
corrected value; nothing is clipped.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d import tables
from e3d.decompose.load import Decomposed, load
from e3d.errors import InputError
from e3d.fields import BONDS_FILE
from e3d.fields import Column as C
from e3d.statistics import Estimate, jackknife, jackknife_groups

QUANTITY, MEASURE = "quantity", "measure"
ALL, WITHIN = "all", "within types"
MIN_MOLECULES = 3
_ROUNDING = 1e-12
_SPAN_PER_LABEL = 4  # counting costs the span of the labels, sorting their number and its logarithm
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Bins:
    """Bin widths: D in eV, D over its standard deviation, and r in Å."""

    bond_energy_eV: float
    scaled: float
    r_ang: float


def plug_in(labels: Ints) -> float:
    """Return H = -sum p ln p (nats) of the labels' counts."""
    p = _counts(labels) / len(labels)
    return float(-np.sum(p * np.log(p))) + 0.0  # no negative zero


def miller_madow(labels: Ints) -> float:
    """Return the plug-in entropy plus (K - 1) / 2n, K the number of occupied bins."""
    return plug_in(labels) + (len(_counts(labels)) - 1) / (2 * len(labels))


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


def information(x: Ints, y: Ints, entropy: Callable[[Ints], float]) -> float:
    """Return the mutual information I(x; y) = H(x) + H(y) - H(x, y) in nats."""
    return entropy(x) + entropy(y) - entropy(joint(x, y))


def conditional_information(x: Ints, y: Ints, given: Ints, entropy: Callable[[Ints], float]) -> float:
    """Return I(x; y | given) = sum over z of p(z) I(x; y) within z, in nats."""
    total = 0.0
    for z in np.unique(given):
        inside = given == z
        total += inside.mean() * information(x[inside], y[inside], entropy)
    return float(total)


def conditional_entropy(y: Ints, given: Ints, entropy: Callable[[Ints], float]) -> float:
    """Return H(y | given) = sum over z of p(z) H(y) within z, in nats."""
    return float(sum((given == z).mean() * entropy(y[given == z]) for z in np.unique(given)))


def entropy_table(part: Decomposed, bins: Bins) -> pd.DataFrame:
    """Return the entropy of D: plain, corrected, with interval.

    Per bond type, of all bonded D together (``all``), and on average within the types (``within
    types``: H(D | type), each type weighted by its number of bonds).
    ``quantity`` is ``D`` (bins in eV) or ``D/sd``, the scale-free form: D over the standard
    deviation of all bonded D of the run.
    """
    d = part.bonds[C.BOND_ENERGY].to_numpy(dtype=float)
    kinds = part.bonds[C.BOND_TYPE].to_numpy(dtype=object)
    molecules = np.unique(part.bonds[C.MOLECULE], return_inverse=True)[1]
    index = np.unique(kinds.astype(str), return_inverse=True)[1]
    rows = []
    for quantity, values, width in _forms(d, bins):
        labels = binned(values, width)
        for kind in (ALL, WITHIN, *sorted(set(kinds))):
            keep = np.ones(len(d), dtype=bool) if kind in (ALL, WITHIN) else kinds == kind
            given = index[keep] if kind == WITHIN else np.zeros(int(keep.sum()), dtype=np.int64)
            estimate = _estimate(labels[keep], given, molecules[keep])
            rows.append(
                {
                    C.STRUCTURES: part.structures,
                    QUANTITY: quantity,
                    C.BOND_TYPE: kind,
                    C.N: int(keep.sum()),
                    C.N_MOLECULES: len(set(molecules[keep])),
                    "bin_width": width,
                    "occupied_bins": len(np.unique(labels[keep])),
                    "entropy_nats": conditional_entropy(labels[keep], given, plug_in),
                    "entropy_mm_nats": estimate.value,
                    "entropy_mm_nats_lo": estimate.lo,
                    "entropy_mm_nats_hi": estimate.hi,
                }
            )
    return pd.DataFrame(rows)


def _forms(d: NDArray[np.float64], bins: Bins) -> list[tuple[str, NDArray[np.float64], float]]:
    spread = float(np.std(d))
    scaled = d / spread if spread > 0 else np.zeros_like(d)
    return [("D", d, bins.bond_energy_eV), ("D/sd", scaled, bins.scaled)]


def binned(values: NDArray[np.float64], width: float) -> Ints:
    """Return the bin of each value, of fixed ``width``, edges at multiples of it."""
    return np.floor(values / width).astype(np.int64)


def _estimate(labels: Ints, given: Ints, molecules: Ints) -> Estimate:
    """Return the corrected entropy of ``labels`` given ``given`` and its interval, NaN where there is none.

    With fewer than three molecules, or when no replicate differs but for rounding, or when every bond
    is in a bin of its own, the jackknife would claim a width of next to nothing.
    """
    groups = jackknife_groups(molecules)
    estimate = jackknife(lambda keep: conditional_entropy(labels[keep], given[keep], miller_madow), groups)
    return _without_false_precision(estimate, groups, joint(labels, given))


def _without_false_precision(estimate: Estimate, groups: Ints, labels: Ints) -> Estimate:
    saturated = len(np.unique(labels)) == len(labels)
    if len(np.unique(groups)) < MIN_MOLECULES or saturated or not estimate.half_width > _ROUNDING:
        return Estimate(estimate.value, np.nan, np.nan)
    return estimate


def decomposability_table(part: Decomposed, bins: Bins) -> pd.DataFrame:
    """Return what D tells of the bond type, what it tells beyond the elements, and what r tells.

    ``fraction`` divides the information by the entropy of what is told, so that 1 is everything:
    I(D; type) / H(type) is the decomposability; I(r; type) / H(type) the baseline of geometry alone.
    """
    bonds = part.bonds
    kinds = bonds[C.BOND_TYPE].to_numpy(dtype=str)
    kind = np.unique(kinds, return_inverse=True)[1]
    elements = np.unique([_elements(name) for name in kinds], return_inverse=True)[1]
    groups = jackknife_groups(np.unique(bonds[C.MOLECULE], return_inverse=True)[1])
    d = bonds[C.BOND_ENERGY].to_numpy(dtype=float)
    r = binned(bonds[C.R].to_numpy(dtype=float), bins.r_ang)
    d_forms = {name: binned(values, width) for name, values, width in _forms(d, bins)}
    measures: dict[str, tuple[Ints, Ints | None]] = {
        "I(D; type)": (d_forms["D"], None),
        "I(D/sd; type)": (d_forms["D/sd"], None),
        "I(D; order | elements)": (d_forms["D"], elements),
        "I(r; type)": (r, None),
        "I(r; order | elements)": (r, elements),
    }
    rows = []
    for measure, (x, given) in measures.items():
        row: dict[str, Any] = {
            C.STRUCTURES: part.structures,
            MEASURE: measure,
            C.N: len(bonds),
            C.N_MOLECULES: int(bonds[C.MOLECULE].nunique()),
        }
        row |= _information_row(x, kind, given, groups)
        rows.append(row)
    return pd.DataFrame(rows)


def _information_row(x: Ints, kind: Ints, given: Ints | None, groups: Ints) -> dict[str, float]:
    def bits(keep: NDArray[np.bool_], entropy: Callable[[Ints], float]) -> tuple[float, float]:
        if given is None:
            return information(x[keep], kind[keep], entropy), entropy(kind[keep])
        return (
            conditional_information(x[keep], kind[keep], given[keep], entropy),
            conditional_entropy(kind[keep], given[keep], entropy),
        )

    def fraction(keep: NDArray[np.bool_]) -> float:
        told, whole = bits(keep, miller_madow)
        return told / whole if whole > 0 else np.nan

    everything = np.ones(len(x), dtype=bool)
    plain, target = bits(everything, plug_in)
    corrected = jackknife(lambda keep: bits(keep, miller_madow)[0], groups)
    share = jackknife(fraction, groups)
    labels = joint(x, kind)
    corrected, share = (_without_false_precision(estimate, groups, labels) for estimate in (corrected, share))
    return {
        "information_nats": plain,
        "information_mm_nats": corrected.value,
        "information_mm_nats_lo": corrected.lo,
        "information_mm_nats_hi": corrected.hi,
        "target_entropy_nats": target,
        "fraction": plain / target if target > 0 else np.nan,
        "fraction_mm": share.value,
        "fraction_mm_lo": share.lo,
        "fraction_mm_hi": share.hi,
    }


def _elements(kind: str) -> str:
    return re.sub("[=#:~]", "-", kind)


def histogram_table(part: Decomposed, bins: Bins) -> pd.DataFrame:
    """Return the counts of D per bond type and bin (lower edge), what the distributions draw."""
    labels = binned(part.bonds[C.BOND_ENERGY].to_numpy(dtype=float), bins.bond_energy_eV)
    frame = pd.DataFrame({C.BOND_TYPE: part.bonds[C.BOND_TYPE].to_numpy(), "bin": labels})
    table = frame.groupby([C.BOND_TYPE, "bin"]).size().rename(C.COUNT).reset_index()
    table.insert(0, C.STRUCTURES, part.structures)
    table["bond_energy_bin_eV"] = (table.pop("bin") * bins.bond_energy_eV).round(10)
    return table


def run_tables(folders: Sequence[Path], output: Path, bins: Bins, run: Mapping[str, Any]) -> None:
    """Write ``<run>.csv``, ``<run>.decomposability.csv`` and ``<run>.histogram.csv``."""
    parts = load(folders)
    inputs = [folder / BONDS_FILE for folder in folders]
    makers = {
        "": entropy_table,
        ".decomposability": decomposability_table,
        ".histogram": histogram_table,
    }
    for suffix, make in makers.items():
        table = pd.concat([make(part, bins) for part in parts], ignore_index=True)
        path = output.with_name(output.stem + suffix + ".csv")
        tables.write(tables.with_run(table, run), path, inputs=inputs, settings=vars(bins))


def require_one_sample_size(table: pd.DataFrame) -> None:
    """Refuse to put entropies side by side that were taken at different sample sizes.

    Raises
    ------
    InputError
        If runs of one dataset differ in the number of bonds of a type.
    """
    keys = [C.DATASET, C.STRUCTURES, C.BOND_TYPE]
    sizes = table.groupby(keys)[C.N].nunique()
    mixed = sizes[sizes > 1]
    if len(mixed):
        raise InputError(
            f"entropy: runs of {mixed.index[0]} have different sample sizes, and plug-in entropy depends on it. "
            "Decompose all runs on the same structures again."
        )
