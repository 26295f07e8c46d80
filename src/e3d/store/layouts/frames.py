"""Layouts that hold one frame after another: what a frame is, and how frames become groups."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import Any

import numpy as np
from ase import Atoms
from ase.formula import Formula
from numpy.typing import NDArray

from e3d.chemistry import symbol
from e3d.chemistry.matching import mapped_to
from e3d.errors import InputError
from e3d.store.group import Group

_OPTIONAL = ("cell", "pbc", "stress", "formation_energy")
LONGEST_GROUP = 256
"""A run of like frames is cut here, so that memory stays bounded."""
NO_LABELS = "frames without energy or forces"
NOT_CONVERGED = "frames that say that they did not converge"
_CONVERGED = {
    *("converged", "isconverged", "scfconverged", "convergedscf"),
    *("electronicconverged", "convergedelectronic", "electronicallyconverged"),
}
"""Keys without underscores and case; of a relaxation (``ionic_converged``) it says nothing."""
_LEVELS = {
    *("leveloftheory", "theory", "theorylevel", "functional", "xc", "xcfunctional"),
    *("dftfunctional", "runtype", "method", "qmmethod", "dftmethod"),
}


@dataclass(frozen=True)
class Frame:
    """One labelled conformation, in eV and Å; the fields are those of :class:`Group`, without M.

    ``positions`` and ``forces`` (N, 3), ``cell`` (3, 3), ``pbc`` (3,), ``stress`` (3, 3).
    """

    name: str
    subset: str
    atomic_numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    energy: float
    forces: NDArray[np.float64]
    cell: NDArray[np.float64] | None = None
    pbc: NDArray[np.bool_] | None = None
    stress: NDArray[np.float64] | None = None
    smiles: str = ""
    charge: int | None = None
    multiplicity: int | None = None
    formation_energy: float | None = None
    levels: tuple[tuple[str, str], ...] = ()


def groups(frames: Iterable[Frame | str]) -> Iterator[Group]:
    """Make one group of each run of consecutive frames that differ in nothing but numbers.

    A text says why a frame is left out. It is counted in the group that comes next, or in an empty
    one at the end.
    """
    run: list[Frame] = []
    dropped: Counter[str] = Counter()
    for frame in frames:
        if isinstance(frame, str):
            dropped[frame] += 1
        elif run and (_likeness(frame) != _likeness(run[0]) or len(run) == LONGEST_GROUP):
            yield _group(run, dropped)
            run, dropped = [frame], Counter()
        else:
            run.append(frame)
    if run:
        yield _group(run, dropped)
    elif dropped:
        none = np.zeros((0, 0, 3))
        numbers = np.zeros(0, dtype=np.int64)
        yield Group("", "", numbers, none, np.zeros(0), none, "none", dropped=dict(dropped))


def _likeness(frame: Frame) -> tuple[Any, ...]:
    present = [getattr(frame, name) is None for name in _OPTIONAL]
    named = (frame.name, frame.subset, frame.smiles, frame.levels)
    state = (frame.charge, frame.multiplicity)
    return (*named, *state, *present, frame.atomic_numbers.tobytes())


def _group(run: list[Frame], dropped: Counter[str]) -> Group:
    first = vars(run[0])
    stacked = {
        name: np.array([getattr(frame, name) for frame in run])
        for name in ("positions", "energy", "forces", *_OPTIONAL)
        if first[name] is not None
    }
    return Group(**first | stacked, dropped=dict(dropped))


def formula(numbers: NDArray[np.int64], *, reduced: bool = False) -> str:
    """Return the Hill formula of atomic numbers (N,), with the smallest counts if ``reduced``.

    >>> formula(np.array([8, 22, 8, 22, 8, 8]), reduced=True)
    'O2Ti'
    """
    kinds, counts = np.unique(numbers, return_counts=True)
    return _hill(tuple(kinds.tolist()), tuple(counts.tolist()), reduced)


@lru_cache(maxsize=100_000)
def _hill(kinds: tuple[int, ...], counts: tuple[int, ...], reduced: bool) -> str:
    factor = gcd(*counts) if reduced else 1
    composition = {symbol(z): n // factor for z, n in zip(kinds, counts, strict=True)}
    return str(Formula.from_dict(composition).format("hill"))


def not_converged(stated: Mapping[str, Any]) -> bool:
    """Say whether a frame states that its labels did not converge.

    >>> not_converged({"scf_converged": False}), not_converged({"converged": "yes"})
    (True, False)
    """
    values = (value for key, value in stated.items() if _plain(key) in _CONVERGED)
    return any(str(value).casefold() in ("false", "f", "no", "0") for value in values)


def is_level(key: object) -> bool:
    """Say whether a key states a level of theory."""
    return _plain(key) in _LEVELS


def levels_in(stated: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return key and text of every level of theory that is stated.

    >>> levels_in({"functional": "PBE", "energy": -1.0, "Level-of-Theory": "GFN2-xTB"})
    (('functional', 'PBE'), ('Level-of-Theory', 'GFN2-xTB'))
    """
    found = ((key, value) for key, value in stated.items() if isinstance(value, str))
    return _shared(tuple((str(key), value) for key, value in found if is_level(key)))


@lru_cache(maxsize=1000)
def _shared(levels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return one object for equal levels: frames of a group hold it, not a copy each."""
    return levels


def _plain(key: object) -> str:
    return re.sub(r"[_\-. ]", "", str(key)).casefold()


def numbers_of(values: Any, key: str, shape: tuple[int, ...], where: str) -> NDArray[np.float64]:
    """Turn what a file holds for ``key`` into numbers of exactly ``shape``; None is not a number.

    Raises
    ------
    InputError
        If it is no array of real numbers (texts, flags and complex numbers are none), or of another
        shape.
    """
    try:
        raw = np.asarray(values)
        mixed = raw.dtype == object and any(not _is_number(value) for value in raw.flat)
        found = None if mixed or raw.dtype.kind not in "iufO" else raw.astype(np.float64)
    except (TypeError, ValueError, OverflowError):  # ragged, for one
        found = None
    if found is None:
        raise InputError(
            f"{where}: {key} is no array of numbers, expected shape {shape}. Fix the record."
        )
    if found.shape != shape:
        raise InputError(
            f"{where}: {key} has shape {found.shape}, expected {shape}. Fix the record."
        )
    return found


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def smiles_of(atoms: Atoms, label: str) -> str:
    """Return the SMILES that ``info`` states, under ``smiles`` in whatever letters; "" if none.

    A plain one is mapped to the geometry, unless that is periodic.

    Raises
    ------
    InputError
        If there are two, or it is plain and does not fit the geometry.

    >>> smiles_of(Atoms(info={"SMILES": "[H:1][H:2]"}), "hydrogen")
    '[H:1][H:2]'
    """
    stated = (value for key, value in atoms.info.items() if str(key).casefold() == "smiles")
    found = {str(value) for value in stated if value is not None}
    if len(found) > 1:
        raise InputError(
            f"{label}: has two SMILES, {' and '.join(sorted(found))} - expected one. Remove one."
        )
    smiles = found.pop() if found else ""
    if not smiles or re.search(r":\d+\]", smiles) or any(atoms.pbc):
        return smiles
    return mapped_to(smiles, np.asarray(atoms.numbers, dtype=np.int64), atoms.positions, label)
