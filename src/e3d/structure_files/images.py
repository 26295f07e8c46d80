"""Every frame of a file that ASE reads, or an error: none is lost on the way."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import ase.io
from ase import Atoms
from ase.db import connect
from ase.io.formats import UnknownFileTypeError, filetype

from e3d.errors import InputError, one_line
from e3d.store.layouts.xyz_frames import read_frames
from e3d.structure_files.abinit import ABINIT, abinit_input
from e3d.structure_files.cif import cif_crystals
from e3d.structure_files.counts import require_counts
from e3d.structure_files.crystals import require_fractions, require_whole_crystal
from e3d.structure_files.cube import CUBE, require_bohr
from e3d.structure_files.molfiles import molfile
from e3d.structure_files.named_elements import (
    LAMMPS_DATA,
    PDB,
    elements_of_types,
    is_lammps_data,
    models,
    pdb_of_elements,
    require_elements,
)
from e3d.structure_files.nwchem import NWCHEM, nwchem_input
from e3d.structure_files.programs import stated_by
from e3d.structure_files.xdatcar import XDATCAR, require_whole_frames

_XYZ_NAME: Final = re.compile(r"(?i)\.(ext|e)?xyz(\.(gz|bz2|xz))?$")
_XYZ: Final = ("xyz", "extxyz")
_DATABASES: Final = ("db", "json")
_FULL: Final = 1.01
"""The largest occupancy; a little more is rounding."""
_MOLFILES: Final = ("sdf", "mol")
_CIF: Final = "cif"
_EON: Final = "eon"
_REQUIRED: Final = {CUBE: require_bohr, XDATCAR: require_whole_frames}
"""More that is looked for in files of a format, before ASE reads them."""
_LAMMPS_DUMP: Final = "lammps-dump-text"


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
        form = _format(path)
        if form in _XYZ:
            yield from (atoms for atoms, _ in read_frames(path))
        elif form in _DATABASES:
            for row in connect(path).select():
                atoms = row.toatoms()
                atoms.info |= {**row.data, **row.key_value_pairs}
                yield atoms
        elif form in _MOLFILES:
            yield molfile(path)
        else:
            require_elements(path, form)
            require_whole_crystal(path, form)
            require_counts(path, form)
            if form in _REQUIRED:
                _REQUIRED[form](path)
            more = stated_by(path, form)
            for atoms in _by_ase(path, form):
                _require_whole(atoms, path)
                require_fractions(atoms, str(path))
                atoms.info |= more
                if form == _LAMMPS_DUMP:  # its forces may be in any unit
                    atoms.calc = None
                yield atoms
    except InputError:
        raise
    except UnknownFileTypeError:
        raise InputError(
            f"{path}: ASE cannot read it: no format has this name or beginning. Give a store (.h5) "
            "or a file in a format ASE reads, such as extended XYZ."
        ) from None
    except Exception as error:  # noqa: BLE001 - ASE's readers raise whatever they like
        raise InputError(
            f"{path}: ASE cannot read it ({one_line(error)}). Give a store (.h5) or a file in "
            "a format ASE reads, such as extended XYZ."
        ) from None


def _by_ase(path: Path, form: str) -> Iterator[Atoms]:
    """Return the frames of a file of ASE's format ``form``, with its own elements and symmetry."""
    if form == _CIF:
        return cif_crystals(path)
    if form == PDB:
        return models(ase.io.iread(pdb_of_elements(path), ":", form), path)
    if form == ABINIT:
        return iter(ase.io.iread(abinit_input(path), ":", form))
    if form == NWCHEM:
        return iter(ase.io.iread(nwchem_input(path), ":", form))
    options = {"Z_of_type": elements_of_types(path)} if form == LAMMPS_DATA else {}
    found: Iterator[Atoms] = ase.io.iread(path, ":", form, do_not_split_by_at_sign=True, **options)
    return map(_periodic, found) if form == _EON else found


def _periodic(atoms: Atoms) -> Atoms:
    """Repeat the box of a file of EON, which ASE does not: there every box is periodic."""
    atoms.set_pbc(bool(atoms.cell.rank))
    return atoms


def _format(path: Path) -> str:
    if _XYZ_NAME.search(path.name):
        return "extxyz"
    return LAMMPS_DATA if is_lammps_data(path) else str(filetype(str(path)))


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
