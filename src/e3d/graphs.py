"""From structures to batches of graphs: neighbour lists and arrays that a model takes as they are.

Molecules of a batch are searched in one call, and edges come sorted by centre and neighbour, which
the fast contraction and the pairing of edges rely on for speed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase.geometry import complete_cell
from ase.neighborlist import primitive_neighbor_list
from matscipy.neighbours import neighbour_list

from e3d.arrays import Floats, Ints
from e3d.errors import InputError
from e3d.structures import NOT_PERIODIC, Structure

ATOMS_PER_BATCH = 2_000
_COINCIDENT_ANG = 1e-3
_SLAB_ANG = 1.0
_LARGE = 500
"""Atoms of a molecule from which on bins in three directions are faster than slabs."""
_BINS_PER_ATOM = 100
_MAX_BINS = 10**7
"""Bins of a periodic cell; matscipy's search is slow, or out of memory, with more."""


@dataclass(frozen=True)
class Batch:
    """F structures, with A atoms, and the graph of all of them, with E directed edges.

    Parameters
    ----------
    frame_ptr
        Atoms of frame f are ``frame_ptr[f]:frame_ptr[f + 1]``, (F+1,).
    positions, atomic_numbers
        (A, 3) Å, and (A,).
    edge_index
        Rows of the batch (2, E), centre first, sorted by centre, neighbour and shift.
    cell_shift
        Integers (E, 3), the cell of the neighbour; None if the frames are not periodic. All are, or
        none is.
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

    @property
    def edge_vector(self) -> Floats:
        """Vector (E, 3) from the centre of each edge to its neighbour, Å."""
        i, j = self.edge_index
        vector: Floats = self.positions[j] - self.positions[i]
        if self.cell_shift is not None:
            cells = np.array([structure.cell for structure in self.structures])
            vector += np.einsum("ec,ecx->ex", self.cell_shift, cells[self.frame[i]])
        return vector

    def parts(self, n_edges: int) -> Iterator["Batch"]:
        """Cut into runs of frames of at most ``n_edges`` edges, or one frame, of similar size."""
        # ends of each frame's edges: centres ascend
        ends = np.searchsorted(self.edge_index[0], self.frame_ptr)
        goal = max(1, ends[-1] / max(1, -(-int(ends[-1]) // n_edges)))
        first = 0
        for last in range(1, len(self.structures) + 1):
            more = last < len(self.structures)
            if more and ends[last] - ends[first] < goal and ends[last + 1] - ends[first] <= n_edges:
                continue
            atoms = slice(self.frame_ptr[first], self.frame_ptr[last])
            edges = slice(ends[first], ends[last])
            yield Batch(
                self.structures[first:last],
                self.frame_ptr[first : last + 1] - atoms.start,
                self.positions[atoms],
                self.atomic_numbers[atoms],
                self.edge_index[:, edges] - atoms.start,
                None if self.cell_shift is None else self.cell_shift[edges],
            )
            first = last


def batches(
    structures: Iterable[Structure], r_max: float, atoms_per_batch: int = 0
) -> Iterator[Batch]:
    """Group structures, in order, into batches of about ``atoms_per_batch`` atoms.

    0 stands for :data:`ATOMS_PER_BATCH`, which suits a processor. Structures with and without a
    cell do not share a batch.
    """
    chosen: list[Structure] = []
    atoms, most = 0, atoms_per_batch or ATOMS_PER_BATCH
    for structure in structures:
        full = atoms >= most
        if chosen and (full or (structure.cell is None) != (chosen[-1].cell is None)):
            yield make_batch(chosen, r_max)
            chosen, atoms = [], 0
        chosen.append(structure)
        atoms += len(structure.atomic_numbers)
    if chosen:
        yield make_batch(chosen, r_max)


def make_batch(structures: Sequence[Structure], r_max: float) -> Batch:
    """Return one batch of structures that are all periodic, or none of them; ``r_max`` in Å.

    Raises
    ------
    ValueError
        If some have a cell and others none.
    InputError
        If two atoms are at the same place: no model has an energy there.

    Examples
    --------
    >>> from e3d.structures import structures_of
    >>> from ase.build import molecule
    >>> batch = make_batch(list(structures_of(molecule("H2O"))), r_max=1.2)
    >>> batch.edge_index.tolist()
    [[0, 0, 1, 2], [1, 2, 0, 0]]
    """
    if len({structure.cell is None for structure in structures}) != 1:
        raise ValueError(
            "a batch holds structures that all have a cell, or none of them: see batches()"
        )
    positions = np.concatenate([structure.positions for structure in structures])
    sizes = np.array([len(structure.atomic_numbers) for structure in structures])
    frame_ptr = np.concatenate([[0], np.cumsum(sizes)])
    if structures[0].cell is None:
        edges, shift = _isolated(structures, positions, frame_ptr, r_max), None
    else:
        edges, shift = _periodic(structures, frame_ptr, r_max)
    numbers = np.concatenate([structure.atomic_numbers for structure in structures])
    return Batch(tuple(structures), frame_ptr, positions, numbers.astype(np.int64), edges, shift)


def _isolated(
    structures: Sequence[Structure], positions: Floats, frame_ptr: Ints, r_max: float
) -> Ints:
    """Return the sorted edges (2, E) of molecules without a cell, found in one search.

    The molecules are lined up along x, further apart than the cutoff. They move by whole numbers
    of Å, so that coordinates that were stored in float32 lose no digit. The positions as they were
    given decide whether pairs about as far apart as the cutoff are edges.
    """
    low = np.floor(np.minimum.reduceat(positions, frame_ptr[:-1]))
    high = np.ceil(np.maximum.reduceat(positions, frame_ptr[:-1]))
    room = (high - low)[:, 0] + np.ceil(r_max) + 1
    origin = -low
    origin[:, 0] += np.cumsum(room) - room
    moved = positions + np.repeat(origin, np.diff(frame_ptr), axis=0)
    rounding = 8 * float(np.spacing(moved.max()))
    cell = _box(moved.max(axis=0) + 1, len(structures), len(moved), r_max)
    i, j, r = neighbour_list(
        "ijd", positions=moved, cutoff=r_max + rounding, pbc=NOT_PERIODIC, cell=cell
    )
    doubtful = np.flatnonzero((r > r_max - rounding) | (r < _COINCIDENT_ANG + rounding))
    r = np.linalg.norm(positions[i[doubtful]] - positions[j[doubtful]], axis=1)
    for row in doubtful[r < _COINCIDENT_ANG][:1]:
        frame = int(np.searchsorted(frame_ptr, i[row], side="right")) - 1
        raise _coincident(structures[frame], *(int(k[row] - frame_ptr[frame]) for k in (i, j)))
    key = np.delete(i.astype(np.int64) * len(moved) + j, doubtful[r >= r_max])
    key.sort()
    centre = key // len(moved)
    return np.stack([centre, key - centre * len(moved)])


def _box(extent: Floats, n_molecules: int, n_atoms: int, r_max: float) -> Floats:
    """Return the cell (3, 3) that the search divides into bins; atoms outside are in the nearest.

    Small molecules in a row are in slabs along x alone. The number of bins is bounded: an atom far
    from the others costs no memory.
    """
    axes = 3 if n_atoms > _LARGE * n_molecules else 1
    most = r_max * (_BINS_PER_ATOM * n_atoms) ** (1 / axes)
    return np.diag([*np.minimum(extent[:axes], most), *[_SLAB_ANG] * (3 - axes)])


def _periodic(structures: Sequence[Structure], frame_ptr: Ints, r_max: float) -> tuple[Ints, Ints]:
    """Return sorted edges (2, E) and cell shifts (E, 3) of structures with cells."""
    edges, shifts = [], []
    for structure, start in zip(structures, frame_ptr.tolist(), strict=False):
        i, j, r, shift = _search(structure, complete_cell(structure.cell), r_max)
        for row in np.flatnonzero(r < _COINCIDENT_ANG)[:1]:
            raise _coincident(structure, int(i[row]), int(j[row]))
        order = np.lexsort((shift[:, 2], shift[:, 1], shift[:, 0], j, i))
        edges.append(np.stack([i, j])[:, order].astype(np.int64) + start)
        shifts.append(shift[order].astype(np.int64))
    return np.concatenate(edges, axis=1), np.concatenate(shifts)


def _search(structure: Structure, cell: Floats, r_max: float) -> tuple[Ints, Ints, Floats, Ints]:
    """Return i, j, distance and cell shift of the edges of one structure, in any order."""
    positions, pbc = structure.positions, structure.pbc
    if abs(np.linalg.det(cell)) < _MAX_BINS * r_max**3:
        found = neighbour_list("ijdS", positions=positions, cutoff=r_max, pbc=pbc, cell=cell)
    else:
        found = primitive_neighbor_list("ijdS", pbc, cell, positions, r_max)
    i, j, r, shift = found
    return i, j, r, shift


def _coincident(structure: Structure, i: int, j: int) -> InputError:
    return InputError(
        f"{structure.label}: atoms {i} and {j} are at the same place, where no model has an "
        "energy. Remove one of them, or the frame."
    )
