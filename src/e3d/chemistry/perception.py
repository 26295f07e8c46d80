"""Bonds, their orders and formal charges from a geometry alone.

Atoms are connected by RDKit from their distances; every connected fragment then gets the Lewis
structure of its graph (:mod:`e3d.chemistry.lewis`). So the bonds of a molecule do not depend on
what else stands in the frame.
"""

import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from ase.formula import Formula
from rdkit import Chem, RDLogger
from rdkit.Chem import rdDetermineBonds
from rdkit.Geometry import Point3D

from e3d.arrays import Floats, Ints
from e3d.chemistry.bond_orders import shortest_double_bonds
from e3d.chemistry.drawings import BOND_ORDERS, apply_lewis
from e3d.chemistry.lewis import Graph, Lewis, lewis

log = logging.getLogger(__name__)

_MOST_ATOMS: Final = 2000
_MOST_CHARGE: Final = 4
"""Of one fragment, in elementary charges."""
_CATION: Final = 1100
_ANION: Final = 1425
"""Cost per charge up to which an ion stands beside another: NH4+ and CN-, not CH3+ and CH3-."""
_STRAINED: Final = (1.2, 1.1)
"""A side of a three-ring longer than this times the sum of covalent radii is no bond: P..P of a
triphosphate, the diagonal of cyclobutadiene. The second one holds where the first one fails."""
_TETRAHEDRAL: Final = (
    Chem.ChiralType.CHI_UNSPECIFIED,
    Chem.ChiralType.CHI_TETRAHEDRAL_CW,
    Chem.ChiralType.CHI_TETRAHEDRAL_CCW,
)
"""What a SMILES says of stereochemistry; RDKit numbers the corners of SF6 too."""
_SINGLE: Final = Chem.BondType.SINGLE


_Choices: TypeAlias = list[tuple[int, Lewis]]
"""Charges that a fragment may have, each with its structure."""


class _Fragment(NamedTuple):
    """Connected atoms: their rows, the numbers of their bonds, and their graph."""

    rows: tuple[int, ...]
    bonds: tuple[int, ...]
    graph: Graph


def perceive(numbers: Ints, positions: Floats, charge: int) -> str | None:
    """Return a mapped SMILES from geometry alone; None where no closed shells fit the charge.

    Nor are more than 2,000 atoms looked at.

    Neutral fragments are tried first; else the charges of the ions are those of the lowest cost
    that add up to ``charge``. Where several structures differ in nothing but where their double
    bonds are, as in cyclooctatetraene, the short bonds are double.

    Parameters
    ----------
    numbers
        Atomic numbers (N,).
    positions
        (N, 3), Å.
    charge
        Of the whole frame, in elementary charges.

    Examples
    --------
    >>> perceive(np.array([1, 1]), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]]), 0)
    '[H:1][H:2]'
    """
    if len(numbers) > _MOST_ATOMS:
        return None
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    mol = connected(numbers, positions)
    for limit in _STRAINED:
        _cut_strained(mol, positions, limit)
        if _assign(mol, charge):
            break
    else:
        return None
    try:
        Chem.SanitizeMol(mol)
        _localise(mol, positions)
    except (ValueError, RuntimeError):
        return None
    Chem.AssignStereochemistryFrom3D(mol)
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(atom.GetIdx() + 1)
        if atom.GetChiralTag() not in _TETRAHEDRAL:
            atom.SetChiralTag(_TETRAHEDRAL[0])
    return str(Chem.MolToSmiles(mol))


def perceive_or_warn(numbers: Ints, positions: Floats, charge: int) -> str | None:
    """Do as :func:`perceive`; where it finds nothing, the log says so, once per molecule."""
    found = perceive(numbers, positions, charge)
    if found is None and len(numbers) > 1:  # a lone atom has no bonds that could be named
        formula = Formula.from_list([chemical_symbols[z] for z in numbers]).format("hill")
        reason = "no structure of closed shells fits its geometry"
        if len(numbers) > _MOST_ATOMS:
            reason = f"bonds are perceived for up to {_MOST_ATOMS} atoms"
        _warn_once(formula, charge, reason)
    return found


@lru_cache(maxsize=1000)
def _warn_once(formula: str, charge: int, reason: str) -> None:
    log.warning(
        "%s, charge %d: bond orders not perceived (%s), so its bonds are named C~H, without them: "
        "set `charge` or `smiles` of its frames.",
        formula,
        charge,
        reason,
    )


def _assign(mol: Chem.RWMol, charge: int) -> bool:
    """Give every fragment its Lewis structure; say whether there is one."""
    fragments = _fragments(mol)
    structures = _structures([fragment.graph for fragment in fragments], charge)
    for fragment, structure in zip(fragments, structures or (), strict=False):
        atoms = [mol.GetAtomWithIdx(row) for row in fragment.rows]
        apply_lewis(atoms, [mol.GetBondWithIdx(bond) for bond in fragment.bonds], structure)
    return structures is not None


def _ends(bond: Chem.Bond) -> tuple[int, int]:
    return bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()


def _relative_length(bond: Chem.Bond, positions: Floats) -> float:
    """Return the length of a bond over the sum of covalent radii."""
    i, j = bond.GetBeginAtom(), bond.GetEndAtom()
    reach = covalent_radii[i.GetAtomicNum()] + covalent_radii[j.GetAtomicNum()]
    return float(np.linalg.norm(positions[i.GetIdx()] - positions[j.GetIdx()]) / reach)


def _cut_strained(mol: Chem.RWMol, positions: Floats, limit: float) -> None:
    """Remove the longest side of each three-ring if it is longer than ``limit``."""
    Chem.GetSymmSSSR(mol)
    rings = [ring for ring in mol.GetRingInfo().BondRings() if len(ring) == 3]
    sides = [[mol.GetBondWithIdx(b) for b in ring] for ring in rings]
    longest = {max((_relative_length(b, positions), _ends(b)) for b in side) for side in sides}
    for length, (i, j) in longest:
        if length > limit:
            mol.RemoveBond(i, j)


def _localise(mol: Chem.RWMol, positions: Floats) -> None:
    """Move the double bonds of conjugated rings that are not aromatic to the short bonds."""
    ring = [b for b in mol.GetBonds() if b.IsInRing() and not b.GetIsAromatic()]
    unsaturated = {row for b in ring if b.GetBondType() != _SINGLE for row in _ends(b)}
    bonds = [bond for bond in ring if unsaturated.issuperset(_ends(bond))]
    if not bonds:
        return
    pairs = np.array([_ends(bond) for bond in bonds])
    orders = np.array([round(bond.GetBondTypeAsDouble()) for bond in bonds])
    lengths = np.array([_relative_length(bond, positions) for bond in bonds])
    found = shortest_double_bonds(pairs, orders, lengths)
    if (found != orders).any():
        for bond, order in zip(bonds, found.tolist(), strict=True):
            bond.SetBondType(BOND_ORDERS[order])
        Chem.SanitizeMol(mol)


def connected(numbers: Ints, positions: Floats) -> Chem.RWMol:
    """Return the atoms with a bond of order 1 wherever RDKit finds a bond by distance."""
    positions = positions - positions.mean(axis=0)  # RDKit finds no bonds far from the origin
    mol, conformer = Chem.RWMol(), Chem.Conformer(len(numbers))
    for row, (z, position) in enumerate(zip(numbers.tolist(), positions.tolist(), strict=True)):
        atom = Chem.Atom(z)
        atom.SetNoImplicit(True)
        mol.AddAtom(atom)
        conformer.SetAtomPosition(row, Point3D(*position))
    mol.AddConformer(conformer)
    rdDetermineBonds.DetermineConnectivity(mol)
    return mol


def _fragments(mol: Chem.Mol) -> list[_Fragment]:
    rows = Chem.GetMolFrags(mol)
    owner = {row: k for k, members in enumerate(rows) for row in members}
    bonds: list[list[Chem.Bond]] = [[] for _ in rows]
    for bond in mol.GetBonds():
        bonds[owner[bond.GetBeginAtomIdx()]].append(bond)
    return [
        _Fragment(members, tuple(bond.GetIdx() for bond in own), _graph(mol, members, own))
        for members, own in zip(rows, bonds, strict=True)
    ]


def _graph(mol: Chem.Mol, rows: Sequence[int], bonds: Sequence[Chem.Bond]) -> Graph:
    place = {row: k for k, row in enumerate(rows)}
    return Graph(
        tuple(mol.GetAtomWithIdx(row).GetAtomicNum() for row in rows),
        (0,) * len(rows),
        tuple((place[i], place[j]) for i, j in map(_ends, bonds)),
    )


def _structures(graphs: Sequence[Graph], charge: int) -> list[Lewis] | None:
    """Return a Lewis structure of each fragment, of charges that add up to ``charge``."""
    neutral = [lewis(graph, 0) for graph in graphs]
    if charge == 0 and None not in neutral:
        return [one for one in neutral if one is not None]
    sign = 1 if charge > 0 else -1
    one_sign = [[sign * q for q in range(min(abs(charge), _MOST_CHARGE) + 1)]] * len(graphs)
    choices = [_ions(graph, charges) for graph, charges in zip(graphs, one_sign, strict=True)]
    found = _cheapest(choices, charge)
    if found is None and len(graphs) > 1:
        found = _cheapest([_stable_ions(graph) for graph in graphs], charge)
        if found is not None and _pairs_with_itself(graphs, found):
            return None
    return None if found is None else [structure for _, structure in found]


def _ions(graph: Graph, charges: Iterable[int]) -> _Choices:
    found = ((charge, lewis(graph, charge)) for charge in charges)
    return [(charge, structure) for charge, structure in found if structure is not None]


def _stable_ions(graph: Graph) -> _Choices:
    """Return what a fragment may be beside others of either sign, as in a salt."""
    return [
        (charge, structure)
        for charge, structure in _ions(graph, range(-_MOST_CHARGE, _MOST_CHARGE + 1))
        if charge == 0 or structure.cost <= abs(charge) * (_CATION if charge > 0 else _ANION)
    ]


def _cheapest(choices: Sequence[_Choices], charge: int) -> _Choices | None:
    """Return one choice per fragment, of the lowest total cost, whose charges add up."""
    best: dict[int, tuple[int, tuple[tuple[int, Lewis], ...]]] = {0: (0, ())}
    for options in choices:
        longer: dict[int, tuple[int, tuple[tuple[int, Lewis], ...]]] = {}
        for total, (cost, chosen) in best.items():
            for option in options:
                key, value = total + option[0], cost + option[1].cost
                if key not in longer or value < longer[key][0]:
                    longer[key] = (value, (*chosen, option))
        best = longer
    return list(best[charge][1]) if charge in best else None


def _pairs_with_itself(graphs: Sequence[Graph], found: _Choices) -> bool:
    """Say whether two fragments alike have charges of opposite signs: they are radicals."""
    signs: dict[tuple[object, ...], set[bool]] = {}
    for graph, (charge, _) in zip(graphs, found, strict=True):
        if charge:
            alike = (tuple(sorted(graph.numbers)), len(graph.bonds))
            signs.setdefault(alike, set()).add(charge > 0)
    return any(len(both) > 1 for both in signs.values())
