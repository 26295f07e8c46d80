"""Read any extended-XYZ file that ASE understands, molecules or periodic cells, eV and Å.

Which energy, forces and stress are the labels: :mod:`e3d.store.layouts.label_sets`. The comment
line may have ``smiles`` (mapped), charge and multiplicity
(:mod:`e3d.store.layouts.charge_and_spin`), ``subset`` or ``config_type``, and units, which must be
eV and Å (``energy_unit``, ``forces_unit``, ``stress_unit``, ``length_unit``). Stress is ASE's:
positive under tension.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from e3d.store.group import Group
from e3d.store.layouts.cells import largest_virial, require_cell, require_stress
from e3d.store.layouts.charge_and_spin import (
    charge_and_multiplicity,
    require_charge_of,
    stated_of,
)
from e3d.store.layouts.contradictions import require_one_composition, require_one_energy
from e3d.store.layouts.frames import (
    NO_LABELS,
    NOT_CONVERGED,
    Frame,
    formula,
    groups,
    levels_in,
    not_converged,
    numbers_of,
    smiles_of,
)
from e3d.store.layouts.label_sets import labels, unread_sets
from e3d.store.layouts.stated_units import require_ev_and_ang, units_in
from e3d.store.layouts.xyz_frames import read_frames

log = logging.getLogger(__name__)


def read(path: Path) -> Iterator[Group]:
    """Yield runs of like frames, named by reduced formula if periodic, else by Hill formula.

    Frames without energy or forces are dropped and counted. The subset is that of the frame, else
    the file's name.

    Raises
    ------
    InputError
        For a truncated file, a frame ASE cannot read, another unit than eV and Å, a wrong shape, a
        cell that cannot be, two sets of labels, or a charge or spin whose meaning is not clear.
    """
    return groups(_frames(path))


def _frames(path: Path) -> Iterator[Frame | str]:
    said = False
    for atoms, where in read_frames(path):
        frame = _frame(atoms, path, where)
        others = () if said or isinstance(frame, str) else unread_sets(atoms)
        if others:
            said = True
            names = ", ".join(others)
            log.warning("%s: labels are those of ASE or REF_; not read: %s", where, names)
        yield frame


def _frame(atoms: Atoms, path: Path, where: str) -> Frame | str:
    require_cell(atoms.cell.array, atoms.pbc, len(atoms), where)
    found = labels(atoms, where)
    if not found.complete:
        return NO_LABELS + _not_read(unread_sets(atoms))
    if not_converged(atoms.info):
        return NOT_CONVERGED
    require_ev_and_ang(atoms.info, where)
    numbers, periodic = atoms.numbers.astype(np.int64), bool(atoms.pbc.any())
    forces = numbers_of(found.forces, "forces", atoms.positions.shape, where)
    stress = None if found.stress is None or not periodic else _tensor(found.stress, where)
    if stress is not None and all(what != "stress" for _, what, _ in units_in(atoms.info)):
        virial = largest_virial(atoms.positions, forces)
        require_stress(stress, atoms.cell.array, len(atoms), where, virial=virial)
    smiles = smiles_of(atoms, where)
    charge, multiplicity = charge_and_multiplicity(
        stated_of(atoms), numbers, where, periodic=periodic
    )
    require_charge_of(smiles, charge, where)
    energy = float(numbers_of(found.energy, "energy", (), where))
    _require_one_frame(atoms, energy, forces, where)
    return Frame(
        name=formula(numbers, reduced=periodic),
        subset=str(atoms.info.get("subset", atoms.info.get("config_type", path.stem))),
        atomic_numbers=numbers,
        positions=atoms.positions,
        energy=energy,
        forces=forces,
        cell=np.array(atoms.cell) if periodic else None,
        pbc=np.array(atoms.pbc) if periodic else None,
        stress=stress,
        smiles=smiles,
        charge=charge,
        multiplicity=multiplicity,
        levels=levels_in(atoms.info),
    )


def _require_one_frame(
    atoms: Atoms, energy: float, forces: NDArray[np.float64], where: str
) -> None:
    """Refuse numbers of atoms, formulas of molecules and energies per atom that contradict a frame.

    The formula of a periodic frame may be that of a part, as of what lies on a surface.
    """
    numbers, periodic = atoms.numbers.astype(np.int64), bool(atoms.pbc.any())
    said = {str(key).casefold(): value for key, value in atoms.info.items()}
    numeric = {
        key: value
        for key, value in said.items()
        if isinstance(value, int | float | np.number) and not isinstance(value, bool)
    }
    formulas = {key: value for key, value in said.items() if "formula" in key and not periodic}
    require_one_composition(numeric | formulas, numbers, where)
    require_one_energy(numeric, energy, forces, where)


def _not_read(names: tuple[str, ...]) -> str:
    """Say which labels a frame has under names that are not read."""
    gradient = "; forces are minus the gradient" * any("grad" in name.lower() for name in names)
    return f" ({', '.join(names)} are not read{gradient})" if names else ""


def _tensor(stress: Any, where: str) -> NDArray[np.float64]:
    """Return a stress (3, 3) from six numbers in ASE's order, nine, or (3, 3)."""
    values = np.asarray(stress)
    if values.size == 9:
        return numbers_of(values.reshape(3, 3), "stress", (3, 3), where)
    full: NDArray[np.float64] = voigt_6_to_full_3x3_stress(
        numbers_of(values, "stress", (6,), where)
    )
    return full
