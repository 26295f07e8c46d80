"""Runs that differ in their seed alone, on the bonds that no run was trained on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d import tables
from e3d.arrays import Floats, Ints, Masks
from e3d.errors import InputError
from e3d.fields import RUN_COLUMNS
from e3d.fields import Column as C
from study.agreeing_tables import require_agreement
from study.answers.fields import (
    ADDITIVE,
    BOND,
    DE,
    MEAN,
    MOLECULE_ENERGY,
    NAME,
    OWN_DE,
    TEACHER,
)
from study.fields import CELL, VARIANT_SIGN

Key = tuple[str, int, str]
"""Dataset, training frames and model of a cell."""
_VALUES: Final = (C.BOND_ENERGY, OWN_DE, MOLECULE_ENERGY, DE, MEAN, ADDITIVE, TEACHER)
_OF_BONDS: Final = (C.BOND_TYPE, C.FINE_TYPE, C.R, NAME)
_SAME: Final = (
    (BOND, _OF_BONDS),
    ((C.DATASET, *BOND), (DE, MEAN, TEACHER)),
    ((*CELL, *BOND), (ADDITIVE,)),
    ((C.DATASET, C.MODEL), (C.N_PARAMETERS,)),
)
"""What the rows of all runs say of a bond and of a model."""


@dataclass(frozen=True)
class Cell:
    """S runs of one cell on B bonds; eV, and NaN where something is not known.

    Parameters
    ----------
    seeds
        Of the runs, rising.
    d, own_de, energy
        D, the model's own De, and its energy of each bond's molecule (S, B).
    de, mean, additive, teacher
        De and mean bond energies at the labels' level, additivity of the training frames, and D of
        the model that made the labels (B,).
    """

    key: Key
    seeds: tuple[int, ...]
    n_parameters: int
    d: Floats
    own_de: Floats
    energy: Floats
    de: Floats
    mean: Floats
    additive: Floats
    teacher: Floats

    @property
    def n_seeds(self) -> int:
        """Number of runs."""
        return len(self.d)

    def of(self, seeds: Collection[int]) -> "Cell":
        """Return the cell with the runs of some seeds alone."""
        rows = [row for row, seed in enumerate(self.seeds) if seed in seeds]
        return replace(
            self,
            seeds=tuple(self.seeds[row] for row in rows),
            **{name: getattr(self, name)[rows] for name in ("d", "own_de", "energy")},
        )


@dataclass(frozen=True)
class Study:
    """All cells, and the B bonds that they share.

    Parameters
    ----------
    cells
        By dataset, training frames and model.
    types
        Bond types, in the order of their numbers.
    kind, fine, molecule
        Number of each bond's type, of its type with hybridisation, and of its molecule (B,).
    length
        Å (B,).
    name
        Of named bonds, else empty (B,).
    tested
        Whether no run was trained on the bond's molecule (B,).
    """

    cells: Mapping[Key, Cell]
    types: Sequence[str]
    kind: Ints
    fine: Ints
    molecule: Ints
    length: Floats
    name: NDArray[np.str_]
    tested: Masks

    def line(self, dataset: str, model: str) -> list[Cell]:
        """Return the cells of a dataset and model by rising N."""
        return [cell for key, cell in self.cells.items() if (key[0], key[2]) == (dataset, model)]

    def lines(self, dataset: str) -> list[list[Cell]]:
        """Return the lines of a dataset's models, the largest model first."""
        models = dict.fromkeys(key[2] for key in self.cells if key[0] == dataset)
        found = [self.line(dataset, model) for model in models]
        return sorted(found, key=lambda line: -line[0].n_parameters)

    def corner(self, dataset: str, seeds: int) -> Cell | None:
        """Return the cell of most frames and, there, of the largest model with so many seeds.

        Variants of a size are passed over.
        """
        cells = [
            cell
            for (name, _, model), cell in self.cells.items()
            if name == dataset and VARIANT_SIGN not in model and cell.n_seeds >= seeds
        ]
        return max(cells, key=lambda cell: (cell.key[1], cell.n_parameters), default=None)


def read_study(path: Path, without: Sequence[str] = ()) -> Study:
    """Read the stacked table of all runs (:mod:`study.answers.bonds`).

    Runs of the datasets ``without`` are left out: their splits may be others.

    Raises
    ------
    InputError
        If it lacks a column or contradicts itself, or two runs have no bond in common.
    """
    need = (*RUN_COLUMNS, C.N_PARAMETERS, *BOND, *_OF_BONDS, *_VALUES, C.IN_TRAINING)
    stacked = tables.read(path, columns=need)
    require_agreement(stacked, path, about=BOND, same=_SAME)
    stacked = stacked[~stacked[C.DATASET].isin(without)]
    runs = [run.set_index(list(BOND)) for _, run in stacked.groupby(C.RUN, sort=False)]
    shared = runs[0].index
    for run in runs[1:]:
        shared = shared.intersection(run.index, sort=False)
    if shared.empty:
        raise InputError(
            f"{path}: its runs have no bond in common. Make those again, all from the same "
            "cleavages."
        )
    runs = [run.loc[shared] for run in runs]
    trained_on = np.any([run[C.IN_TRAINING].to_numpy(dtype=bool) for run in runs], axis=0)
    first = runs[0]
    by_cell: dict[Key, list[pd.DataFrame]] = {}
    for run in sorted(runs, key=lambda run: int(run[C.SEED].iloc[0])):
        dataset, n_train, model = (run[name].iloc[0] for name in CELL)
        by_cell.setdefault((str(dataset), int(n_train), str(model)), []).append(run)
    types, kind = np.unique(first[C.BOND_TYPE].astype(str), return_inverse=True)
    return Study(
        {key: _cell(key, found) for key, found in sorted(by_cell.items())},
        types.tolist(),
        kind,
        np.unique(first[C.FINE_TYPE].astype(str), return_inverse=True)[1],
        np.unique(shared.get_level_values(C.MOLECULE), return_inverse=True)[1],
        first[C.R].to_numpy(dtype=float),
        first[NAME].fillna("").to_numpy(dtype=str),
        ~trained_on,
    )


def of_common_seeds(cells: Sequence[Cell]) -> list[Cell]:
    """Return cells with the runs alone whose seeds all of them have: rows of one seed are paired.

    >>> import numpy as np
    >>> runs = [np.arange(3)] * 3
    >>> cells = [Cell(("a", n, "s"), (0, 1, 2)[n:], 1, *[runs[0][n:]] * 7) for n in (0, 1)]
    >>> [(one.seeds, one.d.tolist()) for one in of_common_seeds(cells)]
    [((1, 2), [1, 2]), ((1, 2), [1, 2])]
    """
    common = set.intersection(*(set(cell.seeds) for cell in cells))
    return [cell.of(common) for cell in cells]


def _cell(key: Key, runs: Sequence[pd.DataFrame]) -> Cell:
    def stacked(name: str) -> Floats:
        return np.array([run[name].to_numpy(dtype=float) for run in runs])

    first = runs[0]
    return Cell(
        key,
        tuple(int(run[C.SEED].iloc[0]) for run in runs),
        int(first[C.N_PARAMETERS].iloc[0]),
        stacked(C.BOND_ENERGY),
        stacked(OWN_DE),
        stacked(MOLECULE_ENERGY),
        *(first[name].to_numpy(dtype=float) for name in (DE, MEAN, ADDITIVE, TEACHER)),
    )
