"""Finished work on disk, so that a killed job loses at most what was running: an SQLite file.

It stays after a complete run: what is in it, failures too, is not computed again when the same
command runs on the same or on more molecules. Deleting the file forgets everything.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from e3d.errors import InputError

_TABLE = "CREATE TABLE IF NOT EXISTS labels (key TEXT PRIMARY KEY, label BLOB, failure TEXT)"
_WAIT_S = 5.0


class Ledger:
    """Results (bytes) by key; where there is none, the reason (str)."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises
        ------
        InputError
            If it is no ledger or cannot be written.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._usable():
            self._database = sqlite3.connect(path, timeout=_WAIT_S)
            self._database.execute(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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

    def has(self, key: str) -> bool:
        """Say whether there is a result or a failure under ``key``."""
        with self._usable():
            found = self._database.execute("SELECT 1 FROM labels WHERE key = ?", (key,)).fetchone()
        return found is not None

    def load(self, key: str) -> bytes | str | None:
        """Return the result (bytes), the reason why there is none (str), or None if it was not tried."""
        with self._usable():
            row = self._database.execute(
                "SELECT label, failure FROM labels WHERE key = ?", (key,)
            ).fetchone()
        if row is None:
            return None
        return str(row[1]) if row[0] is None else bytes(row[0])

    def store(self, outcomes: Iterable[tuple[str, bytes | str]]) -> None:
        """Keep results and failures by key, all or none of them."""
        rows = [
            (key, None, value) if isinstance(value, str) else (key, value, None)
            for key, value in outcomes
        ]
        with self._usable(), self._database:
            self._database.executemany("INSERT OR REPLACE INTO labels VALUES (?, ?, ?)", rows)

    def forget_failures(self) -> None:
        """Let what failed be tried again."""
        with self._usable(), self._database:
            self._database.execute("DELETE FROM labels WHERE label IS NULL")

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise InputError(
                f"{self.path}: cannot be used ({error}). End the job that uses it, or check permissions and the disk."
            ) from None
        except sqlite3.Error as error:
            raise InputError(
                f"{self.path}: not a usable journal ({error}). Delete it to start anew, or restore it from a backup."
            ) from None
