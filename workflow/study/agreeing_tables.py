"""Tables of one study agree on its runs: each is known, each seed is there, and none twice."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.errors import InputError
from e3d.fields import METRICS, NAMED_BONDS, RELAXED, RUN_COLUMNS, THERMAL, Column
from e3d.named_bonds.references import REFERENCES
from study.fields import BONDED_SHARE, CELL
from study.stage import Runs
from study.stages import RUNS_TABLE, TABLES, of_sound_runs, stacked

Tables = Mapping[str, pd.DataFrame]
Seeds = dict[tuple[object, ...], list[str]]
"""The runs of each cell."""
OneValue = Sequence[tuple[Sequence[str], Sequence[str]]]
"""What something is known by, and columns with one value for each."""

_NAMED_BY_WORDS: Final = (
    *(RUNS_TABLE, "soundness/laws", "evaluate/errors", "bde/summary", "bde/order"),
    *("bde/named", "null/named", "label_theory/bonds", "claims/claims"),
)
"""Tables in which run and words say what a row is about: two rows never say the same."""
_ONE_VALUE: Final[OneValue] = (
    (("bond",), tuple(one.column for one in REFERENCES.values())),
    ((Column.DATASET, Column.MODEL), (Column.N_PARAMETERS,)),
)
"""What rows are about, and what is the same in all of them."""
_ROUNDED: Final = 1e-6
_OF_A_MODEL: Final = (*METRICS, Column.BOND_ENERGY, BONDED_SHARE, "mae_eV")
"""Numbers that no two trainings share to the last digit."""
_LEAST_NUMBERS: Final = 3
_SEEDS: Final = "n_seeds"
_ANSWERS: Final = ("answer", "holds", "obeyed")
"""Words that a row says of what it is about."""


def require_one_study(read: Tables, found: Mapping[str, Path]) -> None:
    """Refuse tables whose runs are not those of the study, as its table of runs has them.

    Parameters
    ----------
    read, found
        Tables and their files, by name.

    Raises
    ------
    InputError
        For a run or a cell that the study does not have, a seed that is missing from a cell, two
        rows about one thing, and seeds that are copies of each other.
    """
    for name, table in read.items():
        if name in stacked():
            _require_run_columns(table, found[name])
        if name in _NAMED_BY_WORDS:
            require_agreement(table, found[name])
        if name in stacked() and of_sound_runs(name):
            _require_no_copies(table, found[name])
    if RUNS_TABLE in read:
        _require_known(read, found)


def require_agreement(
    table: pd.DataFrame, path: Path, *, about: Sequence[str] = (), same: OneValue = _ONE_VALUE
) -> None:
    """Refuse a table of runs that contradicts itself.

    Parameters
    ----------
    table, path
        The table and its file.
    about
        What a row of a run is about; all words of a row by default.
    same
        Columns that something is known by, and those that must then be the same in all rows: by
        default reference energies of a bond, and the number of weights of a model.

    Raises
    ------
    InputError
        For two rows about one thing, seeds that are copies of each other, a second value of what
        has one, and structures at another geometry than theirs.
    """
    _require_one_row_each(table, path, about)
    if Column.RUN in table:
        _require_no_copies(table, path)
    for keys, names in same:
        for name in (one for one in names if {one, *keys} <= {*table.columns}):
            first = table[name].groupby([table[key] for key in keys]).transform("first")
            if pd.api.types.is_numeric_dtype(table[name]):
                wrong = (table[name] - first).abs() > _ROUNDED * first.abs()
            else:
                wrong = table[name].notna() & (table[name] != first)
            _refuse_first(table, wrong, name, keys, first, path)
    if {Column.STRUCTURES, Column.GEOMETRY} <= {*table.columns}:
        due = (table[Column.STRUCTURES] == NAMED_BONDS).map({True: RELAXED, False: THERMAL})
        wrong = table[Column.GEOMETRY] != due
        _refuse_first(table, wrong, Column.GEOMETRY, (Column.STRUCTURES,), due, path)


def _refuse_first(
    table: pd.DataFrame,
    wrong: "pd.Series[bool]",
    name: str,
    keys: Sequence[str],
    due: "pd.Series[Any]",
    path: Path,
) -> None:
    """Refuse the first row that is wrong: the column ``name`` of what ``keys`` say is ``due``."""
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        about = " ".join(str(table[key].iloc[row]) for key in keys)
        raise InputError(
            f"{path}: row {row + 1}: {name} of {about} is {table[name].iloc[row]}, and must be "
            f"{due.iloc[row]} as elsewhere - one value is expected. Make the table again, or "
            "correct it."
        )


def _require_run_columns(table: pd.DataFrame, path: Path) -> None:
    missing = [name for name in RUN_COLUMNS if name not in table]
    if missing:
        raise InputError(
            f"{path}: lacks the columns {', '.join(missing)}, found "
            f"{', '.join(map(str, table.columns[:8]))} - names are as the rules write them, small "
            "letters included. Make the table again, or correct its first line."
        )


def _require_one_row_each(table: pd.DataFrame, path: Path, about: Sequence[str]) -> None:
    if about:
        words = [Column.RUN, *about]
    else:
        words = [
            name
            for name in table.columns
            if name in (*RUN_COLUMNS, *CELL) or not pd.api.types.is_numeric_dtype(table[name])
        ]
    about_what = [name for name in words if name not in (*RUN_COLUMNS, *CELL, *_ANSWERS)]
    twice = table.duplicated([name for name in words if name not in _ANSWERS])
    if not about_what:
        return
    if twice.any():
        row = int(twice.to_numpy().argmax())
        named = [Column.RUN] if Column.RUN in table else CELL
        what = ", ".join(str(table[name].iloc[row]) for name in (*named, *about_what))
        raise InputError(
            f"{path}: row {row + 1} is the second about {what} - allowed is one. Make the table "
            "again, or remove one of the rows."
        )


def _require_no_copies(table: pd.DataFrame, path: Path) -> None:
    """Refuse two seeds of a cell with the same numbers: one was copied."""
    numbers = [name for name in _OF_A_MODEL if name in table]
    if not numbers:
        return
    seen: dict[tuple[object, ...], str] = {}
    for run, rows in table.groupby(Column.RUN, sort=False):
        values = rows[numbers].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
        telling = np.sort(values[np.isfinite(values) & (values % 1 != 0)])
        if len(telling) < _LEAST_NUMBERS:
            continue
        other = seen.setdefault((*rows[CELL].iloc[0], telling.tobytes()), str(run))
        if other != run:
            raise InputError(
                f"{path}: runs {other} and {run} have the same numbers to the last digit - two "
                "seeds never do, so one is a copy. Make the table again from the runs' own tables."
            )


def _require_known(read: Tables, found: Mapping[str, Path]) -> None:
    known = read[RUNS_TABLE]
    every = {*known[Column.RUN]}
    seeds: Seeds = {}
    for *cell, run in known[[*CELL, Column.RUN]].drop_duplicates().itertuples(index=False):
        seeds.setdefault(tuple(cell), []).append(str(run))
    for name, table in read.items():
        if name in stacked() and of_sound_runs(name):
            runs = {*table[Column.RUN].dropna().astype(str)}
            if others := sorted(runs - every):
                raise InputError(
                    f"{found[name]}: has rows of run {others[0]}, which {found[RUNS_TABLE]} does "
                    "not have. Give the tables of one study."
                )
            if TABLES[name].runs is not Runs.SMALLEST:
                _require_every_seed(runs, seeds, found[name], found[RUNS_TABLE])
        elif Column.RUN not in table and {*CELL} <= {*table.columns}:
            _require_known_cells(table, seeds, found[name], found[RUNS_TABLE])


def _require_every_seed(runs: set[str], seeds: Seeds, path: Path, of_runs: Path) -> None:
    """Refuse a table that has some seeds of a cell and not the others."""
    for cell in seeds.values():
        missing = sorted({*cell} - runs)
        if missing and len(missing) < len(cell):
            raise InputError(
                f"{path}: has no rows of run {missing[0]}, which {of_runs} has, and those of its "
                "other seeds - expected every seed of a run. Make the table again from all runs."
            )


def _require_known_cells(table: pd.DataFrame, seeds: Seeds, path: Path, of_runs: Path) -> None:
    """Refuse rows about cells that the study does not have, or about more seeds than it has."""
    for row in table.dropna(subset=CELL).to_dict("records"):
        cell = tuple(row[name] for name in CELL)
        if cell not in seeds:
            raise InputError(
                f"{path}: is about {cell[0]}/n{cell[1]}/{cell[2]}, of which {of_runs} has no run. "
                "Give the tables of one study."
            )
        n = row.get(_SEEDS)
        if n is not None and n > len(seeds[cell]):
            raise InputError(
                f"{path}: says {n:g} seeds of {cell[0]}/n{cell[1]}/{cell[2]}, of which {of_runs} "
                f"has {len(seeds[cell])} - no more are possible. Make the table again."
            )
