"""Minimum-energy paths of closed-shell unimolecular reactions: climbing-image NEB at GFN2-xTB.

From mapped SMILES of reactant and product to images in the SPICE layout, which ``e3d data label``
labels. The climbing image must be a saddle: one negative mode of the finite-difference Hessian.
NEB is ASE's, GFN2-xTB tblite's. Climbing image: Henkelman, Uberuaga, Jónsson, J. Chem. Phys. 113,
9901 (2000), doi:10.1063/1.1329672; first guess by IDPP: Smidstrup et al., J. Chem. Phys. 140,
214106 (2014), doi:10.1063/1.4878664.
"""

import logging
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.mep import NEB, idpp_interpolate
from ase.optimize import FIRE
from numpy.typing import NDArray

from e3d_labels.reaction_ends import (
    Calculator,
    PathError,
    Reaction,
    rattle,
    relaxed_ends,
    superpose,
)

log = logging.getLogger(__name__)

PATH_FORCE_EV_ANG = 0.03
"""Largest force across the path, and of the climbing image, at which a path counts as found."""
_ROUGH_EV_ANG = 0.5  # the image climbs only once the path is this good
_SPRING = 1.0  # eV/Å^2
_STEPS = 1500
_TRIES = 4
_DETOUR_EV = 0.1
_LINEAR = 1e-3  # of the largest: a rotation about the axis of a linear molecule is none
_HESSIAN_STEP_ANG = 0.005
_NEGATIVE_EV_ANG2_U = -0.05  # 117i cm-1: below what rotation and the step's noise leave


@dataclass(frozen=True)
class ReactionPath:
    """M images of a path of N atoms.

    Parameters
    ----------
    numbers
        Atomic numbers (N,).
    images, energy
        Positions (M, N, 3), Å, and energies (M,), eV.
    saddle
        Which image is the saddle.
    negative_modes
        Its negative eigenvalue (1,), eV/Å²/u.
    """

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


def find_path(reaction: Reaction, calculator: Calculator, *, images: int) -> ReactionPath:
    """Return the path of a reaction between the closest pair of its end geometries that has one.

    Raises
    ------
    PathError
        If no end geometry has the bonds of its SMILES, or no band converges to a saddle.
    """
    reason = "no geometry of reactant or product keeps the bonds of its SMILES"
    for start, end in relaxed_ends(reaction, calculator)[:_TRIES]:
        try:
            return path_between(start, end, calculator, images=images)
        except PathError as error:
            reason = str(error)
            log.info("%s: %s; next pair of ends", reaction.name, error)
    raise PathError(reason)


def path_between(start: Atoms, end: Atoms, calculator: Calculator, *, images: int) -> ReactionPath:
    """Relax a band of images, let its top climb, and check that it is a saddle.

    Raises
    ------
    PathError
        If it does not converge, or its top is an end or no saddle.
    """
    band = _band(start, end, calculator, images)
    try:
        _climb(band)
        energy = np.array([image.get_potential_energy() for image in band])
        top = int(energy.argmax())
        if top in (0, images - 1):
            raise PathError("no barrier: the highest image is an end")
        if detour(energy) > _DETOUR_EV:
            raise PathError(
                f"not one step: a minimum of {detour(energy):.2f} eV depth lies on the path"
            )
        negative = negative_modes(band[top])
    except CalculationFailed as error:
        raise PathError(f"GFN2-xTB failed on the band: {' '.join(str(error).split())}") from None
    if len(negative) != 1:
        raise PathError(f"its top has {len(negative)} negative modes, a saddle has one")
    return ReactionPath(
        start.numbers, np.array([image.positions for image in band]), energy, top, negative
    )


def _band(start: Atoms, end: Atoms, calculator: Calculator, images: int) -> list[Atoms]:
    band = [Atoms(start.numbers, start.positions) for _ in range(images - 1)]
    band.append(Atoms(end.numbers, end.positions))
    for image in band:
        image.calc = calculator()
    return band


def _climb(band: list[Atoms]) -> None:
    """Move the images of a band onto the path, the highest one to its top."""
    neb = NEB(band, k=_SPRING, method="improvedtangent", remove_rotation_and_translation=True)
    neb.interpolate()
    for image in band[1:-1]:
        image.positions += rattle(len(image))
    idpp_interpolate(neb, traj=None, log=None)
    FIRE(neb, logfile=None).run(fmax=_ROUGH_EV_ANG, steps=_STEPS)
    neb.climb = True
    if not FIRE(neb, logfile=None).run(fmax=PATH_FORCE_EV_ANG, steps=_STEPS):
        raise PathError(f"band not converged to {PATH_FORCE_EV_ANG} eV/Å in {_STEPS} steps")


def detour(energy: NDArray[np.float64]) -> float:
    """Return the largest fall (eV) on the way up to the top, or rise after it; 0 for one step.

    ``energy`` (M,) is that of the images, in eV.

    >>> round(detour(np.array([0.0, 1.0, 0.4, 2.0, 1.0])), 3)
    0.6
    """
    top = int(energy.argmax())
    up, down = energy[: top + 1], energy[top:][::-1]
    return float(max(np.max(np.maximum.accumulate(side) - side) for side in (up, down)))


def negative_modes(atoms: Atoms) -> NDArray[np.float64]:
    """Return the negative eigenvalues (K,) of the mass-weighted Hessian, eV/Å²/u.

    Rotations and shifts are left out. Central differences of forces; an eigenvalue nearer to zero
    than 117i cm-1 does not count.
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
    weighted = (hessian + hessian.T) / 2 * np.outer(weight, weight)
    values = np.linalg.eigvalsh(inner.T @ weighted @ inner)
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
