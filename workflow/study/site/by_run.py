"""D of named bonds in every run, and their molecules: what sliders choose from."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.chemistry import symbol
from e3d.drawing.colors import ColorScale
from e3d.drawing.molecules import Molecule
from e3d.fields import NAMED_BONDS, RELAXED, RUN_COLUMNS
from e3d.fields import Column as C
from e3d.named_bonds import MOLECULES_FILE
from e3d.named_bonds.references import REFERENCES
from e3d.statistics.agreement import MAE
from e3d.structures import Structure, structures_of
from study.fields import CELL
from study.runs import over_seeds
from study.site.gather import Material
from study.stages import RUNS_TABLE

BONDS: Final = "bde/named"
SCORES: Final = "bde/summary"
MEANS: Final = "decompose/bond_means"
CELLS: Final = "answers/cells"
_BOND: Final = (C.I, C.J, C.S_X, C.S_Y, C.S_Z, C.BOND_TYPE)
_DIGITS: Final = 3
"""Of energies on the page, eV: a hundredth of what seeds change."""


def runs_of(material: Material) -> pd.DataFrame:
    """Return the runs of a study, a row each, with the number of their parameters if it is known.

    They are those of the first table that names runs. A publication of answers alone has none: they
    are those of its cells, with their seeds counted.
    """
    for name in (RUNS_TABLE, *material.tables):
        if not material.has(name):
            continue
        table = material.read(name)
        if {*RUN_COLUMNS} <= {*table.columns}:
            kept = [*RUN_COLUMNS, *(c for c in [C.N_PARAMETERS] if c in table.columns)]
            return table[kept].drop_duplicates(C.RUN).reset_index(drop=True)
    if material.has(CELLS):
        return _runs_of_cells(material.read(CELLS))
    return pd.DataFrame(columns=[*RUN_COLUMNS])


def _runs_of_cells(cells: pd.DataFrame) -> pd.DataFrame:
    rows = cells.loc[cells.index.repeat(cells["n_seeds"])].reset_index(drop=True)
    seed = rows.groupby(CELL).cumcount()
    names = rows[C.DATASET].astype(str) + "/n" + rows[C.N_TRAIN].astype(str) + "/" + rows[C.MODEL]
    rows[C.SEED], rows[C.RUN] = seed, names + "/s" + seed.astype(str)
    return rows[[*RUN_COLUMNS, C.N_PARAMETERS]]


def parity(material: Material) -> dict[str, Any] | None:
    """Return named bonds, their reference energies, and D (eV) by run; None without their table.

    D is that at the relaxed geometry. Scores are the mean absolute error against each reference.
    """
    if not material.has(BONDS):
        return None
    table = material.read(BONDS)
    table = table[table[C.GEOMETRY] == RELAXED]
    bonds = table.drop_duplicates("bond")
    place = {bond: k for k, bond in enumerate(bonds["bond"])}
    columns = [one.column for one in REFERENCES.values()]
    d: dict[str, list[float | None]] = {}
    trained: dict[str, list[bool | None]] = {}
    for run, part in table.groupby(C.RUN, sort=False):
        d[str(run)], trained[str(run)] = [None] * len(place), [None] * len(place)
        for bond, value, seen in zip(
            *(part[name] for name in ("bond", C.BOND_ENERGY, C.IN_TRAINING)), strict=True
        ):
            d[str(run)][place[bond]] = _rounded(value)
            trained[str(run)][place[bond]] = None if pd.isna(seen) else bool(seen)
    return {
        "references": [one.words for one in REFERENCES.values()],
        "bonds": [
            [
                *(str(row[name]) for name in ("bond", C.BOND_TYPE, C.MOLECULE)),
                [_rounded(row[name]) for name in columns],
            ]
            for row in bonds.to_dict("records")
        ],
        "d": d,
        "trained": trained,
        "scores": _scores(material) if material.has(SCORES) else {},
    }


def _scores(material: Material) -> dict[str, dict[str, list[float | None]]]:
    """Return error and interval (eV), and the number of bonds, by run or cell, and reference."""
    table = material.read(SCORES)
    table = table[(table[C.GEOMETRY] == RELAXED) & (table["molecules"] == "all")]
    found: dict[str, dict[str, list[float | None]]] = {}
    cell = table[C.RUN].astype(str).str.replace(r"/s\d+$", "", regex=True)
    for keys in (table[C.RUN].astype(str), cell):
        for (name, reference), part in table.groupby([keys, "reference"]):
            s = over_seeds(part, MAE)
            ends = [_rounded(value) for value in (s.mean, s.lo, s.hi)]
            words = REFERENCES[str(reference)].words
            found.setdefault(str(name), {})[words] = [*ends, int(part["n_bonds"].max())]
    return found


def molecules(material: Material) -> tuple[list[Molecule], list[dict[str, list[float | None]]]]:
    """Return the named molecules, relaxed, and for each D (eV) of its bonds by run.

    ``bond_energies`` of a molecule are means over the runs, which scale the colours of all.
    """
    if not material.has(MEANS):
        return [], []
    table = material.read(MEANS)
    table = table[table[C.STRUCTURES] == NAMED_BONDS]
    parts = {str(smiles): part for smiles, part in table.groupby(C.SMILES, sort=False)}
    found, by_run = [], []
    for structure in structures_of(MOLECULES_FILE):
        part = parts.get(str(structure.mapped_smiles))
        if part is not None:
            molecule, d = _molecule(structure, part)
            found.append(molecule)
            by_run.append(d)
    return found, by_run


def _molecule(
    structure: Structure, rows: pd.DataFrame
) -> tuple[Molecule, dict[str, list[float | None]]]:
    bonds = list(rows[[*_BOND]].drop_duplicates().itertuples(index=False, name=None))
    place = {bond: k for k, bond in enumerate(bonds)}
    values: dict[str, list[float | None]] = {}
    for run, part in rows.groupby(C.RUN, sort=False):
        own: list[float | None] = [None] * len(bonds)
        for *bond, d in part[[*_BOND, C.BOND_ENERGY]].itertuples(index=False, name=None):
            own[place[tuple(bond)]] = _rounded(d)
        values[str(run)] = own
    known = np.array(list(values.values()), dtype=np.float64)
    molecule = Molecule(
        name=structure.smiles,
        mapped_smiles=structure.mapped_smiles,
        symbols=tuple(symbol(int(z)) for z in structure.atomic_numbers),
        frames=np.array([0]),
        positions=structure.positions[None],
        cells=None,
        bonds=tuple(bonds),
        bond_energies=np.nanmean(known, axis=0, keepdims=True),
    )
    return molecule, values


def scale_of(by_run: list[dict[str, list[float | None]]]) -> ColorScale:
    """Return the colours of D over all runs, so that a slider never changes what they mean.

    One in fifty values at either end may have the colour of the end: a run that fails would leave
    all others in one colour.
    """
    values = np.array([d for one in by_run for row in one.values() for d in row if d is not None])
    return ColorScale.of([np.percentile(values, [2, 98]) if len(values) else values])


def levels(runs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the runs for the sliders: datasets in their order, N and size rising, then seeds."""
    order = {name: k for k, name in enumerate(runs[C.DATASET].drop_duplicates())}
    size = C.N_PARAMETERS if C.N_PARAMETERS in runs else C.MODEL
    ranked = runs.assign(order=runs[C.DATASET].map(order))
    for row in ranked.sort_values(["order", C.N_TRAIN, size, C.SEED]).to_dict("records"):
        parameters = row.get(C.N_PARAMETERS)
        yield {
            "run": str(row[C.RUN]),
            "dataset": str(row[C.DATASET]),
            "n": int(row[C.N_TRAIN]),
            "model": str(row[C.MODEL]),
            "seed": int(row[C.SEED]),
            "weights": None if parameters is None else int(parameters),
        }


def _rounded(value: Any) -> float | None:
    return round(float(value), _DIGITS) if np.isfinite(value) else None
