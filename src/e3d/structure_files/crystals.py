"""Crystals that a file states in part: ASE fills in the rest, and may take another crystal."""

import io
import re
from itertools import takewhile
from pathlib import Path
from typing import Final

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers, chemical_symbols, covalent_radii
from ase.formula import Formula
from ase.io.espresso import label_to_symbol, read_fortran_namelist
from matscipy.neighbours import neighbour_list

from e3d.arrays import Floats, Ints
from e3d.errors import InputError
from e3d.store.files.compressed import open_stream
from e3d.structure_files.named_elements import PDB, numbered_lines

_WHOLE: Final = re.compile(r"(?i)(P?\s*1(\s*1\s*1)?)?")
"""Space group P 1 in its spellings, or none."""
_POSITION: Final = re.compile(r"\s*([-+.\d][-+.\deEdD]*\s+){2}[-+.\d][-+.\deEdD]*(\s|$)")
_ROW_LABEL: Final = re.compile(r"\s*(?:\S+\s+){3}([A-Z][a-z]?)\d*[-+]?\s*($|[!#])")
"""An element behind the coordinates of a row; flags between the two are taken off before."""
_FLAGS: Final = re.compile(r"(\s+\.?[TF][A-Z]*\.?){3}(?=\s|$)")
_CARD: Final = re.compile(
    "(?i)(ATOMIC_|K_POINTS|CELL_PARAM|CONSTRAINTS|OCCUPATIONS|ADDITIONAL_|SOLVENTS|HUBBARD)[A-Z_]*"
)
_DMOL: Final = ("dmol-car", "dmol-arc")
_DMOL_GROUP: Final = re.compile(r"PBC\s.*\((.*)\)")
_EDGE: Final = 0.05
"""Of the cell: atoms that are rounded, or relaxed, lie less beyond its faces."""
_CONTACT: Final = (0.55, 1.4)
"""Distances of neighbours, over the sum of their covalent radii."""
_MASS: Final = 0.05
"""In u: of an element, written with two digits or as a whole number where that is near."""
_LIGHTEST: Final = 4.5
"""In u: smaller masses are made up, or of isotopes of hydrogen."""


def require_whole_crystal(path: Path, form: str) -> None:
    """Refuse a file, of ASE's format ``form``, whose symmetry or elements ASE would guess.

    Raises
    ------
    InputError
        Naming what to add.
    """
    if form == "vasp":
        _require_poscar(path)
    elif form == "espresso-in":
        _require_espresso(path)
    elif form == PDB:
        _require_no_symmetry(path)
    elif form == "res":
        _require_no_symmetry_of_shelx(path)
    elif form in _DMOL:
        _require_no_symmetry_of_dmol(path)


def _require_poscar(path: Path) -> None:
    """Refuse elements, counts and rows of a POSCAR that ASE passes over, guesses, or fails at."""
    lines = [line for _, line in numbered_lines(path)]
    words = lines[5].split() if len(lines) > 6 else []
    at = 6
    if words and words[0].isdecimal():  # of VASP 4, without elements
        words, at = _of_title(path, lines), 5
    if not words:
        return
    elements = [re.split("[_/]", word)[0] for word in words]
    for name in elements:
        if not atomic_numbers.get(name):
            raise InputError(
                f"{path} line 6: {name!r} is no chemical element - expected one for each count. "
                "Correct the line."
            )
    counts = lines[at].split("!")[0].split()
    if len(counts) != len(elements):
        raise InputError(
            f"{path} line 7: has {len(counts)} counts of atoms for the {len(elements)} elements "
            f"{' '.join(elements)} - expected one for each. Correct the file."
        )
    if all(count.isdecimal() for count in counts):
        _require_rows(path, lines, at, elements, list(map(int, counts)))


def _of_title(path: Path, lines: list[str]) -> list[str]:
    """Return the elements that the title of a POSCAR of VASP 4 is, none where ASE takes no word.

    It then looks for a POTCAR or OUTCAR beside the file, and fails without.
    """
    title, counts = lines[0].split(), lines[5].split("!")[0].split()
    if len(title) == len(counts) and all(map(atomic_numbers.get, title)):
        return title
    taken = [one for word in title for one in _elements_in(word)]
    if len(taken) >= len(counts):
        raise InputError(
            f"{path} line 1: there is no line of elements, and of the title {lines[0].strip()!r} "
            f"ASE would take {' '.join(taken[: len(counts)])} - expected an element for each of "
            f"the {len(counts)} counts, and nothing else. Write the elements in a line before the "
            "counts."
        )
    return []


def _elements_in(word: str) -> list[str]:
    """Return the elements that ASE finds in a word of a title, none where it is no formula."""
    try:
        return list(Formula(re.sub(r"[-_,.=0-9]", "", word)))
    except ValueError:
        return []


def _require_rows(
    path: Path, lines: list[str], at: int, elements: list[str], counts: list[int]
) -> None:
    """Refuse a POSCAR with more or fewer rows than counts, in line ``at``, or of other elements."""
    selective = lines[at + 1 : at + 2] and lines[at + 1].strip()[:1] in ("S", "s")
    start = at + (3 if selective else 2)
    rows = list(takewhile(_POSITION.match, lines[start:]))  # velocities come behind another line
    if len(rows) != sum(counts):
        raise InputError(
            f"{path} line {start + 1}: {len(rows)} rows of atoms begin here, and the counts of "
            f"line {at + 1} add up to {sum(counts)} - expected as many. Correct the file."
        )
    of_rows = np.repeat(elements, counts).tolist()
    for number, (row, element) in enumerate(zip(rows, of_rows, strict=True), start=start + 1):
        label = _ROW_LABEL.match(_FLAGS.sub("", row, count=1))
        if label and label[1] != element and atomic_numbers.get(label[1]):
            raise InputError(
                f"{path} line {number}: the row names {label[1]}, and the counts of line {at + 1} "
                f"make it {element} - expected the same. Correct the order of the elements."
            )


def require_fractions(atoms: Atoms, where: str) -> None:
    """Refuse fractions of a cell that are numbers in Å.

    Half of them or more are beyond the cell, and the atoms are neighbours as they are in bonds if
    the numbers are taken for Å, and not if they are taken for fractions.

    Raises
    ------
    InputError
        Saying how many are beyond the cell.
    """
    if atoms.cell.rank < 3 or len(atoms) < 2:
        return
    x = atoms.get_scaled_positions(wrap=False)
    beyond = (np.abs(x - 0.5) > 0.5 + _EDGE).any(axis=1).sum()
    around = np.diag(np.ptp(x, axis=0) + 1.0)
    if (
        2 * beyond >= len(atoms)
        and _are_neighbours(atoms.numbers, x, around, periodic=False)
        and not _are_neighbours(atoms.numbers, atoms.positions, atoms.cell.array, periodic=True)
    ):
        raise InputError(
            f"{where}: {beyond} of {len(atoms)} atoms have fractional coordinates beyond the "
            "cell, and these numbers are distances of bonds in Å - expected fractions. Say "
            "`Cartesian` where they are Å (`Direct` in a POSCAR says fractions), or divide them by "
            "the cell."
        )


def _are_neighbours(numbers: Ints, positions: Floats, cell: Floats, *, periodic: bool) -> bool:
    """Say whether every atom has a neighbour, and none has one nearer than in a bond."""
    radii = covalent_radii[numbers]
    i, j, r = neighbour_list(
        "ijd", positions=positions, cell=cell, pbc=[periodic] * 3, cutoff=_CONTACT[1] * radii
    )
    return len(np.unique(i)) == len(numbers) and bool(
        (r >= _CONTACT[0] * (radii[i] + radii[j])).all()
    )


def _require_espresso(path: Path) -> None:
    """Refuse Quantum ESPRESSO input whose rows are not ``nat``, or labels not of their masses."""
    with open_stream(path) as stream, io.TextIOWrapper(stream, errors="replace") as text:
        data, cards = read_fortran_namelist(text)
    system = data.get("system", {})
    rows: dict[str, list[list[str]]] = {}
    for line in cards:
        words = line.split("!")[0].split("#")[0].split()
        if words and (card := _CARD.match(words[0])):
            rows[card[0].upper()] = []
        elif words and rows:
            rows[next(reversed(rows))].append(words)
    atoms, n = rows.get("ATOMIC_POSITIONS", []), system.get("nat")
    if len(atoms) != n:
        raise InputError(
            f"{path}: nat is {n}, and ATOMIC_POSITIONS has {len(atoms)} rows - expected as many. "
            "Correct one of them."
        )
    for label, mass, *_ in (row for row in rows.get("ATOMIC_SPECIES", []) if len(row) > 1):
        _require_mass(label, mass, f"{path}: species")


def _require_mass(label: str, mass: str, where: str) -> None:
    """Refuse a species whose label ASE reads as one element while the mass is that of another."""
    try:
        taken, weight = label_to_symbol(label), float(mass.lower().replace("d", "e"))
    except (KeyError, ValueError):
        raise InputError(
            f"{where} {label!r} with mass {mass!r} - expected an element's symbol, such as O or "
            "Fe1, and a number. Correct the line."
        ) from None
    of_mass = int(np.argmin(np.abs(atomic_masses - weight)))
    exact = abs(atomic_masses[of_mass] - weight) < _MASS and weight > _LIGHTEST
    if exact and abs(atomic_masses[atomic_numbers[taken]] - weight) > _MASS:
        raise InputError(
            f"{where} {label!r} is read as {taken}, and its mass {mass} is that of "
            f"{chemical_symbols[of_mass]} - expected those of one element. Begin the label with "
            "the element's symbol, or correct the mass."
        )


def _require_no_symmetry(path: Path) -> None:
    """Refuse a PDB file of one asymmetric unit, which ASE takes for the whole cell."""
    for number, line in numbered_lines(path):
        group = line[55:66].strip()
        if line.startswith("CRYST1") and not _WHOLE.fullmatch(group):
            raise InputError(
                f"{path} line {number}: has space group {group!r}, so its atoms may be a part of "
                "the cell - expected P 1 with all atoms. Build the cell, or remove CRYST1 to "
                "take the atoms as a molecule."
            )


def _require_no_symmetry_of_shelx(path: Path) -> None:
    """Refuse a file of SHELX with symmetry, of which ASE takes the asymmetric unit for the cell."""
    for number, line in numbered_lines(path):
        words = line.upper().split() or [""]
        if words[0] == "SYMM" or (words[0] == "LATT" and words[1:2] != ["-1"]):
            raise InputError(
                f"{path} line {number}: {line.strip()[:60]!r} says that its atoms are a part of "
                "the cell - expected LATT -1 and no SYMM, with all atoms. Build the cell."
            )


def _require_no_symmetry_of_dmol(path: Path) -> None:
    """Refuse a file of DMol3 and Materials Studio with a space group, which ASE passes over."""
    for number, line in numbered_lines(path):
        group = _DMOL_GROUP.match(line)
        if group and not _WHOLE.fullmatch(group[1].strip()):
            raise InputError(
                f"{path} line {number}: has space group {group[1]!r}, so its atoms may be a part "
                "of the cell - expected (P1) with all atoms. Build the cell."
            )
