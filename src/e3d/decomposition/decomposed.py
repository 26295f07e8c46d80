"""Read decompositions back, for the stages that judge them; imports neither torch nor the model."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from e3d import tables
from e3d.fields import BONDS_FILE, MEANS_FILE
from e3d.fields import Column as C


@dataclass(frozen=True)
class Decomposed:
    """The decomposition of one run on one set of structures, frames with intact bonds only."""

    structures: str
    bonds: pd.DataFrame
    means: pd.DataFrame


def load(folders: Iterable[Path]) -> list[Decomposed]:
    """Read the decompositions of one run."""
    found = []
    for folder in folders:
        bonds = tables.read(folder / BONDS_FILE, columns=(C.BOND_TYPE, C.BOND_ENERGY, C.INTACT))
        means = tables.read(folder / MEANS_FILE, columns=(C.SMILES, C.BOND_ENERGY, C.N))
        found.append(Decomposed(folder.name, bonds[bonds[C.INTACT]], means))
    return found
