"""Periodic cells that can be used: every reader and command asks here."""

from typing import Final, Literal

import numpy as np
from ase.geometry import complete_cell
from numpy.typing import NDArray

from e3d.errors import InputError
from e3d.units import KBAR_EV_PER_ANG3

_SHORTEST_ANG: Final = 0.5
_LONGEST_ANG: Final = 1e6
_SMALLEST_ANG3: Final = 1.0
"""Volume of an atom: hydrogen at some 500 GPa (r_s = 1.3 bohr) has 1.4 Å^3."""
_LARGEST_EV_PER_ANG3: Final = 10.0
_LARGEST_EV: Final = 50.0
"""Stress times the volume of an atom: at 500 GPa, in 5 Å^3, it is 16 eV."""
_ASYMMETRY: Final = 0.01


def require_cell(cell: NDArray[np.float64], pbc: NDArray[np.bool_], n: int, where: str) -> None:
    """Refuse a cell (3, 3), Å, that cannot be the one of N atoms periodic along ``pbc`` (3,).

    Raises
    ------
    InputError
        If there are periodic flags and no cell, or the cell is flat, has no room for its atoms, or
        is longer than distances can be resolved in.
    """
    flags = np.asarray(pbc, dtype=bool)
    if not flags.any():
        return
    length = np.linalg.norm(cell, axis=1)
    if not np.isfinite(cell).all() or (length[flags] == 0).any():
        raise InputError(
            f"{where}: is periodic along a cell vector of no length. Give its Lattice, or set pbc "
            "to F."
        )
    outside = (length[flags] < _SHORTEST_ANG) | (length[flags] > _LONGEST_ANG)
    if outside.any():
        raise InputError(
            f"{where}: has a cell vector of {length[flags][outside][0]:.3g} Å, expected "
            f"{_SHORTEST_ANG:g} to {_LONGEST_ANG:g} Å. Fix its Lattice, or set pbc to F."
        )
    volume = abs(np.linalg.det(complete_cell(cell)))
    if volume < 1e-6 * np.prod(np.linalg.norm(complete_cell(cell), axis=1)):
        raise InputError(
            f"{where}: its cell vectors lie in one plane. Fix its Lattice, or set pbc to F."
        )
    if flags.all() and volume < _SMALLEST_ANG3 * n:
        raise InputError(
            f"{where}: its cell has {volume / n:.2g} Å^3 for each of {n} atoms, expected at least "
            f"{_SMALLEST_ANG3:g}. Fix its Lattice, or set pbc to F."
        )


def require_stress(
    stress: NDArray[np.float64],
    cell: NDArray[np.float64],
    n: int,
    where: str,
    *,
    unit: Literal["eV/Å^3", "kbar"] = "eV/Å^3",
    virial: float = 0.0,
) -> None:
    """Refuse numbers (3, 3) that are no stress of N atoms in eV/Å^3, or that are not symmetric.

    Parameters
    ----------
    unit
        What the file has it in, which the message uses.
    virial
        Largest stress times volume, eV, that the forces would give in a molecule: that of a
        squeezed bond in a large box is right.

    Raises
    ------
    InputError
        If it is beyond 10 eV/Å^3 (1.6 TPa), or beyond 50 eV in the volume of an atom and the
        ``virial``.
    """
    require_symmetric(stress, f"{where}: stress")
    largest, volume = float(np.abs(stress).max()), abs(float(np.linalg.det(cell))) / n
    of_atom = max(_LARGEST_EV, virial / n)
    allowed = min(_LARGEST_EV_PER_ANG3, of_atom / volume if volume else np.inf)
    if largest > allowed and unit == "kbar":
        raise InputError(
            f"{where}: stress of {largest / KBAR_EV_PER_ANG3:.4g} kbar, expected at most "
            f"{allowed / KBAR_EV_PER_ANG3:.2g} here. Correct or remove it."
        )
    if largest > allowed:
        raise InputError(
            f"{where}: stress of {largest:.4g} eV/Å^3, expected at most {allowed:.2g} here; it may "
            "be in kbar or GPa. Convert it to eV/Å^3 (1 GPa is 0.00624), or remove it; if it is "
            "right, say stress_unit=eV/A^3."
        )


def largest_virial(positions: NDArray[np.float64], forces: NDArray[np.float64]) -> float:
    """Return a bound of every component of the sum of r F over the atoms of a molecule, eV.

    ``positions`` (N, 3), Å, and ``forces`` (N, 3), eV/Å.
    """
    away = np.abs(positions - positions.mean(axis=0))
    return float((away.T @ np.abs(forces)).max())


def require_symmetric(stress: NDArray[np.float64], name: str) -> None:
    """Refuse numbers (3, 3), eV/Å^3, that are no stress since they are not symmetric.

    What messages call them is ``name``.

    Raises
    ------
    InputError
        If two components differ by more than a hundredth of the largest, and 1 kbar.
    """
    apart = np.abs(stress - stress.T)
    i, j = np.unravel_index(np.argmax(apart), apart.shape)
    if apart[i, j] > max(_ASYMMETRY * np.abs(stress).max(), KBAR_EV_PER_ANG3):
        raise InputError(
            f"{name} is not symmetric, component {i + 1}{j + 1} is not that of {j + 1}"
            f"{i + 1} - expected a symmetric tensor. Correct or remove it."
        )
