"""What values a column can hold, by the kind of quantity that its name says.

Errors, standard deviations and counts are numbers from 0, a column that ends in a unit holds
numbers, an error lies in its own interval, a difference is that of the columns beside it, and the
columns of a run agree with its name.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from e3d import run_names
from e3d.errors import InputError, shown
from e3d.fields import METRICS, RUN_COLUMNS, Column
from e3d.units import EV_KCAL_MOL

_NAMES: Final = (Column.RUN, Column.DATASET, Column.MODEL, Column.SMILES)
"""Columns of texts that may look like numbers."""
_WHOLE: Final = (Column.N_TRAIN, Column.SEED)
_COUNT: Final = re.compile(r"n|count|frames|seed|n_.*|frames_(?!per_).*")
_ERROR: Final = re.compile(r"(?:.*_)?(?:mae|rmse|rms|sd|se)(?:_.*)?")
_SIGNED: Final = re.compile(r"(?:.*_)?(?:lo|hi|change|minus|excess|difference)(?:_.*)?")
_UNIT: Final = re.compile(r".*_(?:eV|meV_per_atom|[a-z0-9]+_per_ang|ang|nats|fs|K)(?:_lo|_hi)?")
_CORRELATION: Final = re.compile(r"(?:(?!difference_).*_)?(?:spearman|kendall|pearson)")
_SEEN: Final = 50
"""Values that say whether a column is one of texts."""
_ROUNDED: Final = 1e-6
"""Of a value, how far it may lie beyond an end of its interval: tables hold ten digits."""
_ERROR_OF: Final = re.compile(r"(.+)_error_eV")
"""D minus a reference energy, whose column has the same stem."""
_DIFFERENCES: Final = (
    ("total_error_eV", str(Column.BOND_ENERGY), "literature_eV"),
    ("representation_error_eV", str(Column.BOND_ENERGY), "label_eV"),
    ("labels_error_eV", "label_eV", "literature_eV"),
    ("separation_error_eV", "separation_eV", "label_separation_eV"),
    ("error_model_eV", "model_eV", "label_eV"),
    ("error_level_eV", "label_eV", "reference_eV"),
    ("error_total_eV", "model_eV", "reference_eV"),
    ("difference_eV", "higher_bond_energy_eV", "lower_bond_energy_eV"),
    ("difference", "e3d", "null_value"),
)
"""Other columns of differences: one column minus another, where a table has all three."""
_BY_HAND: Final = 2e-3
"""How far the columns of a difference may disagree: tables may have been rounded to 3 decimals."""
_OF_EPOCHS: Final = "validation_"
"""Begin of columns of a training's epochs, which may diverge before the run is left out."""
_REMEDY: Final = "Make the table again, or correct it."


def require_possible(table: pd.DataFrame, path: Path) -> None:
    """Refuse texts among numbers, errors and counts below 0, and what a row says otherwise too.

    That is a run that denies its own name, and a difference that is not that of its columns.

    Raises
    ------
    InputError
        Naming the row and the column.
    """
    for key in table.columns:  # numbers, in a JSON list
        name = str(key)
        numbers = _numbers(table[key], name, path)
        if numbers is None or not (_never_negative(name) or name in _WHOLE):
            continue
        wrong = numbers < 0
        if name in _WHOLE:
            wrong |= numbers.notna() & (numbers % 1 != 0)
        if wrong.any():
            what = "whole numbers from 0" if name in _WHOLE else "numbers from 0"
            raise InputError(f"{_where(table[key], wrong, path)} - allowed are {what}. {_REMEDY}")
    _require_differences(table, path)
    if set(RUN_COLUMNS) <= set(table.columns):
        for run in table[[*RUN_COLUMNS]].drop_duplicates().to_dict("records"):
            if wrong_run := run_names.contradiction({str(key): run[key] for key in run}):
                raise InputError(f"{path}: {wrong_run} - both must say the same. {_REMEDY}")


def _require_differences(table: pd.DataFrame, path: Path) -> None:
    """Refuse columns that contradict each other: a difference is that of the other two."""
    for name, of, minus, per_ev in _differences([str(key) for key in table.columns]):
        value, first, second = (_as_numbers(table[key]) for key in (name, of, minus))
        expected = first - second / per_ev
        wrong = (value - expected).abs() > _BY_HAND
        if wrong.any():
            is_now = shown(round(float(expected[wrong].iloc[0]), 6))
            unit = "" if per_ev == 1 else ", in eV,"
            raise InputError(
                f"{_where(table[name], wrong, path)}, and {of} minus {minus}{unit} is {is_now} - "
                f"expected the same; one column was changed or converted alone. {_REMEDY}"
            )


def _differences(columns: list[str]) -> Iterator[tuple[str, str, str, float]]:
    """Yield a column that is another one minus a third one, and the unit of the third per eV."""
    per_ev = dict.fromkeys(_DIFFERENCES, 1.0)
    for found in filter(None, map(_ERROR_OF.fullmatch, columns)):
        name, stem = found[0], found[1]
        per_ev[name, str(Column.BOND_ENERGY), f"{stem}_eV"] = 1.0
        per_ev[name, f"{stem}_{Column.BOND_ENERGY}", f"{stem}_kcal_mol"] = EV_KCAL_MOL
    yield from ((*one, unit) for one, unit in per_ev.items() if {*one} <= {*columns})


def require_whole(table: pd.DataFrame, path: Path) -> None:
    """Refuse what the tables of a model that obeys its laws do not hold.

    That is a row twice, an error or a count without end, a correlation beyond 1, an interval whose
    ends are exchanged, a model's error outside of its interval, frames without an error, and names
    with spaces around them.

    Raises
    ------
    InputError
        Naming the row.
    """
    if (twice := table.duplicated()).any():
        row = int(twice.to_numpy().argmax()) + 1
        raise InputError(f"{path}: row {row} is there twice, allowed is once. {_REMEDY}")
    for name in map(str, table.columns):
        if (
            _never_negative(name)
            and not name.startswith(_OF_EPOCHS)
            and (endless := _as_numbers(table[name]).abs() == np.inf).any()
        ):
            where = _where(table[name], endless, path)
            raise InputError(f"{where} - allowed are finite numbers. {_REMEDY}")
        _require_ordered(table, name, path)
        _require_names(table[name], path)
        if _CORRELATION.fullmatch(name):
            beyond = _as_numbers(table[name]).abs() > 1 + _ROUNDED
            if beyond.any():
                where = _where(table[name], beyond, path)
                raise InputError(f"{where} - a correlation is from -1 to 1. {_REMEDY}")
        # other values may lie outside: that of a random null model is exact, its interval of draws
        if name in METRICS and {f"{name}_lo", f"{name}_hi"} <= set(table.columns):
            _require_inside(table, name, path)
    if Column.GROUP_KIND in table:
        tested = table[Column.GROUP_KIND] == "all"
        if Column.N_FRAMES in table:
            tested &= _as_numbers(table[Column.N_FRAMES]) > 0
        for metric in (one for one in METRICS if one in table):
            if (wrong := tested & _as_numbers(table[metric]).isna()).any():
                where = _where(table[metric], wrong, path)
                raise InputError(f"{where}, and its frames were tested. {_REMEDY}")


def _require_ordered(table: pd.DataFrame, name: str, path: Path) -> None:
    """Refuse an interval whose lower end is the higher one."""
    if {f"{name}_lo", f"{name}_hi"} <= set(table.columns):
        low, high = (_as_numbers(table[f"{name}{end}"]) for end in ("_lo", "_hi"))
        wrong = low > high + _ROUNDED * np.maximum(1, high.abs())
        if wrong.any():
            where = _where(table[f"{name}_lo"], wrong, path)
            above = shown(table[f"{name}_hi"].tolist()[int(wrong.to_numpy().argmax())])
            raise InputError(f"{where}, above {name}_hi, {above} - allowed is below. {_REMEDY}")


def _require_names(column: "pd.Series[float]", path: Path) -> None:
    """Refuse texts with spaces around them, which are other names than those without."""
    if pd.api.types.is_numeric_dtype(column):
        return
    spaced = column.map(lambda value: isinstance(value, str) and value != value.strip())
    if spaced.any():
        where = _where(column, spaced.astype(bool), path)
        raise InputError(f"{where} - no spaces are allowed around it. {_REMEDY}")


def _require_inside(table: pd.DataFrame, name: str, path: Path) -> None:
    """Refuse a value that is not there, or not between the ends of its interval."""
    value, low, high = (_as_numbers(table[f"{name}{end}"]) for end in ("", "_lo", "_hi"))
    slack = _ROUNDED * np.maximum(1, value.abs())
    wrong = (value < low - slack) | (value > high + slack)
    wrong |= value.isna() & (low.notna() | high.notna())
    if wrong.any():
        place = int(wrong.to_numpy().argmax())
        raise InputError(
            f"{_where(table[name], wrong, path)} - its interval is {low.iloc[place]} to "
            f"{high.iloc[place]}, and it must lie inside. {_REMEDY}"
        )


def _never_negative(name: str) -> bool:
    is_error = _ERROR.fullmatch(name) and not _SIGNED.fullmatch(name)
    return bool(is_error or _COUNT.fullmatch(name))


def _as_numbers(column: "pd.Series[float]") -> "pd.Series[float]":
    if not pd.api.types.is_numeric_dtype(column):
        column = pd.to_numeric(column.map(_plain), errors="coerce")
    return column.astype(float)


def _plain(value: object) -> object:
    """Return a number or a text as it is, and anything else that JSON may hold as a text."""
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _numbers(column: "pd.Series[float]", name: str, path: Path) -> "pd.Series[float] | None":
    """Return a column of numbers, None for one of texts; a word among numbers is refused."""
    if name in _NAMES:
        return None
    of_numbers = _never_negative(name) or name in _WHOLE or _UNIT.fullmatch(name)
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(float) if of_numbers else None
    if not of_numbers and _as_numbers(column.dropna().iloc[:_SEEN]).isna().all():
        return None
    numbers = _as_numbers(column)
    words = column.notna() & numbers.isna()
    if words.any() and (of_numbers or words.sum() < column.notna().sum() / 2):
        raise InputError(f"{_where(column, words, path)}, and it holds numbers. {_REMEDY}")
    return numbers if of_numbers else None


def _where(column: "pd.Series[float]", wrong: "pd.Series[bool]", path: Path) -> str:
    """Say the first row, from 1, that is wrong, and what stands there."""
    place = int(wrong.to_numpy().argmax())
    return f"{path}: row {place + 1}: {column.name} is {shown(column.tolist()[place])}"
