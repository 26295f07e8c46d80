"""Which runs broke a law, and why: they are in no table that figures and findings are made from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from e3d import tables
from e3d.errors import InputError
from e3d.fields import RUN_COLUMNS
from e3d.fields import Column as C
from study.fields import GIVEN, trained
from study.soundness import fields

_CHANGE: Final = "its {quantity} changes by {value} when {what}, {limit} is allowed"
_WHAT: Final = {
    fields.ROTATION: "the atoms are turned together",
    fields.REFLECTION: "the atoms are mirrored",
    fields.TRANSLATION: "the atoms are moved together",
    fields.PERMUTATION: "the atoms are put in another order",
    fields.LOCALITY: "an atom appears beyond the cutoff",
}
_SAID: Final = {
    fields.FINITE: "it gives energies or forces that are no numbers",
    fields.SUM_RULE: "its edge energies miss its total energy by {value}, {limit} is allowed",
    fields.GRADIENT: "its forces miss the slope of its energy by {value}, {limit} is allowed",
    fields.LEARNED: "it misses the {quantity} on its own training frames by {value}, and zero "
    "would miss it by {limit}, so that its training diverged or was far too short",
}
_ALWAYS: Final = [law for law in fields.LAWS if law not in (fields.LOCALITY, fields.LEARNED)]
"""Laws that are checked for every model whose numbers are finite, in any structure."""


def broken(laws: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of broken laws.

    Raises
    ------
    InputError
        If an answer is neither yes nor no.
    """
    answers = sorted({*laws[fields.OBEYED].astype(str)} - {fields.YES, fields.NO})
    if answers:
        raise InputError(
            f"soundness/laws: {fields.OBEYED} is {answers[0]!r} - allowed are {fields.YES} and "
            f"{fields.NO}. Make the table again."
        )
    return laws[laws[fields.OBEYED] == fields.NO]


def reasons(laws: pd.DataFrame) -> dict[str, str]:
    """Return what each run did wrong, in words, by the run."""
    rows = broken(laws).to_dict("records")
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(str(row[C.RUN]), []).append(_words(row))
    return {run: "; ".join(parts) for run, parts in found.items()}


def number(row: Mapping[Any, Any], column: str) -> str:
    """Return a deviation or limit of a row with its unit."""
    return f"{float(row[column]):.2g} {row[fields.UNIT]}"


def _words(row: Mapping[Any, Any]) -> str:
    law = str(row[fields.LAW])
    return _SAID.get(law, _CHANGE).format(
        quantity=row[fields.QUANTITY],
        what=_WHAT.get(law, ""),
        value=number(row, fields.DEVIATION),
        limit=number(row, fields.LIMIT),
    )


def not_empty(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Return the tables that are no empty files, which stand for given models that break a law.

    Raises
    ------
    InputError
        If all are empty; ``folder`` has the laws of each run.
    """
    found = [path for path in paths if not path.is_file() or path.stat().st_size]
    if not found:
        raise InputError(
            f"{paths[0]}: empty, and so are all tables that go with it, since every given model "
            f"breaks a law: see {folder / GIVEN}. Give other models."
        )
    return found


def laws_file(folder: Path, run: str) -> Path:
    """Return where the laws of a run are."""
    return folder / f"{run}.csv"


def read_laws(path: Path, run: str) -> pd.DataFrame:
    """Read the table of laws of a run.

    Raises
    ------
    InputError
        If it is of another run, a law was not checked, or an answer is neither yes nor no.
    """
    laws = tables.read(path, columns=(*RUN_COLUMNS, fields.LAW, fields.OBEYED))
    checked = laws.set_index(fields.LAW)[fields.OBEYED]
    wrong = sorted({*laws[C.RUN].astype(str)} - {run})
    answers = sorted({*checked.astype(str)} - {fields.YES, fields.NO})
    finite = checked.get(fields.FINITE) == fields.YES
    missing = [law for law in _ALWAYS if law not in checked and (finite or law == fields.FINITE)]
    if wrong or answers or missing:
        what = (
            (wrong and f"has rows of run {wrong[0]}")
            or (answers and f"{fields.OBEYED} is {answers[0]!r}, neither yes nor no")
            or f"lacks the law {missing[0]!r}"
        )
        raise InputError(f"{path}: {what}. Make the table again.")
    return laws


def without_broken(table: pd.DataFrame, folder: Path, *, may_be_empty: bool) -> pd.DataFrame:
    """Return the rows of runs that obey all laws.

    Parameters
    ----------
    table
        A table of runs.
    folder
        Holds ``<run>.csv``, the laws of each run.
    may_be_empty
        Whether a table without rows is something to go on with: one of few runs.

    Raises
    ------
    InputError
        If the laws of a run are not known, or no run is left, or none of those trained here.
    """
    why: dict[str, str] = {}
    for run in table[C.RUN].unique():
        why |= reasons(read_laws(laws_file(folder, run), run))
    kept = table[~table[C.RUN].isin(why)].reset_index(drop=True)
    of_grid = trained(table)
    left, before = (trained(kept), of_grid) if len(of_grid) else (kept, table)
    if len(before) and left.empty and not may_be_empty:
        run, said = next(iter(why.items()))
        raise InputError(
            f"{folder}: every model breaks a law, so that there is nothing to show ({len(why)} "
            f"runs; {run}: {said}). Train with a lower `training.learning_rate` or for longer, or "
            "give other models."
        )
    return kept
