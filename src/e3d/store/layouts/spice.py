"""Read the HDF5 layout of SPICE 1 and 2: one group per molecule or cluster, atomic units.

Traps handled here: empty groups; missing ``mbis_*`` (never read); group names that collide (the
molecule is its ``smiles``); conformations in string order, so that their original number is known
only where all 50 are there; forces are minus the gradient; formation energies that are relative
to ions (charged species, and the elements that SPICE has as ions only).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d.chemistry import number
from e3d.errors import InputError
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
from e3d.store.layouts.frames import is_level, levels_in
from e3d.store.layouts.stated_units import array_in_unit
from e3d.theory import IONIC_ONLY
from e3d.units import BOHR_ANG, HARTREE_EV, HARTREE_PER_BOHR_EV_PER_ANG, Quantity

NEEDED = (
    "subset",
    "smiles",
    "atomic_numbers",
    "conformations",
    "dft_total_energy",
    "dft_total_gradient",
)

_LABELS: Final[tuple[tuple[str, str, Quantity, float], ...]] = (
    ("conformations", "(M, N, 3)", "length", BOHR_ANG),
    ("dft_total_energy", "(M,)", "energy", HARTREE_EV),
    ("dft_total_gradient", "(M, N, 3)", "force", HARTREE_PER_BOHR_EV_PER_ANG),
)
"""Key, shape, quantity and unit where the file does not say another one."""

# not in SPICE itself: datasets of files made in its layout, by group; M conformations
SAMPLE_INDEX = "sample_index"  # (M,) original number of each conformation
PATH_SUBSET = "reaction paths"  # subset of such groups
PRODUCT_SMILES = "product_smiles"  # of a reaction path, the mapped SMILES of its end
PATH_COORDINATE = "path_coordinate"  # (M,) arc length, Å
SADDLE_ROW = "climbing_image"  # (1,) which conformation is the saddle
XTB_ENERGY = "gfn2_energy"  # (M,) hartree
BOND_ROWS = "bond"  # (2,) of a stretch, the atoms whose distance is scanned
RELAXED_ROW = "relaxed_row"  # (1,) which conformation is the relaxed one

PAIRED_SUBSETS = re.compile(r"Dipeptides|DES Monomers|(?<!Solvated )PubChem")
"""Subsets in which conformation i + 25 was made from conformation i (SPICE's sampling protocol)."""
PAIR_STRIDE = 25
_FULL = 50


def read(path: Path) -> Iterator[Group]:
    """Yield every labelled group of a SPICE-layout file, in file order, converted to eV and Å.

    Raises
    ------
    InputError
        For a group without labels or of wrong shape, or a file with no groups.
    """
    with open_hdf5(path) as file, damage_named(str(path)):
        expected = "the SPICE layout has one HDF5 group per molecule"
        for name, group in subgroups(file, str(path), expected=expected):
            yield _group(group, f"{path}, group {name!r}")


def _group(group: h5py.Group, where: str) -> Group:
    require(group, NEEDED, "SPICE", where)
    numbers = atomic_numbers(group, "atomic_numbers", "(N,)", where)
    smiles, subset = (text(dataset(group, key, where), where) for key in ("smiles", "subset"))
    if not smiles:
        raise InputError(
            f"{where}: its SMILES is empty, one with map numbers is needed to know the molecule. "
            "Remove the group from the file."
        )
    empty = dataset(group, "conformations", where).size == 0
    if empty:  # SPICE keeps groups whose every calculation failed
        positions = gradient = np.zeros((0, len(numbers), 3))
        energy = np.zeros(0)
    else:
        positions, energy, gradient = (array_in_unit(group, *of, where) for of in _LABELS)
    charge, multiplicity = state_of_group(group, numbers, where)
    require_charge_of(smiles, charge, where)
    return Group(
        smiles=smiles,
        subset=subset,
        atomic_numbers=numbers,
        positions=positions,
        energy=energy,
        forces=-gradient,
        source_index=_source_index(group, subset, len(positions), where),
        formation_energy=None if empty else _formation_energy(group, numbers, where),
        charge=charge,
        multiplicity=multiplicity,
        levels=levels_in(texts_around(group, is_level, where)),
    )


def _source_index(group: h5py.Group, subset: str, m: int, where: str) -> NDArray[np.int64] | None:
    """Return the original number of each conformation (M,), None where it cannot be known."""
    if SAMPLE_INDEX in group:
        return integers(group, SAMPLE_INDEX, "(M,)", where)
    if m == _FULL and PAIRED_SUBSETS.search(subset):
        return np.array(sorted(range(m), key=str), dtype=np.int64)
    return None


def _formation_energy(
    group: h5py.Group, numbers: NDArray[np.int64], where: str
) -> NDArray[np.float64] | None:
    """Return energies (M,), eV, relative to isolated atoms; None if there are none or of ions."""
    of_ions = np.isin(numbers, [number(element) for element in IONIC_ONLY])
    if of_ions.any() or "formation_energy" not in group:
        return None
    return array_in_unit(group, "formation_energy", "(M,)", "energy", HARTREE_EV, where)
