"""Which atoms are bonded by the geometry alone, and whether that agrees with a SMILES.

Covalent radii are those of Cordero 2008, as in ASE.
"""

import numpy as np
from ase.data import covalent_radii

from e3d.arrays import Floats, Ints, Masks

BROKEN_FACTOR = 1.5
"""A bond longer than this times the sum of covalent radii counts as broken."""
FORMED_FACTOR = 1.15
"""A non-bonded pair shorter than this times the sum of covalent radii counts as a new bond."""
GEOMETRIC_FACTOR = 1.25
"""A pair shorter than this times the sum of covalent radii is a bond where none are known."""


def contact_ratios(positions: Floats, numbers: Ints) -> Floats:
    """Return the distances of all pairs of a molecule over the sums of their covalent radii.

    ``positions`` (..., N, 3), Å, of atoms ``numbers`` (N,); the result (..., N, N) is 0 on the
    diagonal.
    """
    vectors = positions[..., :, None, :] - positions[..., None, :, :]
    reach = covalent_radii[numbers][:, None] + covalent_radii[numbers]
    return np.asarray(np.sqrt(np.einsum("...x,...x->...", vectors, vectors)) / reach)


def bonds_intact(positions: Floats, numbers: Ints, bonds: Ints) -> Masks:
    """Say which frames of a molecule (no cell) still have exactly the bonds of their SMILES.

    Parameters
    ----------
    positions
        (M, N, 3), Å.
    numbers
        Atomic numbers (N,).
    bonds
        Bonded rows (B, 2).

    Returns
    -------
    (M,), as :func:`distances_intact` of each frame.
    """
    first, second = np.triu_indices(len(numbers), k=1)
    return distances_intact(
        np.linalg.norm(positions[:, first] - positions[:, second], axis=-1), numbers, bonds
    )


def distances_intact(distances: Floats, numbers: Ints, bonds: Ints) -> Masks:
    """Say which rows of ``distances`` (M, N(N-1)/2), Å, of the pairs i < j, fit the bonds.

    True where no bond is longer than ``BROKEN_FACTOR`` and no other pair shorter than
    ``FORMED_FACTOR`` times the sum of the covalent radii.

    >>> hydrogen = np.array([1, 1])
    >>> distances_intact(np.array([[0.74], [2.0]]), hydrogen, np.array([[0, 1]])).tolist()
    [True, False]
    """
    first, second = np.triu_indices(len(numbers), k=1)
    reach = covalent_radii[numbers][first] + covalent_radii[numbers][second]
    bonded = np.zeros((len(numbers), len(numbers)), dtype=bool)
    bonded[bonds[:, 0], bonds[:, 1]] = True
    changed = np.where(
        bonded[first, second], distances > BROKEN_FACTOR * reach, distances < FORMED_FACTOR * reach
    )
    return np.asarray(~changed.any(axis=1))


def geometric_bonds(z_i: Ints, z_j: Ints, r: Floats) -> Masks:
    """Say which pairs (P,) of atomic numbers are bonded by their distance ``r`` (Å) alone."""
    return np.asarray(r <= GEOMETRIC_FACTOR * (covalent_radii[z_i] + covalent_radii[z_j]))
