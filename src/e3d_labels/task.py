"""What is labelled, and what a label is: atomic units, as in the SPICE layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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
        Bond orders (N, N), None where the method gives none.
    method
        RKS, UKS, broken-symmetry UKS, GFN2-xTB or AIMNet2.
    spin_square
        <S²>.
    """

    energy: float
    gradient: NDArray[np.float64]
    method: str
    spin_square: float
    mayer: NDArray[np.float64] | None = None
    wiberg: NDArray[np.float64] | None = None


class NotConvergedError(RuntimeError):
    """The self-consistent field of one conformation did not converge: the label is left out."""


class Labeller(Protocol):
    """A level of theory at work in one process."""

    def label(self, task: Task) -> Label:
        """Label one conformation; raises :class:`NotConvergedError`."""


@runtime_checkable
class BatchLabeller(Labeller, Protocol):
    """A level of theory that labels many conformations at once in less time than one by one."""

    def label_all(self, tasks: Sequence[Task]) -> list[Label]:
        """Label every conformation, in their order."""
