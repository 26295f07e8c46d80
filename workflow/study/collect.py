"""Stack the tables of several runs: what figures and findings are made from."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

import pandas as pd

from e3d import tables as files
from e3d.fields import RUN_COLUMNS, Column


def collect(paths: Iterable[Path]) -> pd.DataFrame:
    """Return the tables of several runs in one, in run order (dataset, model, n_train, seed)."""
    table = pd.concat([files.read(path, columns=RUN_COLUMNS) for path in paths], ignore_index=True)
    order = [str(name) for name in (Column.DATASET, Column.MODEL, Column.N_TRAIN, Column.SEED)]
    return table.sort_values(order, kind="stable", ignore_index=True)


def collect_tables(tables: Sequence[Path], output: Path, check: str = "") -> None:
    """Write the stacked table, unless ``check``, ``"module:function"``, refuses it.

    Raises
    ------
    InputError
        If a table cannot be read, or the check refuses the whole.
    """
    table = collect(tables)
    if check:
        module, _, function = check.partition(":")
        getattr(import_module(module), function)(table)
    files.write(table, output, inputs=tables)
