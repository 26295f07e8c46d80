"""Every frame of a file that ASE reads, or an error: none is lost on the way."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import ase.io
from ase import Atoms
from ase.db import connect
from ase.io.formats import filetype

from e3d.errors import InputError, one_line
from e3d.named_elements import PDB, models, require_elements
from e3d.store.layouts.xyz_frames import read_frames

_XYZ_NAME: Final = re.compile(r"(?i)\.(ext|e)?xyz(\.(gz|bz2|xz))?$")
_XYZ: Final = ("xyz", "extxyz")
_DATABASES: Final = ("db", "json")
_FULL: Final = 1.01
"""The largest occupancy; a little more is rounding."""
_MOLFILES: Final = ("sdf", "mol")


def images(path: Path) -> Iterator[Atoms]:
    """Yield every frame of a file (extended XYZ, CIF, ...), what it says of charge in ``info``.

    Raises
    ------
    InputError
        If ASE cannot read it, finds nothing, would lose frames or a charge, or guess elements, or
        finds atoms that are there in part.
    """
    empty = True
    for atoms in _images(path):
        empty = False
        yield atoms
    if empty:
        raise InputError(
            f"{path}: ASE finds no structure in it. Check its name, by which ASE knows the format, "
            "or give extended XYZ."
        )


def _images(path: Path) -> Iterator[Atoms]:
    try:
        form = "extxyz" if _XYZ_NAME.search(path.name) else filetype(str(path))
        if form in _XYZ:
            yield from (atoms for atoms, _ in read_frames(path))
        elif form in _DATABASES:
            for row in connect(path).select():
                atoms = row.toatoms()
                atoms.info |= row.key_value_pairs
                yield atoms
        else:
            more = _of_molfile(path) if form in _MOLFILES else {}
            require_elements(path, form)
            found = ase.io.iread(path, ":", form, do_not_split_by_at_sign=True)
            for atoms in models(found, path) if form == PDB else found:
                _require_whole(atoms, path)
                atoms.info |= more
                yield atoms
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - ASE's readers raise whatever they like
        raise InputError(
            f"{path}: ASE cannot read it ({one_line(error)}). Give a store (.h5) or a file in "
            "a format ASE reads, such as extended XYZ."
        ) from None


def _require_whole(atoms: Atoms, path: Path) -> None:
    """Refuse sites that are partly occupied, of CIF and PDB files: ASE takes each for an atom."""
    of_cif = [  # shares of elements at a site
        share for site in atoms.info.get("occupancy", {}).values() for share in site.values()
    ]
    shares = [*atoms.arrays.get("occupancy", ()), *of_cif]
    if any(share > _FULL for share in of_cif):
        raise InputError(
            f"{path}: a site has occupancy {max(of_cif):g} - expected 1, one atom. Correct it."
        )
    if any(share is not None and 0 < share < 1 for share in shares):
        raise InputError(
            f"{path}: has sites that are partly occupied - expected whole atoms. Choose one "
            "position and element for each."
        )


def _of_molfile(path: Path) -> dict[str, int]:
    """Return the charge of a molfile; of such files ASE reads the first molecule, and no charge."""
    text = path.read_text(encoding="utf-8", errors="replace")
    molecules = len(re.findall(r"(?m)^M  END", text))
    if molecules > 1:
        raise InputError(
            f"{path}: holds {molecules} molecules, of which ASE reads the first - expected one. "
            "Write one file for each, or convert it to extended XYZ."
        )
    lines = text.splitlines()
    if len(lines) > 1 and lines[1][20:22] == "2D":
        raise InputError(
            f"{path}: is a drawing in two dimensions - expected a geometry. Embed it, or give its "
            "SMILES instead."
        )
    pairs = [line.split()[3:] for line in lines if line.startswith("M  CHG")]
    return {"charge": sum(int(value) for one in pairs for value in one[1::2])}
