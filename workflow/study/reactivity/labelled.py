"""Read reaction paths and stretch scans with their labels, in eV and Å.

Geometries and labels are two files in the SPICE layout (``e3d data reactions`` or ``scans``, then
``e3d data label``), joined by group and ``sample_index``. A conformation without a label has NaN.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import h5py
import numpy as np

from e3d.chemistry import Molecule, molecule
from e3d.connectivity import bonds_intact
from e3d.errors import InputError
from e3d.store.files.hdf5 import array, open_hdf5, require, text
from e3d.store.layouts import spice
from e3d.structures import Structure
from e3d.theory import GFN2
from e3d.units import BOHR_ANG, HARTREE_EV, HARTREE_PER_BOHR_EV_PER_ANG
from study.reactivity.evaluated import Floats

_ENERGY, _GRADIENT, _ORDER = "dft_total_energy", "dft_total_gradient", "mayer_indices"
_GEOMETRY = ("smiles", "atomic_numbers", "conformations", spice.SAMPLE_INDEX)
_PATH = (spice.PRODUCT_SMILES, spice.PATH_COORDINATE, spice.SADDLE_ROW, spice.XTB_ENERGY)
_SCAN = (spice.BOND_ROWS, spice.RELAXED_ROW)
_LABEL = ("conformations", _ENERGY, _GRADIENT, _ORDER, "method", spice.SAMPLE_INDEX)
_SAME_BOHR: Final = 1e-4


@dataclass(frozen=True)
class Labels:
    """Labels of M conformations of N atoms; NaN, and no method, where there is none."""

    level: str  # of theory
    energy: Floats  # (M,), eV
    forces: Floats  # (M, N, 3), eV/Å
    order: Floats  # (M, N, N), Mayer's bond orders
    method: tuple[str, ...]  # how each was found: RKS, broken-symmetry UKS

    def beside(self, level: str) -> "Labels":
        """Return what a run of another level of theory is compared with: blanks, but for orders."""
        if level in ("", self.level):
            return self
        nothing = {"energy": self.energy * np.nan, "forces": self.forces * np.nan}
        return replace(self, level=level, method=("",) * len(self.method), **nothing)


@dataclass(frozen=True)
class LabelledPath:
    """A reaction path of M images, whose bonds are those of the reactant."""

    name: str
    product: Molecule
    structures: tuple[Structure, ...]
    coordinate: Floats  # arc length (M,), Å
    saddle: int  # the climbing image
    xtb_energy: Floats  # GFN2-xTB's (M,), eV
    labels: Labels

    @property
    def fraction(self) -> Floats:
        """Path coordinate (M,) from 0 (reactant) to 1 (product)."""
        return np.asarray(self.coordinate / self.coordinate[-1])

    def barriers(self, energy: Floats) -> tuple[float, float]:
        """Return the forward and backward barrier of energies (M,): saddle minus either end."""
        top = energy[self.saddle]
        return float(top - energy[0]), float(top - energy[-1])


@dataclass(frozen=True)
class LabelledScan:
    """A bond stretched rigidly over M distances."""

    name: str
    bond: tuple[int, int]  # rows i < j
    structures: tuple[Structure, ...]
    r: Floats  # (M,), Å
    relaxed: int  # row of the relaxed geometry
    labels: Labels


def read_paths(geometries: Path, labels: Path | None = None) -> list[LabelledPath]:
    """Return the paths with their labels; without a file of these, with GFN2-xTB's energies.

    Raises
    ------
    InputError
        If a file lacks something, or the labels are of other geometries.
    """
    groups = _groups(geometries, labels, _PATH, "e3d data reactions")
    return [
        LabelledPath(
            name=name,
            product=molecule(text(group[spice.PRODUCT_SMILES], where)),
            structures=structures,
            coordinate=array(group, spice.PATH_COORDINATE, "(M,)", where),
            saddle=int(array(group, spice.SADDLE_ROW, "(1,)", where)[0]),
            xtb_energy=array(group, spice.XTB_ENERGY, "(M,)", where) * HARTREE_EV,
            labels=own,
        )
        for name, group, where, structures, own in groups
    ]


def read_scans(geometries: Path, labels: Path) -> list[LabelledScan]:
    """Return the scans with their labels.

    Raises
    ------
    InputError
        As :func:`read_paths`.
    """
    found = []
    groups = _groups(geometries, labels, _SCAN, "e3d data scans")
    for name, group, where, structures, own in groups:
        i, j = sorted(int(row) for row in array(group, spice.BOND_ROWS, "(2,)", where))
        r = np.array([np.linalg.norm(s.positions[j] - s.positions[i]) for s in structures])
        relaxed = int(array(group, spice.RELAXED_ROW, "(1,)", where)[0])
        found.append(LabelledScan(name, (i, j), structures, r, relaxed, own))
    return found


def _groups(
    geometries: Path, labels: Path | None, keys: Sequence[str], layout: str
) -> Iterator[tuple[str, h5py.Group, str, tuple[Structure, ...], Labels]]:
    """Yield name, content and place of every group of geometries, its structures and labels."""
    if labels is None:
        yield from _by_gfn2(geometries, keys, layout)
        return
    with open_hdf5(geometries) as file, open_hdf5(labels) as labelled:
        level = str(labelled.attrs.get("level_of_theory", ""))
        for name, group in file.items():
            where = f"{geometries}, group {name!r}"
            require(group, (*_GEOMETRY, *keys), layout, where)
            own = _labels(group, labelled.get(name), level, f"{labels}, group {name!r}")
            yield name, group, where, _structures(group, where), own
        if not set(file) & set(labelled):  # every label would be blank
            raise InputError(
                f"{labels}: labels none of {geometries}, whose groups are "
                f"{', '.join(list(file)[:3])}, ... "
                "Give the file that e3d data label made of these geometries."
            )
    if not level:
        raise InputError(
            f"{labels}: does not say its level_of_theory. Make it with e3d data label."
        )


def _by_gfn2(
    geometries: Path, keys: Sequence[str], layout: str
) -> Iterator[tuple[str, h5py.Group, str, tuple[Structure, ...], Labels]]:
    """Yield as :func:`_groups` does, with the energies that the path was found by as labels."""
    with open_hdf5(geometries) as file:
        for name, group in file.items():
            where = f"{geometries}, group {name!r}"
            require(group, (*_GEOMETRY, *keys), layout, where)
            energy = array(group, spice.XTB_ENERGY, "(M,)", where) * HARTREE_EV
            m, n = len(energy), len(group["atomic_numbers"])
            nothing = np.full((m, n, 3), np.nan), np.full((m, n, n), np.nan)
            own = Labels(GFN2.name, energy, *nothing, (GFN2.name,) * m)
            yield name, group, where, _structures(group, where), own


def _structures(group: h5py.Group, where: str) -> tuple[Structure, ...]:
    smiles = text(group["smiles"], where)
    known = molecule(smiles)
    numbers = array(group, "atomic_numbers", "(N,)", where).astype(np.int64)
    if known.atomic_numbers != tuple(numbers.tolist()):
        raise InputError(
            f"{where}: atomic_numbers do not follow the map numbers of {smiles}. "
            "Make the file again."
        )
    positions = array(group, "conformations", "(M, N, 3)", where) * BOHR_ANG
    intact = bonds_intact(positions, numbers, known.bond_index).tolist()
    return tuple(
        Structure(
            f"{where}, image {k}", k, x, numbers, known.smiles, smiles, known.bonds, intact[k]
        )
        for k, x in enumerate(positions)
    )


def _labels(group: h5py.Group, labelled: h5py.Group | None, level: str, where: str) -> Labels:
    """Return the labels in the order of the geometries; NaN where one is missing."""
    index = array(group, spice.SAMPLE_INDEX, "(M,)", where)
    m, n = len(index), len(group["atomic_numbers"])
    energy, forces, order = (np.full((m, *shape), np.nan) for shape in ((), (n, 3), (n, n)))
    method = np.full(m, "", dtype=object)
    if labelled is not None:
        require(labelled, _LABEL, "e3d data label", where)
        theirs = array(labelled, spice.SAMPLE_INDEX, "(M,)", where)
        x = array(labelled, "conformations", "(M, N, 3)", where)
        rows = np.searchsorted(index, theirs).clip(max=m - 1)
        known = np.array_equal(index[rows], theirs) and x.shape == (len(rows), n, 3)
        if not known or np.abs(x - group["conformations"][()][rows]).max(initial=0.0) > _SAME_BOHR:
            raise InputError(
                f"{where}: labels of other geometries than those given. Label these again."
            )
        energy[rows] = array(labelled, _ENERGY, "(M,)", where) * HARTREE_EV
        gradient = array(labelled, _GRADIENT, "(M, N, 3)", where)
        forces[rows] = -gradient * HARTREE_PER_BOHR_EV_PER_ANG
        order[rows] = array(labelled, _ORDER, "(M, N, N)", where)
        method[rows] = labelled["method"].asstr()[()]
    return Labels(level, energy, forces, order, tuple(method.tolist()))
