"""Read any extended-XYZ file that ASE understands, molecules or periodic cells, eV and Å.

``energy``, ``forces`` and ``stress`` are taken from where ASE puts them, else from ``REF_energy``,
``REF_forces`` and ``REF_stress``. The comment line may have ``smiles`` (mapped), ``charge``,
``multiplicity``, ``subset`` or ``config_type``, and ``energy_unit``, ``forces_unit``,
``stress_unit``, which must be eV and Å. Stress is ASE's: positive under tension.

The file is cut into frames here: ASE's reader stops at a blank line without a word, and scans a
whole file before the first frame.
"""

import io
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.io.extxyz import read_xyz
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from e3d.errors import InputError, one_line
from e3d.store.files.compressed import open_stream
from e3d.store.group import Group
from e3d.store.layouts.frames import NO_LABELS, Frame, formula, groups, numbers_of

UNITS: Final[Mapping[str, tuple[str, ...]]] = {
    "energy_unit": ("eV",),
    "forces_unit": ("eV/A", "eV/Å", "eV/Ang", "eV/Angstrom"),
    "stress_unit": ("eV/A^3", "eV/Å^3", "eV/Ang^3", "eV/Angstrom^3"),
}


def read(path: Path) -> Iterator[Group]:
    """Yield runs of like frames, named by reduced formula if periodic, else by Hill formula.

    Frames without energy or forces are dropped and counted. The subset is that of the frame, else
    the file's name.

    Raises
    ------
    InputError
        For a truncated file, a frame ASE cannot read, another unit than eV and Å, or a wrong shape.
    """
    return groups(_frames(path))


def _frames(path: Path) -> Iterator[Frame | str]:
    count = 0
    for text, line in _blocks(path):
        where = f"{path}, frame {count}"
        yield _frame(_atoms(text, f"{where} at line {line}"), path, where)
        count += 1
    if not count:
        raise InputError(f"{path}: holds no frames. Check the file or its `layout`.")


def _blocks(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the text of each frame and its first line's number; skip blank lines between frames."""
    with (
        open_stream(path) as stream,
        io.TextIOWrapper(stream, encoding="utf-8", errors="replace") as lines,
    ):
        at = 0
        while head := lines.readline():
            at += 1
            if not head.strip():
                continue
            if not head.strip().isdecimal() or int(head) == 0:
                raise InputError(
                    f"{path} line {at}: {head.strip()[:40]!r}, expected the number of atoms of "
                    "the next frame. Check the file or its `layout`."
                )
            wanted = 1 + int(head)
            body = list(itertools.islice(lines, wanted))
            if len(body) < wanted:
                raise InputError(
                    f"{path} line {at}: the frame has {len(body)} of {wanted} lines, the file is "
                    "truncated. Fetch it again and compare its checksum."
                )
            yield head + "".join(body), at
            at += wanted


def _atoms(text: str, where: str) -> Atoms:
    try:
        return next(read_xyz(io.StringIO(text), index=0))
    except Exception as error:  # noqa: BLE001 - ASE raises what its parsing happens to hit
        raise InputError(
            f"{where}: ASE cannot read it ({type(error).__name__}: {one_line(error)}). "
            "Fix the frame."
        ) from None


def _frame(atoms: Atoms, path: Path, where: str) -> Frame | str:
    check_units(atoms.info, where)
    energy, forces, stress = labels(atoms)
    if energy is None or forces is None:
        return NO_LABELS
    numbers = atoms.numbers.astype(np.int64)
    periodic = bool(atoms.pbc.any())
    return Frame(
        name=formula(numbers, reduced=periodic),
        subset=str(atoms.info.get("subset", atoms.info.get("config_type", path.stem))),
        atomic_numbers=numbers,
        positions=atoms.positions,
        energy=float(numbers_of(energy, "energy", (), where)),
        forces=numbers_of(forces, "forces", atoms.positions.shape, where),
        cell=np.array(atoms.cell) if periodic else None,
        pbc=np.array(atoms.pbc) if periodic else None,
        stress=None if stress is None or not periodic else _tensor(stress, where),
        smiles=str(atoms.info.get("smiles", "")),
        charge=_integer(atoms.info, "charge", where),
        multiplicity=_integer(atoms.info, "multiplicity", where),
    )


def labels(atoms: Atoms) -> tuple[Any, Any, Any]:
    """Return energy, forces and stress as ASE holds them, each None where there is none.

    Results of a calculator count if they are of these atoms: it may have moved on, or they.
    """
    calc = atoms.calc
    stands = isinstance(calc, Calculator) and not calc.check_state(atoms)
    results = calc.results if stands else {}
    energy, forces, stress = (_label(results, atoms, key) for key in ("energy", "forces", "stress"))
    return energy, forces, stress


def _label(results: Mapping[str, Any], atoms: Atoms, key: str) -> Any:
    for source, name in ((results, key), (atoms.info, f"REF_{key}"), (atoms.arrays, f"REF_{key}")):
        if name in source:
            return source[name]
    return None


def _tensor(stress: Any, where: str) -> NDArray[np.float64]:
    """Return a stress (3, 3) from six numbers in ASE's order, nine, or (3, 3)."""
    values = np.asarray(stress)
    if values.size == 9:
        return numbers_of(values.reshape(3, 3), "stress", (3, 3), where)
    full: NDArray[np.float64] = voigt_6_to_full_3x3_stress(
        numbers_of(values, "stress", (6,), where)
    )
    return full


def check_units(info: Mapping[str, Any], where: str) -> None:
    """Refuse labels in other units than eV and Å, as far as a frame states its units.

    Raises
    ------
    InputError
        Naming the unit.
    """
    for key, allowed in UNITS.items():
        if key in info and str(info[key]) not in allowed:
            raise InputError(
                f"{where}: {key} is {info[key]!r}, expected {' or '.join(allowed)}. "
                "Convert the file to eV and Å."
            )


def _integer(info: Mapping[str, Any], key: str, where: str) -> int | None:
    if key not in info:
        return None
    value = float(numbers_of(info[key], key, (), where))
    if not value.is_integer():
        raise InputError(f"{where}: {key} is {value}, expected a whole number. Fix the frame.")
    return int(value)
