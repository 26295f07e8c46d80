"""What is left between two levels of theory once their isolated atoms agree, element by element."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e3d.arrays import Floats, Ints
from e3d.fields import Store as F
from e3d.statistics import jackknife_groups, t_quantile
from e3d.statistics.resampling import jackknife_se
from e3d.store.duplicates import TOLERANCE_ANG, candidates, same_structure, structure_keys
from e3d.store.reader import Frame, StoreReader

PAIRED, UNPAIRED = "same structures", "all structures"
_MIN_PAIRED = 20
_NULL = 1e-10  # an eigenvalue of the normalised normal matrix below this is zero


@dataclass(frozen=True)
class Residual:
    """What is left per element after alignment on isolated atoms, and on what it rests."""

    elements: tuple[int, ...]
    value: Floats  # (E,) eV per atom
    half_width: Floats  # (E,) of its 95 % interval
    basis: str  # PAIRED or UNPAIRED
    frames: int  # that it was measured on
    rms_before: float  # difference of binding energies, eV per atom; NaN if UNPAIRED
    rms_after: float  # ... once the residual is taken off


def measure_residual(reference: StoreReader, other: StoreReader) -> Residual | None:
    """Fit, per element, by how much binding energies of ``other`` lie above ``reference``.

    Where the two have at least 20 structures in common, the differences of these are regressed on
    composition. Else the binding energies of each are regressed on its own compositions and the
    coefficients subtracted: then the chemistry of the two sets is part of the difference, and
    ``basis`` says so.

    Returns
    -------
    Residual or None
        Without the elements that these compositions do not determine (absent, or always in one
        ratio with others); None where no element is left.
    """
    shared = sorted(set(reference.elements) & set(other.elements))
    if not shared:
        return None
    pairs = _common_structures(reference, other)
    if len(pairs) >= _MIN_PAIRED:
        counts = _counts(other, shared)[pairs[:, 1]]
        difference = other[F.BINDING_ENERGY][pairs[:, 1]] - reference[F.BINDING_ENERGY][pairs[:, 0]]
        value, half = _regress(counts, difference, other.molecule[pairs[:, 1]])
        size, explained = counts.sum(axis=1), counts @ np.nan_to_num(value)
        before, after = (
            float(np.sqrt(np.mean((d / size) ** 2))) for d in (difference, difference - explained)
        )
        return _residual(shared, value, half, PAIRED, len(pairs), before, after)
    fits = []
    for reader in (reference, other):
        counts = _counts(reader, shared)
        whole = counts.sum(axis=1) == np.diff(reader.frame_ptr)  # only frames of shared elements
        if not whole.any():
            return None
        fits.append(
            _regress(counts[whole], reader[F.BINDING_ENERGY][whole], reader.molecule[whole])
        )
    (a, a_half), (b, b_half) = fits
    return _residual(
        shared, b - a, np.hypot(a_half, b_half), UNPAIRED, int(whole.sum()), np.nan, np.nan
    )


def _residual(elements: list[int], value: Floats, half: Floats, *facts: Any) -> Residual | None:
    """Return the residual of the elements that have one, None if none has."""
    known = np.isfinite(value)
    named = tuple(z for z, determined in zip(elements, known, strict=True) if determined)
    return Residual(named, value[known], half[known], *facts) if named else None


def _common_structures(reference: StoreReader, other: StoreReader) -> Ints:
    """Return frames (P, 2) that are the same structure in both stores.

    The molecule is the same, and coordinates and cell are within 1e-4 Å.
    """
    ours, theirs = _by_molecule(reference), _by_molecule(other)
    found = []
    for key in theirs:
        if key in ours:
            found += matches(reference, ours[key], other, theirs[key])
    return np.array(sorted(found, key=lambda pair: pair[1]), dtype=np.int64).reshape(-1, 2)


def _by_molecule(reader: StoreReader) -> dict[tuple[str, int, int, int], list[int]]:
    """Return the frames of each molecule, charge, multiplicity and number in the source."""
    rows = (reader.molecule, reader[F.CHARGE], reader[F.MULTIPLICITY], reader[F.SOURCE_INDEX])
    found: dict[tuple[str, int, int, int], list[int]] = {}
    for frame, (m, *others) in enumerate(zip(*(row.tolist() for row in rows), strict=True)):
        charge, multiplicity, index = others
        found.setdefault((reader.molecule_smiles[m], charge, multiplicity, index), []).append(frame)
    return found


def matches(
    reference: StoreReader, ours: list[int], other: StoreReader, theirs: list[int]
) -> list[tuple[int, int]]:
    """Return for each of ``theirs`` the first of ``ours`` that is the same structure."""
    frames = [reference.frame(f) for f in ours] + [other.frame(f) for f in theirs]
    found_keys = [
        structure_keys(f.atomic_numbers.astype(np.int64), f.positions[None].astype(float), None)
        for f in frames
    ]
    keys, bounds = (np.concatenate(parts) for parts in zip(*found_keys, strict=True))
    found: dict[int, int] = {}
    for new, row in candidates(keys, bounds[len(ours) :], len(ours)):
        if new not in found and row < len(ours) and _same(frames[len(ours) + new], frames[row]):
            found[new] = row
    return [(ours[row], theirs[new]) for new, row in found.items()]


def _same(a: Frame, b: Frame) -> bool:
    cells = [
        None if f.cell is None or f.pbc is None or not f.pbc.any() else (f.cell, f.pbc)
        for f in (a, b)
    ]
    if cells[0] is not None and cells[1] is not None:
        (cell, pbc), (other_cell, other_pbc) = cells[0], cells[1]
        if (pbc != other_pbc).any() or np.abs(cell - other_cell).max() > TOLERANCE_ANG:
            return False
    elif cells[0] is not cells[1]:
        return False
    return same_structure(
        a.atomic_numbers.astype(np.int64), a.positions, b.atomic_numbers, b.positions
    )


def _counts(reader: StoreReader, elements: list[int]) -> Floats:
    """Return the number of atoms of each element in every frame (F, E)."""
    numbers = reader[F.ATOMIC_NUMBERS]
    counts = [
        np.add.reduceat((numbers == z).astype(np.int32), reader.frame_ptr[:-1]) for z in elements
    ]
    return np.stack(counts, axis=1).astype(np.float64)


def _regress(counts: Floats, values: Floats, molecules: NDArray[np.int32]) -> tuple[Floats, Floats]:
    """Return least-squares coefficients and the half widths of their 95 % intervals, (E,) each.

    Intervals are the jackknife's over molecules. A coefficient is NaN where the compositions do not
    determine it, its interval where only one group of molecules does.

    Parameters
    ----------
    counts
        Atoms of each element in every frame (F, E).
    values
        Binding energies (F,), eV.
    molecules
        Molecule of each frame (F,).
    """
    groups = np.unique(jackknife_groups(molecules.astype(np.int64)), return_inverse=True)[1]
    n = int(groups.max()) + 1
    members = [groups == g for g in range(n)]
    normal = np.array([counts[rows].T @ counts[rows] for rows in members])
    right = np.array([counts[rows].T @ values[rows] for rows in members])
    without = [_solve(normal.sum(0) - normal[g], right.sum(0) - right[g]) for g in range(n)]
    value = _solve(normal.sum(0), right.sum(0))
    if n < 2:
        return value, np.full(len(value), np.nan)
    errors = np.array([jackknife_se(column) for column in np.array(without).T])
    return value, t_quantile(n - 1) * errors


def _solve(normal: Floats, right: Floats) -> Floats:
    """Solve the normal equations (E, E), (E,); NaN for what they leave free."""
    size = np.sqrt(np.diag(normal))
    scale = np.where(size > 0, size, 1.0)
    values, vectors = np.linalg.eigh(normal / np.outer(scale, scale))
    free = values < _NULL
    inverse = np.where(free, 0.0, 1.0 / np.where(free, 1.0, values))
    solution = vectors @ (inverse * (vectors.T @ (right / scale))) / scale
    return np.where((vectors[:, free] ** 2).sum(axis=1) > np.sqrt(_NULL), np.nan, solution)
