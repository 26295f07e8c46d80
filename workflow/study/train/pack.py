"""Frames of a store as flat arrays with their neighbour lists, from which batches are gathered.

Numbers are kept as small as they are in the store; :mod:`study.train.feed` widens them for nequip.
"""

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from ase.geometry import complete_cell
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from e3d.arrays import Floats, Ints, Masks
from e3d.fields import Store as F
from e3d.store.reader import StoreReader

Edges = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


@dataclass(frozen=True)
class Packed:
    """F frames of A atoms and E directed edges; frame f has atoms ``atom_ptr[f]:atom_ptr[f + 1]``.

    Edges are sorted by frame and, within it, by centre atom: kernels may sum over the edges of a
    centre without sorting them again. Atom indices of edges count within their frame.
    """

    atom_ptr: Ints  # (F + 1,)
    edge_ptr: Ints  # (F + 1,)
    positions: NDArray[np.float32]  # (A, 3) Å
    forces: NDArray[np.float32]  # (A, 3) eV/Å
    atomic_numbers: NDArray[np.uint8]  # (A,)
    energy: Floats  # (F,) eV
    centre: NDArray[np.int32]  # (E,)
    neighbour: NDArray[np.int32]  # (E,)
    shift: NDArray[np.int32] | None  # (E, 3) cells from centre to neighbour; None: no cells at all
    cell: Floats | None  # (F, 3, 3) Å
    pbc: Masks | None  # (F, 3)

    @property
    def nbytes(self) -> int:
        """Memory of all arrays."""
        arrays = (getattr(self, field.name) for field in fields(self))
        return sum(int(array.nbytes) for array in arrays if array is not None)

    def take(self, frames: Ints) -> "Packed":
        """Return the frames with these numbers, in this order; a number may come twice."""
        atom_ptr, atoms = _rows(self.atom_ptr, frames)
        edge_ptr, edges = _rows(self.edge_ptr, frames)
        return Packed(
            atom_ptr=atom_ptr,
            edge_ptr=edge_ptr,
            positions=self.positions[atoms],
            forces=self.forces[atoms],
            atomic_numbers=self.atomic_numbers[atoms],
            energy=self.energy[frames],
            centre=self.centre[edges],
            neighbour=self.neighbour[edges],
            shift=None if self.shift is None else self.shift[edges],
            cell=None if self.cell is None else self.cell[frames],
            pbc=None if self.pbc is None else self.pbc[frames],
        )


def _rows(ptr: Ints, which: Ints) -> tuple[Ints, Ints]:
    """Return the pointers of the segments ``which`` laid end to end, and their rows."""
    starts = ptr[which]
    new = _pointers(ptr[which + 1] - starts)
    return new, np.arange(new[-1]) + np.repeat(starts - new[:-1], np.diff(new))


def _pointers(counts: Any) -> Ints:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def pack(reader: StoreReader, frames: Ints, r_max: float) -> Packed:
    """Read ``frames`` (at least one) and find their neighbours within ``r_max`` (Å)."""
    atom_ptr = _pointers(reader.frame_ptr[frames + 1] - reader.frame_ptr[frames])
    positions = reader.gather(F.POSITIONS, frames)
    cell = pbc = None
    if F.CELL in reader:
        pbc = reader.gather(F.PBC, frames).astype(bool)
        periodic = np.atleast_1d(pbc.any(axis=1))
        # every frame of a batch needs a cell; a unit cube has a volume for the stress
        cell = np.where(periodic[:, None, None], reader.gather(F.CELL, frames), np.eye(3))
    edges = [
        neighbours(
            positions[start:stop],
            None if cell is None else cell[k],
            None if pbc is None else pbc[k],
            r_max,
        )
        for k, (start, stop) in enumerate(pairwise(atom_ptr.tolist()))
    ]
    centre, neighbour, shift = (np.concatenate(parts) for parts in zip(*edges, strict=True))
    return Packed(
        atom_ptr=atom_ptr,
        edge_ptr=_pointers([len(found[0]) for found in edges]),
        positions=positions,
        forces=reader.gather(F.FORCES, frames),
        atomic_numbers=reader.gather(F.ATOMIC_NUMBERS, frames),
        energy=reader.gather(F.ENERGY, frames),
        centre=centre,
        neighbour=neighbour,
        shift=None if cell is None else shift,
        cell=cell,
        pbc=pbc,
    )


def neighbours(
    positions: NDArray[np.float32],
    cell: Floats | None,
    pbc: Masks | None,
    r_max: float,
) -> Edges:
    """Return centre (E,), neighbour (E,) and cell shift (E, 3) of every edge, sorted by centre.

    Parameters
    ----------
    positions
        Of one frame (N, 3), Å.
    cell
        (3, 3), Å, vectors in rows.
    pbc
        (3,), whether edges cross the sides of the cell.
    r_max
        Length of the longest edges, Å.
    """
    if cell is None or pbc is None or not pbc.any():
        cell, pbc = np.eye(3), np.zeros(3, dtype=bool)
    found = neighbour_list(
        "ijS",
        positions=positions.astype(np.float64),
        cutoff=r_max,
        pbc=pbc,
        cell=complete_cell(cell),
    )
    centre, neighbour, shift = (part.astype(np.int32) for part in found)
    return centre, neighbour, shift
