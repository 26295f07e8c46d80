"""A large structure in several calls: its edges by centre, as many at a time as a call takes.

The energy of an edge depends on edges of its own centre and on the elements of their ends alone
(Allegro is strictly local). So a call takes some centres with all their edges. Neighbours are no
atoms of it: one node for each element stands for all of them, and vectors of edges are given. The
memory of a call does not depend on the size of the structure.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from nequip.data import AtomicDataDict as Key

from e3d.arrays import Floats, Ints
from e3d.graphs import Batch


@dataclass(frozen=True)
class Centres:
    """Some centres of a structure, and all edges of these.

    Parameters
    ----------
    atoms
        Numbers of the centres in their structure (C,), ascending.
    edges
        Their edges among those of the structure.
    centre, neighbour
        Of each edge (E,): the number of its centre among ``atoms``, and its neighbour's among the
        structure's.
    vector
        From the centre of each edge to its neighbour (E, 3), Å.
    """

    atoms: Ints
    edges: slice
    centre: Ints
    neighbour: Ints
    vector: Floats

    def inputs(self, types: Ints, n_types: int, device: torch.device) -> Key.Type:
        """Return what a network takes, for atoms of the structure of these ``types`` (A,)."""
        n = len(self.atoms)
        nodes = np.concatenate([types[self.atoms], np.arange(n_types)])
        arrays = {
            Key.POSITIONS_KEY: np.zeros((len(nodes), 3)),
            Key.ATOM_TYPE_KEY: nodes,
            Key.EDGE_INDEX_KEY: np.stack([self.centre, n + types[self.neighbour]]),
            Key.EDGE_VECTORS_KEY: self.vector,
            Key.BATCH_KEY: np.zeros(len(nodes), dtype=np.int64),
            Key.NUM_NODES_KEY: np.array([len(nodes)]),
        }
        # copied: torch aligns its memory, as in the calls of whole structures
        return {key: torch.tensor(array, device=device) for key, array in arrays.items()}

    def energy(self, out: Key.Type) -> torch.Tensor:
        """Return the energy of the centres, eV, from what the network made of them."""
        of_nodes: torch.Tensor = out[Key.PER_ATOM_ENERGY_KEY]
        return of_nodes[: len(self.atoms)].sum()


def by_centre(batch: Batch, n_edges: int) -> Iterator[Centres]:
    """Cut the edges of a batch of one structure, at most ``n_edges`` of them or one centre each.

    Atoms without edges are in no part.
    """
    i, j = batch.edge_index
    first = np.flatnonzero(np.diff(i, prepend=-1))  # the first edge of each centre
    ends = np.append(first[1:], len(i))
    at = 0
    while at < len(first):
        start = int(first[at])
        last = max(at + 1, int(np.searchsorted(ends, start + n_edges, side="right")))
        edges = slice(start, int(ends[last - 1]))
        vector = batch.positions[j[edges]] - batch.positions[i[edges]]
        if batch.cell_shift is not None:
            vector += batch.cell_shift[edges] @ np.asarray(batch.structures[0].cell)
        centre = np.repeat(np.arange(last - at), ends[at:last] - first[at:last])
        yield Centres(i[first[at:last]], edges, centre, j[edges], vector)
        at = last


def forces_of(batch: Batch, gradient: Floats) -> Floats:
    """Return the forces on all atoms (A, 3), eV/Å, of dE/dv (E, 3) by the vectors v of edges.

    With v = r_j - r_i, it pulls the centre i and pushes the neighbour j.
    """
    forces = np.empty((len(batch.positions), 3))
    for axis, weights in enumerate(gradient.T):
        pull, push = (np.bincount(ends, weights, len(forces)) for ends in batch.edge_index)
        forces[:, axis] = pull - push
    return forces
