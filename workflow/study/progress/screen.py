"""Where progress is written: a terminal with one live line, or a log of plain lines."""

import os
import shutil
import textwrap
from typing import TextIO

_CLEAR = "\r\x1b[K"


class Screen:
    """A stream that lines go to, with a live last line where it is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.live = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._shown = False

    def line(self, text: str) -> None:
        """Write lines that stay."""
        self._write(f"{self._cleared()}{text}\n")

    def paragraph(self, text: str) -> None:
        """Write a line that stays; an item of a list is broken where a terminal ends."""
        width = shutil.get_terminal_size().columns
        item = self.live and text.startswith("- ")  # paths stay whole
        self.line(textwrap.fill(text, width, subsequent_indent="  ") if item else text)

    def show(self, text: str) -> None:
        """Put ``text`` into the live line; the cursor stays at its start, for others to write."""
        width = shutil.get_terminal_size().columns - 1
        self._write(f"{_CLEAR}{_first_words(text, width)}\r")
        self._shown = True

    def clear(self) -> None:
        """Remove the live line."""
        self._write(self._cleared())

    def _cleared(self) -> str:
        shown, self._shown = self._shown, False
        return _CLEAR if shown else ""

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()


def _first_words(text: str, width: int) -> str:
    """Return a text that fits into a line of a terminal.

    >>> _first_words("training 7/19, epoch 6/10", 15)
    'training 7/19,…'
    """
    return text if len(text) <= width else text[: width - 1] + "…"
