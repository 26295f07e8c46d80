"""Files of simulations, in which elements may be missing: ASE then guesses them from other words.

A type 1 of LAMMPS becomes hydrogen, ``CA`` (an alpha carbon) calcium, and ``CL1`` carbon.
"""

import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers, chemical_symbols

from e3d.errors import InputError
from e3d.store.files.compressed import open_stream

PDB: Final = "proteindatabank"
LAMMPS_DATA: Final = "lammps-data"
_MASS: Final = (0.1, 0.005)
"""Of an element: an atom's mass differs from it by less than this, in u, or relative."""
_EXACT: Final = 0.02
"""In u: so close, a mass is no rounded one of the element next to it (Ca 40.078, Ar 39.948)."""
_DEUTERIUM: Final = 2.014
_CHARGE: Final = re.compile(r"(\d)?([-+])(\d)?$")
_ISOTOPES: Final = ("D", "T")
"""Of hydrogen, where an element is named."""
_ATOM: Final = ("ATOM", "HETATM")
_NAMELESS: Final = {
    "gromacs": "names of atoms, which may be those of other elements (CA: a carbon)",
    "lammps-dump-binary": "numbers of types",
}
"""Formats without a place for elements, and what they have."""
_LABELS: Final = {
    "dlp4": re.compile(r"\s*(?!timestep)([A-Za-z]\S*)"),
    "dlp-history": re.compile(r"\s*(?!timestep)([A-Za-z]\S*)"),
    "gromos": re.compile(r"\s*\d+\s+\S+\s+([A-Za-z]\S*)\s+\d+(?:\s+[-+.\d]+){3}\s*$"),
}
"""Rows of formats with names of atoms, whose first letters ASE takes for elements."""


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
        for number, line in numbered_lines(path):
            if line.startswith("ITEM: ATOMS") and "element" not in line.split():
                raise InputError(
                    f"{path} line {number}: {line.strip()!r} has no column `element` - expected "
                    "one, types are no elements. Add it (LAMMPS: `dump custom ... element ...` and "
                    "`dump_modify ID element O H`)."
                )
    if form in _LABELS:
        _require_sure_labels(path, form)
    if form == PDB:
        _require_elements_of_pdb(path)


def _require_sure_labels(path: Path, form: str) -> None:
    """Refuse a name of which ASE takes one letter while two are another element: ``CL``, ``NA``."""
    for number, line in numbered_lines(path):
        row = _LABELS[form].match(line) if number > 1 else None  # behind the title
        if row is None:
            continue
        name, two = row[1], row[1][:2]
        is_read_whole = two[1:].islower() and (form != "gromos" or len(name) == 2)
        if len(two) == 2 and not is_read_whole and two.title() in atomic_numbers:
            raise InputError(
                f"{path} line {number}: the atom {name!r} may be {two[0]} or {two.title()} - "
                "expected elements; names of atoms are not enough. Convert the file to extended "
                "XYZ."
            )


def is_lammps_data(path: Path) -> bool:
    """Say whether a file starts as the data of LAMMPS do, which have no suffix of their own."""
    head = "".join(line[:200] for _, line in islice(numbered_lines(path), 40))
    return all(re.search(rf"(?m)^\s*\d+\s+{what}\b", head) for what in ("atoms", "atom types"))


def elements_of_types(path: Path) -> dict[int, int]:
    """Return the atomic number of every type of LAMMPS data, by its label, else by its mass.

    Raises
    ------
    InputError
        If there is neither, or a mass is that of no element: ASE takes the nearest.
    """
    sections: dict[str, dict[int, str]] = {}
    rows: dict[int, str] = {}
    for _, line in numbered_lines(path):
        fields = line.split("#")[0].split()
        if fields and fields[0][0].isalpha():
            rows = sections.setdefault(" ".join(fields), {})
        elif len(fields) == 2 and fields[0].isdecimal():
            rows[int(fields[0])] = fields[1]
    labels = {
        k: atomic_numbers.get(name) for k, name in sections.get("Atom Type Labels", {}).items()
    }
    if labels and all(labels.values()):
        return {k: z for k, z in labels.items() if z}
    if not sections.get("Masses"):
        raise InputError(
            f"{path}: has numbers of types, and no elements - expected a section `Atom Type "
            "Labels`, with elements, or `Masses`. Add one."
        )
    return {k: _of_mass(mass, f"{path}: type {k}") for k, mass in sections["Masses"].items()}


def _of_mass(text: str, where: str) -> int:
    try:
        mass = float(text)
    except ValueError:
        mass = 0.0
    if abs(mass - _DEUTERIUM) < _EXACT:
        return 1
    off = np.abs(atomic_masses - mass)
    off[0] = np.inf  # X
    within = np.flatnonzero(off < np.maximum(_MASS[0], _MASS[1] * atomic_masses))
    nearest = int(np.argmin(off))
    if len(within) != 1 and off[nearest] > _EXACT:
        near = " or ".join(chemical_symbols[z] for z in within) or "no element"
        raise InputError(
            f"{where} has mass {text}, that of {near} - expected the mass of one element; united "
            "atoms and moved masses are none. Add a section `Atom Type Labels` with elements."
        )
    return nearest


def _require_elements_of_pdb(path: Path) -> None:
    places = set()
    for number, line in numbered_lines(path):
        if not line.startswith(_ATOM):
            continue
        places.add(line[16:17].strip())
        element = line[76:78].strip().title()
        if element not in _ISOTOPES and not atomic_numbers.get(element):
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


def pdb_of_elements(path: Path) -> io.StringIO:
    """Return the text of a PDB file, isotopes of hydrogen as hydrogen: ASE guesses them by name."""
    lines = (
        f"{line[:76]} H{line[78:]}"
        if line.startswith(_ATOM) and line[76:78].strip().title() in _ISOTOPES
        else line
        for _, line in numbered_lines(path)
    )
    return io.StringIO("".join(lines))


def models(found: Iterable[Atoms], path: Path) -> Iterator[Atoms]:
    """Yield the models of a PDB file, all in the cell of the first, with charges of the atoms.

    ASE ends a model at ``ENDMDL`` and at ``END``, and gives a cell to the first alone. It reads no
    charges, and takes the cell that stands for none (1 Å each way) for one.

    Raises
    ------
    InputError
        If there are atoms after the last model, which ASE drops, or none at all.
    """
    charges = [_charge(line) for _, line in numbered_lines(path) if line.startswith(_ATOM)]
    expected = len(charges)
    first: Atoms | None = None
    for atoms in found:
        if not len(atoms):
            continue
        lengths = atoms.cell.lengths()
        if not lengths.all() or np.allclose(lengths, 1):
            atoms.set_cell(None)
            atoms.set_pbc(False)
        own, charges = charges[: len(atoms)], charges[len(atoms) :]
        if any(own):
            atoms.info["charge"] = sum(own)
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


def _charge(line: str) -> int:
    """Return the charge in columns 79-80 of an atom of PDB, ``1-``."""
    found = _CHARGE.match(line[78:80].strip())
    return int(found[2] + (found[1] or found[3] or "1")) if found else 0


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of every line of a file that may be compressed."""
    with open_stream(path) as stream, io.TextIOWrapper(stream, errors="replace") as lines:
        yield from enumerate(lines, start=1)
