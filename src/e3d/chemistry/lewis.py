"""The Lewis structure of a molecular graph: bond orders and formal charges.

Of all structures without unpaired electrons whose valences RDKit allows, that of the lowest cost:
few formal charges first, then few expanded octets, then charges where chemists draw them. It is an
integer linear program, solved by HiGHS within limits, so that it ends for every molecule; xyz2mol
(Kim and Kim 2015), which tries all combinations of valences, does not. The structure depends on the
graph alone: not on the order of its atoms, nor on what else stands in the frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

import numpy as np
from rdkit import Chem

from e3d.chemistry.bond_orders import Program, State, cheapest

_REMEMBERED: Final = 20_000
_LAST: Final = 103  # the last element of RDKit's table of valences

# Costs, whole numbers: those of a higher kind outweigh all of a lower one in ordinary molecules.
_CHARGE: Final = 1000  # per elementary charge
_EXPANDED: Final = 300  # per two electrons beyond the octet (S, P, ...)
_EXPANDED_IN_RING: Final = 2500  # of two neighbours in a ring: thiophene has none, S4N4 has
_SEXTET: Final = 1500  # a carbocation; R-C#[O+] is better
_NEGATIVE: Final = {"S": 50, "Se": 50, "O": 0, "N": 100, "P": 200, "C": 400, "H": 400}
_POSITIVE: Final = {
    **{"N": 0, "P": 0, "S": 100, "Se": 100, "O": 200},
    **dict.fromkeys(("H", "B", "C", "Si", "Ge"), _SEXTET),
}
_OTHER_NEGATIVE: Final = 0  # halides, BF4-
_OTHER_POSITIVE: Final = 0  # metals
_HALOGEN_POSITIVE: Final = 1600
_OXO: Final = -150  # a double bond to O: an imide keeps its two C=O, the nitrogen the charge
_AROMATIC: Final = -60  # per ring of five or six with two or three double bonds in it
_NEIGHBOUR: Final = 10  # negative charges at the ends, positive ones beside hydrogens
_HALOGENS: Final = frozenset({"F", "Cl", "Br", "I"})
_OXO_OF: Final = frozenset({"C", "S", "Se", "P"})

_CHARGES: Final = {
    **{"F": (-1, 0), "Si": (-2, 1), "Ge": (-2, 1)},
    **dict.fromkeys(("Cl", "Br", "I"), (-1, 3)),
    **dict.fromkeys(("Li", "Na", "K", "Rb", "Cs", "Be", "Mg", "Ca", "Sr", "Ba"), (0, 1)),
}
"""Lowest and highest formal charge of a bonded atom: SiF6(2-), RDKit's perchlorate; else -1, 1."""


class Lewis(NamedTuple):
    """A Lewis structure: an order for each bond, a formal charge for each atom, and its cost."""

    orders: tuple[int, ...]
    charges: tuple[int, ...]
    cost: int


@dataclass(frozen=True)
class Graph:
    """A molecule of N atoms without orders and charges.

    Parameters
    ----------
    numbers
        Atomic numbers (N,).
    hydrogens
        How many more hydrogens each atom has that are no atoms of the graph (N,).
    bonds
        Bonded rows, B pairs.
    """

    numbers: tuple[int, ...]
    hydrogens: tuple[int, ...]
    bonds: tuple[tuple[int, int], ...]


def lewis(graph: Graph, charge: int) -> Lewis | None:
    """Return the Lewis structure of a connected graph; None if there is none of closed shells.

    Examples
    --------
    >>> nitromethane = Graph((6, 7, 8, 8), (3, 0, 0, 0), ((0, 1), (1, 2), (1, 3)))
    >>> found = lewis(nitromethane, 0)
    >>> sorted(found.orders), found.charges[1]
    ([1, 1, 2], 1)
    """
    heavy = _without_hydrogens(graph)
    if heavy is None:
        return None
    rows, hydrogens, bonds = heavy
    order = _canonical_order(graph, rows, hydrogens, bonds)
    place = {row: k for k, row in enumerate(order)}
    pairs = sorted(
        ((min(place[i], place[j]), max(place[i], place[j])), b) for b, (i, j) in bonds.items()
    )
    found = _solved(
        tuple(graph.numbers[row] for row in order),
        tuple(hydrogens[row] for row in order),
        tuple(pair for pair, _ in pairs),
        charge,
    )
    if found is None:
        return None
    orders, charges = [1] * len(graph.bonds), [0] * len(graph.numbers)
    for (_, b), bond_order in zip(pairs, found.orders, strict=True):
        orders[b] = bond_order
    for row, formal in zip(order, found.charges, strict=True):
        charges[row] = formal
    return Lewis(tuple(orders), tuple(charges), found.cost)


def _without_hydrogens(
    graph: Graph,
) -> tuple[list[int], dict[int, int], dict[int, tuple[int, int]]] | None:
    """Count hydrogens at their neighbours; None where one bridges two atoms.

    Returns
    -------
    rows
        Atoms that are left; of H2 one hydrogen.
    hydrogens
        How many each of them has.
    bonds
        Those between them, by number.
    """
    degree = np.bincount(np.array(graph.bonds, dtype=int).ravel(), minlength=len(graph.numbers))
    hydrogen = [z == 1 for z in graph.numbers]
    if any(is_h and n > 1 for is_h, n in zip(hydrogen, degree, strict=True)):
        return None
    hydrogens = dict(enumerate(graph.hydrogens))
    bonds = {}
    for b, (i, j) in enumerate(graph.bonds):
        if hydrogen[i] or hydrogen[j]:
            keeps, goes = (i, j) if hydrogen[j] else (j, i)
            hydrogens[keeps] += 1
            del hydrogens[goes]
        else:
            bonds[b] = (i, j)
    return list(hydrogens), hydrogens, bonds


def _canonical_order(
    graph: Graph,
    rows: Sequence[int],
    hydrogens: dict[int, int],
    bonds: dict[int, tuple[int, int]],
) -> list[int]:
    """Return the rows in an order that depends on the graph alone, up to its symmetry."""
    mol = Chem.RWMol()
    index = {}
    for row in rows:
        atom = Chem.Atom(graph.numbers[row])
        atom.SetNoImplicit(True)
        atom.SetNumExplicitHs(hydrogens[row])
        index[row] = mol.AddAtom(atom)
    for i, j in bonds.values():
        mol.AddBond(index[i], index[j], Chem.BondType.SINGLE)
    mol.UpdatePropertyCache(strict=False)
    ranks = list(Chem.CanonicalRankAtoms(mol, breakTies=True, includeChirality=False))
    return [row for _, row in sorted(zip(ranks, rows, strict=True))]


@lru_cache(maxsize=_REMEMBERED)
def _solved(
    numbers: tuple[int, ...],
    hydrogens: tuple[int, ...],
    bonds: tuple[tuple[int, int], ...],
    charge: int,
) -> Lewis | None:
    """Return the structure of lowest cost of a graph in canonical order."""
    ends = np.array(bonds, dtype=int).reshape(-1, 2)
    degree = np.bincount(ends.ravel(), minlength=len(numbers))
    rings = _rings(len(numbers), bonds)
    in_ring = set(chain.from_iterable(bonds[b] for b in chain.from_iterable(rings)))
    states = [
        [
            state
            for state in _states(z, n_h, int(n), row in in_ring)
            if 0 <= state.valence - n_h - n <= 2 * n
        ]
        for row, (z, n_h, n) in enumerate(zip(numbers, hydrogens, degree, strict=True))
    ]
    if not all(states):
        return None
    best = [min(some, key=lambda state: state.cost) for some in states]
    spare = [s.valence - n_h - n for s, n_h, n in zip(best, hydrogens, degree, strict=True)]
    if not any(spare) and sum(state.charge for state in best) == charge:
        cost = sum(state.cost for state in best)
        return Lewis((1,) * len(bonds), tuple(state.charge for state in best), cost)
    gain = [_OXO if _is_oxo(numbers[i], numbers[j]) else 0 for i, j in bonds]
    program = Program(states, ends, degree + np.array(hydrogens), gain, charge)
    small = [ring for ring in rings if len(ring) in (5, 6)]
    # where aromatic rings make it too hard, as they might in a fullerene, it is solved without them
    solution = cheapest(program, small, _AROMATIC) or (cheapest(program, [], 0) if small else None)
    return None if solution is None else Lewis(*solution)


def _states(z: int, n_hydrogens: int, n_neighbours: int, in_ring: bool) -> list[State]:
    """Return what an atom may be: RDKit's valences of the element with as many electrons."""
    table = Chem.GetPeriodicTable()
    element = table.GetElementSymbol(z) if z else "*"
    lone = n_hydrogens + n_neighbours == 0
    low, high = (-3, 3) if lone else _CHARGES.get(element, (-1, 1))
    states = []
    for charge in range(low, high + 1):
        if lone and z == charge == 1:
            states.append(State(0, 1, _CHARGE + _SEXTET))  # a proton has no electrons to look up
        if not 0 < z - charge <= _LAST or not z:
            continue
        valences = [v for v in table.GetValenceList(z - charge) if v >= 0]
        if element in _HALOGENS and charge > 0:
            del valences[1:]
        for step, valence in enumerate(valences):
            expanded = _EXPANDED_IN_RING if in_ring and n_neighbours == 2 else _EXPANDED
            cost = step * expanded + _cost_of_charge(element, charge, n_hydrogens, n_neighbours)
            states.append(State(valence, charge, cost))
    return states


def _cost_of_charge(element: str, charge: int, n_hydrogens: int, n_neighbours: int) -> int:
    if charge < 0:
        around = n_neighbours + n_hydrogens
        site = _NEGATIVE.get(element, _OTHER_NEGATIVE) + _NEIGHBOUR * around
    else:
        other = _HALOGEN_POSITIVE if element in _HALOGENS else _OTHER_POSITIVE
        site = _POSITIVE.get(element, other) - _NEIGHBOUR * n_hydrogens
    return abs(charge) * (_CHARGE + site)


def _is_oxo(z_i: int, z_j: int) -> bool:
    table = Chem.GetPeriodicTable()
    first, second = (table.GetElementSymbol(z) for z in (z_i, z_j))
    return (first == "O" and second in _OXO_OF) or (second == "O" and first in _OXO_OF)


def _rings(n_atoms: int, bonds: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Return the numbers of the bonds of every smallest ring, all that are equal by symmetry."""
    mol = Chem.RWMol()
    for _ in range(n_atoms):
        mol.AddAtom(Chem.Atom(0))
    for i, j in bonds:
        mol.AddBond(i, j, Chem.BondType.SINGLE)
    Chem.GetSymmSSSR(mol)
    return [tuple(ring) for ring in mol.GetRingInfo().BondRings()]
