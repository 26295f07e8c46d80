"""Read large JSON files record by record, so that only one record is in memory.

Python's own decoder reads each record from a window of the file, so that NaN and Infinity, which
Python writes, are numbers.
"""

import codecs
import json
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from e3d.errors import InputError, one_line
from e3d.store.files.compressed import open_stream

LONGEST_LINE = 64 * 2**20
"""Bytes of the longest line taken for one record; a longer one is another layout."""
LONGEST_RECORD = 2**30
"""Characters of the longest item of a list, or member of an object."""
_WINDOW: Final = 2**16
_BLANK: Final = " \t\r\n"
_CLOSING: Final = ",:]}"
_CUT: Final = 16
"""Characters before the end of a window in which an error may mean that it is cut there."""


def items(path: Path) -> Iterator[Any]:
    """Yield the items of a JSON list, or of a file with one JSON value a line; gzip or plain.

    Raises
    ------
    InputError
        If the file is missing, truncated, not JSON, or of neither form.
    """
    with open_stream(path) as stream:
        text = _Window(path, stream)
        if text.peek() == "[":
            yield from text.items()
        else:
            stream.seek(0)
            yield from _lines(path, stream)


def members(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the (key, value) pairs of one large JSON object; gzip or plain.

    Raises
    ------
    InputError
        If the file is missing, truncated, not JSON, or no object.
    """
    with open_stream(path) as stream:
        text = _Window(path, stream)
        if text.peek() != "{":
            raise InputError(
                f"{path}: starts with {text.peek()!r}, expected one JSON object {{...}} at the top "
                "level. Check the file or its `layout`."
            )
        yield from text.members()


class _Window:
    """A part of a JSON file, and how many complete records came before it."""

    def __init__(self, path: Path, stream: "BufferedReader[Any]") -> None:
        self._path, self._stream = path, stream
        self._bytes = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended = "", 0, False
        self._records = 0
        self._longest = 0

    def items(self) -> Iterator[Any]:
        """Yield the items of the list that starts here; nothing may follow it."""
        self._expect("[")
        while self.peek() != "]" or self._records:
            yield self._value()
            self._records += 1
            if self.peek() == "]":
                break
            self._expect(",")
        self._expect("]")
        self._expect("")

    def members(self) -> Iterator[tuple[str, Any]]:
        """Yield the pairs of the object that starts here; nothing may follow it."""
        self._expect("{")
        while self.peek() != "}" or self._records:
            if self.peek() != '"':
                raise self._wrong(f"expected a key in quotes, found {self.peek()!r}")
            key = self._value()
            self._expect(":")
            yield key, self._value()
            self._records += 1
            if self.peek() == "}":
                break
            self._expect(",")
        self._expect("}")
        self._expect("")

    def peek(self) -> str:
        """Return the next character that is not blank, "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANK:
                    return self._text[self._at]
                self._at += 1
            if self._ended:
                return ""
            self._widen()

    def _expect(self, character: str) -> None:
        found = self.peek()
        if found != character:
            raise self._wrong(
                f"expected {character or 'the end'!r}, found {found or 'the end of the file'!r}"
            )
        self._at += len(character)

    def _value(self) -> Any:
        self.peek()
        while not self._ended and len(self._text) - self._at < self._longest:
            self._widen()  # rather than to decode a part of it in vain
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise self._wrong("lists or objects are nested too deeply") from None
            except json.JSONDecodeError as error:
                cut = error.pos >= len(self._text) - _CUT or error.msg.startswith("Unterminated")
                if self._ended or not cut:
                    raise self._wrong(one_line(error)) from None
            except ValueError as error:
                raise self._wrong(one_line(error)) from None
            else:
                after = self._text[end : end + _CUT]  # where a number is cut, 12 of 12.5e3 is one
                if self._ended or len(after) == _CUT or after[:1] in (*_BLANK, *_CLOSING):
                    self._longest = max(self._longest, end - self._at)
                    self._at = end
                    return value
            if len(self._text) - self._at > LONGEST_RECORD:
                raise self._wrong(f"a record is longer than {LONGEST_RECORD} characters")
            self._widen()

    def _widen(self) -> None:
        """Read as much again as there is, so that long records are decoded a few times only."""
        self._text = self._text[self._at :]
        self._at = 0
        more = self._stream.read(max(_WINDOW, len(self._text)))
        try:
            self._text += self._bytes.decode(more, final=not more)
        except UnicodeDecodeError as error:
            raise self._wrong(f"no UTF-8: {one_line(error)}") from None
        self._ended = not more

    def _wrong(self, what: str) -> InputError:
        return _not_json(self._path, f"after {self._records} complete records", what)


def _lines(path: Path, stream: "BufferedReader[Any]") -> Iterator[Any]:
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise InputError(
                f"{path} line {number}: longer than {LONGEST_LINE} bytes - expected a JSON list, "
                "or one record a line. Check the file or its `layout`."
            )
        if line.strip():
            try:
                yield _DECODER.decode(line.decode("utf-8-sig"))
            except (ValueError, RecursionError) as error:
                raise _not_json(path, f"at line {number}", one_line(error)) from None


def _not_json(path: Path, where: str, what: str) -> InputError:
    return InputError(
        f"{path}: not valid JSON {where} (truncated or another format: {what}). "
        "Fetch it again and compare its checksum."
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose keys are all different."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {twice!r} is there twice in one object")
    return made


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique)
