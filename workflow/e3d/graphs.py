"""From structures to batches of graphs: neighbour lists and arrays that a model takes as they are.

Molecules of a batch are searched in one call, and edges come sorted by centre and neighbour, which
the fast contraction and the pairing of edges rely on for speed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase.geometry import complete_cell
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from e3d.structures import NOT_PERIODIC, Structure

ATOMS_PER_BATCH = 2_000
_SLAB_ANG = 1.0

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Batch:
    """Structures and the graph of all of them: F frames, A atoms, E directed edges.

    ``frame_ptr`` (F+1,), ``positions`` (A, 3) Å, ``atomic_numbers`` (A,). ``edge_index`` (2, E) holds rows of
    the batch, centre first, and ``cell_shift`` (E, 3) integers, sorted by centre, neighbour and
    shift. Frames are all periodic, or none is: then ``cell_shift`` is None.
    """

    structures: tuple[Structure, ...]
    frame_ptr: Ints
    positions: Floats
    atomic_numbers: Ints
    edge_index: Ints
    cell_shift: Ints | None

    @property
    def frame(self) -> Ints:
        """Frame (A,) of each atom."""
        return np.repeat(np.arange(len(self.structures)), np.diff(self.frame_ptr))

    def parts(self, n_edges: int) -> Iterator["Batch"]:
        """Cut into runs of frames of at most ``n_edges`` edges, or one frame, of similar size."""
        ends = np.searchsorted(self.edge_index[0], self.frame_ptr)  # of each frame's edges: centres ascend
        goal = ends[-1] / max(1, -(-int(ends[-1]) // n_edges))
        first = 0
        for last in range(1, len(self.structures) + 1):
            more = last < len(self.structures)
            if more and ends[last] - ends[first] < goal and ends[last + 1] - ends[first] <= n_edges:
                continue
            atoms, edges = slice(self.frame_ptr[first], self.frame_ptr[last]), slice(ends[first], ends[last])
            yield Batch(
                self.structures[first:last],
                self.frame_ptr[first : last + 1] - atoms.start,
                self.positions[atoms],
                self.atomic_numbers[atoms],
                self.edge_index[:, edges] - atoms.start,
                None if self.cell_shift is None else self.cell_shift[edges],
            )
            first = last


def batches(structures: Iterable[Structure], r_max: float) -> Iterator[Batch]:
    """Group structures, in order, into batches of about ``ATOMS_PER_BATCH`` atoms.

    Structures with and without a cell do not share a batch.
    """
    chosen: list[Structure] = []
    atoms = 0
    for structure in structures:
        if chosen and (atoms >= ATOMS_PER_BATCH or (structure.cell is None) != (chosen[-1].cell is None)):
            yield make_batch(chosen, r_max)
            chosen, atoms = [], 0
        chosen.append(structure)
        atoms += len(structure.atomic_numbers)
    if chosen:
        yield make_batch(chosen, r_max)


def make_batch(structures: Sequence[Structure], r_max: float) -> Batch:
    """Return one batch of structures that are all periodic, or none of them.

    Raises
    ------
    ValueError
        If some have a cell and others none.
    """
    if len({structure.cell is None for structure in structures}) != 1:
        raise ValueError("a batch holds structures that all have a cell, or none of them: see batches()")
    positions = np.concatenate([structure.positions for structure in structures])
    sizes = np.array([len(structure.atomic_numbers) for structure in structures])
    frame_ptr = np.concatenate([[0], np.cumsum(sizes)])
    if structures[0].cell is None:
        edges, shift = _isolated(positions, frame_ptr, r_max), None
    else:
        edges, shift = _periodic(structures, frame_ptr, r_max)
    numbers = np.concatenate([structure.atomic_numbers for structure in structures])
    return Batch(tuple(structures), frame_ptr, positions, numbers.astype(np.int64), edges, shift)


def _isolated(positions: Floats, frame_ptr: Ints, r_max: float) -> Ints:
    """Return the sorted edges (2, E) of molecules without a cell, found in one search.

    The molecules are lined up along x, further apart than the cutoff. They move by whole numbers
    of Å: coordinates that were stored in float32 lose no digit by it. In y and z the search is a
    single slab, however far the atoms of a molecule are apart.
    """
    x, starts = positions[:, 0], frame_ptr[:-1]
    low, high = np.floor(np.minimum.reduceat(x, starts)), np.ceil(np.maximum.reduceat(x, starts))
    room = high - low + np.ceil(r_max) + 1
    moved = positions.copy()
    moved[:, 0] += np.repeat(np.cumsum(room) - room - low, np.diff(frame_ptr))
    cell = np.diag([room.sum(), _SLAB_ANG, _SLAB_ANG])
    i, j = neighbour_list("ij", positions=moved, cutoff=r_max, pbc=NOT_PERIODIC, cell=cell)
    key = np.sort(i.astype(np.int64) * len(x) + j)
    centre = key // len(x)
    return np.stack([centre, key - centre * len(x)])


def _periodic(structures: Sequence[Structure], frame_ptr: Ints, r_max: float) -> tuple[Ints, Ints]:
    """Return sorted edges (2, E) and cell shifts (E, 3) of structures with cells, one search each."""
    edges, shifts = [], []
    for structure, start in zip(structures, frame_ptr.tolist(), strict=False):
        i, j, shift = neighbour_list(
            "ijS",
            positions=structure.positions,
            cutoff=r_max,
            pbc=structure.pbc,
            cell=complete_cell(structure.cell),
        )
        order = np.lexsort((shift[:, 2], shift[:, 1], shift[:, 0], j, i))
        edges.append(np.stack([i, j])[:, order].astype(np.int64) + start)
        shifts.append(shift[order].astype(np.int64))
    return np.concatenate(edges, axis=1), np.concatenate(shifts)
