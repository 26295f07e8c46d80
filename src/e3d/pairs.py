"""From directed edge energies to pairs: D_ij, A_ij and the sum rule. NumPy arrays in and out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e3d.arrays import Floats, Ints
from e3d.edges import EdgeEnergies
from e3d.errors import InputError
from e3d.keys import pack

SUM_RULE_TOLERANCE_EV = 1e-8
_ROUNDING = 64 * np.finfo(np.float64).eps
"""Share of the total energy: above 10^6 eV the rounding of sums alone exceeds 1e-8 eV."""


@dataclass(frozen=True)
class Pairs:
    """P undirected pairs of a batch, in order of frame, i, j and cell shift, in eV and Å.

    Parameters
    ----------
    frame
        Frame of each pair (P,).
    i, j
        Rows of the batch (P,), i < j; or i = j for an image of the same atom, which counts once.
    cell_shift
        That of the edge i -> j (P, 3), integers.
    r, eps_ij, eps_ji
        Distance, and the energies of both directed edges (P,).

    Examples
    --------
    >>> row = np.array([0])
    >>> shift, r = np.zeros((1, 3), int), np.array([1.1])
    >>> bond = Pairs(row, row, row + 1, shift, r, np.array([-2.5]), np.array([-2.0]))
    >>> bond.bond_energy.item(), bond.asymmetry.item()
    (4.5, -0.5)
    """

    frame: Ints
    i: Ints
    j: Ints
    cell_shift: Ints
    r: Floats
    eps_ij: Floats
    eps_ji: Floats

    def take(self, rows: NDArray[Any]) -> "Pairs":
        """Return some of the pairs, by number or mask."""
        return Pairs(**{name: values[rows] for name, values in vars(self).items()})

    @property
    def bond_energy(self) -> Floats:
        """D_ij = -(eps_ij + eps_ji) (P,), eV: positive for a bond."""
        return -(self.eps_ij + self.eps_ji)

    @property
    def asymmetry(self) -> Floats:
        """A_ij = eps_ij - eps_ji (P,), eV."""
        return self.eps_ij - self.eps_ji


def sum_rule_violation(edges: EdgeEnergies) -> Floats:
    """Return |E - (sum of shifts + sum of eps)| of every frame (F,), in eV."""
    frame = frame_of_atom(edges.frame_ptr)[edges.centre]
    total = np.bincount(frame, weights=edges.eps, minlength=len(edges.energy))
    return np.abs(edges.energy - edges.shift - total)


def check_sum_rule(edges: EdgeEnergies, labels: Sequence[str]) -> float:
    """Return the largest violation of the sum rule in a batch, eV; ``labels`` (F,) name frames.

    Raises
    ------
    InputError
        If an energy is not a number, or an energy term is on no edge: the violation exceeds 1e-8 eV
        (or, of a total above 10^6 eV, float64 rounding).
    """
    violation = sum_rule_violation(edges)
    allowed = np.maximum(SUM_RULE_TOLERANCE_EV, _ROUNDING * np.abs(edges.energy))
    bad = ~(violation <= allowed)
    if bad.any():
        first = int(bad.argmax())
        if not np.isfinite(edges.energy[first]):
            raise InputError(
                f"{labels[first]}: the model's energy is {edges.energy[first]}, not a number. "
                "Check that atoms are not too close, and that the training of the model did not "
                "diverge."
            )
        raise InputError(
            f"{labels[first]}: edge energies miss the model's total by {violation[first]:.3g} eV, "
            f"allowed {allowed[first]:.3g}. The model has an energy term that is on no edge (not "
            "Allegro's, nor a pair potential), so it cannot be decomposed."
        )
    return float(violation.max(initial=0.0))


def frame_of_atom(frame_ptr: Ints) -> Ints:
    """Return the frame (A,) each atom of a batch belongs to.

    >>> frame_of_atom(np.array([0, 2, 5])).tolist()
    [0, 0, 1, 1, 1]
    """
    return np.repeat(np.arange(len(frame_ptr) - 1), np.diff(frame_ptr))


def pair_up(edges: EdgeEnergies) -> Pairs:
    """Join every directed edge (i, j, S) with its reverse (j, i, -S).

    Raises
    ------
    InputError
        If an edge has no reverse: D needs both.
    """
    centre, neighbour, shift = edges.centre, edges.neighbour, edges.cell_shift
    forward = centre < neighbour
    columns = [np.minimum(centre, neighbour), np.maximum(centre, neighbour)]
    if shift.any():
        leading = np.zeros_like(centre)  # sign of the first shift component that is not zero
        for axis in (2, 1, 0):
            leading = np.where(shift[:, axis] != 0, np.sign(shift[:, axis]), leading)
        forward |= (centre == neighbour) & (leading > 0)
        columns.extend((shift * np.where(forward, 1, -1)[:, None]).T)
    key = 2 * pack(columns) + ~forward  # a pair's two edges differ in the last bit
    order = np.argsort(key)
    first, second = order[0::2], order[1::2]
    if len(first) != len(second) or not (forward[first] & (key[first] + 1 == key[second])).all():
        raise InputError(
            f"the neighbour list is not symmetric: {len(order)} directed edges do not form pairs, "
            "so D cannot be formed. Use a cutoff that is the same in both directions."
        )
    return Pairs(
        frame=frame_of_atom(edges.frame_ptr)[centre[first]],
        i=centre[first],
        j=neighbour[first],
        cell_shift=shift[first],
        r=edges.length[first],
        eps_ij=edges.eps[first],
        eps_ji=edges.eps[second],
    )
