"""End jobs of a study at set moments by SIGKILL; a copy of the project has it as sitecustomize.py.

Python imports a module of that name when it starts. In the folder that E3D_KILLING names:

    jobs/<log of a job>      its command, words, file events and seconds, written by a job that ends
    moments/<log of a job>   "event 7" or "second 1.3": when that job is to be killed, once
    killed/<log of a job>    the same, moved there as the job is killed

A file event is the moment before a file below ``results/`` is opened to be written, renamed,
linked or removed, or a folder made or removed: between any two of them lies a state of the disk.
A job that ends before its moment is killed when all its work is done.
"""

import atexit
import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

_EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Killer:
    """Counts the file events of one job, and ends it at its moment."""

    def __init__(self, folder: Path, words: list[str]) -> None:
        self._folder, self._words, self._job = folder, words, words[words.index("--log") + 1]
        self._events, self._started, self._busy = 0, time.monotonic(), False
        self._moment = folder / "moments" / self._job
        text = self._moment.read_text() if self._moment.is_file() else ""
        kind, _, value = text.partition(" ")
        self._at = int(value) if kind == "event" else None
        if kind == "second":
            threading.Thread(target=self._wait, args=(float(value),), daemon=True).start()
        atexit.register(self._end)
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy or not (event in _EVENTS or event == "open"):
            return
        path, flags = str(arguments[0]), arguments[2] if event == "open" else _WRITES
        if "results/" not in path or not isinstance(flags, int) or not flags & _WRITES:
            return
        self._events += 1
        if self._events == self._at:
            self._kill()

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)
        self._kill()

    def _end(self) -> None:
        self._busy = True
        if self._moment.is_file():
            self._kill()
        path = self._folder / "jobs" / self._job
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {
            "command": _command(self._words),
            "words": self._words,
            "events": self._events,
            "seconds": time.monotonic() - self._started,
        }
        path.write_text(json.dumps(facts))

    def _kill(self) -> None:
        self._busy = True
        killed = self._folder / "killed" / self._job
        killed.parent.mkdir(parents=True, exist_ok=True)
        os.rename(self._moment, killed)
        os.kill(os.getpid(), signal.SIGKILL)


def _command(words: list[str]) -> str:
    """Name what a job does: ``train``, ``data read``, ``figures parity``."""
    found = re.match(r"[a-z-]+( [a-z-]+(?= ))?", " ".join(words))
    command = found[0] if found else ""
    return f"{command} {words[words.index('--name') + 1]}" if "--name" in words else command


def _begin() -> None:
    folder, words = os.environ.get("E3D_KILLING"), sys.orig_argv
    if folder and "study" in words and "--log" in words:
        Killer(Path(folder), words[words.index("study") + 1 :])


_begin()
