"""Stack the tables of several runs: what figures and findings are made from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

import pandas as pd

from e3d import lineage, provenance
from e3d import tables as files
from e3d.column_rules import require_whole
from e3d.errors import InputError, one_line
from e3d.fields import RUN_COLUMNS
from e3d.fields import Column as C
from e3d.run_names import of_path
from study.soundness.verdicts import laws_file, not_empty, without_broken

Tables = Mapping[Path, pd.DataFrame]


def collect(paths: Iterable[Path]) -> pd.DataFrame:
    """Return the tables of several runs in one, in run order (dataset, model, n_train, seed).

    Raises
    ------
    InputError
        If one cannot be read or does not say its run, or if they do not belong together.
    """
    return _stacked(_read(paths))


def collect_tables(
    tables: Sequence[Path],
    output: Path,
    check: str = "",
    laws: Path | None = None,
    *,
    may_be_empty: bool = False,
) -> None:
    """Write the stacked table.

    Parameters
    ----------
    tables
        Those of the runs.
    output
        The table that is written.
    check
        Function that may refuse it, ``"module:function"``.
    laws
        Folder with the laws of each run, ``<run>.csv``: runs that break one are left out. The
        tables of given models among them are empty files.
    may_be_empty
        Whether no run need be left.

    Raises
    ------
    InputError
        If a table cannot be read or holds what cannot be, they do not belong together, the check
        refuses the whole, or no run is left.
    """
    if laws is not None:
        tables = not_empty(tables, laws)
    read = _read(tables)
    hashes, table = _made_from(read), _stacked(read)
    if laws is not None:
        table = without_broken(table, laws, may_be_empty=may_be_empty)
        _require_same_models(read, laws)
    left = set(table[C.RUN])
    for path, one in read.items():
        require_whole(one[one[C.RUN].isin(left)], path)
    if check:
        _function(check)(table)
    with provenance.atomic(output) as temporary:
        files.to_csv(table, temporary)
        stamp = lineage.stamp(hashes)
        provenance.record(output, inputs=tables, stamp=stamp, written=temporary)


def _function(name: str) -> Callable[[pd.DataFrame], None]:
    """Return a function of the study by its name, ``module:function``."""
    module, _, function = name.partition(":")
    try:
        found: Callable[[pd.DataFrame], None] = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"--check {name!r}: there is no such function ({one_line(error)}) - expected "
            "MODULE:FUNCTION. Correct it."
        ) from None
    return found


def _read(paths: Iterable[Path]) -> dict[Path, pd.DataFrame]:
    """Read tables of one kind, each of runs of its own."""
    read: dict[Path, pd.DataFrame] = {}
    for path in paths:
        if path in read:
            raise InputError(f"{path}: given twice, and every table is stacked once. Give it once.")
        read[path] = files.read(path, columns=RUN_COLUMNS)
    _require_columns(read)
    _require_own_runs(read)
    return read


def _stacked(read: Tables) -> pd.DataFrame:
    table = pd.concat(read.values(), ignore_index=True)
    order = [str(name) for name in (C.DATASET, C.MODEL, C.N_TRAIN, C.SEED)]
    return table.sort_values(order, kind="stable", ignore_index=True)


def _require_columns(read: Tables) -> None:
    """Refuse tables with other columns than the first; one without rows may lack some."""
    first = next((path for path, table in read.items() if len(table)), None)
    for path, table in read.items():
        here = set(table.columns)
        known = here if first is None else set(read[first].columns)
        more, fewer = sorted(here - known), sorted(known - here) if len(table) else []
        if more or fewer:
            words = {"has": more, "lacks": fewer}
            what = " and ".join(
                f"{word} {', '.join(names)}" for word, names in words.items() if names
            )
            raise InputError(
                f"{path}: {what}, unlike {first}; tables that are stacked have the "
                "same columns. Give tables of one kind, or make the older ones again."
            )


def _require_own_runs(read: Tables) -> None:
    """Refuse rows of no run, and of a run, on the same structures, that another table has."""
    seen: dict[tuple[str, ...], Path] = {}
    for path, table in read.items():
        keys = [str(name) for name in (C.RUN, C.STRUCTURES) if name in table]
        nameless = table[C.RUN].isna() | (table[C.RUN].astype(str).str.strip() == "")
        if nameless.any():
            raise InputError(
                f"{path}: row {int(nameless.argmax()) + 1} is of no run - every row of "
                "a table of the study has one. Make the table again."
            )
        if (said := of_path(path.as_posix())) and (others := sorted({*table[C.RUN]} - {said})):
            raise InputError(
                f"{path}: has rows of run {others[0]}, and its path is that of {said}. Give the "
                "table of that run, or make it again."
            )
        for row in table[keys].drop_duplicates().astype(str).itertuples(index=False):
            other = seen.setdefault(tuple(row), path)
            if other != path:
                raise InputError(
                    f"{path}: has rows of {' on '.join(row)}, and so has {other}; a run is stacked "
                    "once. Give one of them."
                )


def _require_same_models(read: Tables, laws: Path) -> None:
    """Refuse laws that were checked for other models than those of the tables."""
    for path, table in read.items():
        made_from = lineage.origin(path).made_from
        for run in table[C.RUN].unique():
            checked = laws_file(laws, run)
            lineage.merged([(path, made_from), (checked, lineage.origin(checked).made_from)])


def _made_from(read: Tables) -> dict[str, str]:
    """Return what runs of each dataset were made from, by the dataset and what it is.

    Raises
    ------
    InputError
        If runs of one dataset were made from different stores, splits or structures, or tables are
        of different versions.
    """
    origins = {path: lineage.origin(path) for path in read}
    newest = max(origins, key=lambda path: origins[path].version)
    parts = []
    for path, table in read.items():
        if (version := origins[path].version) != origins[newest].version:
            raise InputError(
                f"{path}: {_said_version(path, version)}, but {newest} is of version "
                f"{origins[newest].version}. Give it with the note that was written beside it, or "
                "make it again."
            )
        shared = {
            key: value
            for key, value in origins[path].made_from.items()
            if key not in lineage.OF_ONE_RUN
        }
        for dataset in table[C.DATASET].fillna("").astype(str).unique():
            of_dataset = {
                key if "/" in key else f"{dataset}/{key}": value for key, value in shared.items()
            }  # those of a table that was stacked before say their dataset already
            parts.append((path, of_dataset))
    return lineage.merged(parts)


def _said_version(path: Path, version: int) -> str:
    """Say of which version a table is, and whether that is for want of a note."""
    if version > 1 or path.suffix == ".parquet" or provenance.note(path).is_file():
        return f"a table of version {version}"
    return f"no {provenance.note(path).name} is beside it, as with tables of version 1"
