"""Records of crystals that state a thing twice: both must agree beyond rounding.

Tolerances are those of numbers rounded to three decimals, so that any program's output passes, and
another frame's or another unit's does not.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any, Final

import numpy as np
from ase.data import atomic_masses, chemical_symbols
from ase.formula import Formula
from ase.geometry import cell_to_cellpar
from numpy.typing import NDArray

from e3d.errors import InputError
from e3d.store.layouts.frames import formula, numbers_of
from e3d.units import DALTON_PER_ANG3_G_PER_CM3

_LENGTH_ANG: Final = 0.005
_ANGLE_DEG: Final = 0.05
_VOLUME: Final = 1e-3
"""Relative."""
_DENSITY: Final = 0.01
"""Relative: tables of atomic masses differ by less."""
_POSITION_ANG: Final = 0.02
"""Fractional coordinates of three decimals are this coarse in a cell of 40 Å."""
_ENERGY_EV: Final = 1e-3
"""Of an atom."""
_CORRECTION_EV: Final = 5.0
"""Of an atom: the largest correction of MP2020, that of tungsten oxides, is 4.4 eV."""
_FORCE_EV_PER_ANG: Final = 0.01
_COUNTS: Final = ("nsites", "num_sites", "natoms", "n_atoms", "num_atoms")
_FORMULAS: Final = ("formula", "formula_pretty", "formula_reduced", "reduced_formula")


def require_one_cell(stated: Mapping[str, Any], cell: NDArray[np.float64], where: str) -> None:
    """Refuse lengths, angles or a volume that are not those of a cell (3, 3), Å.

    Raises
    ------
    InputError
        Naming the key and both numbers.
    """
    names = ("a", "b", "c", "alpha", "beta", "gamma")
    of_cell = dict(zip(names, cell_to_cellpar(cell).tolist(), strict=True))
    volume = abs(float(np.linalg.det(cell)))
    limits = dict.fromkeys(names[:3], _LENGTH_ANG) | dict.fromkeys(names[3:], _ANGLE_DEG)
    for key, value in (of_cell | {"volume": volume}).items():
        _require(stated, key, value, limits.get(key, _VOLUME * max(volume, 1.0)), where)


def require_one_density(
    stated: Mapping[str, Any],
    cell: NDArray[np.float64],
    numbers: NDArray[np.int64],
    where: str,
) -> None:
    """Refuse a density, g/cm^3, that is not the one of atoms (N,) in a cell (3, 3), Å.

    Raises
    ------
    InputError
        Naming both numbers.
    """
    volume = abs(float(np.linalg.det(cell)))
    density = float(atomic_masses[numbers].sum()) / volume * DALTON_PER_ANG3_G_PER_CM3
    _require(stated, "density", density, _DENSITY * density, where)


def _require(
    stated: Mapping[str, Any], key: str, value: float, tolerance: float, where: str
) -> None:
    given = stated.get(key)
    if given is None:
        return
    number = float(numbers_of(given, key, (), where))
    if abs(number - value) > tolerance:  # nan stands for a number that is not known
        raise _contradiction(key, f"{number:.7g}", f"{value:.7g}", where)


def _contradiction(key: str, given: Any, found: Any, where: str) -> InputError:
    return InputError(
        f"{where}: {key} is {given}, the rest of the record gives {found} - expected the same. "
        "Correct or remove one of them."
    )


def require_one_place(
    sites: Sequence[Mapping[str, Any]],
    cell: NDArray[np.float64],
    pbc: NDArray[np.bool_],
    where: str,
) -> None:
    """Refuse ``xyz`` that are not at ``abc`` of the same site, up to whole vectors of ``cell``.

    Raises
    ------
    InputError
        Naming the site.
    """
    both = [i for i, site in enumerate(sites) if "abc" in site and "xyz" in site]
    shape = (len(both), 3)
    if not both:
        return
    abc = numbers_of([sites[i]["abc"] for i in both], "abc of the sites", shape, where)
    xyz = numbers_of([sites[i]["xyz"] for i in both], "xyz of the sites", shape, where)
    apart = xyz @ np.linalg.inv(cell) - abc
    apart -= np.where(pbc, np.round(apart), 0.0)
    far = np.linalg.norm(apart @ cell, axis=1)
    worst = int(np.argmax(far))
    if far[worst] > _POSITION_ANG:  # nan is refused with the positions
        raise InputError(
            f"{where}, site {both[worst]}: abc and xyz are {far[worst]:.3g} Å apart, expected one "
            "place. Correct or remove one of them."
        )


def require_one_element(
    sites: Sequence[Mapping[str, Any]], numbers: NDArray[np.int64], where: str
) -> None:
    """Refuse labels of sites that are other elements than the atoms (N,).

    Labels may be any text (``Fe1``, ``apical``): they say elements where all of them do.

    Raises
    ------
    InputError
        Naming the site.
    """
    labels = [site.get("label") for site in sites]
    if not all(label in chemical_symbols[1:] for label in labels):
        return
    for i, (label, z) in enumerate(zip(labels, numbers.tolist(), strict=True)):
        if label != chemical_symbols[z]:
            raise _contradiction(f"label of site {i}", label, chemical_symbols[z], where)


def require_one_composition(
    stated: Mapping[str, Any], numbers: NDArray[np.int64], where: str
) -> None:
    """Refuse a number of atoms, formula or list of elements that is not that of the atoms (N,).

    Raises
    ------
    InputError
        Naming the key.
    """
    for key in _COUNTS:
        _require(stated, key, len(numbers), 0.0, where)
    kinds, counts = np.unique(numbers, return_counts=True)
    found = dict(zip([chemical_symbols[z] for z in kinds], counts.tolist(), strict=True))
    whole = str(Formula.from_dict(found))
    _require(stated, "nelements", len(found), 0.0, where)
    composition = _counted(stated.get("composition"))
    if composition is not None and composition != found:
        raise _contradiction("composition", stated["composition"], whole, where)
    for key in (*_FORMULAS, "composition_reduced"):
        reduced = _counted(stated.get(key))
        if reduced is not None and _reduced(reduced) != _reduced(found):
            raise _contradiction(key, stated[key], whole, where)
    elements, system = stated.get("elements"), stated.get("chemsys")
    if isinstance(elements, list) and elements and {str(one) for one in elements} != set(found):
        raise _contradiction("elements", elements, whole, where)
    if isinstance(system, str) and set(system.split("-")) != set(found):
        raise _contradiction("chemsys", system, whole, where)


def require_named_formula(name: str, numbers: NDArray[np.int64], where: str) -> None:
    """Refuse atoms (N,) of a group that is called by the formula of others, such as ``C2H6O1``.

    A formula names each element once, hydrogen among two or more; ``F1``, and the SMILES ``CO`` and
    ``C1CO1``, say nothing.

    Raises
    ------
    InputError
        Naming both formulas.
    """
    named = re.findall("[A-Z][a-z]?", name)
    is_formula = "H" in named and 1 < len(named) == len(set(named))
    stated = _counted(name) if is_formula else None
    if stated is not None and stated != Counter(chemical_symbols[z] for z in numbers):
        raise _contradiction("the formula that it is called by", name, formula(numbers), where)


def _counted(stated: Any) -> dict[str, int] | None:
    """Return the atoms of each element in a formula or composition; None if it is neither."""
    counts = stated
    if isinstance(stated, str) and re.fullmatch(r"[A-Za-z\d ()]+", stated):
        try:
            counts = Formula(stated.replace(" ", "")).count()
        except ValueError:
            return None
    if not isinstance(counts, Mapping) or not counts or not set(counts) <= set(chemical_symbols):
        return None
    whole = all(isinstance(n, int | float) and n == round(n) > 0 for n in counts.values())
    return {key: round(n) for key, n in counts.items()} if whole else None


def _reduced(counts: Mapping[str, int]) -> dict[str, int]:
    factor = gcd(*counts.values())
    return {key: n // factor for key, n in counts.items()}


def require_one_energy(
    stated: Mapping[str, Any], energy: float, forces: NDArray[np.float64], where: str
) -> None:
    """Refuse an energy per atom, or lengths of forces (N, 3), that are not those of the labels.

    ``corrected_total_energy`` and what is computed from it may have the corrections of the
    Materials Project: constants that are below 5 eV for each atom.

    Raises
    ------
    InputError
        Naming the key.
    """
    n, given = len(forces), stated.get("corrected_total_energy")
    _require(stated, "corrected_total_energy", energy, _CORRECTION_EV * n, where)
    corrected = float("nan") if given is None else float(given)
    may_be_corrected = "uncorrected_total_energy" in stated and np.isnan(corrected)
    tolerance = _CORRECTION_EV if may_be_corrected else _ENERGY_EV
    if not _near(stated.get("energy_per_atom"), corrected / n):
        _require(stated, "energy_per_atom", energy / n, tolerance, where)
    lengths = stated.get("abs_forces")
    if isinstance(lengths, list) and len(lengths) == n:
        given = numbers_of(lengths, "abs_forces", (n,), where)
        found = np.linalg.norm(forces, axis=1)
        wrong = np.flatnonzero(np.abs(given - found) > _FORCE_EV_PER_ANG)
        if wrong.size:
            i = int(wrong[0])
            raise _contradiction(f"abs_forces[{i}]", f"{given[i]:.7g}", f"{found[i]:.7g}", where)


def _near(given: Any, value: float) -> bool:
    return isinstance(given, int | float) and abs(given - value) <= _ENERGY_EV
