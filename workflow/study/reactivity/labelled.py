"""Read what ships for the reactivity tables: paths and scans, their geometries and labels, in eV and Å.

Geometries and labels are two files in the SPICE layout (``e3d data reactions`` or ``scans``, then ``e3d data
label``), joined by group and ``sample_index``. A conformation without a label has NaN.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from e3d.chemistry import Molecule, molecule
from e3d.connectivity import distances_intact
from e3d.errors import InputError
from e3d.store.files.hdf5 import array, open_hdf5, require, text
from e3d.store.layouts.spice import SAMPLE_INDEX
from e3d.structures import Structure
from e3d.units import BOHR_ANG, HARTREE_EV, HARTREE_PER_BOHR_EV_PER_ANG
from e3d_labels.stretch import BOND, RELAXED
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_GEOMETRY = ("smiles", "atomic_numbers", "conformations", SAMPLE_INDEX)
_PATH = ("product_smiles", "path_coordinate", "climbing_image", "gfn2_energy")
_LABEL = (
    "conformations",
    "dft_total_energy",
    "dft_total_gradient",
    "mayer_indices",
    "method",
    SAMPLE_INDEX,
)
_SAME_BOHR = 1e-4
UNKNOWN_THEORY = ""


@dataclass(frozen=True)
class Labels:
    """Labels of M conformations: ``energy`` (M,) eV, ``forces`` (M, N, 3) eV/Å, Mayer's ``order`` (M, N, N).

    ``method`` (M,) says how each was found (RKS, broken-symmetry UKS); "" where there is none.
    """

    energy: Floats
    forces: Floats
    order: Floats
    method: tuple[str, ...]


@dataclass(frozen=True)
class LabelledPath:
    """A reaction path: M images, arc length ``coordinate`` (M,) Å, the ``saddle``'s row, GFN2-xTB's energy (M,) eV."""

    name: str
    product: Molecule
    structures: tuple[Structure, ...]
    coordinate: Floats
    saddle: int
    xtb_energy: Floats
    labels: Labels

    @property
    def fraction(self) -> Floats:
        """Path coordinate (M,) from 0 (reactant) to 1 (product)."""
        return np.asarray(self.coordinate / self.coordinate[-1])


@dataclass(frozen=True)
class LabelledScan:
    """A rigid stretch of the rows ``bond`` (i < j); ``relaxed`` is the row of the relaxed geometry among M points."""

    name: str
    bond: tuple[int, int]
    structures: tuple[Structure, ...]
    r: Floats
    relaxed: int
    labels: Labels


def read_paths(geometries: Path, labels: Path) -> tuple[list[LabelledPath], str]:
    """Return the paths, and the level of theory of their labels.

    Raises
    ------
    InputError
        If a file lacks something, or the labels are of other geometries.
    """
    found = []
    with open_hdf5(geometries) as file, open_hdf5(labels) as labelled:
        for name, group in file.items():
            where = f"{geometries}, group {name!r}"
            require(group, (*_GEOMETRY, *_PATH), "e3d data reactions", where)
            structures = _structures(group, where)
            found.append(
                LabelledPath(
                    name,
                    molecule(text(group["product_smiles"], where)),
                    structures,
                    array(group, "path_coordinate", "(M,)", where),
                    int(array(group, "climbing_image", "(1,)", where)[0]),
                    array(group, "gfn2_energy", "(M,)", where) * HARTREE_EV,
                    _labels(group, labelled, name, f"{labels}, group {name!r}"),
                )
            )
        _require_common(file, geometries, labelled, labels)
        return found, _theory(labelled, labels)


def read_scans(geometries: Path, labels: Path) -> tuple[list[LabelledScan], str]:
    """Return the scans, and the level of theory of their labels.

    Raises
    ------
    InputError
        As :func:`read_paths`.
    """
    found = []
    with open_hdf5(geometries) as file, open_hdf5(labels) as labelled:
        for name, group in file.items():
            where = f"{geometries}, group {name!r}"
            require(group, (*_GEOMETRY, BOND, RELAXED), "e3d data scans", where)
            structures = _structures(group, where)
            i, j = sorted(int(row) for row in array(group, BOND, "(2,)", where))
            r = np.array([np.linalg.norm(s.positions[j] - s.positions[i]) for s in structures])
            theirs = _labels(group, labelled, name, f"{labels}, group {name!r}")
            relaxed = int(array(group, RELAXED, "(1,)", where)[0])
            found.append(LabelledScan(name, (i, j), structures, r, relaxed, theirs))
        _require_common(file, geometries, labelled, labels)
        return found, _theory(labelled, labels)


def _theory(file: h5py.File, path: Path) -> str:
    theory = str(file.attrs.get("level_of_theory", UNKNOWN_THEORY))
    if theory == UNKNOWN_THEORY:
        raise InputError(f"{path}: does not say its level_of_theory. Make it with e3d data label.")
    return theory


def _require_common(file: h5py.File, geometries: Path, labelled: h5py.File, labels: Path) -> None:
    """Refuse labels of another file: they would leave every label blank."""
    if not set(file) & set(labelled):
        raise InputError(
            f"{labels}: labels none of {geometries}, whose groups are {', '.join(list(file)[:3])}, ... "
            "Give the file that e3d data label made of these geometries."
        )


def _structures(group: h5py.Group, where: str) -> tuple[Structure, ...]:
    smiles = text(group["smiles"], where)
    known = molecule(smiles)
    numbers = array(group, "atomic_numbers", "(N,)", where).astype(np.int64)
    if known.atomic_numbers != tuple(numbers.tolist()):
        raise InputError(
            f"{where}: atomic_numbers do not follow the map numbers of {smiles}. Make the file again."
        )
    positions = array(group, "conformations", "(M, N, 3)", where).astype(np.float64) * BOHR_ANG
    return tuple(
        Structure(
            label=f"{where}, image {k}",
            frame=k,
            positions=x,
            atomic_numbers=numbers,
            smiles=known.smiles,
            mapped_smiles=smiles,
            bonds=known.bonds,
            intact=intact(numbers, x, known),
        )
        for k, x in enumerate(positions)
    )


def intact(numbers: NDArray[np.int64], positions: Floats, known: Molecule) -> bool:
    """Say whether a geometry (N, 3) has exactly the bonds of a molecule."""
    first, second = np.triu_indices(len(numbers), k=1)
    r = np.linalg.norm(positions[first] - positions[second], axis=1)
    return bool(distances_intact(r[None], numbers, known.bond_index)[0])


def _labels(group: h5py.Group, labelled: Mapping[str, h5py.Group], name: str, where: str) -> Labels:
    """Return the labels in the order of the geometries; NaN where one is missing."""
    index = array(group, SAMPLE_INDEX, "(M,)", where)
    m, n = len(index), len(group["atomic_numbers"])
    method = [""] * m
    energy, forces, order = (
        np.full(m, np.nan),
        np.full((m, n, 3), np.nan),
        np.full((m, n, n), np.nan),
    )
    if name in labelled:
        source = labelled[name]
        require(source, _LABEL, "e3d data label", where)
        theirs, x = (
            array(source, SAMPLE_INDEX, "(M,)", where),
            array(source, "conformations", "(M, N, 3)", where),
        )
        rows = np.searchsorted(index, theirs).clip(max=m - 1)
        known = np.array_equal(index[rows], theirs) and x.shape == (len(rows), n, 3)
        if not known or np.abs(x - group["conformations"][()][rows]).max(initial=0.0) > _SAME_BOHR:
            raise InputError(
                f"{where}: labels of other geometries than those given. Label these again."
            )
        energy[rows] = array(source, "dft_total_energy", "(M,)", where) * HARTREE_EV
        forces[rows] = (
            -array(source, "dft_total_gradient", "(M, N, 3)", where) * HARTREE_PER_BOHR_EV_PER_ANG
        )
        order[rows] = array(source, "mayer_indices", "(M, N, N)", where)
        for row, name_of_method in zip(rows, source["method"].asstr()[()], strict=True):
            method[int(row)] = str(name_of_method)
    return Labels(energy, forces, order, tuple(method))
