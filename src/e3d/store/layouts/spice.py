"""Read the HDF5 layout of SPICE 1 and 2: one group per molecule or cluster, atomic units.

Traps handled here: empty groups; missing ``mbis_*`` (never read); group names that collide (the
molecule is its ``smiles``); conformations in string order, so that their original number is known
only where all 50 are there; forces are minus the gradient.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d.chemistry import SmilesError, molecule, symbol
from e3d.errors import InputError
from e3d.store.files.hdf5 import array, open_hdf5, text
from e3d.store.group import Group
from e3d.theory import IONIC_ONLY
from e3d.units import BOHR_ANG, HARTREE_EV, HARTREE_PER_BOHR_EV_PER_ANG

NEEDED = (
    "subset",
    "smiles",
    "atomic_numbers",
    "conformations",
    "dft_total_energy",
    "dft_total_gradient",
)
SAMPLE_INDEX = "sample_index"
"""Original conformation numbers; not in SPICE itself, written by files made in its layout."""

PAIRED_SUBSETS = re.compile(r"Dipeptides|DES Monomers|(?<!Solvated )PubChem")
"""Subsets in which conformation i + 25 was made from conformation i (SPICE's sampling protocol)."""
PAIR_STRIDE = 25
_FULL = 50
_FORMATION_TOLERANCE_HARTREE = 1e-4


def read(path: Path, isolated_atom_energy: Mapping[int, float]) -> Iterator[Group]:
    """Yield every labelled group of a SPICE-layout file, in file order, converted to eV and Å.

    Parameters
    ----------
    isolated_atom_energy
        eV by atomic number; where a neutral group stores ``formation_energy``, it must agree with
        ``dft_total_energy`` minus these atoms, else the level of theory is another one.

    Raises
    ------
    InputError
        For a group without labels or of wrong shape, or a file with no groups.
    """
    with open_hdf5(path) as file:
        names = [name for name in file if isinstance(file[name], h5py.Group)]
        if not names:
            raise InputError(
                f"{path}: holds no groups; the SPICE layout has one HDF5 group per molecule. "
                "Check the file or its `layout`."
            )
        for name in names:
            yield _group(file[name], f"{path}, group {name!r}", isolated_atom_energy)


def _group(group: h5py.Group, where: str, atoms: Mapping[int, float]) -> Group:
    missing = [key for key in NEEDED if key not in group]
    if missing:
        raise InputError(
            f"{where}: lacks {', '.join(missing)}; the SPICE layout needs {', '.join(NEEDED)}. "
            "Label the group or remove it from the file."
        )
    numbers = array(group, "atomic_numbers", "(N,)", where).astype(np.int64)
    smiles, subset = text(group["smiles"], where), text(group["subset"], where)
    if np.size(group["conformations"]) == 0:  # SPICE keeps groups whose every calculation failed
        positions = gradient = np.zeros((0, len(numbers), 3))
        energy = np.zeros(0)
    else:
        positions = array(group, "conformations", "(M, N, 3)", where)
        energy = array(group, "dft_total_energy", "(M,)", where)
        gradient = array(group, "dft_total_gradient", "(M, N, 3)", where)
    _check_formation_energy(group, smiles, numbers, energy, atoms, where)
    return Group(
        smiles=smiles,
        subset=subset,
        atomic_numbers=numbers,
        positions=positions * BOHR_ANG,
        energy=energy * HARTREE_EV,
        forces=-gradient * HARTREE_PER_BOHR_EV_PER_ANG,
        source_index=_source_index(group, subset, len(positions), where),
    )


def _source_index(group: h5py.Group, subset: str, m: int, where: str) -> NDArray[np.int64]:
    """Return the original number of each conformation, -1 where it cannot be known."""
    if SAMPLE_INDEX in group:
        return array(group, SAMPLE_INDEX, "(M,)", where).astype(np.int64)
    if m == _FULL and PAIRED_SUBSETS.search(subset):
        return np.array(sorted(range(m), key=str), dtype=np.int64)
    return np.full(m, -1, dtype=np.int64)


def _check_formation_energy(
    group: h5py.Group,
    smiles: str,
    numbers: NDArray[np.int64],
    energy: NDArray[np.float64],
    atoms: Mapping[int, float],
    where: str,
) -> None:
    # SPICE knows the elements of IONIC_ONLY as ions, and its formation energies are relative to those
    known = all(int(z) in atoms and symbol(int(z)) not in IONIC_ONLY for z in numbers)
    if "formation_energy" not in group or not known or not energy.size:
        return
    try:
        parsed = molecule(smiles)
    except SmilesError:  # left out and counted when the dataset is read
        return
    if parsed.charge != 0:  # SPICE's formation energy of an ion uses charged atoms
        return
    if parsed.atomic_numbers != tuple(numbers.tolist()):  # refused by name when the dataset is read
        return
    stored = array(group, "formation_energy", "(M,)", where)
    ours = energy - sum(atoms[int(z)] for z in numbers) / HARTREE_EV
    if stored.shape != ours.shape:
        raise InputError(
            f"{where}: formation_energy has shape {stored.shape}, expected {ours.shape} as "
            "dft_total_energy. Fix the group."
        )
    labelled = np.isfinite(
        energy
    )  # an energy that is not a number is reported by the store's checks
    worst = float(np.max(np.abs(stored - ours)[labelled], initial=0.0))
    if not worst <= _FORMATION_TOLERANCE_HARTREE:
        raise InputError(
            f"{where}: formation_energy is {worst:.2g} hartree away from dft_total_energy minus isolated "
            f"atoms, allowed {_FORMATION_TOLERANCE_HARTREE:g}. The labels are from another level of theory: "
            "give the dataset its own `theory` or `isolated_atom_energy_eV`."
        )
