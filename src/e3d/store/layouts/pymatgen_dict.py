"""Crystals from pymatgen's Structure dictionaries, as MPtrj and MatPES store them.

``{"lattice": {"matrix": (3, 3) Å, "pbc": [..]}, "sites": [{"species": [{"element", "occu"}], "abc"
| "xyz"}], "charge"}``: ``abc`` are fractional, ``xyz`` Cartesian coordinates (Å); pymatgen itself
reads ``abc``. What a record states twice must agree (:mod:`e3d.store.layouts.contradictions`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from e3d.errors import InputError
from e3d.store.layouts.cells import require_cell, require_stress
from e3d.store.layouts.charge_and_spin import charge_and_multiplicity
from e3d.store.layouts.contradictions import (
    require_one_cell,
    require_one_composition,
    require_one_density,
    require_one_element,
    require_one_energy,
    require_one_place,
)
from e3d.store.layouts.frames import (
    NO_LABELS,
    NOT_CONVERGED,
    Frame,
    formula,
    levels_in,
    not_converged,
    numbers_of,
)
from e3d.store.layouts.stated_units import EXPECTED, require_ev_and_ang
from e3d.units import KBAR_EV_PER_ANG3

_ISOTOPES: Final = ("D", "T")
"""Of hydrogen, of another mass."""
COHESIVE: Final = "cohesive_energy_per_atom"
PARTIAL = "structures with partly occupied sites"
_FULL_OCCUPANCY_TOLERANCE = 1e-6
_EXPECTED: Final = {**EXPECTED, "stress": "kbar"}


def labelled_crystal(
    record: Mapping[str, Any],
    energy: Any,
    forces: Any,
    stress: NDArray[np.float64] | None,
    *,
    subset: str,
    where: str,
) -> Frame | str:
    """Return the frame of a record with a Structure dictionary, or why it is left out.

    It is named by its reduced formula.

    Parameters
    ----------
    record
        Its ``structure``, and what it says of charge, spin and units.
    energy, forces
        A number in eV and (N, 3) in eV/Å; None drops the frame, but a single atom has no forces.
    stress
        (3, 3) in kbar with VASP's sign, positive under compression.

    Raises
    ------
    InputError
        If a key is missing, an array has another shape, a species is no element, cell, stress,
        charge or units cannot be used, or the record contradicts itself.
    """
    structure = need(record, "structure", where)
    lattice, sites = _lattice_and_sites(structure, where)
    cell = numbers_of(need(lattice, "matrix", f"{where}, lattice"), "lattice matrix", (3, 3), where)
    if forces is None and len(sites) == 1:
        forces = [[0.0, 0.0, 0.0]]
    if energy is None or forces is None:
        return NO_LABELS
    if not_converged(record):
        return NOT_CONVERGED
    species = [
        _element(need(site, "species", f"{where}, site {i}"), i, where)
        for i, site in enumerate(sites)
    ]
    if None in species:
        return PARTIAL
    numbers = np.array(species, dtype=np.int64)
    pbc = _flags(lattice.get("pbc", (True, True, True)), where)
    require_cell(cell, pbc, len(numbers), where)
    properties = _properties(structure)
    for said in (record, structure, properties, lattice, sites[0], _properties(sites[0])):
        require_ev_and_ang(said, where, expected=_EXPECTED)
    whole = (structure, properties, {k: v for k, v in record.items() if k != "structure"})
    stated = [one for said in whole for one in said.items()]
    charge, multiplicity = charge_and_multiplicity(stated, numbers, where, periodic=True)
    frame = Frame(
        name=formula(numbers, reduced=True),
        subset=subset,
        atomic_numbers=numbers,
        positions=_positions(sites, cell, where),
        energy=float(numbers_of(energy, "energy", (), where)),
        forces=numbers_of(forces, "forces", (len(sites), 3), where),
        cell=cell,
        pbc=pbc,
        stress=None if stress is None else -KBAR_EV_PER_ANG3 * stress,
        charge=charge or 0,
        multiplicity=multiplicity,
        formation_energy=_formation_energy(record, len(sites), where),
        levels=levels_in(record),
    )
    _require_one_record(record, lattice, sites, frame, where)
    if frame.stress is not None:
        require_stress(frame.stress, cell, len(sites), where, unit="kbar")
    return frame


def _require_one_record(
    record: Mapping[str, Any],
    lattice: Mapping[str, Any],
    sites: Sequence[Any],
    frame: Frame,
    where: str,
) -> None:
    """Refuse a record that says a thing twice, and not the same."""
    assert frame.cell is not None
    assert frame.pbc is not None
    for said in (lattice, {"volume": record.get("volume")}):
        require_one_cell(said, frame.cell, where)
    if not any(site["species"][0]["element"] in _ISOTOPES for site in sites):
        require_one_density(record, frame.cell, frame.atomic_numbers, where)
    require_one_place(sites, frame.cell, frame.pbc, where)
    require_one_element(sites, frame.atomic_numbers, where)
    for said in (record, record["structure"]):
        require_one_composition(said, frame.atomic_numbers, where)
    require_one_energy(record, frame.energy, frame.forces, where)


def _lattice_and_sites(structure: Any, where: str) -> tuple[Mapping[str, Any], list[Any]]:
    lattice, sites = (need(structure, key, f"{where}, structure") for key in ("lattice", "sites"))
    if not isinstance(sites, list) or not sites:
        raise InputError(
            f"{where}: structure has no sites - expected a list of at least one. Drop the record."
        )
    return lattice, sites


def _formation_energy(record: Mapping[str, Any], n: int, where: str) -> float | None:
    """Return the energy, eV, relative to isolated atoms; MatPES has it for each of ``n`` atoms.

    It is negative for what is bound, as in the example of matpes.ai/dataset.
    """
    stated = record.get(COHESIVE)
    found = np.nan if stated is None else float(numbers_of(stated, COHESIVE, (), where))
    return None if np.isnan(found) else n * found


def _properties(owner: Mapping[str, Any]) -> Mapping[str, Any]:
    found = owner.get("properties")
    return found if isinstance(found, Mapping) else {}


def _flags(values: Any, where: str) -> NDArray[np.bool_]:
    if not isinstance(values, Sequence) or len(values) != 3 or set(values) - {True, False}:
        raise InputError(
            f"{where}: lattice pbc is {values!r}, expected three of true and false. Fix the record."
        )
    return np.array(values, dtype=bool)


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
    name = "H" if name in _ISOTOPES else name
    if name not in atomic_numbers or name == "X":
        raise InputError(f"{where}, site {i}: {name!r} is no chemical element. Drop the record.")
    share = float(numbers_of(species[0].get("occu", 1.0), "occu", (), f"{where}, site {i}"))
    if share > 1.0 + _FULL_OCCUPANCY_TOLERANCE:
        raise InputError(
            f"{where}, site {i}: occu is {share:g} - expected 1, one atom. Drop the record."
        )
    whole = abs(share - 1.0) <= _FULL_OCCUPANCY_TOLERANCE
    return int(atomic_numbers[name]) if len(species) == 1 and whole else None


def _positions(sites: Sequence[Any], cell: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    shape = (len(sites), 3)
    if all("abc" in site for site in sites):
        return numbers_of([site["abc"] for site in sites], "abc of the sites", shape, where) @ cell
    cartesian = [need(site, "xyz", f"{where}, site {i}") for i, site in enumerate(sites)]
    return numbers_of(cartesian, "xyz of the sites", shape, where)
