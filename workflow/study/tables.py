"""Read the study's tables that a figure or the findings are made from."""

import contextlib
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from e3d import lineage
from e3d import tables as files
from e3d.column_rules import require_whole
from e3d.errors import InputError, one_line
from e3d.fields import Column
from study.agreeing_tables import require_one_study
from study.fields import plain
from study.stages import about_variants


def has_table(paths: Sequence[Path], name: str) -> bool:
    """Say whether a table (``bde/named``) is among files, or in one results folder."""
    if len(paths) == 1 and paths[0].is_dir():
        return (paths[0] / f"{name}.csv").is_file()
    return any(f"{path.parent.name}/{path.stem}" == name for path in paths)


def read_tables(paths: Sequence[Path], needed: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Read the ``needed`` tables (``bde/named``) out of files, or out of one results folder.

    Tables that are not about variants of model sizes come without the rows of these.

    Raises
    ------
    InputError
        If one is missing, is there twice or cannot be read, or they are of different studies.
    """
    found = _found(paths, needed)
    read = {name: files.read(found[name]) for name in needed}
    for name, table in read.items():
        require_whole(table, found[name])
    lineage.merged((found[name], lineage.origin(found[name]).made_from) for name in needed)
    require_one_study(read, found)
    return {
        name: table if about_variants(name) or Column.MODEL not in table else plain(table)
        for name, table in read.items()
    }


def inputs_of(paths: Sequence[Path], needed: Sequence[str]) -> list[Path]:
    """Return the files that :func:`read_tables` reads."""
    found = _found(paths, needed)
    return [found[name] for name in needed]


def _found(paths: Sequence[Path], needed: Sequence[str]) -> dict[str, Path]:
    """Return the files of tables by their names, all that are given or in the folder."""
    if len(paths) == 1 and paths[0].is_dir():
        paths = [paths[0] / f"{name}.csv" for name in needed]
    found: dict[str, Path] = {}
    for path in paths:
        other = found.setdefault(f"{path.parent.name}/{path.stem}", path)
        if other != path:
            raise InputError(
                f"{path}: has the name of {other}, and a table is read once. Give one of them."
            )
    missing = [name for name in needed if name not in found]
    if missing:
        raise InputError(
            f"tables {', '.join(missing)} are not among {', '.join(map(str, paths))}. "
            "Give the results folder, or the files "
            f"{', '.join(f'<folder>/{name}.csv' for name in needed)}."
        )
    return found


@contextlib.contextmanager
def named_in_errors(what: str, paths: Sequence[Path], needed: Sequence[str]) -> Iterator[None]:
    """Say of which tables something was to be made, where they may not hold what they should.

    Tables that are as their rules wrote them, by the notes beside them, are not to blame: what is
    raised with these is a fault of the program, and passes through.

    Parameters
    ----------
    what
        What is made of them.
    paths, needed
        The tables that :func:`read_tables` read.

    Raises
    ------
    InputError
        If the block raises what a missing column or another value leads to.
    """
    try:
        yield
    except InputError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        found = _found(paths, needed)
        unknown = [found[name] for name in needed if lineage.origin(found[name]).version == 1]
        if not unknown:
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise InputError(
            f"{what}: cannot be made of {', '.join(map(str, unknown))} ({type(error).__name__}: "
            f"{one_line(error)}, at {Path(place.filename).name}:{place.lineno}): a row, a column "
            "or a value in them is not as their rules write it, and no note beside them says what "
            "they are. Make the tables again."
        ) from error
