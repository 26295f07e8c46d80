"""What a layout's reader yields: conformations of one molecule or material, and their checks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from e3d.errors import InputError

_MAX_Z = 118


@dataclass(frozen=True)
class Group:
    """M labelled conformations of one molecule or material of N atoms, in eV and Å.

    Parameters
    ----------
    smiles
        Mapped SMILES (map number k is row k-1), "" where the source has none.
    subset
        Name of the part of the source that the group is from.
    atomic_numbers
        (N,).
    positions, forces
        (M, N, 3), Å and eV/Å.
    energy
        Total energies (M,), eV.
    name
        Keeps frames without a SMILES apart, for instance a formula.
    source_index
        The source's own number of each conformation (M,), -1 or None where it cannot be known.
    cell, pbc
        Cell vectors in rows (M, 3, 3), Å, and the periodic directions (M, 3); None for molecules.
    stress
        (M, 3, 3), eV/Å^3, positive under tension.
    formation_energy
        Energy (M,), eV, relative to isolated atoms, where the source has it: a check of ``energy``.
    levels
        Key and text of every level of theory that the source states.
    charge, multiplicity
        Where no SMILES says them, or says otherwise.
    dropped
        Number of rows of the source that the reader left out, by reason.
    """

    smiles: str
    subset: str
    atomic_numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    energy: NDArray[np.float64]
    forces: NDArray[np.float64]
    name: str = ""
    source_index: NDArray[np.int64] | None = None
    cell: NDArray[np.float64] | None = None
    pbc: NDArray[np.bool_] | None = None
    stress: NDArray[np.float64] | None = None
    formation_energy: NDArray[np.float64] | None = None
    charge: int | None = None
    multiplicity: int | None = None
    levels: tuple[tuple[str, str], ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What messages call it: the SMILES, else the name."""
        return self.smiles or self.name


def composition(group: Group) -> bytes:
    """Return a key of the elements of a group, whatever the order of its atoms."""
    return np.sort(group.atomic_numbers).tobytes()


def named(group: Group, row: int) -> str:
    """Return what messages call a frame: its energy finds it where numbers do not."""
    known = -1 if group.source_index is None else int(group.source_index[row])
    number = row if known < 0 else known
    return f"{group.label}, conformation {number} ({group.energy[row]:.6f} eV)"


_SHAPES = {
    "positions": "mn3",
    "forces": "mn3",
    "source_index": "m",
    "energy": "m",
    "formation_energy": "m",
    "atomic_numbers": "n",
    "cell": "m33",
    "pbc": "m3",
    "stress": "m33",
}
_KINDS = {"atomic_numbers": "iu", "source_index": "iu", "pbc": "b"}
"""Kinds of NumPy's types that an array may have; others hold real numbers."""
_WORDS = {"b": "true or false", "iu": "whole numbers", "fiu": "real numbers"}
_NUMBERS = ("positions", "energy", "forces", "cell", "stress")


def select(group: Group, rows: NDArray[np.bool_]) -> Group:
    """Return the group with only the conformations that ``rows`` (M,) marks."""
    names = [name for name, shape in _SHAPES.items() if shape.startswith("m")]
    kept = {name: values[rows] for name in names if (values := getattr(group, name)) is not None}
    return replace(group, **kept)


def check_groups(groups: Iterable[Group]) -> Iterator[Group]:
    """Pass groups through, refusing shapes that do not fit and what is no finite real number.

    Raises
    ------
    InputError
        Naming the molecule, the array and what it should be.
    """
    for group in groups:
        _check_kinds(group)
        _check_shapes(group)
        if not np.isin(group.atomic_numbers, range(1, _MAX_Z + 1)).all():
            raise InputError(
                f"{group.label}: atomic_numbers {group.atomic_numbers.tolist()} must be "
                f"1..{_MAX_Z}. Fix the group."
            )
        _check_finite(group)
        yield group


def _check_kinds(group: Group) -> None:
    for name in _SHAPES:
        values, allowed = getattr(group, name), _KINDS.get(name, "fiu")
        if values is not None and values.dtype.kind not in allowed:
            raise InputError(
                f"{group.label}: {name} is of type {values.dtype}, expected {_WORDS[allowed]}. "
                "Fix the group or drop it from the file."
            )


def _check_shapes(group: Group) -> None:
    sizes = {"m": len(group.energy), "n": len(group.atomic_numbers), "3": 3}
    for name, axes in _SHAPES.items():
        values, expected = getattr(group, name), tuple(sizes[axis] for axis in axes)
        if values is not None and values.shape != expected:
            raise InputError(
                f"{group.label}: {name} has shape {values.shape}, expected {expected} for "
                f"{sizes['m']} conformations of {sizes['n']} atoms. "
                "Fix the group or drop it from the file."
            )


def _check_finite(group: Group) -> None:
    for name in _NUMBERS:
        values = getattr(group, name)
        if values is None:
            continue
        bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if bad.any():
            raise InputError(
                f"{group.label}: {name} of conformation {int(np.argmax(bad))} is not finite "
                f"({int(bad.sum())} of {len(bad)} affected); every label must be a number. "
                "Remove these conformations from the file."
            )
