"""Decompose a set of structures, write its tables, and keep what the page shows of it."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from e3d import tables
from e3d.arrays import Floats
from e3d.decomposition.tables import write_decomposition
from e3d.drawing.molecules import COLUMNS, Molecule, collect
from e3d.errors import InputError
from e3d.evaluate import error_table, residuals
from e3d.fields import BONDS_FILE
from e3d.fields import Column as C
from e3d.options import own_run
from e3d.potential import LoadedModel
from e3d.report.gather import Gathered
from e3d.structures import Structure, structures_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StructureSet:
    """A decomposed set of structures.

    Parameters
    ----------
    name
        Name of its folder of tables.
    title
        That name, or the SMILES that it was made from.
    summary
        That of the decomposition; empty where the model knows none of the structures.
    molecules, steps
        Those that are drawn, and for each the distance of the frames that are kept: 3 means every
        third.
    n_others
        How many molecules are not drawn.
    bond_energies
        D of all bonds by bond type, eV, the commonest first.
    left_out
        Label, name and unknown elements of each structure left out.
    errors
        Row of the errors on labelled structures, None where there are none.
    """

    name: str
    title: str
    summary: Mapping[str, Any]
    molecules: tuple[Molecule, ...]
    steps: tuple[int, ...]
    n_others: int
    bond_energies: Mapping[str, Floats]
    left_out: tuple[tuple[str, str, str], ...]
    errors: Mapping[str, Any] | None


def decompose_set(model: LoadedModel, source: Path | str, name: str, folder: Path) -> StructureSet:
    """Decompose the structures of a file, store or SMILES, tables into ``folder/<name>/``.

    Raises
    ------
    InputError
        If it holds no structures, or one cannot be used.
    """
    gathered = Gathered(model)
    known = gathered.known(structures_of(source))
    first = next(known, None)
    about = (name, source if isinstance(source, str) else name)
    if first is None:
        if not gathered.left_out:
            raise InputError(f"{source}: holds no structures. Give a file with at least one.")
        return StructureSet(*about, {}, (), (), 0, {}, tuple(gathered.left_out), None)
    inputs = [source] if isinstance(source, Path) else []
    run = own_run(model.path)
    usable = chain([first], known)
    summary = write_decomposition(model, usable, folder / name, name=name, run=run, inputs=inputs)
    if gathered.left_out:
        log.warning(
            "%s: %d structures left out, with unknown elements", name, len(gathered.left_out)
        )
    bonds = folder / name / BONDS_FILE
    frames = sorted({one.frame for one in gathered.frames})
    kept = pd.read_parquet(
        bonds, columns=list(COLUMNS), filters=[(C.FRAME, "in", frames)], use_threads=False
    )
    return StructureSet(
        *about,
        summary,
        tuple(collect(gathered.frames, kept)),
        tuple(gathered.steps),
        gathered.n_others,
        _by_type(bonds),
        tuple(gathered.left_out),
        _errors(model, source) if gathered.labelled else None,
    )


def _by_type(bonds: Path) -> dict[str, Floats]:
    table = tables.read(bonds, columns=(C.BOND_TYPE, C.BOND_ENERGY))
    parts = {
        str(kind): part.to_numpy(dtype=np.float64)
        for kind, part in table.groupby(C.BOND_TYPE)[C.BOND_ENERGY]
    }
    return dict(sorted(parts.items(), key=lambda item: (-len(item[1]), item[0])))


def _errors(model: LoadedModel, source: Path | str) -> dict[str, Any]:
    """Return the errors on all labelled structures that the model knows."""
    table = error_table(*residuals(model, _labelled(model, structures_of(source))))
    return {str(key): value for key, value in table.iloc[0].items()}


def _labelled(model: LoadedModel, structures: Iterable[Structure]) -> Iterator[Structure]:
    for one in structures:
        if one.is_labelled and model.knows(one):
            yield one
