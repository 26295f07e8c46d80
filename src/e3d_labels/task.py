"""What is labelled, and what a label is: atomic units, as in the SPICE layout."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # the settings of every run are checked through this module, and need no arrays
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Task:
    """One conformation to label.

    ``group`` names its molecule, so that one conformation's density can start the next;
    ``positions`` (N, 3) bohr; ``multiplicity`` 2S+1; ``stretched``: a bond of its SMILES is broken.
    """

    group: str
    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    charge: int = 0
    multiplicity: int = 1
    stretched: bool = False


@dataclass(frozen=True)
class Label:
    """Energy (hartree), gradient (N, 3) hartree/bohr, bond orders (N, N), and how they were found.

    ``wiberg`` is None where the method gives none; ``spin_square`` is <S²>.
    """

    energy: float
    gradient: NDArray[np.float64]
    mayer: NDArray[np.float64]
    wiberg: NDArray[np.float64] | None
    method: str
    spin_square: float


class NotConvergedError(RuntimeError):
    """The self-consistent field of one conformation did not converge: it is skipped and reported."""


class Labeller(Protocol):
    """A level of theory at work in one process."""

    def label(self, task: Task) -> Label:
        """Label one conformation; raises :class:`NotConvergedError`."""


class Guesses:
    """The last density of each of the molecules met most recently."""

    def __init__(self, keep: int = 64) -> None:
        """Keep the densities of ``keep`` molecules."""
        self._keep = keep
        self._known: OrderedDict[str, Any] = OrderedDict()

    def get(self, task: Task) -> Any:
        """Return a density for the task, or None."""
        return self._known.get(self._key(task))

    def put(self, task: Task, density: Any) -> None:
        """Remember the density of a finished task."""
        self._known[self._key(task)] = density
        self._known.move_to_end(self._key(task))
        while len(self._known) > self._keep:
            self._known.popitem(last=False)

    @staticmethod
    def _key(task: Task) -> str:
        return f"{task.group} {task.charge} {task.multiplicity}"
