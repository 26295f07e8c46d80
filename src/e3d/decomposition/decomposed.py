"""Read decompositions back, for the stages that judge them; imports neither torch nor the model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from e3d import lineage, tables
from e3d.errors import InputError
from e3d.fields import BONDS_FILE, MEANS_FILE, RUN_COLUMNS
from e3d.fields import Column as C


@dataclass(frozen=True)
class Decomposed:
    """The decomposition of one run on one set of structures, frames with intact bonds only."""

    structures: str
    bonds: pd.DataFrame
    means: pd.DataFrame


def load(folders: Iterable[Path], run: Mapping[str, Any] | None = None) -> list[Decomposed]:
    """Read the decompositions of one run, those of ``run`` if it is given.

    Raises
    ------
    InputError
        If a table is of another run, of structures that are called otherwise than its folder, or
        made from another store, other splits or another model than the others.
    """
    found, origins = [], []
    for folder in folders:
        bonds = tables.read(
            folder / BONDS_FILE, columns=(C.BOND_TYPE, C.BOND_ENERGY, C.INTACT), run=run
        )
        means = tables.read(folder / MEANS_FILE, columns=(C.SMILES, C.BOND_ENERGY, C.N), run=run)
        for table, file in ((bonds, BONDS_FILE), (means, MEANS_FILE)):
            _require_structures(table, folder / file)
            origins.append((folder / file, lineage.origin(folder / file).made_from))
        found.append(Decomposed(folder.name, bonds[bonds[C.INTACT]], means))
    lineage.merged(origins)
    return found


def _require_structures(table: pd.DataFrame, path: Path) -> None:
    """Refuse a folder that was renamed: its name says which test set it is."""
    said = set(table[C.STRUCTURES].astype(str)) if C.STRUCTURES in table else set()
    if said - {path.parent.name}:
        raise InputError(
            f"{path}: holds the structures {', '.join(sorted(said))}, and its folder is called "
            f"{path.parent.name}. Give the folder its name back, or decompose again."
        )


def run_of(parts: Sequence[Decomposed]) -> dict[str, Any] | None:
    """Return the run columns of decompositions, None if no row says them.

    Raises
    ------
    InputError
        If they are of several runs.
    """
    rows = [
        table.iloc[0]
        for part in parts
        for table in (part.bonds, part.means)
        if len(table) and {*RUN_COLUMNS} <= {*table.columns}
    ]
    names = sorted({str(row[C.RUN]) for row in rows})
    if len(names) > 1:
        raise InputError(
            f"decompositions of runs {', '.join(names)} - those of one run are read at a time. "
            "Give the folders of one run."
        )
    return {str(name): rows[0][name] for name in RUN_COLUMNS} if rows else None
