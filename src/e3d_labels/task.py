"""What is labelled, and what a label is: atomic units, as in the SPICE layout."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Task:
    """One conformation to label.

    Parameters
    ----------
    group
        Name of its molecule, so that one conformation's density can start the next.
    numbers
        Atomic numbers (N,).
    positions
        (N, 3), bohr.
    multiplicity
        2S+1.
    stretched
        Whether a bond of its SMILES is broken.
    """

    group: str
    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    charge: int = 0
    multiplicity: int = 1
    stretched: bool = False


@dataclass(frozen=True)
class Label:
    """What was computed for one conformation, and how.

    Parameters
    ----------
    energy, gradient
        Hartree, and (N, 3) in hartree/bohr.
    mayer, wiberg
        Bond orders (N, N); the second is None where the method gives none.
    method
        RKS, UKS, broken-symmetry UKS or GFN2-xTB.
    spin_square
        <S²>.
    """

    energy: float
    gradient: NDArray[np.float64]
    mayer: NDArray[np.float64]
    method: str
    spin_square: float
    wiberg: NDArray[np.float64] | None = None


class NotConvergedError(RuntimeError):
    """The self-consistent field of one conformation did not converge: the label is left out."""


class Labeller(Protocol):
    """A level of theory at work in one process."""

    def label(self, task: Task) -> Label:
        """Label one conformation; raises :class:`NotConvergedError`."""
