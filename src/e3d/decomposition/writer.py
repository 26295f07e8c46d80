"""Write ``bonds.parquet`` as a stream: batches in, row groups of a fixed size out; or as CSV."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from e3d import lineage, provenance, tables
from e3d.decomposition.rows import FLOATS, INTEGERS, ROW
from e3d.fields import RUN_COLUMNS
from e3d.fields import Column as C

ROWS_PER_GROUP = 2**16
_DICTIONARY = (*RUN_COLUMNS, C.STRUCTURES, C.MOLECULE, C.BOND_TYPE, C.FINE_TYPE)


def with_keys(table: pd.DataFrame, keys: Mapping[str, Any]) -> pd.DataFrame:
    """Put the columns of the run and the name of the structures before the others."""
    table = tables.with_run(table, keys)
    table.insert(len(RUN_COLUMNS), C.STRUCTURES, keys[C.STRUCTURES])
    return table


class BondsWriter:
    """Writes rows as they come, holding back at most a row group and a batch.

    Columns of text come as numbers into the list of texts that :meth:`add` is given with them.
    """

    def __init__(
        self, path: Path, keys: Mapping[str, Any], made_from: lineage.Hashes | None = None
    ) -> None:
        """Open ``path``; ``keys`` are the values that all rows share, see :func:`with_keys`.

        The file carries ``made_from``, the hashes of what it is made from.
        """
        self._keys = keys
        self._schema = lineage.stamped(_schema(keys), made_from or {})
        dictionary = [str(name) for name in _DICTIONARY]
        self._writer = pq.ParquetWriter(
            path, self._schema, use_dictionary=dictionary, write_page_checksum=True
        )
        self._waiting: list[Mapping[str, NDArray[Any]]] = []
        self._n_waiting = 0
        self._texts: Mapping[str, Sequence[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if kind is None and self._n_waiting:
            self._flush()
        self._writer.close()

    def add(self, columns: Mapping[str, NDArray[Any]], texts: Mapping[str, Sequence[str]]) -> None:
        """Add rows (R,); ``texts`` are those that columns of text number, and only ever grow."""
        self._waiting.append(columns)
        self._n_waiting += len(columns[C.FRAME])
        self._texts = texts
        if self._n_waiting >= ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        n = self._n_waiting
        arrays = []
        for field in self._schema:
            if field.name in self._keys:
                arrays.append(pa.repeat(pa.scalar(self._keys[field.name], field.type), n))
                continue
            values = pa.array(np.concatenate([part[field.name] for part in self._waiting]))
            if field.name in self._texts:
                values = pa.array(self._texts[field.name], field.type).take(values)
            arrays.append(values)
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        self._writer.write_table(table, row_group_size=2 * ROWS_PER_GROUP)
        self._waiting, self._n_waiting = [], 0


def write_csv(bonds: Path, path: Path) -> None:
    """Write the rows of a ``bonds.parquet`` as CSV, atomically, a row group at a time."""
    with pq.ParquetFile(bonds) as file, provenance.atomic(path) as temporary:
        tables.to_csv(file.schema_arrow.empty_table().to_pandas(), temporary)
        for k in range(file.num_row_groups):
            rows = file.read_row_group(k, use_threads=False).to_pandas(use_threads=False)
            tables.to_csv(rows, temporary, more=True)


def _schema(keys: Mapping[str, Any]) -> pa.Schema:
    """Return the types that pandas would give the columns, so that it reads back its own."""
    examples: dict[str, Any] = dict.fromkeys(ROW, "")
    examples |= dict.fromkeys((C.FRAME, *INTEGERS), 0) | dict.fromkeys(FLOATS, 0.0)
    examples[C.INTACT] = True
    table = pd.DataFrame({str(name): [value] for name, value in examples.items()})
    return pa.Table.from_pandas(with_keys(table, keys), preserve_index=False).schema
