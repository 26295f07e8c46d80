"""Crystals from pymatgen's Structure dictionaries, as MPtrj and MatPES store them.

``{"lattice": {"matrix": (3, 3) Å, "pbc": [..]}, "sites": [{"species": [{"element", "occu"}], "abc"
| "xyz"}], "charge"}``: ``abc`` are fractional, ``xyz`` Cartesian coordinates (Å); pymatgen itself
reads ``abc``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from e3d.errors import InputError
from e3d.store.layouts.frames import NO_LABELS, Frame, formula, numbers_of
from e3d.units import KBAR_EV_PER_ANG3

PARTIAL = "structures with partly occupied sites"
_FULL_OCCUPANCY_TOLERANCE = 1e-6


def labelled_crystal(
    structure: Any,
    energy: Any,
    forces: Any,
    stress: NDArray[np.float64] | None,
    *,
    subset: str,
    where: str,
) -> Frame | str:
    """Return the frame of a Structure dictionary and its labels, or why it is left out.

    It is named by its reduced formula.

    Parameters
    ----------
    energy, forces
        A number in eV and (N, 3) in eV/Å; None drops the frame.
    stress
        (3, 3) in kbar with VASP's sign, positive under compression.

    Raises
    ------
    InputError
        If a key is missing, an array has another shape, or a species is no element.
    """
    if energy is None or forces is None:
        return NO_LABELS
    lattice, sites = (need(structure, key, f"{where}, structure") for key in ("lattice", "sites"))
    cell = numbers_of(need(lattice, "matrix", f"{where}, lattice"), "lattice matrix", (3, 3), where)
    if not isinstance(sites, list) or not sites:
        raise InputError(
            f"{where}: structure has no sites - expected a list of at least one. Drop the record."
        )
    species = [
        _element(need(site, "species", f"{where}, site {i}"), i, where)
        for i, site in enumerate(sites)
    ]
    if None in species:
        return PARTIAL
    numbers = np.array(species, dtype=np.int64)
    pbc = numbers_of(lattice.get("pbc", (True, True, True)), "lattice pbc", (3,), where)
    return Frame(
        name=formula(numbers, reduced=True),
        subset=subset,
        atomic_numbers=numbers,
        positions=_positions(sites, cell, where),
        energy=float(numbers_of(energy, "energy", (), where)),
        forces=numbers_of(forces, "forces", (len(sites), 3), where),
        cell=cell,
        pbc=pbc.astype(bool),
        stress=None if stress is None else -KBAR_EV_PER_ANG3 * stress,
        charge=_charge(structure.get("charge"), where),
    )


def need(mapping: Any, key: str, where: str) -> Any:
    """Return ``mapping[key]``.

    Raises
    ------
    InputError
        Naming the key that is missing and those that are there.
    """
    if isinstance(mapping, Mapping) and key in mapping:
        return mapping[key]
    found = (
        ", ".join(map(str, list(mapping)[:8]))
        if isinstance(mapping, Mapping)
        else type(mapping).__name__
    )
    raise InputError(
        f"{where}: lacks {key!r}, found {found or 'nothing'}. Check the file or its `layout`."
    )


def _element(species: Any, i: int, where: str) -> int | None:
    """Return the atomic number of a site, None where it is not one whole atom."""
    if not isinstance(species, Sequence) or not species:
        raise InputError(
            f"{where}, site {i}: species is empty, expected one element. Drop the record."
        )
    name = str(need(species[0], "element", f"{where}, site {i}, species"))
    if name not in atomic_numbers or name == "X":
        raise InputError(f"{where}, site {i}: {name!r} is no chemical element. Drop the record.")
    whole = abs(float(species[0].get("occu", 1.0)) - 1.0) <= _FULL_OCCUPANCY_TOLERANCE
    return int(atomic_numbers[name]) if len(species) == 1 and whole else None


def _positions(sites: Sequence[Any], cell: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    shape = (len(sites), 3)
    if all("abc" in site for site in sites):
        return numbers_of([site["abc"] for site in sites], "abc of the sites", shape, where) @ cell
    cartesian = [need(site, "xyz", f"{where}, site {i}") for i, site in enumerate(sites)]
    return numbers_of(cartesian, "xyz of the sites", shape, where)


def _charge(value: Any, where: str) -> int:
    charge = 0.0 if value is None else float(numbers_of(value, "structure charge", (), where))
    if not charge.is_integer():
        raise InputError(
            f"{where}: structure charge is {charge}, expected a whole number. Drop the record."
        )
    return int(charge)
