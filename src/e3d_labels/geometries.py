"""Geometries to label, and labels, as files in the SPICE layout (atomic units).

A group needs ``smiles`` (mapped) and ``conformations`` (M, N, 3), and ``atomic_numbers`` (N,) where
the SMILES is empty, as of transition states; ``subset``, ``sample_index`` (M,), ``charge`` and
``multiplicity`` (one number each) may be left out. The last two are for what a SMILES cannot say.
Coordinates are in bohr, or in the unit that their attribute ``units`` names.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d import provenance
from e3d.arrays import Floats
from e3d.chemistry import molecule, number
from e3d.connectivity import bonds_intact
from e3d.errors import InputError
from e3d.store.checks.length_scale import CONTACT, FACTORS, LengthScale
from e3d.store.checks.plausibility import check_closest
from e3d.store.files.hdf5 import array, dataset, open_hdf5, text
from e3d.store.geometry import geometry
from e3d.store.group import Group
from e3d.store.layouts.spice import SAMPLE_INDEX
from e3d.store.layouts.stated_units import array_in_unit, is_unit_stated
from e3d.theory import theories
from e3d.units import BOHR_ANG, HARTREE_EV
from e3d_labels.task import Label, Task

_NEEDED = ("smiles", "conformations")


@dataclass(frozen=True)
class Geometries:
    """M conformations of one molecule of N atoms.

    Parameters
    ----------
    name
        Name of its group in the file.
    smiles
        Mapped, or "".
    numbers
        Atomic numbers (N,).
    positions
        (M, N, 3), bohr, as in the file (float32).
    sample_index
        Number of each conformation (M,).
    stretched
        Whether a bond of the SMILES is broken (M,).
    unit_stated
        Whether the file says the unit of its coordinates.
    """

    name: str
    smiles: str
    subset: str
    numbers: NDArray[np.int64]
    positions: NDArray[np.float32]
    sample_index: NDArray[np.int64]
    charge: int
    multiplicity: int
    stretched: NDArray[np.bool_]
    unit_stated: bool

    def __len__(self) -> int:
        return len(self.positions)

    def task(self, row: int) -> Task:
        """Return what there is to compute for one conformation."""
        return Task(
            group=self.name,
            numbers=self.numbers,
            positions=self.positions[row].astype(np.float64),
            charge=self.charge,
            multiplicity=self.multiplicity,
            stretched=bool(self.stretched[row]),
        )


def read_geometries(path: Path) -> list[Geometries]:
    """Read every group.

    Raises
    ------
    InputError
        For a file without groups, or a group that lacks or contradicts something.
    """
    with open_hdf5(path) as file:
        groups = [read_group(file[name], name, f"{path}, group {name!r}") for name in file]
    if not any(map(len, groups)):
        raise InputError(
            f"{path}: holds no conformations in {len(groups)} groups; HDF5 groups with "
            "`conformations` are needed. Make it with e3d data sample."
        )
    _check_scale(groups, path)
    return groups


def _check_scale(groups: Iterable[Geometries], path: Path) -> None:
    """Refuse a file whose coordinates cannot be in bohr: before hours of labelling."""
    scale = LengthScale()
    for one in groups:
        ang = one.positions.astype(np.float64) * BOHR_ANG
        no_labels = np.zeros(len(ang)), np.zeros_like(ang)
        group = Group(one.smiles, one.subset, one.numbers, ang, *no_labels, name=one.name)
        bonds = molecule(one.smiles).bond_index if one.smiles else None
        found = geometry(group, bonds, FACTORS)
        try:
            check_closest(group, found.closest, found.pair)
            if not one.unit_stated:
                _require_usual(found.contact)
        except InputError as error:
            raise InputError(f"{path}, group {one.name!r}: {error}") from None
        scale.add(group, found, known_bonds=bonds is not None)
    try:
        scale.check()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _require_usual(contact: Floats) -> None:
    """Refuse a molecule all of whose conformations are squeezed, and that states no unit.

    ``contact`` (M,) is the closest contact of each over the sum of the covalent radii.
    """
    largest = float(contact.max(initial=0.0))
    if 0 < largest < CONTACT[0]:
        raise InputError(
            f"in every conformation the closest atoms are within {largest:.2g} times the sum of "
            f"their covalent radii - {CONTACT[0]:g} or more is usual: coordinates in Å were taken "
            "as bohr. Give `conformations` the attribute `units` (angstrom, or bohr if it is so)."
        )


def read_group(group: h5py.Group | h5py.Dataset, name: str, where: str) -> Geometries:
    """Read the geometries of one group; ``where`` says in messages what it is.

    Raises
    ------
    InputError
        As :func:`read_geometries`.
    """
    if not isinstance(group, h5py.Group):
        raise InputError(
            f"{where}: is a dataset; one HDF5 group per molecule is needed. Move it into a group."
        )
    missing = [key for key in _NEEDED if key not in group]
    if missing:
        raise InputError(
            f"{where}: lacks {', '.join(missing)}; needed: {', '.join(_NEEDED)}. "
            "Add it or drop the group."
        )
    smiles = text(group["smiles"], where)
    numbers = _numbers(group, smiles, where)
    positions = _positions(group, len(numbers), where)
    charge, multiplicity, bonds = _electrons(group, smiles, numbers, where)
    stretched = np.zeros(len(positions), dtype=bool)
    if bonds is not None:
        stretched = ~bonds_intact(positions.astype(np.float64) * BOHR_ANG, numbers, bonds)
    return Geometries(
        name=name,
        smiles=smiles,
        subset=text(group["subset"], where) if "subset" in group else "",
        numbers=numbers,
        positions=positions,
        sample_index=_sample_index(group, len(positions), where),
        charge=charge,
        multiplicity=multiplicity,
        stretched=stretched,
        unit_stated=is_unit_stated(group, "conformations", "length", where),
    )


def _numbers(group: h5py.Group, smiles: str, where: str) -> NDArray[np.int64]:
    """Return the atomic numbers (N,): the SMILES has them too, as in SPICE's own inputs."""
    if "atomic_numbers" in group:
        return array(group, "atomic_numbers", "(N,)", where).astype(np.int64)
    if not smiles:
        raise InputError(
            f"{where}: lacks atomic_numbers, and its SMILES is empty - one of the two is needed. "
            "Add it or drop the group."
        )
    try:
        return np.array(molecule(smiles).atomic_numbers, dtype=np.int64)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _positions(group: h5py.Group, n: int, where: str) -> NDArray[np.float32]:
    """Return conformations (M, n, 3); M = 0 for the empty groups SPICE keeps."""
    if np.size(group["conformations"]) == 0:
        return np.zeros((0, n, 3), dtype=np.float32)
    ang = array_in_unit(group, "conformations", "(M, N, 3)", "length", BOHR_ANG, where)
    positions = (ang / BOHR_ANG).astype(np.float32)
    if positions.shape[1:] != (n, 3):
        raise InputError(
            f"{where}: conformations {positions.shape} do not fit {n} atoms, "
            f"expected (M, {n}, 3). Fix the group."
        )
    bad = np.flatnonzero(~np.isfinite(positions).all(axis=(1, 2)))
    if bad.size:
        raise InputError(
            f"{where}: coordinates of conformation {bad[0]} are not finite ({bad.size} of "
            f"{len(positions)} affected), bohr are needed. Remove them from the group."
        )
    return positions


def _electrons(
    group: h5py.Group, smiles: str, numbers: NDArray[np.int64], where: str
) -> tuple[int, int, NDArray[np.int64] | None]:
    """Return charge, multiplicity and bonded rows (None without a SMILES)."""
    charge, multiplicity = (_whole(group, key, where) for key in ("charge", "multiplicity"))
    bonds = None
    if smiles:
        try:
            known = molecule(smiles)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if known.atomic_numbers != tuple(numbers.tolist()):
            raise InputError(
                f"{where}: atomic_numbers {numbers.tolist()} do not follow the map numbers of "
                f"{smiles}. Map number k must name row k-1: fix the group."
            )
        charge = known.charge if charge is None else charge
        multiplicity = known.multiplicity if multiplicity is None else multiplicity
        bonds = known.bond_index
    if charge is None or multiplicity is None:
        raise InputError(
            f"{where}: without a SMILES it needs `charge` and `multiplicity`. "
            "Add them to the group."
        )
    _check_spin(int(numbers.sum()) - charge, multiplicity, where)
    return charge, multiplicity, bonds


def _whole(group: h5py.Group, key: str, where: str) -> int | None:
    if key not in group:
        return None
    shape = "()" if dataset(group, key, where).shape == () else "(1,)"
    return int(array(group, key, shape, where).ravel()[0])


def _sample_index(group: h5py.Group, m: int, where: str) -> NDArray[np.int64]:
    if SAMPLE_INDEX not in group or m == 0:
        return np.arange(m)
    index = array(group, SAMPLE_INDEX, "(M,)", where).astype(np.int64)
    if len(index) != m:
        raise InputError(
            f"{where}: {SAMPLE_INDEX} has {len(index)} numbers, expected {m}, one each. "
            "Fix the group."
        )
    return index


def _check_spin(electrons: int, multiplicity: int, where: str) -> None:
    if multiplicity < 1 or (electrons - multiplicity + 1) % 2 or multiplicity - 1 > electrons:
        raise InputError(
            f"{where}: multiplicity {multiplicity} does not fit {electrons} electrons - an even "
            "number of electrons needs an odd multiplicity, an odd number an even one. "
            "Set `multiplicity` or `charge` of the group."
        )


@contextlib.contextmanager
def new_file(output: Path) -> Iterator[h5py.File]:
    """Yield an HDF5 file that becomes ``output`` when the block ends without error."""
    with (
        provenance.atomic(output) as temporary,
        h5py.File(temporary, "w", libver="v110", track_order=True) as file,
    ):
        yield file


def write_group(
    file: h5py.File,
    name: str,
    *,
    smiles: str,
    subset: str,
    numbers: Any,
    positions: NDArray[np.float64 | np.float32],
    sample_index: Any = None,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write the geometries of a molecule, in the SPICE layout.

    Parameters
    ----------
    numbers
        Atomic numbers (N,).
    positions
        (M, N, 3), bohr.
    sample_index
        Number of each conformation (M,); None: 0, 1, 2, ...
    more
        Further datasets by name; lists are of texts.
    """
    index = np.arange(len(positions)) if sample_index is None else sample_index
    values = {
        "subset": [subset],
        "smiles": [smiles],
        "atomic_numbers": np.asarray(numbers, dtype=np.int16),
        "conformations": np.asarray(positions, dtype=np.float32),
        SAMPLE_INDEX: np.asarray(index, dtype=np.int32),
        **(more or {}),
    }
    group = file.create_group(name)
    for key, value in values.items():
        dtype = h5py.string_dtype() if isinstance(value, list) else None
        group.create_dataset(key, data=value, dtype=dtype)


def electrons(charge: int, multiplicity: int) -> dict[str, Any]:
    """Return the datasets of a group's charge and spin."""
    return {
        "charge": np.array([charge], dtype=np.int8),
        "multiplicity": np.array([multiplicity], dtype=np.int8),
    }


def write_labels(
    rows: Iterable[tuple[Geometries, dict[int, Label]]], output: Path, theory: str
) -> None:
    """Write labelled conformations; groups without any label are left out."""
    energies = theories()[theory].isolated_atom_energy
    atoms = {number(element): energy / HARTREE_EV for element, energy in energies.items()}
    with new_file(output) as file:
        file.attrs["level_of_theory"] = theory
        for group, labels in rows:
            if labels:
                _write_labelled(file, group, labels, atoms)


def _write_labelled(
    file: h5py.File, group: Geometries, labels: dict[int, Label], atoms: Mapping[int, float]
) -> None:
    kept = sorted(labels, key=lambda row: int(group.sample_index[row]))
    chosen = [labels[row] for row in kept]
    energy = np.array([label.energy for label in chosen])
    more = electrons(group.charge, group.multiplicity) | {"dft_total_energy": energy}
    if all(int(z) in atoms for z in group.numbers):
        more["formation_energy"] = energy - sum(atoms[int(z)] for z in group.numbers)
    more["dft_total_gradient"] = np.array([label.gradient for label in chosen], dtype=np.float32)
    unknown = np.full((len(group.numbers),) * 2, np.nan)
    for key, orders in (
        ("mayer_indices", [label.mayer for label in chosen]),
        ("wiberg_lowdin_indices", [label.wiberg for label in chosen]),
    ):
        if any(order is not None for order in orders):
            known = [unknown if order is None else order for order in orders]
            more[key] = np.array(known, dtype=np.float32)
    more["method"] = [label.method for label in chosen]
    more["spin_square"] = np.array([label.spin_square for label in chosen], dtype=np.float32)
    write_group(
        file,
        group.name,
        smiles=group.smiles,
        subset=group.subset,
        numbers=group.numbers,
        positions=group.positions[kept],
        sample_index=group.sample_index[kept],
        more=more,
    )
