"""Every frame of a file that ASE reads, or an error: none is lost on the way."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import ase.io
import numpy as np
from ase import Atoms
from ase.io.formats import filetype

from e3d.errors import InputError, one_line
from e3d.store.layouts.xyz_frames import read_frames

_XYZ: Final = ("xyz", "extxyz")
_XYZ_NAME: Final = re.compile(r"(?i)\.(ext|e)?xyz(\.(gz|bz2|xz))?$")
_SDF: Final = ("sdf", "mol")


def images(path: Path) -> Iterator[Atoms]:
    """Yield every frame of a file (extended XYZ, CIF, ...), what it says of charge in ``info``.

    Raises
    ------
    InputError
        If ASE cannot read it, would lose frames or a charge, or finds atoms that are there in part.
    """
    if _XYZ_NAME.search(path.name):
        for atoms, _ in read_frames(path):
            yield atoms
        return
    try:
        form = filetype(str(path))
        read = [] if form in _XYZ else ase.io.iread(path, ":", form, do_not_split_by_at_sign=True)
        if form in _XYZ:
            yield from (atoms for atoms, _ in read_frames(path))
        for atoms in read:
            yield _checked(atoms, path, form)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - ASE's readers raise whatever they like
        raise InputError(
            f"{path}: ASE cannot read it ({one_line(error)}). Give a store (.h5) or a file in "
            "a format ASE reads, such as extended XYZ."
        ) from None


def _checked(atoms: Atoms, path: Path, form: str) -> Atoms:
    """Return what ASE read, with what it left behind."""
    if form in _SDF:
        atoms.info |= _molfile(path)
    occupancy = (
        atoms.arrays.get("occupancy", np.ones(1))
        if "occupancy" in atoms.arrays
        else (
            [share for site in atoms.info.get("occupancy", {}).values() for share in site.values()]
        )
    )
    if any(0 < share < 1 for share in occupancy if share is not None):
        raise InputError(
            f"{path}: has sites that are partly occupied - expected whole atoms. Choose one "
            "position or element for each."
        )
    atoms.info = atoms.info.get("key_value_pairs", {}) | atoms.info  # of ASE's databases
    return atoms


def _molfile(path: Path) -> dict[str, int]:
    """Return the charge of a molfile, of which ASE reads the first molecule and no charges."""
    text = path.read_text(encoding="utf-8", errors="replace")
    molecules = [part for part in re.split(r"(?m)^\$\$\$\$\s*$", text) if part.strip()]
    if len(molecules) > 1 or text.count("M  END") > 1:
        raise InputError(
            f"{path}: holds {len(molecules)} molecules, of which ASE reads the first - expected "
            "one. Write one file for each, or convert it to extended XYZ."
        )
    if text.splitlines()[1][20:22] == "2D":
        raise InputError(
            f"{path}: is a drawing in two dimensions - expected a geometry. Embed it, or give its "
            "SMILES instead."
        )
    charges = [line.split()[3:] for line in text.splitlines() if line.startswith("M  CHG")]
    return {"charge": sum(int(value) for pairs in charges for value in pairs[1::2])}
