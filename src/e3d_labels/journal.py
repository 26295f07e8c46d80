"""Finished work on disk, so that a killed job loses at most what was running: an SQLite file.

It stays after a complete run: what is in it, failures too, is not computed again when the same
command runs on the same or on more molecules. Deleting the file forgets everything.
"""

import contextlib
import dataclasses
import io
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import numpy as np

from e3d.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

_TABLE = "CREATE TABLE IF NOT EXISTS labels (key TEXT PRIMARY KEY, label BLOB, failure TEXT)"
_WAIT_S = 5.0


class Journal(Generic[Item, Result]):
    """The results of items, or the reasons (str) why there are none.

    A result is a dataclass of arrays, numbers and texts; None fields are left out.
    """

    def __init__(self, path: Path, result: type[Result], key: Callable[[Item], str]) -> None:
        """Open the file, or make it; ``key`` hashes everything that a result depends on.

        Raises
        ------
        InputError
            If the file is no journal or cannot be written.
        """
        self.path = path
        self.key = key
        self._result: Any = result
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._usable():
            self._database = sqlite3.connect(path, timeout=_WAIT_S)
            self._database.execute(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def claim(self) -> None:
        """Keep every other process out until this one ends: two would compute the same things.

        Raises
        ------
        InputError
            If another process has it.
        """
        with self._usable():
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("BEGIN EXCLUSIVE")
            self._database.commit()

    def done(self, item: Item) -> bool:
        """Say whether an item was computed, with or without success."""
        return self._row("SELECT 1 FROM labels WHERE key = ?", item) is not None

    def get(self, item: Item) -> Result | str | None:
        """Return the result, the reason why there is none, or None if it was not computed yet.

        Raises
        ------
        InputError
            If the journal is damaged.
        """
        row = self._row("SELECT label, failure FROM labels WHERE key = ?", item)
        if row is None:
            return None
        if row[0] is None:
            return str(row[1])
        try:
            result: Result = self._result(**_unpacked(row[0]))
        except (ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{self.path}: holds a damaged entry ({reason}). Restore the file from a backup, "
                "or delete it to start anew."
            ) from None
        return result

    def put(self, outcomes: Iterable[tuple[Item, Result | str]]) -> None:
        """Keep results, or the reasons why there are none, at once and together."""
        rows = [
            (self.key(item), *((None, found) if isinstance(found, str) else (_packed(found), None)))
            for item, found in outcomes
        ]
        with self._usable(), self._database:
            self._database.executemany("INSERT OR REPLACE INTO labels VALUES (?, ?, ?)", rows)

    def forget_failures(self) -> None:
        """Let what failed be tried again."""
        with self._usable(), self._database:
            self._database.execute("DELETE FROM labels WHERE label IS NULL")

    def _row(self, query: str, item: Item) -> Any:
        with self._usable():
            return self._database.execute(query, (self.key(item),)).fetchone()

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise InputError(
                f"{self.path}: cannot be used ({error}). End the job that uses it, or check "
                "permissions and the disk."
            ) from None
        except sqlite3.Error as error:
            raise InputError(
                f"{self.path}: not a usable journal ({error}). Delete it to start anew, or restore "
                "it from a backup."
            ) from None


def _packed(result: Any) -> bytes:
    values = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    buffer = io.BytesIO()
    np.savez(buffer, **{name: value for name, value in values.items() if value is not None})
    return buffer.getvalue()


def _unpacked(blob: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(blob), allow_pickle=False) as values:
        arrays = {name: values[name] for name in values}
    return {name: array if array.ndim else array.item() for name, array in arrays.items()}
