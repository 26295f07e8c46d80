"""The store: one HDF5 file of frames, flat arrays, written once and read at random.

Frames are appended to plain spool files and copied into contiguous HDF5 arrays at the end, so that
writing needs the memory of one group whatever the size of the dataset, and a random read costs its
bytes. Fields, shapes and units are those of :class:`e3d.fields.Store`.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d import provenance
from e3d.chemistry import Molecule
from e3d.data.group import Group
from e3d.data.hdf5 import open_hdf5
from e3d.errors import InputError
from e3d.fields import Store as F

FORMAT = "e3d-store-1"
_COPY_ITEMS = 4_000_000

_DTYPES: Mapping[F, Any] = {
    F.POSITIONS: np.float32,
    F.FORCES: np.float32,
    F.ATOMIC_NUMBERS: np.uint8,
    F.FRAME_PTR: np.int64,
    F.ENERGY: np.float64,
    F.BINDING_ENERGY: np.float64,
    F.MOLECULE: np.int32,
    F.GROUP: np.int32,
    F.SOURCE_INDEX: np.int32,
    F.SUBSET: np.int16,
    F.CHARGE: np.int8,
    F.MULTIPLICITY: np.int8,
    F.INTACT: np.uint8,
}
_VECTORS = (F.POSITIONS, F.FORCES)
_STRINGS = (F.GROUP_SMILES, F.MOLECULE_SMILES, F.SUBSET_NAMES)


@dataclass(frozen=True)
class Frame:
    """One frame of a store, in eV and Å; arrays (N, 3) and (N,) for N atoms."""

    positions: NDArray[np.float32]
    forces: NDArray[np.float32]
    atomic_numbers: NDArray[np.uint8]
    energy: float


class StoreWriter:
    """Write a store group by group; ``path`` appears only when the block ends without error."""

    def __init__(self, path: Path, attributes: Mapping[str, Any], isolated_atom_energy: Mapping[int, float]) -> None:
        """Prepare to write ``path``; ``isolated_atom_energy`` maps atomic number to eV."""
        self._path = path
        self._attributes = dict(attributes)
        self._atoms = dict(isolated_atom_energy)
        self._index: dict[F, dict[str, int]] = {name: {} for name in _STRINGS}
        self._elements: set[int] = set()
        self._n_atoms = 0
        self.n_frames = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=f".{self._path.name}.", dir=self._path.parent))
        self._spool: dict[F, BinaryIO] = {name: (self._folder / name).open("w+b") for name in _DTYPES}
        self._append(F.FRAME_PTR, np.zeros(1))
        return self

    def add(self, group: Group, molecule: Molecule, intact: NDArray[np.bool_]) -> None:
        """Append every conformation of ``group``; ``intact`` (M,) marks those with their bonds."""
        m, n = group.positions.shape[:2]
        atoms = sum(self._atoms[int(z)] for z in group.atomic_numbers)
        per_frame = {
            F.FRAME_PTR: self._n_atoms + n * np.arange(1, m + 1),
            F.ENERGY: group.energy,
            F.BINDING_ENERGY: group.energy - atoms,
            F.MOLECULE: np.full(m, self._row(F.MOLECULE_SMILES, molecule.smiles)),
            F.GROUP: np.full(m, self._row(F.GROUP_SMILES, group.smiles)),
            F.SOURCE_INDEX: group.source_index,
            F.SUBSET: np.full(m, self._row(F.SUBSET_NAMES, group.subset)),
            F.CHARGE: np.full(m, molecule.charge),
            F.MULTIPLICITY: np.full(m, molecule.multiplicity),
            F.INTACT: intact,
            F.POSITIONS: group.positions,
            F.FORCES: group.forces,
            F.ATOMIC_NUMBERS: np.tile(group.atomic_numbers, m),
        }
        for name, values in per_frame.items():
            self._append(name, values)
        self._elements.update(int(z) for z in group.atomic_numbers)
        self._n_atoms += m * n
        self.n_frames += m

    def _row(self, field: F, text: str) -> int:
        table = self._index[field]
        return table.setdefault(text, len(table))

    def _append(self, name: F, values: NDArray[Any]) -> None:
        self._spool[name].write(np.ascontiguousarray(values, dtype=_DTYPES[name]).tobytes())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                with provenance.atomic(self._path) as temporary:
                    self._assemble(temporary)
        finally:
            for handle in self._spool.values():
                handle.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _assemble(self, path: Path) -> None:
        with h5py.File(path, "w", libver="v110", track_order=True) as file:
            file.attrs["format"] = FORMAT
            for key, value in self._attributes.items():
                file.attrs[key] = value
            named = {str(z): energy for z, energy in sorted(self._atoms.items())}
            file.attrs["isolated_atom_energy_eV"] = json.dumps(named)
            file.attrs["elements"] = json.dumps(sorted(self._elements))
            for name, handle in self._spool.items():
                _copy(file, name, handle)
            for name in _STRINGS:
                file.create_dataset(name, data=list(self._index[name]), dtype=h5py.string_dtype())


def _copy(file: h5py.File, name: F, handle: BinaryIO) -> None:
    dtype = np.dtype(_DTYPES[name])
    tail = (3,) if name in _VECTORS else ()
    items = 3 if tail else 1
    handle.flush()
    rows = handle.tell() // (dtype.itemsize * items)
    target = file.create_dataset(name, shape=(rows, *tail), dtype=dtype)
    handle.seek(0)
    step = _COPY_ITEMS // items
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        block = np.fromfile(handle, dtype=dtype, count=(stop - start) * items)
        target[start:stop] = block.reshape(-1, *tail)


class StoreReader:
    """Read frames of a store at random.

    Per-frame arrays (energies, molecules, pointers) are in memory; positions, forces and atomic
    numbers stay on disk and are read frame by frame.
    """

    def __init__(self, path: Path) -> None:
        """Open ``path``.

        Raises
        ------
        InputError
            If it is missing, truncated or not a store.
        """
        self.path = path
        self._file = open_hdf5(path)
        if self._file.attrs.get("format") != FORMAT:
            self._file.close()
            raise InputError(
                f"{path}: not a store of this version - expected the attribute format = {FORMAT!r}. "
                "Make it with `e3d data read FILE --layout LAYOUT -o STORE.h5`."
            )
        self.frame_ptr = self[F.FRAME_PTR]
        self.group = self[F.GROUP]
        self.molecule = self[F.MOLECULE]
        self.group_smiles = self._strings(F.GROUP_SMILES)
        self.molecule_smiles = self._strings(F.MOLECULE_SMILES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self.frame_ptr) - 1

    def __getitem__(self, name: F) -> NDArray[Any]:
        """Read one whole array."""
        return np.asarray(self._file[name][()])

    def _strings(self, name: F) -> list[str]:
        return [text.decode() for text in self._file[name][()]]

    @property
    def subset_names(self) -> list[str]:
        """Names of the source's own subsets."""
        return self._strings(F.SUBSET_NAMES)

    @property
    def isolated_atom_energy(self) -> dict[int, float]:
        """Energy of the isolated neutral atom (eV) by atomic number."""
        named = json.loads(self._file.attrs["isolated_atom_energy_eV"])
        return {int(z): float(energy) for z, energy in named.items()}

    @property
    def elements(self) -> list[int]:
        """Atomic numbers that occur in the store, ascending."""
        return [int(z) for z in json.loads(self._file.attrs["elements"])]

    @property
    def attributes(self) -> dict[str, Any]:
        """Level of theory, source, checksum and licence."""
        return dict(self._file.attrs)

    def frame(self, index: int) -> Frame:
        """Read one frame."""
        start, stop = int(self.frame_ptr[index]), int(self.frame_ptr[index + 1])
        return Frame(
            positions=self._file[F.POSITIONS][start:stop],
            forces=self._file[F.FORCES][start:stop],
            atomic_numbers=self._file[F.ATOMIC_NUMBERS][start:stop],
            energy=float(self._file[F.ENERGY][index]),
        )
