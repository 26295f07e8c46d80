"""Read MatPES: a JSON list of records (or one record a line), gzip or plain, one record in memory at a time.

Facts from matpes.ai/dataset (materialsvirtuallab/matpes, ``pages/dataset.py``): energy eV, forces eV/Å,
stress six numbers in kbar. Their order is ASE's, not VASP's: the Materials Project's document model for this
dataset (emmet-core, ``MLTrainDoc``) says xx, yy, zz, yz, xz, xy, and the authors' training notebook reads them
by ``ase.stress.voigt_6_to_full_3x3_stress(stress) * -0.1`` to GPa, which also says that the sign is VASP's.
At least one other reader takes VASP's order (xx, yy, zz, xy, yz, zx).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ase.stress import voigt_6_to_full_3x3_stress

from e3d.errors import InputError
from e3d.store.files.json_stream import items
from e3d.store.group import Group
from e3d.store.layouts.frames import NO_LABELS, Dropped, Frame, formula, groups, numbers_of
from e3d.store.layouts.pymatgen_dict import PARTIAL, crystal, need
from e3d.units import KBAR_EV_PER_ANG3

NEEDED = ("structure", "energy", "forces", "functional")


def read(path: Path, isolated_atom_energy: Mapping[int, float]) -> Iterator[Group]:
    """Yield runs of like records, named by reduced formula; the subset names the functional.

    ``isolated_atom_energy`` is not needed. Records without energy or forces, and structures with
    partly occupied sites, are dropped and counted.

    Raises
    ------
    InputError
        For a truncated file, another layout, a missing key, a wrong shape, or two functionals in one
        file, naming the record.
    """
    return groups(_frames(path))


def _frames(path: Path) -> Iterator[Frame | Dropped]:
    functional = None
    for i, record in enumerate(items(path)):
        where = f"{path}, record {i}"
        found = str(need(record, "functional", where))
        functional = functional or found
        if found != functional:
            raise InputError(
                f"{where}: functional is {found}, that of the records before it {functional}; a dataset has "
                "one level of theory. Split the file by functional."
            )
        yield _frame(record, where)
    if functional is None:
        raise InputError(
            f"{path}: holds no records; MatPES is a JSON list of records. Check the file."
        )


def _frame(record: Any, where: str) -> Frame | Dropped:
    structure, energy, forces, functional = (need(record, key, where) for key in NEEDED)
    if energy is None or forces is None:
        return Dropped(NO_LABELS)
    atoms = crystal(structure, where)
    if atoms is None:
        return Dropped(PARTIAL)
    stress = record.get("stress")
    if stress is not None:  # VASP's is positive under compression
        stress = -KBAR_EV_PER_ANG3 * voigt_6_to_full_3x3_stress(
            numbers_of(stress, "stress", (6,), where)
        )
    return Frame(
        name=formula(atoms.atomic_numbers, reduced=True),
        subset=f"MatPES {functional}",
        atomic_numbers=atoms.atomic_numbers,
        positions=atoms.positions,
        energy=float(numbers_of(energy, "energy", (), where)),
        forces=numbers_of(forces, "forces", atoms.positions.shape, where),
        cell=atoms.cell,
        pbc=atoms.pbc,
        stress=stress,
        charge=atoms.charge,
    )
