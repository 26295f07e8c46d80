"""Units that a file states in words beside its numbers: ``energy_unit=eV``, ``units: bohr``.

HDF5 files are converted by them. Frames of extended XYZ and records of JSON must be in eV and Å.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d.errors import InputError
from e3d.store.files.hdf5 import around, damage_named, dataset, numbers_in, one_text
from e3d.units import Quantity, unit_factor

EXPECTED: Final[Mapping[Quantity, str]] = {
    "length": "Å",
    "energy": "eV",
    "force": "eV/A or eV/Å",
    "stress": "eV/A^3 or eV/Å^3",
}
_WORDS: Final[Mapping[str, Quantity]] = {
    **dict.fromkeys(("length", "lengths", "distance", "distances", "cell", "lattice"), "length"),
    **dict.fromkeys(("position", "positions", "pos", "coordinate", "coordinates"), "length"),
    **dict.fromkeys(("coords", "coord", "coordinate", "conformations", "geometry"), "length"),
    **dict.fromkeys(("xyz", "r", "len", "dist", "box"), "length"),
    **dict.fromkeys(("energy", "energies", "e", "en", "etot"), "energy"),
    **dict.fromkeys(("force", "forces", "gradient", "gradients", "f", "grad", "frc"), "force"),
    **dict.fromkeys(("stress", "stresses"), "stress"),
}
_OF_ANY: Final = (
    *("", "system", "style", "set", "all", "data", "file", "label", "labels", "ref"),
    *("lammps", "dft", "qm"),
)
_KEY: Final = re.compile(
    r"(?i)(?P<before>.*?)[_\-. ]?units?|units?(?P<mark>[_\-.: ]?)(?P<behind>(?!_?cell).+)"
)
"""``energy_unit``, ``F_unit``, ``unit_forces``, ``units``; a unit cell is none."""
_KNOWN: Final[Mapping[Quantity, str]] = {
    "length": "known: angstrom, bohr, nanometer, picometer",
    "energy": "known: eV, hartree, kcal/mol, kJ/mol, meV, rydberg",
    "force": "known: an energy over a length, as eV/angstrom, hartree/bohr, kJ/mol/nanometer",
    "stress": "known: eV/angstrom^3, GPa, kbar",
}
_ONE: Final = 1e-6
"""Relative; a factor this close to one is the unit itself."""
_LISTS: Final[Mapping[str, str]] = {
    "metal": "eV Å",
    "real": "kcal/mol Å",
    **dict.fromkeys(("au", "a.u.", "atomic", "atomic units", "electron"), "hartree bohr"),
}
"""What ``units`` alone may name: LAMMPS's sets of units, and atomic units."""


def require_ev_and_ang(
    stated: Mapping[str, Any],
    where: str,
    *quantities: Quantity,
    expected: Mapping[Quantity, str] = EXPECTED,
) -> None:
    """Refuse numbers that are said to be in other units than eV and Å, or in unknown ones.

    Parameters
    ----------
    stated
        What a frame says beside its numbers; keys that start or end with ``unit`` count.
    quantities
        Those whose numbers are used; none: all of them.
    expected
        Units of each, the first of "one or another" decides.

    Raises
    ------
    InputError
        Naming key and unit.
    """
    used = quantities or tuple(expected)
    for key, quantity, unit in units_in(stated):
        kinds = tuple(expected) if quantity is None else (quantity,)
        if quantity is None:  # of what, the unit itself tells
            kinds = tuple(kind for kind in kinds if unit_factor(kind, unit) is not None) or used
        if not set(kinds) <= set(used) or any(_is(kind, unit, expected[kind]) for kind in kinds):
            continue
        allowed = ", ".join(expected[kind] for kind in kinds)
        raise InputError(
            f"{where}: {key} is {unit!r}, expected {allowed}. Convert the file to eV and Å, or "
            "correct the unit."
        )


def _is(quantity: Quantity, unit: str, expected: str) -> bool:
    factor, wanted = unit_factor(quantity, unit), unit_factor(quantity, expected.split(" or ")[0])
    return factor is not None and wanted is not None and abs(factor / wanted - 1) < _ONE


def array_in_unit(
    group: h5py.Group,
    key: str,
    shape: str,
    quantity: Quantity,
    default: float | None,
    where: str,
) -> NDArray[np.float64]:
    """Read a dataset as :func:`e3d.store.files.hdf5.array`, in eV and Å.

    Parameters
    ----------
    quantity
        What it is, with ``default`` for its unit in eV and Å. Units come from the attributes of the
        dataset, and from attributes and texts of the groups it is in, up to the file.

    Raises
    ------
    InputError
        If a unit is not known, two contradict each other, or there is neither one nor a default.
    """
    given = _given(group, key, quantity, where)
    factors = {unit_factor(quantity, unit) for _, unit in given} or {default}
    factor = factors.pop()
    if factor is None or factors:
        said = ", ".join(f"{name} = {unit!r}" for name, unit in given)
        raise InputError(
            f"{where}: unit of {key} is {said or 'not given'} - {_KNOWN[quantity]}. Correct it, or "
            "check the file's `layout`."
        )
    return numbers_in(dataset(group, key, where), key, shape, where) * factor


def is_unit_stated(group: h5py.Group, key: str, quantity: Quantity, where: str) -> bool:
    """Say whether a file gives the unit of a dataset, where :func:`array_in_unit` looks for it."""
    return bool(_given(group, key, quantity, where))


def _given(group: h5py.Group, key: str, quantity: Quantity, where: str) -> list[tuple[str, str]]:
    """Return the units that a file states for a dataset, each with its name."""
    with damage_named(f"{where}, units of {key}"):
        given = [
            (name, unit)
            for name, unit in _attributes(dataset(group, key, where)).items()
            if name == "u" or _named(name) in _OF_ANY or quantity_of(_named(name) or "") == quantity
        ]
        owners = [_of_quantity(said, quantity) for said in _beside(group, where)]
    given += [one for named, _ in owners for one in named]
    return given or [one for _, of_any in owners for one in of_any]


def _beside(group: h5py.Group, where: str) -> Iterator[dict[str, str]]:
    """Yield what a group and those it is in say of units.

    Texts count in the group itself and the one around it, but not among the groups of a file.
    """
    owners = around(group)
    yield from map(_attributes, owners)
    yield from (_texts(owner, where) for owner in owners[:2] if owner is not owners[-1])


def _texts(group: h5py.Group, where: str) -> dict[str, str]:
    """Return the datasets of a group that may state a unit, as texts."""
    names = [name for name in group if _named(name) is not None]
    return {name: one_text(dataset(group, name, where)[()]) for name in names}


def _of_quantity(
    stated: Mapping[str, str], quantity: Quantity
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the units of a quantity by name, and those of all quantities that give one for it.

    One of all quantities that is not known of any is kept, so that it is refused.
    """
    named: list[tuple[str, str]] = []
    of_any: dict[str, list[str]] = {}
    for key, what, unit in units_in(stated):
        if what == quantity:
            named.append((key, unit))
        elif what is None:
            of_any.setdefault(key, []).append(unit)
    found = []
    for key, units in of_any.items():
        known = {kind: [u for u in units if unit_factor(kind, u)] for kind in EXPECTED}
        if quantity == "force" and not known["force"]:
            if known["energy"] and known["length"]:
                known["force"] = [f"{known['energy'][0]}/{known['length'][0]}"]
            else:  # half of it leaves the other half open
                known["force"] = known["energy"] or known["length"]
        if known[quantity] or not any(known.values()):
            found.append((key, (known[quantity] or units)[0]))
    return named, found


def _attributes(owner: h5py.Group | h5py.Dataset) -> dict[str, str]:
    """Return the attributes that may state a unit, as texts."""
    if not h5py.h5a.get_num_attrs(owner.id):  # much faster than to look
        return {}
    names = [name for name in owner.attrs if name == "u" or _named(name) is not None]
    return {name: one_text(owner.attrs[name]) for name in names}


def units_in(stated: Mapping[str, Any]) -> Iterator[tuple[str, Quantity | None, str]]:
    """Yield key, quantity and text of every unit that is stated; None: of any quantity.

    >>> list(units_in({"energy_unit": "Ha", "dipole_units": "debye", "units": "eV, Angstrom"}))
    [('energy_unit', 'energy', 'Ha'), ('units', None, 'eV'), ('units', None, 'Angstrom')]
    """
    for key, value in stated.items():
        named = _named(str(key))
        if named is None or value is True:  # a word of a comment without a value
            continue
        if isinstance(value, Mapping):
            for part, unit in value.items():
                if isinstance(unit, Mapping):
                    yield from units_in({f"{key}[{part!r}] units": unit})
                elif _WORDS.get(_last_word(str(part))):
                    yield f"{key}[{part!r}]", _WORDS[_last_word(str(part))], str(unit)
        elif named not in _OF_ANY:
            quantity = _WORDS.get(named)
            if quantity:
                yield key, quantity, str(value)
        else:
            text = _LISTS.get(str(value).casefold(), str(value))
            for unit in re.split(r"\s*[,;]\s*|\s+and\s+|\s+(?![/*^])(?<![/*^]\s)", text.strip()):
                yield key, None, unit


@lru_cache(maxsize=1000)
def _named(key: str) -> str | None:
    """Return the word beside ``unit`` in a key, "" if there is none, None if it is no such key."""
    found = _KEY.fullmatch(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key))
    if found is None:
        return None
    word = _last_word(found["before"] or found["behind"] or "")
    joined = found["behind"] and not found["mark"]  # unitary, united
    return None if joined and word not in (*_WORDS, *_OF_ANY) else word


def quantity_of(word: str) -> Quantity | None:
    """Return what a word or the last word of a key stands for.

    >>> quantity_of("dft_energies"), quantity_of("dipole")
    ('energy', None)
    """
    return _WORDS.get(_last_word(word))


def _last_word(text: str) -> str:
    return re.split(r"[_\-. ]", text)[-1].casefold()
