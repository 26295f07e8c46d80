"""Read and write tables: CSV for what a person opens, Parquet for what is long."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from e3d import column_rules, lineage, provenance
from e3d.errors import InputError, absent, one_line
from e3d.fields import RUN_COLUMNS, Column

_FLOAT_FORMAT = "%.10g"
_MAGIC = {
    b"\x1f\x8b": "compressed with gzip",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"PK\x03\x04": "a ZIP archive or an Excel file",
    b"PAR1": "a Parquet file",
    b"\xff\xfe": "text as UTF-16",
    b"\xfe\xff": "text as UTF-16",
}
"""What a file is that is taken for a CSV table, by its first bytes."""


def _one_row(path: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(path.read_text(encoding="utf-8"))])


def _parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet table, its checksums and its texts checked.

    Without threads: a job has one core, and Arrow waits for ever for those that a limit of memory
    does not let it start.
    """
    with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
        table = file.read(use_threads=False)
    table.validate(full=True)
    frame: pd.DataFrame = table.to_pandas(use_threads=False)
    return frame


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": _parquet,
    ".json": _one_row,
}


def _csv(path: Path) -> pd.DataFrame:
    """Read a table of commas, every row of which has a field for each name."""
    with path.open("rb") as handle:
        start = handle.read(8)
    for magic, what in _MAGIC.items():
        if start.startswith(magic):
            raise InputError(
                f"{path}: not a readable table (it is {what}). Give the table as CSV in UTF-8, "
                "unpacked, or make it again."
            )
    with path.open(encoding="utf-8-sig", newline="") as text:
        rows = csv.reader(text)
        names = next(filter(None, rows), [])  # pandas skips blank lines
        if len(names) == 1 and (sign := next((s for s in ";\t|" if s in names[0]), "")):
            raise InputError(
                f"{path}: its first line has {sign!r} between the names, and a table has commas. "
                "Save it with commas, and with points in numbers, or make it again."
            )
        for row in rows:
            if row and len(row) != len(names):  # of fewer, pandas makes missing values
                raise InputError(
                    f"{path}: not a readable table (line {rows.line_num} has {len(row)} fields, "
                    f"and the first line names {len(names)}: it was cut or changed). Delete it and "
                    "make it again."
                )
    return pd.read_csv(path)


def write(
    table: pd.DataFrame,
    path: Path,
    *,
    inputs: Iterable[Path] = (),
    settings: Mapping[str, Any] | None = None,
    made_from: lineage.Hashes | None = None,
) -> None:
    """Write ``table`` atomically as CSV or Parquet, by the suffix, with its provenance beside it.

    Parameters
    ----------
    inputs, settings
        Go into the note, see :func:`e3d.provenance.record`.
    made_from
        Hashes of what the table was made from, beside those that its inputs carry.

    Raises
    ------
    InputError
        If the inputs were made from different stores, splits, subsets or models.
    """
    inputs = list(inputs)
    carried = [(one, lineage.origin(one).made_from) for one in inputs if one != path]
    hashes = lineage.merged([*carried, (path, made_from or {})])
    with provenance.atomic(path) as temporary:
        if path.suffix == ".parquet":
            to_parquet(table, temporary, hashes)
        else:
            to_csv(table, temporary)
        # before the table has its name: a killed job leaves none without its note
        stamp = lineage.stamp(hashes)
        provenance.record(path, inputs=inputs, settings=settings, stamp=stamp, written=temporary)


def to_parquet(table: pd.DataFrame, path: Path, made_from: lineage.Hashes) -> None:
    """Write ``table`` as Parquet, with its checksums and what it was made from inside."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    schema = lineage.stamped(arrow.schema, made_from)
    pq.write_table(arrow.cast(schema), path, compression="zstd", write_page_checksum=True)


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


def read(
    path: Path, *, columns: Iterable[str] = (), run: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Read a table (CSV, Parquet, or a one-row JSON summary) and check that it has ``columns``.

    Raises
    ------
    InputError
        If the file is missing, empty, not a table, lacks a column, was written by a later version,
        has rows of another run than ``run``, or values that cannot be: see
        :mod:`e3d.column_rules`.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: {absent(path, 'no such table')}. Make it with the rule that writes it, or "
            "fix the path."
        )
    lineage.require_readable(path)
    try:
        table = _READERS.get(path.suffix, _csv)(path)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - pandas and pyarrow raise what their parsing hits
        raise InputError(
            f"{path}: not a readable table ({one_line(error)}) - expected CSV in UTF-8, or what "
            "its suffix says. Give another file, or make it again."
        ) from None
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise InputError(f"{path}: has two columns {twice!r}, allowed is one. Make it again.")
    if path.suffix != ".parquet":  # these hold types, and checksums
        column_rules.require_possible(table, path)
    missing = [str(name) for name in columns if name not in table.columns]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}. "
            "Give the table that its rule writes."
        )
    if run is not None:
        _require_run(table, path, str(run[str(Column.RUN)]))
    return table


def _require_run(table: pd.DataFrame, path: Path, run: str) -> None:
    """Refuse rows of another run; a table without rows, or of no run, is of any."""
    found = set(table[Column.RUN].astype(str)) if Column.RUN in table else set()
    if found - {run}:
        raise InputError(
            f"{path}: is of run {', '.join(sorted(found))}, and is read for run {run}. Give the "
            "tables and the RUN.yaml of one run."
        )


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
    made_from: lineage.Hashes | None = None,
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
    inputs, settings, made_from
        As :func:`write` takes them.
    """
    given: dict[str, Any] = {"inputs": list(inputs), "settings": settings, "made_from": made_from}
    for suffix, table in parts.items():
        path = output.with_name(f"{output.stem}{suffix}.csv")
        write(with_run(table, run), path, **given)
