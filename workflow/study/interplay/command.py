"""The ``interplay`` stage: whether decomposability, scalability of learning and reactivity go together.

``runs`` puts one row per run together, ``correlations`` correlates its columns over (N, M) cells.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from e3d.errors import InputError
from study.fields import plain

NEEDED = (
    "decompose/summary",
    "evaluate/errors",
    "entropy/entropy",
    "entropy/decomposability",
    "bde/summary",
    "bde/named",
)
"""The study's tables that the stage reads; ``reactivity/summary`` is read where it is given."""


def write_tables(tables: Sequence[Path], output: Path) -> None:
    """Write the table of runs to ``output`` and ``correlations.csv`` beside it, from the study's tables.

    Raises
    ------
    InputError
        If a table is missing.
    """
    from e3d import tables as files
    from study.interplay.correlations import correlations
    from study.interplay.runs import run_table

    found = {f"{path.parent.name}/{path.stem}": path for path in tables}
    _require(found)
    runs = run_table({name: plain(files.read(path)) for name, path in found.items()})
    for table, path in ((runs, output), (correlations(runs), output.with_name("correlations.csv"))):
        files.write(table, path, inputs=tables)


def _require(found: Iterable[str]) -> None:
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise InputError(
            f"interplay: tables {', '.join(missing)} are not among {', '.join(found)}. Give the study's tables "
            f"{', '.join(f'<results>/{name}.csv' for name in NEEDED)}."
        )
