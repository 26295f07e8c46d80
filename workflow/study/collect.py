"""Stack the tables of several runs: what figures and findings are made from."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from e3d import tables as files
from e3d.fields import RUN_COLUMNS, Column


def collect(paths: Iterable[Path]) -> pd.DataFrame:
    """Return the tables of several runs in one, in run order (dataset, model, n_train, seed)."""
    table = pd.concat([files.read(path, columns=RUN_COLUMNS) for path in paths], ignore_index=True)
    order = [str(name) for name in (Column.DATASET, Column.MODEL, Column.N_TRAIN, Column.SEED)]
    return table.sort_values(order, kind="stable", ignore_index=True)


def collect_tables(tables: Sequence[Path], output: Path, one_sample_size: bool) -> None:
    """Write the stacked table; with ``one_sample_size`` entropies must be of equal n.

    Raises
    ------
    InputError
        If a table cannot be read, or the sample sizes differ.
    """
    table = collect(tables)
    if one_sample_size:
        from study.entropy.tables import require_one_sample_size

        require_one_sample_size(table)
    files.write(table, output, inputs=tables)
