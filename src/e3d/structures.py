"""Structures to decompose or evaluate: frames of a store, or any file ASE reads.

Bonds come from a mapped SMILES: the store's, or ``info["smiles"]`` of an extended-XYZ frame. Without
one they are perceived by RDKit from the geometry of a neutral molecule; a periodic structure has
pairs closer than ``GEOMETRIC_FACTOR`` times the sum of covalent radii, of unknown order (``C~O``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry import complete_cell
from numpy.typing import NDArray

from e3d.chemistry import Bond, Molecule, distances_intact, molecule, perceive
from e3d.errors import InputError
from e3d.fields import Store as F
from e3d.store.reader import StoreReader

GEOMETRIC_FACTOR = 1.25
NOT_PERIODIC = (False, False, False)
_MAX_PERCEIVED = 100
_FARTHEST_ANG = 1e9
"""From the origin: beyond it (a simulation that exploded), float64 is too coarse for distances of atoms."""
_FRAMES_PER_READ = 256


@dataclass(frozen=True)
class Structure:
    """One frame ready for a model, in eV and Å.

    ``frame`` is its number in the source, ``smiles`` the canonical SMILES (or formula), ``bonds``
    its typed bonds (None: decide by geometry, pair by pair), ``intact`` whether the geometry has
    exactly these bonds. ``energy`` and ``forces`` are labels, None where the source has none.
    """

    label: str
    frame: int
    positions: NDArray[np.float64]
    atomic_numbers: NDArray[np.int64]
    smiles: str
    mapped_smiles: str | None
    bonds: tuple[Bond, ...] | None
    intact: bool = True
    energy: float | None = None
    forces: NDArray[np.float64] | None = None
    cell: NDArray[np.float64] | None = None
    pbc: tuple[bool, bool, bool] = NOT_PERIODIC


def from_store(reader: StoreReader, frames: Iterable[int]) -> Iterator[Structure]:
    """Yield the chosen frames of a store, with labels; its own ``bonds_intact`` is taken for granted."""
    rest = iter(frames)
    while chunk := list(islice(rest, _FRAMES_PER_READ)):
        yield from _read(reader, np.array(chunk, dtype=np.int64))


def _read(reader: StoreReader, frames: NDArray[np.int64]) -> Iterator[Structure]:
    """Yield a few frames, read together."""
    names = (F.POSITIONS, F.FORCES, F.ATOMIC_NUMBERS, F.ENERGY, F.INTACT, F.CHARGE)
    positions, forces, numbers, energy, intact, charge = (
        reader.gather(name, frames) for name in names
    )
    positions, forces, numbers = (
        positions.astype(np.float64),
        forces.astype(np.float64),
        numbers.astype(np.int64),
    )
    periodic = F.CELL in reader
    cells = reader.gather(F.CELL, frames) if periodic else [None] * len(frames)
    flags = (
        [_flags(row) for row in reader.gather(F.PBC, frames)]
        if periodic
        else [NOT_PERIODIC] * len(frames)
    )
    groups, molecules = reader.group[frames].tolist(), reader.molecule[frames].tolist()
    ends = np.cumsum(reader.frame_ptr[frames + 1] - reader.frame_ptr[frames]).tolist()
    start = 0
    for k, (index, end, pbc) in enumerate(zip(frames.tolist(), ends, flags, strict=True)):
        rows = slice(start, end)
        start = end
        label = f"{reader.path} frame {index}"
        mapped = reader.group_smiles[groups[k]] or _perceived(
            positions[rows], numbers[rows], pbc, int(charge[k])
        )
        yield Structure(
            label=label,
            frame=index,
            positions=positions[rows],
            atomic_numbers=numbers[rows],
            smiles=reader.molecule_smiles[molecules[k]],
            mapped_smiles=mapped,
            bonds=None if mapped is None else _parsed(mapped, numbers[rows], label).bonds,
            intact=bool(intact[k]),
            energy=float(energy[k]),
            forces=forces[rows],
            cell=cells[k] if any(pbc) else None,
            pbc=pbc,
        )


def from_file(path: Path) -> Iterator[Structure]:
    """Yield every frame of a file ASE reads (extended XYZ, CIF, ...).

    Raises
    ------
    InputError
        If the file is missing or cannot be read, or a SMILES does not fit its frame.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file. Fix the path of the structures.")
    for index, atoms in enumerate(_images(path)):
        yield _from_atoms(atoms, index, f"{path} frame {index}")


def _images(path: Path) -> Iterator[Atoms]:
    """Yield what ASE reads, frame by frame."""
    try:
        yield from ase.io.iread(path, index=":", do_not_split_by_at_sign=True)
    except Exception as error:  # noqa: BLE001 - ASE's readers raise whatever they like
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{path}: ASE cannot read it ({reason}). Give a store (.h5) or a file in a format ASE reads, "
            "such as extended XYZ."
        ) from None


def _from_atoms(atoms: Atoms, index: int, label: str) -> Structure:
    numbers = np.asarray(atoms.numbers, dtype=np.int64)
    positions = np.asarray(atoms.positions, dtype=np.float64)
    if not len(numbers) or not (np.abs(positions) < _FARTHEST_ANG).all():  # nan is not less
        raise InputError(
            f"{label}: has no atoms, or positions that are not numbers of Å below {_FARTHEST_ANG:g}. "
            "Fix or remove the frame."
        )
    cell = np.asarray(atoms.cell.array, dtype=np.float64)
    if not np.isfinite(cell).all() or (np.linalg.norm(cell, axis=1)[atoms.pbc] == 0).any():
        raise InputError(
            f"{label}: is periodic along a cell vector of no length. Give its Lattice, or set pbc to F."
        )
    if any(atoms.pbc) and np.linalg.matrix_rank(complete_cell(cell)) < 3:
        raise InputError(
            f"{label}: its cell vectors lie in one plane. Fix its Lattice, or set pbc to F."
        )
    mapped = atoms.info.get("smiles")
    pbc = _flags(atoms.pbc)
    charge = _charge(atoms, label)
    return _with_bonds(
        label, index, positions, numbers, cell, pbc, None if mapped is None else str(mapped), charge
    )


def _flags(pbc: NDArray[np.bool_]) -> tuple[bool, bool, bool]:
    return (bool(pbc[0]), bool(pbc[1]), bool(pbc[2]))


def _with_bonds(
    label: str,
    index: int,
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    cell: NDArray[np.float64] | None,
    pbc: tuple[bool, bool, bool],
    mapped: str | None,
    charge: int,
) -> Structure:
    """Return a structure with the bonds of its SMILES, or perceived ones, or none known."""
    if mapped is None:
        mapped = _perceived(positions, numbers, pbc, charge)
    common: dict[str, Any] = {
        "label": label,
        "frame": index,
        "positions": positions,
        "atomic_numbers": numbers,
        "cell": cell if any(pbc) else None,
        "pbc": pbc,
    }
    if mapped is None:
        formula = Atoms(numbers).get_chemical_formula()
        return Structure(smiles=formula, mapped_smiles=None, bonds=None, **common)
    parsed = _parsed(mapped, numbers, label)
    return Structure(
        smiles=parsed.smiles,
        mapped_smiles=mapped,
        bonds=parsed.bonds,
        intact=_intact(positions, numbers, cell, pbc, parsed.bond_index),
        **common,
    )


def _perceived(
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    pbc: tuple[bool, bool, bool],
    charge: int,
) -> str | None:
    """Return a mapped SMILES from the geometry; None of a periodic or large structure, or where RDKit finds none."""
    if any(pbc) or len(numbers) > _MAX_PERCEIVED:
        return None
    return perceive(numbers, positions, charge=charge)


def _parsed(mapped: str, numbers: NDArray[np.int64], label: str) -> Molecule:
    """Return what a mapped SMILES says of the atoms it is given for.

    Raises
    ------
    InputError
        If it cannot be read, or is of other atoms.
    """
    try:
        parsed = molecule(mapped)
    except InputError as error:
        raise InputError(f"{label}: {error}") from None
    if parsed.atomic_numbers != tuple(numbers.tolist()):
        raise InputError(
            f"{label}: the atoms do not follow the map numbers of its smiles {mapped!r}. Map number k must "
            "name row k-1: fix the SMILES, or remove it to have the bonds perceived."
        )
    return parsed


def _intact(
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    cell: NDArray[np.float64] | None,
    pbc: tuple[bool, bool, bool],
    bonds: NDArray[np.int64],
) -> bool:
    """Say whether the nearest images have exactly the bonds of the SMILES."""
    atoms = Atoms(numbers, positions, cell=cell, pbc=pbc)
    distances = atoms.get_all_distances(mic=any(pbc))[np.triu_indices(len(numbers), k=1)]
    return bool(distances_intact(distances[None], numbers, bonds)[0])


def _charge(atoms: Atoms, label: str) -> int:
    charge = atoms.info.get("charge", 0)
    try:
        if int(charge) == float(charge):
            return int(charge)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{label}: charge = '{charge}' - expected a whole number. Fix it in the file.")


def geometric_bonds(
    z_i: NDArray[np.int64], z_j: NDArray[np.int64], r: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Say which pairs (P,) of atomic numbers are bonded by their distance ``r`` (Å) alone."""
    return np.asarray(r <= GEOMETRIC_FACTOR * (covalent_radii[z_i] + covalent_radii[z_j]))
