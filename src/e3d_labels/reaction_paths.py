"""Minimum-energy paths of closed-shell unimolecular reactions: climbing-image NEB at GFN2-xTB (ASE, tblite).

From mapped SMILES of reactant and product to images in the SPICE layout, which ``e3d data label`` labels. The
climbing image must be a saddle: one negative mode of the finite-difference Hessian. Climbing image: Henkelman,
Uberuaga, Jónsson, J. Chem. Phys. 113, 9901 (2000), doi:10.1063/1.1329672; first guess by IDPP: Smidstrup et al.,
J. Chem. Phys. 140, 214106 (2014), doi:10.1063/1.4878664.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.data import covalent_radii
from ase.mep import NEB, idpp_interpolate
from ase.optimize import BFGS, FIRE
from e3d.chemistry import molecule, parse
from e3d.connectivity import distances_intact
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdDistGeom

log = logging.getLogger(__name__)

IMAGES = 9
PATH_FORCE_EV_ANG = 0.03
"""Largest force perpendicular to the path, and of the climbing image, at which a path counts as found."""
_ROUGH_EV_ANG = 0.5  # the image climbs only once the path is this good
_MINIMUM_EV_ANG = 0.01
_SPRING = 1.0  # eV/Å^2
_STEPS = 1500
_CONFORMERS = 30
_SEED = 11
_TRIES = 4
_SAME_ANG = 0.1
_DRIVE_STEPS = 300
_DETOUR_EV = 0.1
_RATTLE_ANG = 0.1
_LINEAR = 1e-3  # of the largest: a rotation about the axis of a linear molecule is none
_HESSIAN_STEP_ANG = 0.005
_NEGATIVE_EV_ANG2_U = -0.05  # 117i cm-1: below what rotation and the step's noise leave
_STIFF_EV_ANG2 = 20.0  # of the springs that lead to the product
_CLOSE, _FAR = 1.05, 1.9  # of the sum of covalent radii: where springs put formed and broken pairs

Calculator = Callable[[], Any]
"""Makes a calculator of ASE: GFN2-xTB, or in tests an exact function."""


class PathError(RuntimeError):
    """A reaction without a usable path: it is left out and reported."""


@dataclass(frozen=True)
class Reaction:
    """A closed-shell unimolecular reaction: mapped SMILES, map number k is row k-1 on both sides."""

    name: str
    reactant: str
    product: str


@dataclass(frozen=True)
class ReactionPath:
    """Images (M, N, 3) Å, their energies (M,) eV, which image is the saddle, and its negative modes (eV/Å²/u)."""

    numbers: NDArray[np.int64]
    images: NDArray[np.float64]
    energy: NDArray[np.float64]
    saddle: int
    negative_modes: NDArray[np.float64]

    @property
    def coordinate(self) -> NDArray[np.float64]:
        """Arc length (M,) in Å: distances of successive images in 3N dimensions, superposed."""
        steps = [
            np.linalg.norm(superpose(b, a) - a)
            for a, b in zip(self.images, self.images[1:], strict=False)
        ]
        return np.concatenate([[0.0], np.cumsum(steps)])


def find_path(reaction: Reaction, calculator: Calculator, *, images: int = IMAGES) -> ReactionPath:
    """Return the path of a reaction between the closest pair of its end geometries that has one.

    Raises
    ------
    PathError
        If no end geometry has the bonds of its SMILES, or no band converges to a saddle.
    """
    reason = "no geometry of reactant or product keeps the bonds of its SMILES"
    for start, end in _ends(reaction, calculator)[:_TRIES]:
        try:
            return _band(start, end, calculator, images)
        except PathError as error:
            reason = str(error)
            log.info("%s: %s; next pair of ends", reaction.name, error)
    raise PathError(reason)


def changed_pairs(reactant: str, product: str) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Return the pairs of rows that are bonded in the reactant only (broken) and in the product only (formed)."""
    before, after = (
        {(bond.i, bond.j) for bond in molecule(smiles).bonds} for smiles in (reactant, product)
    )
    return before - after, after - before


def _ends(reaction: Reaction, calculator: Calculator) -> list[tuple[Atoms, Atoms]]:
    """Return pairs of relaxed reactant and product, superposed, the closest ones first.

    Products are drawn out of each reactant by springs, which keeps fragments where they left; where no
    bond changes (isomers about a double bond) they are embedded.
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
    """Return distinct relaxed conformers with the bonds of the SMILES, rows in the order of its map numbers."""
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
    first, second = np.triu_indices(len(atoms), k=1)
    r = atoms.get_all_distances()[first, second]
    return bool(distances_intact(r[None], atoms.numbers, molecule(smiles).bond_index)[0])


class _Springs:
    """Draw formed pairs together and broken ones apart (a constraint of ASE)."""

    def __init__(self, close: Sequence[tuple[int, int]], far: Sequence[tuple[int, int]]) -> None:
        self._pairs = [(pair, _CLOSE, 1.0) for pair in close] + [(pair, _FAR, -1.0) for pair in far]

    def adjust_positions(self, atoms: Atoms, new: NDArray[np.float64]) -> None:
        """Leave positions as they are."""

    def adjust_forces(self, atoms: Atoms, forces: NDArray[np.float64]) -> None:
        """Add the springs' forces."""
        for (i, j), factor, sign in self._pairs:
            axis = atoms.positions[j] - atoms.positions[i]
            length = float(np.linalg.norm(axis))
            stretch = length - factor * (
                covalent_radii[atoms.numbers[i]] + covalent_radii[atoms.numbers[j]]
            )
            if sign * stretch > 0:
                forces[i] += _STIFF_EV_ANG2 * stretch * axis / length
                forces[j] -= _STIFF_EV_ANG2 * stretch * axis / length


def _driven(
    start: Atoms, broken: set[tuple[int, int]], formed: set[tuple[int, int]], calculator: Calculator
) -> Atoms | None:
    """Return what the reactant becomes when springs form and break the bonds and then let go; None if xTB fails."""
    atoms = Atoms(start.numbers, start.positions + _rattle(len(start)))
    atoms.calc = calculator()
    atoms.set_constraint(_Springs(sorted(formed), sorted(broken)))
    try:
        FIRE(atoms, logfile=None).run(fmax=_ROUGH_EV_ANG, steps=_DRIVE_STEPS)
        atoms.set_constraint()
        _relax(atoms, calculator)
    except CalculationFailed:
        return None
    return atoms


def _rattle(n: int) -> NDArray[np.float64]:
    """Return small displacements (n, 3) in Å, the same ones each time: they lead out of lines and planes."""
    return np.random.default_rng(_SEED).normal(0.0, _RATTLE_ANG, (n, 3))


def _placed(atoms: Atoms, onto: Atoms) -> Atoms:
    """Return ``atoms`` superposed on ``onto``; its mirror image where that is closer (of the same energy)."""
    both = [superpose(x, onto.positions) for x in (atoms.positions, atoms.positions * [1, 1, -1])]
    best = min(both, key=lambda x: float(np.linalg.norm(x - onto.positions)))
    return Atoms(atoms.numbers, best)


def superpose(moving: NDArray[np.float64], fixed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return positions (N, 3) rotated and shifted onto others with least squares (Kabsch 1976)."""
    a, b = moving - moving.mean(axis=0), fixed - fixed.mean(axis=0)
    left, _, right = np.linalg.svd(a.T @ b)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return np.asarray(a @ left @ flip @ right + fixed.mean(axis=0))


def _distance(first: Atoms, second: Atoms) -> float:
    return float(np.linalg.norm(first.positions - second.positions))


def _band(start: Atoms, end: Atoms, calculator: Calculator, images: int) -> ReactionPath:
    """Relax a band of images, then let its top climb.

    Raises
    ------
    PathError
        If it does not converge, or its top is an end or no saddle.
    """
    try:
        return _climbed(start, end, calculator, images)
    except CalculationFailed as error:
        raise PathError(f"GFN2-xTB failed on the band: {' '.join(str(error).split())}") from None


def _climbed(start: Atoms, end: Atoms, calculator: Calculator, images: int) -> ReactionPath:
    band = [Atoms(start.numbers, start.positions) for _ in range(images - 1)] + [
        Atoms(end.numbers, end.positions)
    ]
    for image in band:
        image.calc = calculator()
    neb = NEB(band, k=_SPRING, method="improvedtangent", remove_rotation_and_translation=True)
    neb.interpolate()
    for image in band[1:-1]:
        image.positions += _rattle(len(image))
    idpp_interpolate(neb, traj=None, log=None)
    FIRE(neb, logfile=None).run(fmax=_ROUGH_EV_ANG, steps=_STEPS)
    neb.climb = True
    optimiser = FIRE(neb, logfile=None)
    if not optimiser.run(fmax=PATH_FORCE_EV_ANG, steps=_STEPS):
        raise PathError(f"band not converged to {PATH_FORCE_EV_ANG} eV/Å in {_STEPS} steps")
    energy = np.array([image.get_potential_energy() for image in band])
    top = int(energy.argmax())
    if top in (0, images - 1):
        raise PathError("no barrier: the highest image is an end")
    if detour(energy) > _DETOUR_EV:
        raise PathError(
            f"not one step: a minimum of {detour(energy):.2f} eV depth lies on the path"
        )
    negative = negative_modes(band[top])
    if len(negative) != 1:
        raise PathError(f"its top has {len(negative)} negative modes, a saddle has one")
    return ReactionPath(
        start.numbers, np.array([image.positions for image in band]), energy, top, negative
    )


def detour(energy: NDArray[np.float64]) -> float:
    """Return how far (eV) the energy falls on its way to the top, or rises after it, at most; 0 for one step."""
    top = int(energy.argmax())
    up, down = energy[: top + 1], energy[top:][::-1]
    return float(max(np.max(np.maximum.accumulate(side) - side) for side in (up, down)))


def negative_modes(atoms: Atoms) -> NDArray[np.float64]:
    """Return the negative eigenvalues (eV/Å²/u) of the mass-weighted Hessian without rotations and shifts.

    Central differences of forces; an eigenvalue nearer to zero than 117i cm-1 does not count.
    """
    n = len(atoms)
    probe = atoms.copy()
    probe.calc = atoms.calc
    hessian = np.zeros((3 * n, 3 * n))
    for k in range(3 * n):
        forces = []
        for sign in (1, -1):
            shift = np.zeros(3 * n)
            shift[k] = sign * _HESSIAN_STEP_ANG
            probe.positions = atoms.positions + shift.reshape(n, 3)
            forces.append(probe.get_forces().ravel())
        hessian[k] = (forces[1] - forces[0]) / (2 * _HESSIAN_STEP_ANG)
    weight = np.repeat(atoms.get_masses(), 3) ** -0.5
    inner = _internal(atoms)
    values = np.linalg.eigvalsh(
        inner.T @ ((hessian + hessian.T) / 2 * np.outer(weight, weight)) @ inner
    )
    return np.asarray(values[values < _NEGATIVE_EV_ANG2_U])


def _internal(atoms: Atoms) -> NDArray[np.float64]:
    """Return a basis (3N, K) of mass-weighted displacements that neither shift nor rotate."""
    root = np.sqrt(atoms.get_masses())
    x = atoms.positions - atoms.get_center_of_mass()
    axes = np.eye(3)
    outer = [np.outer(root, axis).ravel() for axis in axes]
    outer += [(root[:, None] * np.cross(axis, x)).ravel() for axis in axes]
    left, sizes, _ = np.linalg.svd(np.array(outer).T)
    return np.asarray(left[:, int((sizes > _LINEAR * sizes.max()).sum()) :])
