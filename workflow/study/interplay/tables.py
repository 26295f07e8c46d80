"""Whether decomposability, learning and reactivity go together: runs, and their correlations."""

from collections.abc import Sequence
from pathlib import Path

from e3d import tables as files
from study.fields import plain, trained
from study.interplay import READS
from study.interplay.correlations import correlations
from study.interplay.runs import run_table
from study.tables import read_tables


def write_tables(tables: Sequence[Path], output: Path) -> None:
    """Write the table of runs to ``output`` and ``correlations.csv`` beside it.

    Raises
    ------
    InputError
        If one of the study's tables in ``READS`` is missing.
    """
    read = {name: trained(plain(table)) for name, table in read_tables(tables, READS).items()}
    runs = run_table(read)
    for table, path in ((runs, output), (correlations(runs), output.with_name("correlations.csv"))):
        files.write(table, path, inputs=tables)
