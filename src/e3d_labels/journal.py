"""Finished labels on disk; a label is found again by its theory, charge, spin and geometry."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from e3d.errors import InputError
from e3d_labels.ledger import Ledger
from e3d_labels.task import Label, Task


class Journal(Ledger):
    """Labels, or the reasons why there are none, of one level of theory."""

    def __init__(self, path: Path, theory: Mapping[str, Any]) -> None:
        """Open or make the journal; ``theory`` holds the settings that identify a label.

        Raises
        ------
        InputError
            If the file is no journal or cannot be written.
        """
        super().__init__(path)
        self._theory = json.dumps(theory, sort_keys=True)

    def key(self, task: Task) -> str:
        """Return the hash of everything a label depends on."""
        parts = f"{self._theory} {task.charge} {task.multiplicity} {task.stretched} {task.numbers.tolist()}"
        return hashlib.sha256(parts.encode() + task.positions.astype("<f8").tobytes()).hexdigest()

    def done(self, task: Task) -> bool:
        """Say whether a task was computed, with or without success."""
        return self.has(self.key(task))

    def get(self, task: Task) -> Label | str | None:
        """Return the label, the reason why there is none, or None if it was not computed yet.

        Raises
        ------
        InputError
            If the journal is damaged.
        """
        stored = self.load(self.key(task))
        if not isinstance(stored, bytes):
            return stored
        try:
            return _unpack(stored)
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{self.path}: holds a damaged label of {task.group} ({reason}). Restore the file from a backup, "
                "or delete it to start anew."
            ) from None

    def put(self, outcomes: Iterable[tuple[Task, Label | str]]) -> None:
        """Keep labels, or the reasons why there are none, at once and together."""
        self.store(
            (self.key(task), outcome if isinstance(outcome, str) else _pack(outcome))
            for task, outcome in outcomes
        )


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
