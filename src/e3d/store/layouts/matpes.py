"""Read MatPES: a JSON list of records or one record a line, gzip or plain, record by record.

Facts from matpes.ai/dataset (materialsvirtuallab/matpes, ``pages/dataset.py``): energy eV, forces
eV/Å, stress six numbers in kbar. Their order is ASE's, not VASP's: the Materials Project's document
model for this dataset (emmet-core, ``MLTrainDoc``) says xx, yy, zz, yz, xz, xy, and the authors'
training notebook reads them by ``ase.stress.voigt_6_to_full_3x3_stress(stress) * -0.1`` to GPa,
which also says that the sign is VASP's. At least one other reader takes VASP's order (xx, yy, zz,
xy, yz, zx).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ase.stress import voigt_6_to_full_3x3_stress

from e3d.errors import InputError
from e3d.store.files.json_stream import items
from e3d.store.group import Group
from e3d.store.layouts.frames import Frame, groups, numbers_of
from e3d.store.layouts.pymatgen_dict import labelled_crystal, need

_SUBSET: Final = "MatPES "
NEEDED = ("structure", "energy", "functional")


def read(path: Path) -> Iterator[Group]:
    """Yield runs of like records, named by reduced formula; the subset names the functional.

    Records without energy or forces, and structures with partly occupied sites, are dropped and
    counted.

    Raises
    ------
    InputError
        For a truncated file, another layout, a missing key, a wrong shape, or two functionals.
    """
    return groups(_frames(path))


def _frames(path: Path) -> Iterator[Frame | str]:
    functional = None
    for i, record in enumerate(items(path)):
        where = f"{path}, record {i}"
        found = str(need(record, "functional", where))
        functional = functional or found
        if found != functional:
            raise InputError(
                f"{where}: functional is {found}, that of the records before it {functional}; "
                "a dataset has one level of theory. Split the file by functional."
            )
        yield _frame(record, where)
    if functional is None:
        raise InputError(
            f"{path}: holds no records; MatPES is a JSON list of records. Check the file."
        )


def _frame(record: Any, where: str) -> Frame | str:
    structure, energy, functional = (need(record, key, where) for key in NEEDED)
    sites = structure.get("sites") if isinstance(structure, Mapping) else None
    lone = isinstance(sites, list) and len(sites) == 1
    forces = record.get("forces") if lone else need(record, "forces", where)
    stress = record.get("stress")
    if stress is not None:
        stress = voigt_6_to_full_3x3_stress(numbers_of(stress, "stress", (6,), where))
    subset = f"{_SUBSET}{functional}"
    return labelled_crystal(record, energy, forces, stress, subset=subset, where=where)
