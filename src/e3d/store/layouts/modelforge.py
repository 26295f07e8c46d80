"""Read HDF5 files that modelforge curates, such as spice2-1k of SPICE 2; gzip or plain.

Facts from choderalab/modelforge (``modelforge-curate``: ``sourcedataset.py`` writes,
``spice_2_curation.py`` names the properties): one group per record with ``atomic_numbers`` (N, 1),
``positions`` (M, N, 3), ``dft_total_energy`` (M, 1), ``dft_total_force`` (M, N, 3), already minus
the gradient, ``total_charge`` (M, 1) and SPICE's mapped ``smiles`` as one string. Attribute ``u``
of a dataset is its unit: nanometer, kilojoule_per_mole, kilojoule_per_mole / nanometer. The record
is named after SPICE's group, so its name is not trusted; SPICE's subset and conformation numbers
are not kept.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d.chemistry import molecule
from e3d.errors import InputError, choices
from e3d.store.files.compressed import plain
from e3d.store.files.hdf5 import array, open_hdf5, require, subgroups, text
from e3d.store.group import Group
from e3d.store.layouts.frames import formula
from e3d.units import BOHR_ANG, EV_KJ_MOL, HARTREE_EV, NM_ANG

NUMBERS, POSITIONS, ENERGY, FORCES = NEEDED = (
    "atomic_numbers",
    "positions",
    "dft_total_energy",
    "dft_total_force",
)
SUBSET = "SPICE 2 (modelforge)"
UNIT_ATTRIBUTE = "u"

LENGTHS_ANG: Final[Mapping[str, float]] = {"nanometer": NM_ANG, "angstrom": 1.0, "bohr": BOHR_ANG}
ENERGIES_EV: Final[Mapping[str, float]] = {
    "kilojoule_per_mole": 1 / EV_KJ_MOL,
    "kilojoule / mole": 1 / EV_KJ_MOL,
    "hartree": HARTREE_EV,
    "electron_volt": 1.0,
}
FORCES_EV_PER_ANG: Final[Mapping[str, float]] = {
    f"{energy} / {length}": ev / ang
    for energy, ev in ENERGIES_EV.items()
    for length, ang in LENGTHS_ANG.items()
}


def read(path: Path) -> Iterator[Group]:
    """Yield every record, converted to eV and Å by the units the file gives.

    A record whose SMILES is not mapped in row order is known by its Hill formula and charge.

    Raises
    ------
    InputError
        For a file without records, a missing key, a wrong shape or an unknown unit.
    """
    with plain(path) as unpacked, open_hdf5(unpacked, called=path) as file:
        expected = "modelforge writes one per record"
        for name, group in subgroups(file, str(path), expected=expected):
            yield _group(group, f"{path}, record {name!r}")


def _group(group: h5py.Group, where: str) -> Group:
    require(group, NEEDED, "modelforge", where)
    numbers = _column(group, NUMBERS, "(N, 1)", where).astype(np.int64)
    energy = _column(group, ENERGY, "(M, 1)", where) * _unit(group, ENERGY, ENERGIES_EV, where)
    smiles = _mapped_smiles(group, numbers, where)
    return Group(
        smiles=smiles,
        name="" if smiles else formula(numbers),
        subset=SUBSET,
        atomic_numbers=numbers,
        positions=array(group, POSITIONS, "(M, N, 3)", where)
        * _unit(group, POSITIONS, LENGTHS_ANG, where),
        energy=energy,
        forces=array(group, FORCES, "(M, N, 3)", where)
        * _unit(group, FORCES, FORCES_EV_PER_ANG, where),
        charge=_charge(group, where),
    )


def _column(group: h5py.Group, key: str, shape: str, where: str) -> NDArray[np.float64]:
    values = array(group, key, shape, where)
    if values.shape[1] != 1:
        raise InputError(
            f"{where}: {key} has shape {values.shape}, expected {shape}. Fix the group."
        )
    return values[:, 0]


def _unit(group: h5py.Group, key: str, known: Mapping[str, float], where: str) -> float:
    unit = group[key].attrs.get(UNIT_ATTRIBUTE)
    if unit not in known:
        raise InputError(
            f"{where}: unit of {key} is {unit!r} (attribute {UNIT_ATTRIBUTE!r}) - "
            f"{choices(unit, known)}. Convert the file, or check its `layout`."
        )
    return known[unit]


def _mapped_smiles(group: h5py.Group, numbers: NDArray[np.int64], where: str) -> str:
    if "smiles" not in group:
        return ""
    smiles = text(group["smiles"], where)
    try:
        ordered = molecule(smiles).atomic_numbers == tuple(numbers.tolist())
    except InputError:  # unreadable, or without map numbers
        return ""
    return smiles if ordered else ""


def _charge(group: h5py.Group, where: str) -> int | None:
    """Return the one total charge of a record (elementary charges), None where none is given."""
    if "total_charge" not in group:
        return None
    found = np.unique(_column(group, "total_charge", "(M, 1)", where))
    if not found.size:
        return None
    if found.size > 1 or not float(found[0]).is_integer():
        raise InputError(
            f"{where}: total_charge is {found.tolist()}, expected one whole number. Fix the record."
        )
    return int(found[0])
