"""Levels of theory: those that a file states, and energies of two of them in one file.

Molecules tell two levels apart, one conformation each suffices.

The energy of a molecule is nearly a sum over its elements. What is left, per atom and at most, is
0.39 eV in 353 molecules of SPICE 2 and in the molecules that ship (0.57 eV in reaction paths). A
bond that is broken adds 5 eV to a molecule, half an eV to each of ten atoms. Only single molecules
of carbon and hydrogen count: of others, of clusters and of crystals it may be several eV.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np
from ase.formula import Formula

from e3d.arrays import Floats, Ints
from e3d.chemistry import symbol
from e3d.connectivity import GEOMETRIC_FACTOR, contact_ratios
from e3d.errors import InputError
from e3d.store.checks.structures import COMMON
from e3d.store.group import Group
from e3d.theory import disagreement, known_methods, method

log = logging.getLogger(__name__)

LEAST_ATOMS: Final = 10
LEAST_MOLECULES: Final = 30
LEAST_FORMULAS: Final = 10
PER_ELEMENT: Final = 5
APART_EV_PER_ATOM: Final = 0.6
MOST_APART: Final = 0.1
_MOST_FITTED: Final = 5000
_ITERATIONS: Final = 50
_SMALLEST_EV: Final = 1e-3
_OF_ANYTHING: Final = ("method", "run_type")
"""Keys that often name no level (``method=rattle``): known methods count alone."""


def require_stated(groups: Iterable[Group], theory: str) -> Iterator[Group]:
    """Pass groups through, refusing those that a file says are of another level of theory.

    A line warns, once for each text, where it may be another: names that are not known, and
    ``method``, which may be that of the geometries.

    Raises
    ------
    InputError
        Naming both levels.
    """
    seen: set[tuple[str, str]] = set()
    for group in groups:
        for key, text in group.levels:
            if (key, text) in seen:
                continue
            seen.add((key, text))
            found = disagreement(text, theory)
            of_anything = key.casefold() in _OF_ANYTHING and method(text) not in known_methods()
            if found == "none" or of_anything:
                continue
            said = f"its {key} is {text}, and the level of theory {theory!r}"
            if found == "sure" and key.casefold() != "method":
                raise InputError(
                    f"{group.label}: {said} - expected the same. Correct --theory (`theory` of the "
                    "dataset), or give the other file."
                )
            log.warning("%s: %s; correct --theory if the two are not the same", group.label, said)
        yield group


class Levels:
    """Binding energies of neutral molecules by composition while a file is read."""

    def __init__(self, atoms: Mapping[int, float]) -> None:
        """Take the energies (eV) of isolated atoms by atomic number."""
        self._atoms = atoms
        self._compositions: dict[tuple[int, ...], int] = {}
        self._frames: list[tuple[int, Floats]] = []

    def add(self, group: Group) -> None:
        """Keep the frames of a group of single neutral molecules of ten atoms or more."""
        numbers = group.atomic_numbers
        organic = {1, 6} <= set(numbers.tolist()) <= set(COMMON)
        if group.cell is not None or len(numbers) < LEAST_ATOMS or not organic:
            return
        if not len(group.energy) or not _connected(group.positions[0], numbers):
            return
        binding = group.energy - sum(self._atoms[int(z)] for z in numbers)
        key = tuple(sorted(numbers.tolist()))
        place = self._compositions.setdefault(key, len(self._compositions))
        self._frames.append((place, binding / len(numbers)))

    def finish(self) -> None:
        """Check the file as a whole.

        Raises
        ------
        InputError
            Where more than a tenth of the frames lie apart from a sum over elements.
        """
        elements = sorted({z for numbers in self._compositions for z in numbers})
        rows = np.repeat([at for at, _ in self._frames], [len(e) for _, e in self._frames])
        kinds = list(self._compositions)
        few = len(rows) < max(LEAST_MOLECULES, PER_ELEMENT * len(elements))
        if few or len(kinds) < LEAST_FORMULAS:
            return
        shares = np.array(
            [[numbers.count(z) / len(numbers) for z in elements] for numbers in kinds]
        )
        energy = np.concatenate([e for _, e in self._frames])
        step = -(-len(rows) // _MOST_FITTED)
        per_element = least_absolute(shares[rows[::step]], energy[::step])
        apart = np.abs(energy - shares[rows] @ per_element) > APART_EV_PER_ATOM
        if apart.mean() > MOST_APART:
            first = "".join(symbol(z) for z in kinds[int(rows[apart.argmax()])])
            raise InputError(
                f"energies of {apart.sum()} of {len(apart)} frames of molecules are more than "
                f"{APART_EV_PER_ATOM:g} eV per atom away from the best sum over elements, the "
                f"first of {Formula(first).format('hill')} - at most {MOST_APART:.0%} may be, "
                "right ones are within 0.4. Two levels of theory or two references are mixed: keep "
                "one."
            )


def _connected(positions: Floats, numbers: Ints) -> bool:
    """Say whether bonds by distance join all atoms, ``positions`` (N, 3), Å, to one molecule."""
    near = contact_ratios(positions, numbers) <= GEOMETRIC_FACTOR
    reached = near[0]
    while (more := near[reached].any(axis=0)).sum() > reached.sum():
        reached = more
    return bool(reached.all())


def least_absolute(shares: Floats, energy: Floats) -> Floats:
    """Return energies (E,) of elements, eV, that leave the least sum of absolute errors.

    By iteratively reweighted least squares. ``shares`` (M, E) of elements; ``energy`` (M,), eV.
    """
    weights = np.ones(len(energy))
    for _ in range(_ITERATIONS):
        root = np.sqrt(weights)
        found = np.linalg.lstsq(shares * root[:, None], energy * root, rcond=None)[0]
        weights = 1 / np.maximum(np.abs(energy - shares @ found), _SMALLEST_EV)
    return np.asarray(found)
