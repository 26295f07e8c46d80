"""Read ANI-1x: one HDF5 group per formula with all its isomers, wB97x/6-31G(d), hartree and Å.

Facts from the data descriptor (Smith et al., Sci. Data 7, 134 (2020)) and its ``dataloader.py``:
not every conformation was labelled at every level; what was not is NaN.
"""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from e3d.errors import InputError
from e3d.store.files.hdf5 import (
    atomic_numbers,
    damage_named,
    open_hdf5,
    require,
    subgroups,
    texts_around,
)
from e3d.store.group import Group
from e3d.store.layouts.charge_and_spin import state_of_group
from e3d.store.layouts.contradictions import require_named_formula
from e3d.store.layouts.frames import formula, is_level, levels_in
from e3d.store.layouts.stated_units import array_in_unit
from e3d.units import HARTREE_EV

NUMBERS, POSITIONS, ENERGY, FORCES = NEEDED = (
    "atomic_numbers",
    "coordinates",
    "wb97x_dz.energy",
    "wb97x_dz.forces",
)
SUBSET = "ANI-1x"
UNLABELLED = "conformations without energy or forces (NaN)"


def read(path: Path) -> Iterator[Group]:
    """Yield the conformations of each formula that have energy and forces, in eV and Å.

    Rows with NaN are dropped and counted; a formula whose rows are all NaN gives an empty group.
    Every molecule is neutral and a singlet unless it says otherwise; of a lone atom that says
    nothing, the spin is not known.

    Raises
    ------
    InputError
        For a file without groups, a missing key, a wrong shape or other atoms than the formula that
        a group is called by.
    """
    with open_hdf5(path) as file, damage_named(str(path)):
        expected = "ANI-1x has one HDF5 group per formula"
        for name, group in subgroups(file, str(path), expected=expected):
            where = f"{path}, group {name!r}"
            found = _group(group, where)
            require_named_formula(name, found.atomic_numbers, where)
            yield found


def _group(group: h5py.Group, where: str) -> Group:
    require(group, NEEDED, SUBSET, where)
    numbers = atomic_numbers(group, NUMBERS, "(N,)", where)
    positions = array_in_unit(group, POSITIONS, "(M, N, 3)", "length", 1.0, where)
    energy = array_in_unit(group, ENERGY, "(M,)", "energy", HARTREE_EV, where)
    forces = array_in_unit(group, FORCES, "(M, N, 3)", "force", HARTREE_EV, where)
    if not len(positions) == len(energy) == len(forces):
        raise InputError(
            f"{where}: {len(positions)} coordinates, {len(energy)} energies and {len(forces)} "
            "forces - expected as many of each. Fix the group."
        )
    labelled = ~(np.isnan(energy) | np.isnan(forces).any(axis=(1, 2)))
    unlabelled = int((~labelled).sum())
    charge, multiplicity = state_of_group(group, numbers, where)
    return Group(
        smiles="",
        name=formula(numbers),
        subset=SUBSET,
        atomic_numbers=numbers,
        positions=positions[labelled],
        energy=energy[labelled],
        forces=forces[labelled],
        charge=charge or 0,
        multiplicity=multiplicity or (1 if len(numbers) > 1 else None),
        levels=levels_in(texts_around(group, is_level, where)),
        dropped={UNLABELLED: unlabelled} if unlabelled else {},
    )
