"""SPICE's level of theory, wB97M-D3(BJ)/def2-TZVPPD with density fitting, through PySCF.

Closed shells by RKS, open shells by UKS from the lowest of three guesses. A closed shell with a
broken bond is tried by broken-symmetry UKS as well, and the lower of the two energies is kept.
"""

import contextlib
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyscf import dft, gto, lib

from e3d.chemistry import symbol
from e3d_labels.task import Label, NotConvergedError, Task

FUNCTIONAL = "wb97m-d3bj"
BASIS = "def2-tzvppd"
GRID_LEVEL = 3
CONVERGENCE_HARTREE = 1e-9

_KEPT_DENSITIES = 64
_COARSE_LEVEL = 0
_COARSE_HARTREE = 1e-5
_FIRST_ECP = 37  # def2 bases have effective core potentials from rubidium on
_GUESSES = ("minao", "sap", "1e")
"""Starting points of an open shell: seconds, where a stability analysis of ethoxy takes minutes."""
_BROKEN_SYMMETRY_GAIN_HARTREE = 1e-7


class Dft:
    """wB97M-D3(BJ)/def2-TZVPPD; the last density of a molecule starts its next conformation."""

    def __init__(self) -> None:
        """Start without densities."""
        lib.num_threads(1)  # several processes side by side, one thread each
        self._densities: OrderedDict[str, NDArray[np.float64]] = OrderedDict()

    def label(self, task: Task) -> Label:
        """Label one conformation.

        Raises
        ------
        NotConvergedError
            If neither DIIS nor the second-order solver converges.
        """
        mol = _molecule(task)
        unrestricted = task.multiplicity != 1
        species = f"{task.group} {task.charge} {task.multiplicity}"
        field = _solve(mol, unrestricted=unrestricted, guess=self._densities.get(species))
        method = "UKS" if unrestricted else "RKS"
        self._remember(species, field.make_rdm1())
        if task.stretched and not unrestricted:
            broken = _broken_symmetry(mol, field)
            if broken is not None and broken.e_tot < field.e_tot - _BROKEN_SYMMETRY_GAIN_HARTREE:
                field, method = broken, "broken-symmetry UKS"
        return _label(field, method)

    def _remember(self, species: str, density: NDArray[np.float64]) -> None:
        """Keep the densities of the species met most recently."""
        self._densities[species] = density
        self._densities.move_to_end(species)
        if len(self._densities) > _KEPT_DENSITIES:
            self._densities.popitem(last=False)


def _molecule(task: Task) -> gto.Mole:
    atoms = [
        (symbol(int(z)), tuple(map(float, x)))
        for z, x in zip(task.numbers, task.positions, strict=True)
    ]
    heavy = {symbol(int(z)) for z in task.numbers if z >= _FIRST_ECP}
    return gto.M(
        atom=atoms,
        unit="Bohr",
        basis=BASIS,
        ecp=dict.fromkeys(heavy, BASIS),
        charge=task.charge,
        spin=task.multiplicity - 1,
        verbose=0,
    )


def _solve(mol: gto.Mole, *, unrestricted: bool, guess: NDArray[np.float64] | None) -> Any:
    """Converge on a coarse grid, then on the real one, which alone decides the fixed point."""
    field = (dft.UKS if unrestricted else dft.RKS)(mol, xc=FUNCTIONAL).density_fit()
    field.grids.level, field.conv_tol = _COARSE_LEVEL, _COARSE_HARTREE
    if guess is None and unrestricted:
        density = _lowest(field)
    else:
        field.kernel(dm0=guess)
        density = field.make_rdm1()
    field.grids.reset()
    field.grids.level, field.conv_tol = GRID_LEVEL, CONVERGENCE_HARTREE
    field.kernel(dm0=density)
    return field if field.converged else _second_order(field)


def _lowest(field: Any) -> NDArray[np.float64]:
    """Return the density of the lowest solution that the three guesses lead to."""
    found = []
    for name in _GUESSES:
        field.kernel(dm0=field.get_init_guess(key=name))
        found.append((float(field.e_tot), np.asarray(field.make_rdm1())))
    return min(found, key=lambda pair: pair[0])[1]


def _second_order(field: Any) -> Any:
    solver = field.newton()
    solver.kernel(field.mo_coeff, field.mo_occ)
    if not solver.converged:
        raise NotConvergedError(f"energy not converged to {CONVERGENCE_HARTREE:g} hartree")
    field.mo_coeff, field.mo_occ, field.mo_energy = solver.mo_coeff, solver.mo_occ, solver.mo_energy
    field.e_tot, field.converged = solver.e_tot, True
    return field


def _broken_symmetry(mol: gto.Mole, closed: Any) -> Any:
    """Return a UKS solution from mixed frontier orbitals, or None if it does not converge.

    The guess rotates the highest occupied and the lowest empty orbital into each other by 45
    degrees, one way for each spin: two neutral fragments instead of the ionic mixture.
    """
    n = mol.nelectron // 2
    alpha, beta = closed.mo_coeff.copy(), closed.mo_coeff.copy()
    occupied, empty = closed.mo_coeff[:, n - 1], closed.mo_coeff[:, n]
    alpha[:, n - 1] = (occupied + empty) / np.sqrt(2)
    beta[:, n - 1] = (occupied - empty) / np.sqrt(2)
    alpha[:, n], beta[:, n] = beta[:, n - 1], alpha[:, n - 1]
    guess = np.array([orbitals[:, :n] @ orbitals[:, :n].T for orbitals in (alpha, beta)])
    with contextlib.suppress(NotConvergedError):
        found = _solve(mol, unrestricted=True, guess=guess)
        if found.e_tot < closed.e_tot:
            return found
    # the iteration may end above the closed shell; the second-order solver only goes down
    with contextlib.suppress(NotConvergedError):
        return _second_order(_unrestricted(mol, np.array([alpha, beta]), n))
    return None


def _unrestricted(mol: gto.Mole, orbitals: NDArray[np.float64], n: int) -> Any:
    """Return an unsolved UKS; each spin fills the first ``n`` of the orbitals (2, basis, K)."""
    field = dft.UKS(mol, xc=FUNCTIONAL).density_fit()
    field.grids.level, field.conv_tol = GRID_LEVEL, CONVERGENCE_HARTREE
    field.mo_coeff, field.mo_occ = orbitals, np.zeros(orbitals.shape[::2])
    field.mo_occ[:, :n] = 1
    return field


def _label(field: Any, method: str) -> Label:
    gradient = field.nuc_grad_method()
    gradient.verbose = 0
    density = np.asarray(field.make_rdm1())
    alpha, beta = density if density.ndim == 3 else (density / 2, density / 2)
    overlap = field.get_ovlp()
    owners = np.array([atom for atom, *_ in field.mol.ao_labels(fmt=None)])
    return Label(
        energy=float(field.e_tot),
        gradient=np.asarray(gradient.kernel()),
        mayer=mayer(alpha, beta, overlap, owners),
        wiberg=wiberg(alpha, beta, overlap, owners),
        method=method,
        spin_square=float(field.spin_square()[0]) if method != "RKS" else 0.0,
    )


def mayer(
    alpha: NDArray[np.float64],
    beta: NDArray[np.float64],
    overlap: NDArray[np.float64],
    owners: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return Mayer's bond orders (N, N): 2 sum (PaS)(PaS)' + (PbS)(PbS)'; zero on the diagonal.

    Source: Mayer, Chem. Phys. Lett. 97, 270 (1983), doi:10.1016/0009-2614(83)80005-0.

    Parameters
    ----------
    alpha, beta
        Spin densities (A, A) in A basis functions.
    overlap
        Overlap matrix (A, A).
    owners
        Atom of each basis function (A,).
    """
    first, second = alpha @ overlap, beta @ overlap
    return _by_atom(2 * (first * first.T + second * second.T), owners)


def wiberg(
    alpha: NDArray[np.float64],
    beta: NDArray[np.float64],
    overlap: NDArray[np.float64],
    owners: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return Wiberg's indices (N, N) in Löwdin's orthogonal basis; zero on the diagonal.

    Arguments as for :func:`mayer`. Source: Wiberg, Tetrahedron 24, 1083 (1968),
    doi:10.1016/0040-4020(68)88057-3.
    """
    values, vectors = np.linalg.eigh(overlap)
    root = vectors * np.sqrt(values) @ vectors.T
    return _by_atom(2 * ((root @ alpha @ root) ** 2 + (root @ beta @ root) ** 2), owners)


def _by_atom(orders: NDArray[np.float64], owners: NDArray[np.int64]) -> NDArray[np.float64]:
    member = (owners == np.arange(owners.max() + 1)[:, None]).astype(float)
    summed = member @ orders @ member.T
    np.fill_diagonal(summed, 0.0)
    return np.asarray(summed)
