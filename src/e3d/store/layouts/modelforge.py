"""Read HDF5 files that modelforge curates, such as spice2-1k of SPICE 2; gzip or plain.

Facts from choderalab/modelforge (``modelforge-curate``: ``sourcedataset.py`` writes,
``spice_2_curation.py`` names the properties): one group per record with ``atomic_numbers`` (N, 1),
``positions`` (M, N, 3), ``dft_total_energy`` (M, 1), ``dft_total_force`` (M, N, 3), already minus
the gradient, ``total_charge`` (M, 1) and SPICE's mapped ``smiles`` as one string. Attribute ``u``
of a dataset is its unit: nanometer, kilojoule_per_mole, kilojoule_per_mole / nanometer. The record
is named after SPICE's group, so its name is not trusted; SPICE's subset and conformation numbers
are not kept.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from e3d.chemistry import molecule, parse
from e3d.errors import InputError
from e3d.store.files.compressed import plain
from e3d.store.files.hdf5 import (
    atomic_numbers,
    damage_named,
    dataset,
    integers,
    open_hdf5,
    require,
    subgroups,
    text,
    texts_around,
)
from e3d.store.group import Group
from e3d.store.layouts.charge_and_spin import require_charge_of, state_of_group
from e3d.store.layouts.frames import formula, is_level, levels_in
from e3d.store.layouts.stated_units import array_in_unit

log = logging.getLogger(__name__)

NUMBERS, POSITIONS, ENERGY, FORCES = NEEDED = (
    "atomic_numbers",
    "positions",
    "dft_total_energy",
    "dft_total_force",
)
COUNT = "n_configs"
SUBSET = "SPICE 2 (modelforge)"


def read(path: Path) -> Iterator[Group]:
    """Yield every record, converted to eV and Å by the units the file gives.

    A record whose SMILES is not mapped in row order is known by its Hill formula and charge. How
    many have a SMILES of other atoms is logged.

    Raises
    ------
    InputError
        For a file without records, a missing key, a wrong shape, another number of configurations
        than stated, or an unknown unit.
    """
    others: list[str] = []
    with (
        plain(path) as unpacked,
        open_hdf5(unpacked, called=path) as file,
        damage_named(str(path)),
    ):
        expected = "modelforge writes one per record"
        for name, group in subgroups(file, str(path), expected=expected):
            where = f"{path}, record {name!r}"
            found = _group(group, where)
            if not found.smiles and _is_of_others(group, found.atomic_numbers, where):
                others.append(where)
            yield found
    if others:
        log.warning(
            "%d records have a SMILES of other atoms than theirs, the first %s; they are known by "
            "formula, and one of the two is wrong",
            *(len(others), others[0]),
        )


def _group(group: h5py.Group, where: str) -> Group:
    require(group, NEEDED, "modelforge", where)
    _require_column(group, NUMBERS, "(N, 1)", where)
    _require_column(group, ENERGY, "(M, 1)", where)
    numbers = atomic_numbers(group, NUMBERS, "(N, 1)", where)[:, 0]
    smiles = _mapped_smiles(group, numbers, where)
    charge, multiplicity = state_of_group(group, numbers, where)
    require_charge_of(smiles, charge, where)
    energy = array_in_unit(group, ENERGY, "(M, 1)", "energy", None, where)[:, 0]
    _require_count(group, len(energy), where)
    return Group(
        smiles=smiles,
        name="" if smiles else formula(numbers),
        subset=SUBSET,
        atomic_numbers=numbers,
        positions=array_in_unit(group, POSITIONS, "(M, N, 3)", "length", None, where),
        energy=energy,
        forces=array_in_unit(group, FORCES, "(M, N, 3)", "force", None, where),
        charge=charge,
        multiplicity=multiplicity,
        levels=levels_in(texts_around(group, is_level, where)),
    )


def _require_column(group: h5py.Group, key: str, shape: str, where: str) -> None:
    found = dataset(group, key, where).shape
    if len(found) != 2 or found[1] != 1:
        raise InputError(f"{where}: {key} has shape {found}, expected {shape}. Fix the group.")


def _require_count(group: h5py.Group, m: int, where: str) -> None:
    """Refuse a stated number of configurations that is not the number of energies ``m``."""
    if COUNT not in group:
        return
    shape = "()" if dataset(group, COUNT, where).shape == () else "(1,)"
    stated = int(integers(group, COUNT, shape, where).ravel()[0])
    if stated != m:
        raise InputError(
            f"{where}: {COUNT} is {stated}, and {ENERGY} has {m} rows - expected "
            "the same. Fetch the file again, or correct the record."
        )


def _is_of_others(group: h5py.Group, numbers: NDArray[np.int64], where: str) -> bool:
    """Say whether the SMILES of a record can be read and has other atoms, in whatever order."""
    if "smiles" not in group:
        return False
    try:
        mol = Chem.AddHs(parse(text(dataset(group, "smiles", where), where)))
    except InputError:
        return False
    return sorted(atom.GetAtomicNum() for atom in mol.GetAtoms()) != sorted(numbers.tolist())


def _mapped_smiles(group: h5py.Group, numbers: NDArray[np.int64], where: str) -> str:
    if "smiles" not in group:
        return ""
    smiles = text(dataset(group, "smiles", where), where)
    try:
        ordered = molecule(smiles).atomic_numbers == tuple(numbers.tolist())
    except InputError:  # unreadable, or without map numbers
        return ""
    return smiles if ordered else ""
