"""Energies on the directed edges of a batch: what a decomposition starts from. NumPy alone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from e3d.arrays import Floats, Ints

if TYPE_CHECKING:
    from e3d.graphs import Batch


@dataclass(frozen=True)
class EdgeEnergies:
    """Directed edge energies of a batch of F frames, A atoms and E edges, in eV and Å.

    Parameters
    ----------
    centre, neighbour
        Rows of the batch (E,): i and j of every edge.
    cell_shift
        Integers (E, 3): the cell of the neighbour.
    eps, length
        Energy and length of every edge (E,).
    frame_ptr
        Atoms of frame f are ``frame_ptr[f]:frame_ptr[f + 1]``, (F+1,).
    atomic_numbers
        (A,).
    energy, shift
        The model's own total, and the sum of isolated-atom shifts (F,).
    """

    centre: Ints
    neighbour: Ints
    cell_shift: Ints
    eps: Floats
    length: Floats
    frame_ptr: Ints
    atomic_numbers: Ints
    energy: Floats
    shift: Floats

    @classmethod
    def of(
        cls, batch: "Batch", *, eps: Floats, length: Floats, energy: Floats, shift: Floats
    ) -> "EdgeEnergies":
        """Put energies on the edges of a batch, in their order; arrays as in the class."""
        centre, neighbour = batch.edge_index
        no_shift = np.zeros((len(centre), 3), dtype=np.int64)
        return cls(
            centre=centre,
            neighbour=neighbour,
            cell_shift=no_shift if batch.cell_shift is None else batch.cell_shift,
            eps=eps,
            length=length,
            frame_ptr=batch.frame_ptr,
            atomic_numbers=batch.atomic_numbers,
            energy=energy,
            shift=shift,
        )
