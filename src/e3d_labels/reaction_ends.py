"""Relaxed reactants and products between which a reaction path may be found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.data import covalent_radii
from ase.optimize import BFGS, FIRE
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from e3d.chemistry import molecule, parse
from e3d.connectivity import bonds_intact

Calculator = Callable[[], Any]
"""Makes a calculator of ASE: GFN2-xTB, or in tests an exact function."""

_MINIMUM_EV_ANG = 0.01
_STEPS = 1500
_CONFORMERS = 30
_SEED = 11
_SAME_ANG = 0.1
_DRIVE_STEPS = 300
_DRIVEN_EV_ANG = 0.5
_RATTLE_ANG = 0.1
_STIFF_EV_ANG2 = 20.0  # of the springs that lead to the product
_CLOSE, _FAR = 1.05, 1.9  # of the sum of covalent radii: where springs put formed and broken pairs


class PathError(RuntimeError):
    """A reaction without a usable path: it is left out and reported."""


@dataclass(frozen=True)
class Reaction:
    """A closed-shell unimolecular reaction of mapped SMILES; map number k is row k-1 in both."""

    name: str
    reactant: str
    product: str

    def __str__(self) -> str:
        """Return what messages call it."""
        return self.name


def changed_pairs(reactant: str, product: str) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Return the pairs of rows bonded in the reactant only (broken), in the product only (formed).

    >>> changed_pairs("[H:3][C:1]#[N:2]", "[C-:1]#[N+:2][H:3]")
    ({(0, 2)}, {(1, 2)})
    """
    before, after = (
        {(bond.i, bond.j) for bond in molecule(smiles).bonds} for smiles in (reactant, product)
    )
    return before - after, after - before


def relaxed_ends(reaction: Reaction, calculator: Calculator) -> list[tuple[Atoms, Atoms]]:
    """Return pairs of relaxed reactant and product, superposed, the closest ones first.

    Products are drawn out of each reactant by springs, so that fragments stay where they left;
    where no bond changes (isomers about a double bond) they are embedded.
    """
    broken, formed = changed_pairs(reaction.reactant, reaction.product)
    reactants = _embedded(reaction.reactant, calculator)
    if broken or formed:
        driven = [(start, _driven(start, broken, formed, calculator)) for start in reactants]
        pairs = [(start, end) for start, end in driven if end is not None]
    else:
        products = _embedded(reaction.product, calculator)
        pairs = [(start, end) for start in reactants for end in products]
    intact = [(start, _placed(end, start)) for start, end in pairs if _keeps(end, reaction.product)]
    return sorted(intact, key=lambda pair: _distance(*pair))


def _embedded(smiles: str, calculator: Calculator) -> list[Atoms]:
    """Return distinct relaxed conformers with the bonds of the SMILES, atoms in its map order."""
    mol = Chem.RWMol(parse(smiles))
    order = [int(row) for row in np.argsort([atom.GetAtomMapNum() for atom in mol.GetAtoms()])]
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    found: list[Atoms] = []
    for k in rdDistGeom.EmbedMultipleConfs(mol, numConfs=_CONFORMERS, randomSeed=_SEED):
        positions = np.array(mol.GetConformer(k).GetPositions())[order]
        atoms = Atoms(molecule(smiles).atomic_numbers, positions)
        _relax(atoms, calculator)
        if _keeps(atoms, smiles) and all(
            _distance(other, _placed(atoms, other)) > _SAME_ANG for other in found
        ):
            found.append(atoms)
    return found


def _relax(atoms: Atoms, calculator: Calculator) -> None:
    atoms.calc = calculator()
    BFGS(atoms, logfile=None).run(fmax=_MINIMUM_EV_ANG, steps=_STEPS)


def _keeps(atoms: Atoms, smiles: str) -> bool:
    bonds = molecule(smiles).bond_index
    return bool(bonds_intact(atoms.positions[None], atoms.numbers, bonds)[0])


class _Springs:
    """Draw formed pairs together and broken ones apart (a constraint of ASE)."""

    def __init__(self, close: Sequence[tuple[int, int]], far: Sequence[tuple[int, int]]) -> None:
        self._pairs = [(pair, _CLOSE, 1.0) for pair in close] + [(pair, _FAR, -1.0) for pair in far]

    def adjust_positions(self, atoms: Atoms, new: NDArray[np.float64]) -> None:
        """Leave positions as they are."""

    def adjust_forces(self, atoms: Atoms, forces: NDArray[np.float64]) -> None:
        """Add the springs' forces."""
        radii = covalent_radii[atoms.numbers]
        for (i, j), factor, sign in self._pairs:
            axis = atoms.positions[j] - atoms.positions[i]
            length = float(np.linalg.norm(axis))
            stretch = length - factor * (radii[i] + radii[j])
            if sign * stretch > 0:
                forces[i] += _STIFF_EV_ANG2 * stretch * axis / length
                forces[j] -= _STIFF_EV_ANG2 * stretch * axis / length


def _driven(
    start: Atoms, broken: set[tuple[int, int]], formed: set[tuple[int, int]], calculator: Calculator
) -> Atoms | None:
    """Return what the reactant becomes when springs change its bonds and then let go.

    None if GFN2-xTB fails on the way.
    """
    atoms = Atoms(start.numbers, start.positions + rattle(len(start)))
    atoms.calc = calculator()
    atoms.set_constraint(_Springs(sorted(formed), sorted(broken)))
    try:
        FIRE(atoms, logfile=None).run(fmax=_DRIVEN_EV_ANG, steps=_DRIVE_STEPS)
        atoms.set_constraint()
        _relax(atoms, calculator)
    except CalculationFailed:
        return None
    return atoms


def rattle(n: int) -> NDArray[np.float64]:
    """Return small displacements (n, 3), Å, always the same: they lead out of lines and planes."""
    return np.random.default_rng(_SEED).normal(0.0, _RATTLE_ANG, (n, 3))


def _placed(atoms: Atoms, onto: Atoms) -> Atoms:
    """Return ``atoms``, or their mirror image (of the same energy) if closer, superposed."""
    both = [superpose(x, onto.positions) for x in (atoms.positions, atoms.positions * [1, 1, -1])]
    best = min(both, key=lambda x: float(np.linalg.norm(x - onto.positions)))
    return Atoms(atoms.numbers, best)


def superpose(moving: NDArray[np.float64], fixed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return positions (N, 3) rotated and shifted onto others with least squares.

    Source: Kabsch, Acta Cryst. A 32, 922 (1976), doi:10.1107/S0567739476001873.
    """
    a, b = moving - moving.mean(axis=0), fixed - fixed.mean(axis=0)
    left, _, right = np.linalg.svd(a.T @ b)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return np.asarray(a @ left @ flip @ right + fixed.mean(axis=0))


def _distance(first: Atoms, second: Atoms) -> float:
    return float(np.linalg.norm(first.positions - second.positions))
