"""Files of simulations, in which elements may be missing: ASE then guesses them from other words.

A type 1 of LAMMPS becomes hydrogen, ``CA`` (an alpha carbon) calcium, and ``CL1`` carbon.
"""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ase import Atoms
from ase.data import atomic_numbers

from e3d.errors import InputError
from e3d.store.files.compressed import open_stream

PDB: Final = "proteindatabank"
_ATOM: Final = ("ATOM", "HETATM")
_NAMELESS: Final = {
    "gromacs": "names of atoms, which may be those of other elements (CA: a carbon)",
    "lammps-dump-binary": "numbers of types",
}
"""Formats without a place for elements, and what they have."""


def require_elements(path: Path, form: str) -> None:
    """Refuse a file, of ASE's format ``form``, that does not name the element of every atom.

    Raises
    ------
    InputError
        Naming what to add.
    """
    if form in _NAMELESS:
        raise InputError(
            f"{path}: has {_NAMELESS[form]}, and no elements - expected the element of every atom. "
            "Convert it to extended XYZ, or to PDB with elements."
        )
    if form == "lammps-dump-text":
        for number, line in _lines(path):
            if line.startswith("ITEM: ATOMS") and "element" not in line.split():
                raise InputError(
                    f"{path} line {number}: {line.strip()!r} has no column `element` - expected "
                    "one, types are no elements. Add it (LAMMPS: `dump custom ... element ...` and "
                    "`dump_modify ID element O H`)."
                )
    if form == "lammps-data":
        sections = {line.split("#")[0].strip() for _, line in _lines(path)}
        if not sections & {"Masses", "Atom Type Labels"}:
            raise InputError(
                f"{path}: has numbers of types, and no elements - expected a section `Atom Type "
                "Labels`, with elements, or `Masses`. Add one."
            )
    if form == PDB:
        _require_elements_of_pdb(path)


def _require_elements_of_pdb(path: Path) -> None:
    places = set()
    for number, line in _lines(path):
        if not line.startswith(_ATOM):
            continue
        places.add(line[16:17].strip())
        if not atomic_numbers.get(line[76:78].strip().title()):
            raise InputError(
                f"{path} line {number}: atom {line[12:16].strip()!r} has element "
                f"{line[76:78].strip()!r} - expected one in columns 77-78; names of atoms are not "
                "enough (CA: a carbon, or calcium). Add it to every atom."
            )
    alternate = ", ".join(sorted(places - {""}))
    if "," in alternate:
        raise InputError(
            f"{path}: has alternate positions {alternate}, of atoms that are partly occupied - "
            "expected whole atoms. Choose one position for each."
        )


def models(found: Iterable[Atoms], path: Path) -> Iterator[Atoms]:
    """Yield the models of a PDB file, all in the cell of the first.

    ASE ends a model at ``ENDMDL`` and at ``END``, and gives a cell to the first alone.

    Raises
    ------
    InputError
        If there are atoms after the last model, which ASE drops, or none at all.
    """
    expected = sum(line.startswith(_ATOM) for _, line in _lines(path))
    first: Atoms | None = None
    for atoms in found:
        if not len(atoms):
            continue
        first = first or atoms
        if first.pbc.any() and not atoms.pbc.any():
            atoms.set_cell(first.cell)
            atoms.set_pbc(first.pbc)
        expected -= len(atoms)
        yield atoms
    if expected or first is None:
        raise InputError(
            f"{path}: {expected} atoms stand after the last END or ENDMDL, or there are none - "
            "expected models that end so. Complete the file."
        )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of every line of a file that may be compressed."""
    with open_stream(path) as stream, io.TextIOWrapper(stream, errors="replace") as lines:
        yield from enumerate(lines, start=1)
