"""Which energy and forces of ASE's ``Atoms`` are the labels: those of one set, never of two.

Two sets are read: the results of ASE's calculator, where extended XYZ's ``energy``, ``forces`` and
``stress`` go, and ``REF_energy``, ``REF_forces`` and ``REF_stress``. A set with both energy and
forces comes before one that lacks either. Sets of other names (``dft_energy``) are not read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator

from e3d.errors import InputError

_KEYS: Final = ("energy", "forces", "stress")
_SAME_EV: Final = 1e-4
"""In eV and eV/Å: two sets this close are one, written twice."""


@dataclass(frozen=True)
class Labels:
    """One set of labels as ASE holds them, each None where there is none."""

    energy: Any = None
    forces: Any = None
    stress: Any = None

    @property
    def complete(self) -> bool:
        """Whether it has both energy and forces."""
        return self.energy is not None and self.forces is not None

    @property
    def empty(self) -> bool:
        """Whether it has neither."""
        return self.energy is None and self.forces is None


def labels(atoms: Atoms, where: str) -> Labels:
    """Return the labels of ``atoms``; what messages call them is ``where``.

    Results of a calculator count if they are of these atoms: it may have moved on, or they. A
    single atom with an energy has no forces by symmetry, whether the file says so or not.

    Raises
    ------
    InputError
        If the energy would come from one set and the forces from another, or if two sets differ.
    """
    calc = atoms.calc
    stands = isinstance(calc, Calculator) and not calc.check_state(atoms)
    results = calc.results if stands else {}
    reference = {
        key: source[f"REF_{key}"]
        for key in _KEYS
        for source in (atoms.info, atoms.arrays)
        if f"REF_{key}" in source
    }
    ours, stated = (Labels(**{key: d.get(key) for key in _KEYS}) for d in (results, reference))
    if stated.complete and not isinstance(calc, SinglePointCalculator):
        ours = Labels()  # of a calculator at work, not of a file
    _require_one(ours, stated, where)
    chosen = stated if (stated.complete and not ours.complete) or ours.empty else ours
    if chosen.forces is None and chosen.energy is not None and len(atoms) == 1:
        return Labels(chosen.energy, np.zeros((1, 3)), chosen.stress)
    return chosen


def _require_one(ours: Labels, stated: Labels, where: str) -> None:
    """Refuse an energy of one set with forces of the other, and two sets that differ."""
    if ours.empty or stated.empty or ours.complete != stated.complete:
        return
    if (ours.energy is None) != (stated.energy is None):
        pair = ("energy", "REF_forces") if stated.energy is None else ("REF_energy", "forces")
        raise InputError(
            f"{where}: has {' and '.join(pair)}, which are of two sets of labels - expected energy "
            "and forces of one. Rename one of them, if they are of the same calculation."
        )
    for key in ("energy", "forces"):
        one, other = getattr(ours, key), getattr(stated, key)
        if one is not None and not _alike(one, other):
            raise InputError(
                f"{where}: {key} and REF_{key} differ, and both may be the labels - expected one "
                "set. Remove the other, or rename its keys."
            )


def _alike(one: Any, other: Any) -> bool:
    try:
        a, b = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    except (TypeError, ValueError):
        return False
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=0, atol=_SAME_EV, equal_nan=True))


def unread_sets(atoms: Atoms) -> tuple[str, ...]:
    """Return the keys of energies, forces and gradients under names which are not read.

    >>> unread_sets(Atoms("H", info={"dft_energy": -13.6, "charge": 0}))
    ('dft_energy',)
    """
    keys = (*_numbers(atoms.info), *atoms.arrays)
    return tuple(key for key in keys if _is_other_label(key))


def _numbers(info: Mapping[str, Any]) -> list[str]:
    return [key for key, value in info.items() if not isinstance(value, str | bool)]


@lru_cache(maxsize=1000)
def _is_other_label(key: str) -> bool:
    if key.startswith("REF_") or re.search("(?i)formation|per_?atom|unit|weight|free", key):
        return False
    return re.fullmatch(r"(?i)(.*[_\-. ])?(energy|forces?|gradients?)([_\-. ].*)?", key) is not None
