"""Conformations displaced along normal modes: a second's work for a molecule, by GFN2-xTB.

Around a minimum the energy is a sum of squares, and each normal mode has the classical spread of
its temperature. Soft modes are torsions, which are not harmonic: they are taken as stiffer.
The same sampling as that of ANI-1 (Smith, Isayev, Roitberg, Chem. Sci. 8, 3192 (2017)), but with
the spread of a temperature.
"""

from typing import Final

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray
from tblite.interface import Calculator

from e3d.units import BOHR_ANG, HARTREE_EV

SOFTEST_PER_CM: Final = 150.0
"""Softer modes are taken to be as stiff as this."""
_HBAR: Final = units._hbar * units.J * units.s
"""In ASE's units, eV Å √(u/eV)."""
_STEP_ANG: Final = 0.01
_ZERO: Final = 1e-6


def displaced(
    atoms: Atoms, temperatures: NDArray[np.float64], rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Return positions (N, 3), Å, one for each temperature, K, around a minimum of ``atoms``."""
    spread = _spread_at_1_kelvin(atoms)  # (3N, K)
    normal = rng.normal(size=(len(temperatures), spread.shape[1]))
    steps = (normal * np.sqrt(temperatures)[:, None]) @ spread.T
    return [atoms.positions + step.reshape(-1, 3) for step in steps]


def _spread_at_1_kelvin(atoms: Atoms) -> NDArray[np.float64]:
    """Return displacements (3N, K), Å, of one standard deviation of each of K vibrations at 1 K."""
    hessian = _hessian(atoms)
    root_mass = np.sqrt(np.repeat(atoms.get_masses(), 3))
    stiff = _without_rigid(atoms, hessian / np.outer(root_mass, root_mass))
    squared, modes = np.linalg.eigh(stiff)  # eV/(Å² u)
    softest = (SOFTEST_PER_CM * units.invcm / _HBAR) ** 2
    vibrations = squared > _ZERO * squared.max()
    width = np.sqrt(units.kB / np.maximum(squared[vibrations], softest))
    return np.asarray(modes[:, vibrations] * width / root_mass[:, None])


def _hessian(atoms: Atoms) -> NDArray[np.float64]:
    """Return second derivatives (3N, 3N), eV/Å², by central differences of GFN2-xTB's gradients."""
    rest = atoms.positions / BOHR_ANG
    step = _STEP_ANG / BOHR_ANG
    calculator = Calculator("GFN2-xTB", atoms.numbers, rest)
    calculator.set("verbosity", 0)
    calculator.set("accuracy", 0.01)
    result = calculator.singlepoint()
    rows = []
    for axis in range(rest.size):
        gradients = []
        for sign in (1.0, -1.0):
            moved = rest.copy()
            moved.flat[axis] += sign * step
            calculator.update(moved)
            result = calculator.singlepoint(result)
            gradients.append(np.ravel(result["gradient"]))
        rows.append((gradients[0] - gradients[1]) / (2 * step))
    found = np.array(rows) * HARTREE_EV / BOHR_ANG**2
    return np.asarray((found + found.T) / 2)


def _without_rigid(atoms: Atoms, stiff: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a mass-weighted Hessian (3N, 3N) without translations and rotations."""
    root_mass = np.sqrt(atoms.get_masses())[:, None]
    from_centre = atoms.positions - atoms.get_center_of_mass()
    axes = np.eye(3)
    rigid = [np.ravel(root_mass * axis) for axis in axes]
    rigid += [np.ravel(root_mass * np.cross(axis, from_centre)) for axis in axes]
    basis, sizes, _ = np.linalg.svd(np.array(rigid).T, full_matrices=False)
    basis = basis[:, sizes > _ZERO * sizes.max()]  # a linear molecule has two rotations
    project = np.eye(len(stiff)) - basis @ basis.T
    return np.asarray(project @ stiff @ project)
