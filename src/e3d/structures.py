"""Structures to decompose or evaluate: frames of a store, any file ASE reads, or a SMILES.

Bonds come from a mapped SMILES: the store's, or ``info["smiles"]`` of ASE's ``Atoms``. Without one,
they are perceived from the geometry (:mod:`e3d.chemistry.perception`). Pairs of a periodic
structure are bonded by distance (:func:`e3d.connectivity.geometric_bonds`); their order is not
known (``C~O``).
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
from ase import Atoms

from e3d.arrays import Floats, Ints, Masks
from e3d.atoms import (
    charge_of,
    labels_of,
    no_structure,
    require_usable,
    warn_of_charge,
    warn_of_missing_hydrogens,
    warn_of_one_object_twice,
)
from e3d.chemistry import Bond, Molecule, molecule
from e3d.chemistry.perception import perceive, perceive_or_warn
from e3d.conformer import conformer
from e3d.connectivity import BROKEN_FACTOR, distances_intact
from e3d.errors import InputError, absent
from e3d.fields import Store as F
from e3d.sources import STORE_SUFFIX, file_or_smiles
from e3d.store.checks.plausibility import require_apart
from e3d.store.geometry import geometry
from e3d.store.group import Group
from e3d.store.layouts.charge_and_spin import require_charge_of
from e3d.store.layouts.frames import smiles_of
from e3d.store.reader import StoreReader
from e3d.structure_files.images import images

log = logging.getLogger(__name__)

NOT_PERIODIC = (False, False, False)
_FRAMES_PER_READ = 256
_NEAREST_CONTACT = 0.55
"""Of a file: over covalent radii it is 0.59 or more in MPtrj's cells, 0.6 in squeezed bonds, and
0.52 to 0.54 in molecules whose numbers are Å in a file of bohr."""


@dataclass(frozen=True)
class Structure:
    """One frame of N atoms, ready for a model, in eV and Å.

    Parameters
    ----------
    label
        What messages call it.
    frame
        Its number in the source.
    positions, atomic_numbers
        (N, 3) and (N,).
    smiles
        Canonical SMILES, or a formula where there is none.
    mapped_smiles
        SMILES whose map number k names row k-1.
    bonds
        Typed bonds; None: distances decide, pair by pair.
    intact
        Whether the geometry has exactly these bonds.
    energy, forces
        Labels, the forces (N, 3); None where the source has none.
    cell, pbc
        Cell vectors in rows (3, 3), None if there is no periodic direction.
    """

    label: str
    frame: int
    positions: Floats
    atomic_numbers: Ints
    smiles: str
    mapped_smiles: str | None
    bonds: tuple[Bond, ...] | None
    intact: bool = True
    energy: float | None = None
    forces: Floats | None = None
    cell: Floats | None = None
    pbc: tuple[bool, bool, bool] = NOT_PERIODIC

    @property
    def is_labelled(self) -> bool:
        """Whether it has both an energy and forces."""
        return self.energy is not None and self.forces is not None


Source: TypeAlias = Atoms | Structure | str | Path


def structures_of(source: Source | Iterable[Source]) -> Iterator[Structure]:
    """Yield the structures of ASE ``Atoms``, of a file or store, of a SMILES, or of several.

    A text that is no file is a SMILES, see :func:`from_smiles`.

    Raises
    ------
    InputError
        For what is none of these, or cannot be used.

    Examples
    --------
    >>> from ase.build import molecule
    >>> [s.smiles for s in structures_of([molecule("CH3OH"), "C=C"])]
    ['CO', 'C=C']
    """
    sources = [source] if isinstance(source, Source) else source
    if not isinstance(sources, Iterable) or isinstance(sources, Mapping):
        raise no_structure(sources)
    if isinstance(sources, Sequence):
        warn_of_one_object_twice(sources)
    frame = 0
    for one in sources:
        if not isinstance(one, Source):
            raise no_structure(one)
        if isinstance(one, Structure):
            yield one
        elif isinstance(one, Atoms):
            yield from_atoms(one, frame=frame)
            frame += 1
        elif isinstance(found := file_or_smiles(one), str):
            yield from_smiles(found, frame=frame)
            frame += 1
        elif found.suffix == STORE_SUFFIX:
            with StoreReader(found) as reader:
                yield from from_store(reader, range(len(reader)))
        else:
            yield from from_file(found)


def from_smiles(smiles: str, *, frame: int = 0) -> Structure:
    """Return the molecule of a SMILES in the geometry of :func:`e3d.conformer.conformer`.

    >>> from_smiles("C").mapped_smiles
    '[C:1]([H:2])([H:3])([H:4])[H:5]'
    """
    structure = from_atoms(conformer(smiles), frame=frame, label=smiles)
    if not structure.intact:
        log.warning("%s: atoms that are not bonded came close, as those of a salt do", smiles)
    return structure


def from_store(reader: StoreReader, frames: Iterable[int]) -> Iterator[Structure]:
    """Yield the chosen frames of a store, with labels and the store's own ``bonds_intact``."""
    yield from _with_unnamed(_chunks(reader, frames))


def _chunks(reader: StoreReader, frames: Iterable[int]) -> Iterator[Structure]:
    rest = iter(frames)
    while chunk := list(islice(rest, _FRAMES_PER_READ)):
        yield from _read(reader, np.array(chunk, dtype=np.int64))


def _read(reader: StoreReader, frames: Ints) -> Iterator[Structure]:
    """Yield a few frames, read together."""
    energy, intact, charge, group, name = (
        reader.gather(field, frames).tolist()
        for field in (F.ENERGY, F.INTACT, F.CHARGE, F.GROUP, F.MOLECULE)
    )
    ends = np.cumsum(reader.frame_ptr[frames + 1] - reader.frame_ptr[frames]).tolist()
    rows = list(map(slice, [0, *ends[:-1]], ends))
    positions, forces = (
        [values[part] for part in rows]
        for field in (F.POSITIONS, F.FORCES)
        for values in [reader.gather(field, frames).astype(np.float64)]
    )
    z = reader.gather(F.ATOMIC_NUMBERS, frames).astype(np.int64)
    numbers = [z[part] for part in rows]
    periodic = F.CELL in reader
    cells = reader.gather(F.CELL, frames) if periodic else ()
    flags = reader.gather(F.PBC, frames) if periodic else ()
    for k, frame in enumerate(frames.tolist()):
        label = f"{reader.path} frame {frame}"
        pbc = _flags(flags[k]) if periodic else NOT_PERIODIC
        mapped = reader.group_smiles[group[k]] or _perceived(
            positions[k], numbers[k], pbc, charge[k], warn=False
        )
        yield Structure(
            label=label,
            frame=frame,
            positions=positions[k],
            atomic_numbers=numbers[k],
            smiles=reader.molecule_smiles[name[k]],
            mapped_smiles=mapped,
            bonds=None if mapped is None else _parsed(mapped, numbers[k], label).bonds,
            intact=bool(intact[k]),
            energy=energy[k],
            forces=forces[k],
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
        raise InputError(f"{path}: {absent(path)}. Fix the path of the structures.")
    found = (
        _from_atoms(atoms, index, f"{path} frame {index}", nearest=_NEAREST_CONTACT, alone=False)
        for index, atoms in enumerate(images(path))
    )
    yield from _counted(_with_unnamed(found))


def _with_unnamed(structures: Iterable[Structure]) -> Iterator[Structure]:
    """Pass structures through, and say at the end of how many the bond orders are not known."""
    seen, unnamed = 0, []
    for structure in structures:
        seen += 1
        lost = structure.bonds is None and structure.cell is None
        # a lone atom has no bonds that could be named
        unnamed += [structure.label] if lost and len(structure.atomic_numbers) > 1 else []
        yield structure
    if unnamed:
        log.warning(
            "%d of %d frames, for one %s: bond orders not perceived, so their bonds are named C~H, "
            "without them: set `charge` or `smiles` of these frames",
            len(unnamed),
            seen,
            unnamed[0],
        )


def _counted(structures: Iterable[Structure]) -> Iterator[Structure]:
    """Pass structures through, and say at the end how many have other bonds than their SMILES."""
    seen, changed = 0, []
    for structure in structures:
        seen += 1
        changed += [] if structure.intact else [structure.label]
        yield structure
    if changed:
        log.warning(
            "%d of %d frames do not have the bonds of their SMILES, for one %s: bonds are broken "
            "or formed, or the SMILES is of another molecule or order of atoms; such frames are "
            "in no statistics of bonds",
            len(changed),
            seen,
            changed[0],
        )


def from_atoms(atoms: Atoms, *, frame: int = 0, label: str | None = None) -> Structure:
    """Return ASE's ``Atoms`` as a structure; ``info`` may hold ``smiles``, mapped, and ``charge``.

    Its labels are those of :func:`e3d.store.layouts.extxyz.labels`, in eV and Å.

    Raises
    ------
    InputError
        If there are no atoms, some are on top of each other, or positions, cell, charge, SMILES or
        labels cannot be used.

    Examples
    --------
    >>> from ase.build import molecule
    >>> water = from_atoms(molecule("H2O"))
    >>> water.smiles, [bond.bond_type for bond in water.bonds]
    ('O', ['H-O', 'H-O'])
    """
    return _from_atoms(atoms, frame, label)


def _from_atoms(
    atoms: Atoms, frame: int, label: str | None, *, nearest: float = 0.0, alone: bool = True
) -> Structure:
    """Do the same; ``nearest`` is the closest contact that may be, over covalent radii.

    One that stands ``alone`` says itself that its bonds have no orders.
    """
    bare = without_bonds(atoms, frame=frame, label=label)
    numbers, label = bare.atomic_numbers, bare.label
    _check_distances(bare, nearest)
    mapped, charge = smiles_of(atoms, label) or None, charge_of(atoms, label)
    if mapped is None:
        mapped = _perceived(bare.positions, numbers, bare.pbc, charge or 0, warn=alone)
    energy, forces = labels_of(atoms, label)
    bare = replace(bare, energy=energy, forces=forces, mapped_smiles=mapped)
    if mapped is None:
        return bare
    parsed = _parsed(mapped, numbers, label)
    require_charge_of(mapped, charge, label)
    if parsed.charge:
        warn_of_charge(parsed.smiles, parsed.charge)
    intact = _intact(atoms, parsed.bond_index)
    return replace(bare, smiles=parsed.smiles, bonds=parsed.bonds, intact=intact)


def without_bonds(atoms: Atoms, *, frame: int = 0, label: str | None = None) -> Structure:
    """Return ASE's ``Atoms`` as a structure of which neither bonds nor labels are looked up.

    That is enough for energies and forces, and takes no time.

    Raises
    ------
    InputError
        If there are no atoms, or positions or cell cannot be used.
    """
    formula = atoms.get_chemical_formula()
    label = f"{formula} (frame {frame})" if label is None else label
    require_usable(atoms, label)
    pbc = _flags(atoms.pbc)
    return Structure(
        label=label,
        frame=frame,
        positions=np.array(atoms.positions, dtype=np.float64),
        atomic_numbers=np.asarray(atoms.numbers, dtype=np.int64),
        smiles=formula,
        mapped_smiles=None,
        bonds=None,
        cell=np.array(atoms.cell.array, dtype=np.float64) if any(pbc) else None,
        pbc=pbc,
    )


def _check_distances(bare: Structure, nearest: float) -> None:
    """Refuse atoms far too near to each other, and warn where no two are near enough for a bond."""
    x = bare.positions[None]
    cell = None if bare.cell is None else bare.cell[None]
    pbc = None if bare.cell is None else np.array([bare.pbc])
    numbers, no_labels = bare.atomic_numbers, (np.zeros(1), np.zeros_like(x))
    found = geometry(Group("", "", numbers, x, *no_labels, cell=cell, pbc=pbc), None)
    require_apart(bare.label, numbers, found.pair[0], float(found.closest[0]))
    if found.contact[0] < nearest:
        raise InputError(
            f"{bare.label}: atoms are as near as {found.contact[0]:.2g} times the sum of their "
            f"covalent radii - at least {nearest:g}, half of a bond is none. Correct the "
            "unit of the coordinates (fractional, Å where bohr are due?), the cell or its symmetry."
        )
    if BROKEN_FACTOR < found.contact[0] < np.inf:
        log.warning(
            "%s: no two atoms are near enough to be bonded, the closest are %.3g Å apart; are the "
            "coordinates in Å (bohr look so)?",
            bare.label,
            found.closest[0],
        )


def _flags(pbc: Masks) -> tuple[bool, bool, bool]:
    return (bool(pbc[0]), bool(pbc[1]), bool(pbc[2]))


def _perceived(
    positions: Floats, numbers: Ints, pbc: tuple[bool, bool, bool], charge: int, *, warn: bool
) -> str | None:
    """Return a mapped SMILES from the geometry, None if periodic or where none is found."""
    if any(pbc):
        return None
    mapped = (perceive_or_warn if warn else perceive)(numbers, positions, charge)
    warn_of_missing_hydrogens(numbers, positions, mapped)
    return mapped


def _parsed(mapped: str, numbers: Ints, label: str) -> Molecule:
    """Read a mapped SMILES.

    Raises
    ------
    InputError
        If it cannot be read, or has other atoms than the frame.
    """
    try:
        parsed = molecule(mapped)
    except InputError as error:
        raise InputError(f"{label}: {error}") from None
    if parsed.atomic_numbers != tuple(numbers.tolist()):
        raise InputError(
            f"{label}: the atoms do not follow the map numbers of its smiles {mapped!r}. Map "
            "number k must name row k-1: fix the SMILES, or remove it to have the bonds perceived."
        )
    return parsed


def _intact(atoms: Atoms, bonds: Ints) -> bool:
    """Say whether the nearest images have exactly the bonds of the SMILES."""
    distances = atoms.get_all_distances(mic=any(atoms.pbc))[np.triu_indices(len(atoms), k=1)]
    return bool(distances_intact(distances[None], atoms.numbers, bonds)[0])
