"""Read HDF5 files that modelforge curates, such as spice2-1k of SPICE 2; gzip or plain.

Facts from choderalab/modelforge (``modelforge-curate``: ``sourcedataset.py`` writes,
``spice_2_curation.py`` names the properties): one group per record with ``atomic_numbers`` (N, 1),
``positions`` (M, N, 3), ``dft_total_energy`` (M, 1), ``dft_total_force`` (M, N, 3), already minus
the gradient, ``total_charge`` (M, 1) and SPICE's mapped ``smiles`` as one string. Attribute ``u``
of a dataset is its unit: nanometer, kilojoule_per_mole, kilojoule_per_mole / nanometer. The record
is named after SPICE's group, so its name is not trusted; SPICE's subset and conformation numbers
are not kept.
"""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d.chemistry import molecule
from e3d.errors import InputError
from e3d.store.files.compressed import plain
from e3d.store.files.hdf5 import (
    atomic_numbers,
    damage_named,
    dataset,
    open_hdf5,
    require,
    subgroups,
    text,
)
from e3d.store.group import Group
from e3d.store.layouts.charge_and_spin import require_charge_of, state_of_group
from e3d.store.layouts.frames import formula
from e3d.store.layouts.stated_units import array_in_unit

NUMBERS, POSITIONS, ENERGY, FORCES = NEEDED = (
    "atomic_numbers",
    "positions",
    "dft_total_energy",
    "dft_total_force",
)
SUBSET = "SPICE 2 (modelforge)"


def read(path: Path) -> Iterator[Group]:
    """Yield every record, converted to eV and Å by the units the file gives.

    A record whose SMILES is not mapped in row order is known by its Hill formula and charge.

    Raises
    ------
    InputError
        For a file without records, a missing key, a wrong shape or an unknown unit.
    """
    with (
        plain(path) as unpacked,
        open_hdf5(unpacked, called=path) as file,
        damage_named(str(path)),
    ):
        expected = "modelforge writes one per record"
        for name, group in subgroups(file, str(path), expected=expected):
            yield _group(group, f"{path}, record {name!r}")


def _group(group: h5py.Group, where: str) -> Group:
    require(group, NEEDED, "modelforge", where)
    _require_column(group, NUMBERS, "(N, 1)", where)
    _require_column(group, ENERGY, "(M, 1)", where)
    numbers = atomic_numbers(group, NUMBERS, "(N, 1)", where)[:, 0]
    smiles = _mapped_smiles(group, numbers, where)
    charge, multiplicity = state_of_group(group, numbers, where)
    require_charge_of(smiles, charge, where)
    return Group(
        smiles=smiles,
        name="" if smiles else formula(numbers),
        subset=SUBSET,
        atomic_numbers=numbers,
        positions=array_in_unit(group, POSITIONS, "(M, N, 3)", "length", None, where),
        energy=array_in_unit(group, ENERGY, "(M, 1)", "energy", None, where)[:, 0],
        forces=array_in_unit(group, FORCES, "(M, N, 3)", "force", None, where),
        charge=charge,
        multiplicity=multiplicity,
    )


def _require_column(group: h5py.Group, key: str, shape: str, where: str) -> None:
    found = dataset(group, key, where).shape
    if len(found) != 2 or found[1] != 1:
        raise InputError(f"{where}: {key} has shape {found}, expected {shape}. Fix the group.")


def _mapped_smiles(group: h5py.Group, numbers: NDArray[np.int64], where: str) -> str:
    if "smiles" not in group:
        return ""
    smiles = text(dataset(group, "smiles", where), where)
    try:
        ordered = molecule(smiles).atomic_numbers == tuple(numbers.tolist())
    except InputError:  # unreadable, or without map numbers
        return ""
    return smiles if ordered else ""
