"""Finished labels on disk, one transaction each, so that a killed job loses at most what was running.

An SQLite file beside the output; a label is found again by its theory, charge, spin and geometry.
"""

import hashlib
import io
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from e3d.data.label.task import Label, Task
from e3d.errors import InputError

_TABLE = "CREATE TABLE IF NOT EXISTS labels (key TEXT PRIMARY KEY, label BLOB, failure TEXT)"


class Journal:
    """Labels by the hash of what was computed; ``failure`` holds the reason where there is none."""

    def __init__(self, path: Path, theory: Mapping[str, Any]) -> None:
        """Open or make the journal of one level of theory (its settings).

        Raises
        ------
        InputError
            If the file is no journal, or is in use.
        """
        self.path = path
        self._theory = json.dumps(theory, sort_keys=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = sqlite3.connect(path, timeout=10)
            self._database.execute(_TABLE)
        except sqlite3.Error as error:
            raise InputError(
                f"{path}: not a usable journal of labels ({error}). Delete it to start anew, or end the job "
                "that uses it."
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def key(self, task: Task) -> str:
        """Return the hash of everything a label depends on."""
        parts = f"{self._theory} {task.charge} {task.multiplicity} {task.stretched} {task.numbers.tolist()}"
        return hashlib.sha256(parts.encode() + task.positions.astype("<f8").tobytes()).hexdigest()

    def get(self, task: Task) -> Label | str | None:
        """Return the label, the reason why there is none, or None if it was not computed yet."""
        row = self._database.execute("SELECT label, failure FROM labels WHERE key = ?", (self.key(task),)).fetchone()
        if row is None:
            return None
        return str(row[1]) if row[0] is None else _unpack(row[0])

    def put(self, task: Task, outcome: Label | str) -> None:
        """Keep a label, or the reason why there is none, at once."""
        blob, failure = (None, outcome) if isinstance(outcome, str) else (_pack(outcome), None)
        with self._database:
            self._database.execute("INSERT OR REPLACE INTO labels VALUES (?, ?, ?)", (self.key(task), blob, failure))


def _pack(label: Label) -> bytes:
    buffer = io.BytesIO()
    values = {name: value for name, value in vars(label).items() if value is not None}
    np.savez(buffer, **values)
    return buffer.getvalue()


def _unpack(blob: bytes) -> Label:
    with np.load(io.BytesIO(blob), allow_pickle=False) as values:
        return Label(
            energy=float(values["energy"]),
            gradient=values["gradient"],
            mayer=values["mayer"],
            wiberg=values.get("wiberg"),
            method=str(values["method"]),
            spin_square=float(values["spin_square"]),
        )
