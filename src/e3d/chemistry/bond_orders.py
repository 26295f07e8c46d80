"""Bond orders as integer linear programs, solved by HiGHS within limits: each call ends."""

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Final, NamedTuple

import numpy as np

from e3d.arrays import Floats, Ints

_NODES: Final = 500
_SECONDS: Final = 10.0
"""Only where a machine is very slow: the limit by nodes gives the same answer everywhere."""


class State(NamedTuple):
    """What an atom may be: its valence (sum of bond orders), formal charge and cost."""

    valence: int
    charge: int
    cost: int


class Program(NamedTuple):
    """What bond orders and charges must fulfil, N atoms and B bonds.

    Parameters
    ----------
    states
        What each atom may be (N,).
    ends
        Rows of the bonded atoms (B, 2).
    single
        Sum of the orders at each atom if each bond had order 1 (N,).
    gain
        Cost of each order of a bond beyond the first (B,).
    charge
        Sum of the charges.
    """

    states: list[list[State]]
    ends: Ints
    single: Ints
    gain: list[int]
    charge: int


def cheapest(
    program: Program, rings: Sequence[Sequence[int]], aromatic: int
) -> tuple[tuple[int, ...], tuple[int, ...], int] | None:
    """Return orders, charges and cost of the solution of lowest cost; None if there is none.

    Unknowns are the state of each atom, how many orders, 0 to 2, each bond has beyond the first,
    and which of ``rings`` (numbers of bonds) have as many double bonds as fit into them: each of
    those costs ``aromatic``. The orders at every atom add up to the valence of its state, and the
    charges to that of the molecule.
    """
    flat, bonds = list(chain.from_iterable(program.states)), program.ends
    n, n_states, n_bonds = len(program.states), len(flat), len(bonds)
    owner = np.repeat(np.arange(n), [len(some) for some in program.states])
    state, bond = range(n_states), range(n_states, n_states + n_bonds)
    entries = [
        *zip(owner, state, repeat(1.0), strict=False),
        *zip(n + owner, state, (one.valence for one in flat), strict=True),
        *zip(repeat(2 * n), state, (one.charge for one in flat), strict=False),
        *zip(n + bonds[:, 0], bond, repeat(-1.0), strict=False),
        *zip(n + bonds[:, 1], bond, repeat(-1.0), strict=False),
    ]
    for k, ring in enumerate(rings):
        row = 2 * n + 1 + k
        entries += [(row, n_states + n_bonds + k, -(len(ring) // 2))]
        entries += [(row, n_states + b, 1.0) for b in ring]
    cost = [one.cost for one in flat] + program.gain + [aromatic] * len(rings)
    right = np.concatenate([np.ones(n), program.single, [program.charge], np.zeros(len(rings))])
    slack = np.repeat([0.0, np.inf], [2 * n + 1, len(rings)])
    most = np.repeat([1.0, 2.0, 1.0], [n_states, n_bonds, len(rings)])
    chosen = _solve(np.array(cost, dtype=float), entries, (right, right + slack), most)
    if chosen is None:
        return None
    orders = tuple(int(1 + more) for more in chosen[n_states : n_states + n_bonds])
    charges = tuple(one.charge for one, used in zip(flat, chosen, strict=False) if used)
    return orders, charges, int(np.dot(cost, chosen))


def shortest_double_bonds(ends: Ints, orders: Ints, lengths: Floats) -> Ints:
    """Return orders (B,) with the same sum at every atom, multiple bonds where they are short.

    ``ends`` (B, 2) are rows of atoms; ``lengths`` (B,) are compared as they are, so divided by the
    sum of covalent radii.

    >>> square = np.array([[0, 1], [1, 2], [2, 3], [0, 3]])
    >>> shortest_double_bonds(square, np.array([1, 2, 1, 2]), np.array([0.9, 1.1, 0.9, 1.1]))
    array([2, 1, 2, 1])
    """
    rows, n_bonds = np.unique(ends, return_inverse=True), len(ends)
    place = rows[1].reshape(ends.shape)
    entries = [(int(place[b, end]), b, 1.0) for b in range(n_bonds) for end in (0, 1)]
    total = np.bincount(place.ravel(), np.repeat(orders - 1, 2), len(rows[0])).astype(np.float64)
    chosen = _solve(lengths, entries, (total, total), np.full(n_bonds, 2.0))
    return orders if chosen is None else 1 + chosen


def _solve(
    cost: Floats,
    entries: Sequence[tuple[int, int, float]],
    limits: tuple[Floats, Floats],
    most: Floats,
) -> Ints | None:
    """Return the whole numbers, 0 to ``most``, of the lowest cost within the limits of each row."""
    # half a second, and few molecules are drawn anew
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    rows, columns, values = zip(*entries, strict=True)
    matrix = coo_array((values, (rows, columns)), shape=(len(limits[0]), len(cost)))
    found = milp(
        cost,
        integrality=np.ones(len(cost), dtype=np.int64),
        bounds=Bounds(0.0, most),
        constraints=LinearConstraint(matrix.tocsr(), *limits),
        options={"time_limit": _SECONDS, "node_limit": _NODES, "mip_rel_gap": 0.0},
    )
    return np.rint(found.x).astype(np.int64) if found.status == 0 else None
