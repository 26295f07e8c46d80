"""Read and write tables: CSV for what a person opens, Parquet for what is long."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from e3d import provenance
from e3d.errors import InputError, one_line
from e3d.fields import RUN_COLUMNS

_FLOAT_FORMAT = "%.10g"


def _one_row(path: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(path.read_text(encoding="utf-8"))])


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": pd.read_parquet,
    ".json": _one_row,
}


def write(
    table: pd.DataFrame,
    path: Path,
    *,
    inputs: Iterable[Path] = (),
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write ``table`` atomically as CSV or Parquet, by the suffix, with its provenance beside it.

    ``inputs`` and ``settings`` go into the note, see :func:`e3d.provenance.record`.
    """
    with provenance.atomic(path) as temporary:
        if path.suffix == ".parquet":
            table.to_parquet(temporary, index=False)
        else:
            to_csv(table, temporary)
    provenance.record(path, inputs=inputs, settings=settings)


def to_csv(table: pd.DataFrame, path: Path, *, more: bool = False) -> None:
    """Write ``table`` as CSV; with ``more``, its rows follow those that are there."""
    table.to_csv(
        path,
        mode="a" if more else "w",
        header=not more,
        index=False,
        float_format=_FLOAT_FORMAT,
        lineterminator="\n",
    )


def read(path: Path, *, columns: Iterable[str] = ()) -> pd.DataFrame:
    """Read a table (CSV, Parquet, or a one-row JSON summary) and check that it has ``columns``.

    Raises
    ------
    InputError
        If the file is missing, empty, not a table, or lacks a column.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such table. Make it with the rule that writes it, or fix the path."
        )
    try:
        table = _READERS.get(path.suffix, pd.read_csv)(path)
    except (ValueError, OSError) as error:
        raise InputError(
            f"{path}: not a readable table ({one_line(error)}). Delete it and make it again."
        ) from None
    missing = [str(name) for name in columns if name not in table.columns]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}. "
            "Give the table that its rule writes."
        )
    return table


def with_run(table: pd.DataFrame, run: Mapping[str, Any]) -> pd.DataFrame:
    """Put the run's columns before the others.

    >>> run = {"run": "a/n8/nano/s0", "dataset": "a", "n_train": 8, "model": "nano", "seed": 0}
    >>> print(*with_run(pd.DataFrame({"bond_type": ["C-H"]}), run).columns)
    run dataset n_train model seed bond_type
    """
    table = table.copy()
    for position, name in enumerate(RUN_COLUMNS):
        table.insert(position, str(name), run[name])
    return table


def write_of_run(
    parts: Mapping[str, pd.DataFrame],
    output: Path,
    run: Mapping[str, Any],
    *,
    inputs: Iterable[Path] = (),
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write the tables of one run beside each other, with its columns before the others.

    Parameters
    ----------
    parts
        Tables by what follows the stem of ``output``: ``""`` for ``<run>.csv`` itself,
        ``".summary"`` for ``<run>.summary.csv``.
    output
        Path of the first, ``<run>.csv``.
    run
        The run columns: run, dataset, n_train, model, seed.
    inputs, settings
        As :func:`write` takes them.
    """
    inputs = list(inputs)
    for suffix, table in parts.items():
        path = output.with_name(f"{output.stem}{suffix}.csv")
        write(with_run(table, run), path, inputs=inputs, settings=settings)
