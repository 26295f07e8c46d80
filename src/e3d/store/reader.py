"""The store: one HDF5 file of frames, flat arrays, written once and read at random.

:mod:`e3d.store.writer` writes it. Reading maps its contiguous arrays into memory: a random frame
costs its bytes. Fields, shapes and units: :class:`e3d.fields.Store`.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d.errors import InputError
from e3d.fields import Store as F
from e3d.lineage import content_hash
from e3d.store.files.hdf5 import damage_named, open_hdf5
from e3d.store.intact import require_intact

FORMAT = "e3d-store-2"
ATOMS_ATTRIBUTE: Final = "isolated_atom_energy_eV"
"""Attribute with the energies of isolated neutral atoms by atomic number, as JSON."""
CONTENT_ATTRIBUTE: Final = "content"
"""Attribute with :func:`content_of`; stores of earlier versions have none."""
_IDENTITY: Final = ("theory", ATOMS_ATTRIBUTE)
_HASHED_ROWS: Final = 1_000_000


@dataclass(frozen=True)
class ArrayKind:
    """How one array is stored; ``default`` fills frames without it, None: every frame has it."""

    dtype: Any
    tail: tuple[int, ...] = ()
    default: float | None = None


ARRAYS: Final[Mapping[F, ArrayKind]] = {
    F.POSITIONS: ArrayKind(np.float32, (3,)),
    F.FORCES: ArrayKind(np.float32, (3,)),
    F.ATOMIC_NUMBERS: ArrayKind(np.uint8),
    F.ENERGY: ArrayKind(np.float64),
    F.BINDING_ENERGY: ArrayKind(np.float64),
    F.MOLECULE: ArrayKind(np.int32),
    F.GROUP: ArrayKind(np.int32),
    F.SOURCE_INDEX: ArrayKind(np.int32),
    F.SUBSET: ArrayKind(np.int16),
    F.CHARGE: ArrayKind(np.int8),
    F.MULTIPLICITY: ArrayKind(np.int8),
    F.INTACT: ArrayKind(np.uint8),
    F.IONIC: ArrayKind(np.uint8),
    F.CELL: ArrayKind(np.float64, (3, 3), 0.0),
    F.PBC: ArrayKind(np.uint8, (3,), 0.0),
    F.STRESS: ArrayKind(np.float32, (3, 3), np.nan),
    F.PART: ArrayKind(np.int16, (), 0.0),
}
"""Every array but the pointers and the texts."""

_OF_ATOMS: Final = (F.POSITIONS, F.FORCES, F.ATOMIC_NUMBERS)


def content_of(file: h5py.File) -> str:
    """Return the hash of a store's arrays, of its level of theory and of its isolated atoms.

    Neither the path of the store nor that of its source changes it.
    """
    return content_hash(_content(file))


def _content(file: h5py.File) -> Iterator[bytes]:
    for key in _IDENTITY:
        yield f"{key}={file.attrs.get(key, '')}\0".encode()
    for name in F:
        if name in file:
            array = file[name]
            yield f"{name}{array.shape}\0".encode()
            for start in range(0, len(array), _HASHED_ROWS):
                rows = array[start : start + _HASHED_ROWS]
                yield b"\0".join(rows) if rows.dtype == object else rows.tobytes()


@lru_cache
def _content_of_file(path: Path, size: int, mtime_ns: int) -> str:
    """Hash a store once per state of its file: a command may open it several times."""
    with open_hdf5(path) as file, damage_named(str(path)):
        return content_of(file)


@dataclass(frozen=True)
class Frame:
    """One frame of a store, in eV and Å; arrays (N, 3) and (N,) for N atoms.

    ``cell`` (3, 3) and ``pbc`` (3,) are None in a store without periodic frames.
    """

    positions: NDArray[np.float32]
    forces: NDArray[np.float32]
    atomic_numbers: NDArray[np.uint8]
    energy: float
    cell: NDArray[np.float64] | None = None
    pbc: NDArray[np.bool_] | None = None


class StoreReader:
    """Read frames of a store at random.

    Pointers, molecules and groups are in memory; all else stays on disk, mapped into memory.

    >>> from tempfile import TemporaryDirectory
    >>> from e3d.store.convert import write_store
    >>> with TemporaryDirectory() as folder:
    ...     report = write_store(Path("resources/minispice.hdf5"), Path(folder) / "store.h5")
    ...     with StoreReader(Path(folder) / "store.h5") as reader:
    ...         print(len(reader), reader.molecule_smiles[:3], reader.frame(0).positions.shape)
    1120 ['C', 'C#C', 'C#CC'] (5, 3)
    """

    def __init__(self, path: str | Path) -> None:
        """Open ``path``.

        Raises
        ------
        InputError
            If it is missing, truncated or not a store of this version.
        """
        path = Path(path)
        self.path = path
        self._file = open_hdf5(path)
        with contextlib.ExitStack() as stack:
            stack.callback(self._file.close)
            self._require_store()
            stack.pop_all()
        self._arrays = {name: self._map(name) for name in ARRAYS if name in self._file}
        self.frame_ptr = self[F.FRAME_PTR]
        self.group = self[F.GROUP]
        self.molecule = self[F.MOLECULE]
        self.group_smiles = self._strings(F.GROUP_SMILES)
        self.molecule_smiles = self._strings(F.MOLECULE_SMILES)

    def _require_store(self) -> None:
        with damage_named(str(self.path)):
            said = self._file.attrs.get("format")
        if not isinstance(said, str) or said != FORMAT:
            raise InputError(
                f"{self.path}: not a store of this version - expected the attribute format = "
                f"{FORMAT!r}. Make it with `e3d data read FILE --layout LAYOUT -o STORE.h5`."
            )
        kinds = {name: (kind.dtype, kind.tail) for name, kind in ARRAYS.items()}
        require_intact(self._file, self.path, kinds, ATOMS_ATTRIBUTE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._arrays.clear()
        self._file.close()

    def __len__(self) -> int:
        return len(self.frame_ptr) - 1

    def __contains__(self, name: F) -> bool:
        """Say whether the store has an array; not every store has all of them."""
        return name in self._file

    def __getitem__(self, name: F) -> NDArray[Any]:
        """Read one whole array."""
        return np.asarray(self._file[name][()])

    def _map(self, name: F) -> NDArray[Any]:
        """Map a contiguous array into memory: h5py takes some 0.1 ms for each slice of it."""
        dataset = self._file[name]
        offset = dataset.id.get_offset()
        if dataset.size == 0:  # an array without elements has no place in the file
            return np.empty(dataset.shape, dataset.dtype)
        if offset is None:
            raise InputError(
                f"{self.path}: {name} is compressed or in chunks, expected one contiguous array as "
                "`e3d data read` writes it. Make the store again."
            )
        return np.memmap(
            self.path, mode="r", offset=offset, shape=dataset.shape, dtype=dataset.dtype
        )

    def _strings(self, name: F) -> list[str]:
        return [text.decode() for text in self._file[name][()]]

    @property
    def content(self) -> str:
        """Hash of what the store holds, taken from its arrays.

        Raises
        ------
        InputError
            If the store says another: it was changed after it was written.
        """
        state = self.path.stat()
        found = _content_of_file(self.path.resolve(), state.st_size, state.st_mtime_ns)
        with damage_named(str(self.path)):
            written = str(self._file.attrs.get(CONTENT_ATTRIBUTE, found))
        if written != found:
            raise InputError(
                f"{self.path}: what it holds has the hash {found}, and was written with {written}: "
                "it is damaged, or was changed by hand. Make it again with `e3d data read`."
            )
        return found

    @property
    def components(self) -> list[tuple[str, ...]]:
        """What a split keeps apart, for each molecule."""
        return [tuple(line.split(" ")) for line in self._strings(F.COMPONENTS)]

    @property
    def subset_names(self) -> list[str]:
        """Names of the source's own subsets."""
        return self._strings(F.SUBSET_NAMES)

    @property
    def parts(self) -> dict[str, float]:
        """Share of each dataset the store is mixed from; empty if it is not mixed."""
        if F.PART_NAMES not in self:
            return {}
        return dict(zip(self._strings(F.PART_NAMES), self[F.PART_SHARES].tolist(), strict=True))

    @property
    def isolated_atom_energy(self) -> dict[int, float]:
        """Energy of the isolated neutral atom (eV) by atomic number."""
        named = json.loads(self._file.attrs[ATOMS_ATTRIBUTE])
        return {int(z): float(energy) for z, energy in named.items()}

    @property
    def elements(self) -> list[int]:
        """Atomic numbers that occur in the store, ascending."""
        return [int(z) for z in json.loads(self._file.attrs["elements"])]

    @property
    def attributes(self) -> dict[str, Any]:
        """Level of theory, source, checksum and licence."""
        return dict(self._file.attrs)

    def gather(self, name: F, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Read one array of several frames (F,), in this order.

        Returns
        -------
        A row for each frame, or the rows of their atoms, one frame after the other.
        """
        array = np.asarray(self._arrays[name])  # the plain array: a memmap is slower to index
        if name not in _OF_ATOMS:
            return np.asarray(array[frames])
        start = self.frame_ptr[frames]
        size = self.frame_ptr[frames + 1] - start
        return np.asarray(
            array[np.arange(size.sum()) + np.repeat(start - np.cumsum(size) + size, size)]
        )

    def frame(self, index: int) -> Frame:
        """Read one frame."""
        start, stop = int(self.frame_ptr[index]), int(self.frame_ptr[index + 1])
        arrays = self._arrays
        periodic = F.CELL in arrays
        return Frame(
            positions=np.array(arrays[F.POSITIONS][start:stop]),
            forces=np.array(arrays[F.FORCES][start:stop]),
            atomic_numbers=np.array(arrays[F.ATOMIC_NUMBERS][start:stop]),
            energy=float(arrays[F.ENERGY][index]),
            cell=np.array(arrays[F.CELL][index]) if periodic else None,
            pbc=np.array(arrays[F.PBC][index], dtype=bool) if periodic else None,
        )
