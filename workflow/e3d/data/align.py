"""What is left between two levels of theory once their isolated atoms agree, element by element."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from e3d.data.duplicates import same_structure
from e3d.data.store import StoreReader
from e3d.fields import Store as F
from e3d.statistics import jackknife_groups, jackknife_se, t_quantile

PAIRED, UNPAIRED = "same structures", "all structures"
_MIN_PAIRED = 20


@dataclass(frozen=True)
class Residual:
    """What is left per element after alignment on isolated atoms, and on what it rests.

    ``value`` and ``half_width`` (of its 95 % interval) are eV per atom, (E,); ``rms_before`` and
    ``rms_after`` the RMS difference of binding energies per atom, eV, without and with it (NaN where
    there are no structures in common).
    """

    elements: tuple[int, ...]
    value: NDArray[np.float64]
    half_width: NDArray[np.float64]
    basis: str
    frames: int
    rms_before: float
    rms_after: float


def measure_residual(reference: StoreReader, other: StoreReader) -> Residual | None:
    """Fit, per element, by how much the binding energies of ``other`` lie above those of ``reference``.

    Where the two have at least 20 structures in common, the differences of these are regressed on
    composition; else the binding energies of each on its own compositions, and the coefficients
    subtracted: then the chemistry of the two sets is part of the difference, and ``basis`` says so.
    None where the two share no element, or have too few molecules to fit.
    """
    shared = sorted(set(reference.elements) & set(other.elements))
    if not shared:
        return None
    pairs = _common_structures(reference, other)
    if len(pairs) >= _MIN_PAIRED:
        counts = _counts(other, shared)[pairs[:, 1]]
        difference = other[F.BINDING_ENERGY][pairs[:, 1]] - reference[F.BINDING_ENERGY][pairs[:, 0]]
        value, half = _regress(counts, difference, other.molecule[pairs[:, 1]])
        size = counts.sum(axis=1)
        before, after = (float(np.sqrt(np.mean((d / size) ** 2))) for d in (difference, difference - counts @ value))
        return Residual(tuple(shared), value, half, PAIRED, len(pairs), before, after)
    fits = []
    for reader in (reference, other):
        counts = _counts(reader, shared)
        whole = counts.sum(axis=1) == np.diff(reader.frame_ptr)  # only frames of shared elements
        if not whole.any():
            return None
        fits.append(_regress(counts[whole], reader[F.BINDING_ENERGY][whole], reader.molecule[whole]))
    (a, a_half), (b, b_half) = fits
    return Residual(tuple(shared), b - a, np.hypot(a_half, b_half), UNPAIRED, int(whole.sum()), np.nan, np.nan)


def _common_structures(reference: StoreReader, other: StoreReader) -> NDArray[np.int64]:
    """Return rows (P, 2) of frames that are the same structure: same molecule, coordinates within 1e-4 Å."""
    names = {name: row for row, name in enumerate(reference.molecule_smiles)}
    by_molecule: dict[tuple[int, int], list[int]] = {}
    for frame, (m, index) in enumerate(zip(reference.molecule, reference[F.SOURCE_INDEX], strict=True)):
        by_molecule.setdefault((int(m), int(index)), []).append(frame)
    found = []
    for frame, (m, index) in enumerate(zip(other.molecule, other[F.SOURCE_INDEX], strict=True)):
        row = names.get(other.molecule_smiles[int(m)])
        if row is None:
            continue
        b = other.frame(frame)
        for candidate in by_molecule.get((row, int(index)), []):
            a = reference.frame(candidate)
            if same_structure(b.atomic_numbers.astype(np.int64), b.positions, a.atomic_numbers, a.positions):
                found.append((candidate, frame))
                break
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _counts(reader: StoreReader, elements: list[int]) -> NDArray[np.float64]:
    """Return the number of atoms of each element in every frame (F, E)."""
    numbers = reader[F.ATOMIC_NUMBERS]
    counts = [np.add.reduceat((numbers == z).astype(np.int32), reader.frame_ptr[:-1]) for z in elements]
    return np.stack(counts, axis=1).astype(np.float64)


def _regress(
    counts: NDArray[np.float64], values: NDArray[np.float64], molecules: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return least-squares coefficients (E,) and half widths of their 95 % jackknife intervals over molecules."""
    groups = np.unique(jackknife_groups(molecules.astype(np.int64)), return_inverse=True)[1]
    n = int(groups.max()) + 1
    members = [groups == g for g in range(n)]
    normal = np.array([counts[rows].T @ counts[rows] for rows in members])
    right = np.array([counts[rows].T @ values[rows] for rows in members])
    without = [np.linalg.pinv(normal.sum(0) - normal[g]) @ (right.sum(0) - right[g]) for g in range(n)]
    value = np.linalg.pinv(normal.sum(0)) @ right.sum(0)
    if n < 2:
        return value, np.full(len(value), np.nan)
    errors = np.array([jackknife_se(column) for column in np.array(without).T])
    return value, t_quantile(n - 1) * errors
