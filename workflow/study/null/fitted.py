"""What a null model is fitted to, and what it then gives: the contract of modules that fit one."""

from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from e3d.arrays import Floats, Ints
from e3d.potential import Potential
from e3d.store.reader import StoreReader


@dataclass(frozen=True)
class Weights:
    """Weights of the mean squared energy error per atom and of the mean squared force error."""

    energy: float  # 1/eV^2
    force: float  # Å^2/eV^2

    def per_row(self, n_frames: int, n_atoms: int) -> "Weights":
        """Return the weight of one energy and of one force component: the loss has their means."""
        return Weights(self.energy / n_frames, self.force / (3 * n_atoms))


@dataclass(frozen=True)
class Training:
    """The frames of a run, its loss, and the frames that may choose a regulariser.

    ``frames`` (F,) and ``validation`` (V,) are rows of the store, ``r_max`` is the cutoff of a pair
    potential in Å.
    """

    reader: StoreReader
    frames: Ints
    validation: Ints
    weights: Weights
    r_max: float


@dataclass(frozen=True)
class Facts:
    """How a fit was made and how well the data determine it: its columns in the table of fits."""

    frames_fitted: int
    n_parameters: int
    effective_parameters: float
    rank: int
    condition: float
    ridge: float
    ridge_chosen_by: str
    cv_rmse_eV: float = float("nan")


class FittedNull(Potential, Protocol):
    """A fitted null model: a potential that has a D for every bond."""

    @property
    def facts(self) -> Facts:
        """How it was fitted."""

    def bond_energies(self, bonds: pd.DataFrame) -> Floats:
        """Return D (B,) of bonds in eV, NaN where training had nothing of the kind.

        ``bonds`` has a row for each bond of each frame: both atomic numbers, distance (Å), and both
        bond types.
        """

    def types(self) -> pd.DataFrame:
        """Return a row per bond type, with its D (eV); no rows if D is not one number per type."""
