"""Write a store, group by group.

Frames are appended to plain spool files and copied into contiguous HDF5 arrays at the end, so that
writing needs the memory of one group, and a few numbers a frame, whatever the size of the dataset.
The spool files have no names: their space is free when the process ends, also when it is killed.
"""

import contextlib
import json
import os
import tempfile
from array import array
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d import provenance
from e3d.chemistry import Molecule
from e3d.errors import InputError
from e3d.fields import Store as F
from e3d.store.group import Group
from e3d.store.reader import ARRAYS, ATOMS_ATTRIBUTE, CONTENT_ATTRIBUTE, FORMAT, content_of

_COPY_ROWS = 1_000_000


class StoreWriter:
    """Write a store group by group; ``path`` appears only when the block ends without error."""

    def __init__(
        self, path: Path, attributes: Mapping[str, Any], isolated_atom_energy: Mapping[int, float]
    ) -> None:
        """Prepare to write ``path``; ``isolated_atom_energy`` maps atomic number to eV."""
        self._path = path
        self._attributes = dict(attributes)
        self._atoms = dict(isolated_atom_energy)
        self._molecules: dict[str, int] = {}
        self._components: list[str] = []
        self._groups: dict[str, int] = {}
        self._group_smiles: list[str] = []
        self._subsets: dict[str, int] = {}
        self._parts: dict[str, float] = {}
        self._elements: set[int] = set()
        self._frame_ptr = array("q", [0])
        self.n_frames = 0

    def __enter__(self) -> Self:
        self._spool: dict[F, BinaryIO] = {}
        self._open = contextlib.ExitStack()
        self._open.enter_context(provenance.naming(self._path))
        self._open.enter_context(provenance.made_folder(self._path.parent))
        return self

    def molecule_row(self, molecule: Molecule) -> int:
        """Return the row of a molecule, a new one if it was not met before."""
        if molecule.smiles not in self._molecules:
            self._molecules[molecule.smiles] = len(self._molecules)
            self._components.append(" ".join(molecule.components))
        return self._molecules[molecule.smiles]

    def part(self, name: str, share: float) -> int:
        """Add a part of a mixed store, and return its row."""
        self._parts[name] = share
        return len(self._parts) - 1

    def add(
        self,
        group: Group,
        molecule: Molecule,
        intact: NDArray[np.bool_],
        *,
        ionic: bool = False,
        part: int | None = None,
    ) -> None:
        """Append every conformation of ``group``.

        Parameters
        ----------
        intact
            (M,), whether the geometry has exactly the bonds of the molecule.
        ionic
            Whether the frames are charged or hold an element known as ions only.
        part
            Row of the dataset they are from, in a mixed store.

        Raises
        ------
        InputError
            If a number is beyond what the store's types hold.
        """
        m, n = group.positions.shape[:2]
        atoms = sum(self._atoms[int(z)] for z in group.atomic_numbers)
        rows: dict[F, Any] = {
            F.ENERGY: group.energy,
            F.BINDING_ENERGY: group.energy - atoms,
            F.MOLECULE: np.full(m, self.molecule_row(molecule)),
            F.GROUP: np.full(m, self._group_row(group.smiles)),
            F.SOURCE_INDEX: np.full(m, -1) if group.source_index is None else group.source_index,
            F.SUBSET: np.full(m, self._subsets.setdefault(group.subset, len(self._subsets))),
            F.CHARGE: np.full(m, molecule.charge),
            F.MULTIPLICITY: np.full(m, molecule.multiplicity),
            F.INTACT: intact,
            F.IONIC: np.full(m, ionic),
            F.POSITIONS: group.positions,
            F.FORCES: group.forces,
            F.ATOMIC_NUMBERS: np.tile(group.atomic_numbers, m),
            F.CELL: group.cell,
            F.PBC: group.pbc,
            F.STRESS: group.stress,
            F.PART: None if part is None else np.full(m, part),
        }
        for name, values in rows.items():
            self._append(name, values, m)
        self._elements.update(int(z) for z in group.atomic_numbers)
        self._frame_ptr.extend((self._frame_ptr[-1] + n * np.arange(1, m + 1)).tolist())
        self.n_frames += m

    def _group_row(self, smiles: str) -> int:
        """Return the row of a group: one per mapped SMILES, and one per group without."""
        if smiles and smiles in self._groups:
            return self._groups[smiles]
        self._group_smiles.append(smiles)
        if smiles:
            self._groups[smiles] = len(self._group_smiles) - 1
        return len(self._group_smiles) - 1

    def _append(self, name: F, values: NDArray[Any] | None, m: int) -> None:
        kind = ARRAYS[name]
        if values is None:
            if name not in self._spool:
                return
            values = np.full((m, *kind.tail), kind.default)
        if name not in self._spool:
            spool = tempfile.TemporaryFile(dir=self._path.parent)  # noqa: SIM115 - the next line
            self._spool[name] = self._open.enter_context(spool)
            if kind.default is not None:  # the frames before this one have none
                for start in range(0, self.n_frames, _COPY_ROWS):
                    rows = min(_COPY_ROWS, self.n_frames - start)
                    self._write(name, np.full((rows, *kind.tail), kind.default))
        self._write(name, values)

    def _write(self, name: F, values: NDArray[Any]) -> None:
        dtype = np.dtype(ARRAYS[name].dtype)
        if dtype.kind in "iu" and values.size:
            limits, low, high = np.iinfo(dtype), int(values.min()), int(values.max())
            if low < limits.min or high > limits.max:
                raise InputError(
                    f"{name} {low}..{high}: a store holds {limits.min}..{limits.max} of it. "
                    "Fix the file."
                )
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(values, dtype=dtype)
        if dtype.kind == "f" and np.isinf(stored).any():
            raise InputError(f"{name} holds numbers too large for {dtype}. Fix the file.")
        self._spool[name].write(stored.tobytes())

    def written(
        self, frame: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        """Return atomic numbers (N,), positions and forces (N, 3) of a frame added before."""
        start, n = self._frame_ptr[frame], self._frame_ptr[frame + 1] - self._frame_ptr[frame]
        parts = []
        for name in (F.ATOMIC_NUMBERS, F.POSITIONS, F.FORCES):
            dtype = np.dtype((ARRAYS[name].dtype, ARRAYS[name].tail))
            handle = self._spool[name]
            handle.seek(start * dtype.itemsize)
            parts.append(np.frombuffer(handle.read(n * dtype.itemsize), dtype=ARRAYS[name].dtype))
            handle.seek(0, os.SEEK_END)
        return parts[0], parts[1].reshape(-1, 3), parts[2].reshape(-1, 3)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._open.__exit__(kind, error, trace)
            return
        with self._open, provenance.atomic(self._path) as temporary:
            self._assemble(temporary)

    def _assemble(self, path: Path) -> None:
        with h5py.File(path, "w", libver="v110", track_order=True) as file:
            file.attrs["format"] = FORMAT
            for key, value in self._attributes.items():
                file.attrs[key] = value
            named = {str(z): energy for z, energy in sorted(self._atoms.items())}
            file.attrs[ATOMS_ATTRIBUTE] = json.dumps(named)
            file.attrs["elements"] = json.dumps(sorted(self._elements))
            file.create_dataset(F.FRAME_PTR, data=np.array(self._frame_ptr, dtype=np.int64))
            for name, handle in self._spool.items():
                _copy(file, name, handle)
            texts = {
                F.GROUP_SMILES: self._group_smiles,
                F.MOLECULE_SMILES: list(self._molecules),
                F.COMPONENTS: self._components,
                F.SUBSET_NAMES: list(self._subsets),
            }
            if self._parts:
                texts[F.PART_NAMES] = list(self._parts)
                file.create_dataset(F.PART_SHARES, data=list(self._parts.values()))
            for name, lines in texts.items():
                file.create_dataset(name, data=lines, dtype=h5py.string_dtype())
            file.attrs[CONTENT_ATTRIBUTE] = content_of(file)


def _copy(file: h5py.File, name: F, handle: BinaryIO) -> None:
    kind = ARRAYS[name]
    dtype = np.dtype((kind.dtype, kind.tail))
    handle.flush()
    rows = handle.tell() // dtype.itemsize
    target = file.create_dataset(name, shape=(rows, *kind.tail), dtype=kind.dtype)
    handle.seek(0)
    for start in range(0, rows, _COPY_ROWS):
        stop = min(start + _COPY_ROWS, rows)
        target[start:stop] = np.fromfile(handle, dtype=dtype, count=stop - start)
