"""Read MPtrj: one JSON object {material: {frame: record}}, one material in memory at a time.

Facts from the dataset's figshare page (doi 10.6084/m9.figshare.23713842): energies eV, forces eV/Å,
stress kbar in VASP's sign. ``uncorrected_total_energy`` is read: it is what VASP computed, and the
forces are its gradient. The MP2020 corrections in ``corrected_total_energy`` are constants per
composition, for formation energies that mix GGA and GGA+U. They have no gradient, and no isolated
atom has them.

Frames mix GGA and GGA+U and do not say which is which, so the subset is "MPtrj" throughout.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from e3d.errors import InputError
from e3d.store.files.json_stream import members
from e3d.store.group import Group
from e3d.store.layouts.frames import Frame, groups, numbers_of
from e3d.store.layouts.pymatgen_dict import labelled_crystal, need

SUBSET = "MPtrj"
ENERGY = "uncorrected_total_energy"


def read(path: Path) -> Iterator[Group]:
    """Yield runs of like frames, named by reduced formula so that polymorphs stay together.

    Frames without energy or forces, and structures with partly occupied sites, are dropped and
    counted.

    Raises
    ------
    InputError
        For a truncated file, another layout, a missing key, a wrong shape, or a frame that names
        another material than the one it stands under.
    """
    return groups(_frames(path))


def _frames(path: Path) -> Iterator[Frame | str]:
    count = 0
    for material, records in members(path):
        if not isinstance(records, Mapping):
            raise InputError(
                f"{path}, {material}: is a {type(records).__name__}, expected {{frame: record}}; "
                "MPtrj has one such object per material. Check the file or its `layout`."
            )
        for name, record in records.items():
            count += 1
            where = f"{path}, {material}, frame {name}"
            frame = _frame(record, where)
            if record.get("mp_id") not in (None, material):
                raise InputError(
                    f"{where}: mp_id is {record['mp_id']!r}, and the frame stands under "
                    f"{material!r} - expected the same. Fetch the file again, or correct it."
                )
            yield frame
    if not count:
        raise InputError(
            f"{path}: holds no frames; MPtrj is {{material: {{frame: record}}}}. Check the file."
        )


def _frame(record: Any, where: str) -> Frame | str:
    energy, forces = (need(record, key, where) for key in (ENERGY, "force"))
    stress = record.get("stress")
    if stress is not None:
        stress = numbers_of(stress, "stress", (3, 3), where)
    return labelled_crystal(record, energy, forces, stress, subset=SUBSET, where=where)
