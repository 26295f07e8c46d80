"""Read large JSON files record by record, so that only one record is in memory."""

import json
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

import ijson

from e3d.errors import InputError, one_line
from e3d.store.files.compressed import open_stream

LONGEST_LINE = 64 * 2**20
"""Bytes of the longest line taken for one record; a longer one is another layout."""
_BLANK = b" \t\r\n"


def items(path: Path) -> Iterator[Any]:
    """Yield the items of a JSON list, or of a file with one JSON value a line; gzip or plain.

    Raises
    ------
    InputError
        If the file is missing, truncated, not JSON, or of neither form.
    """
    with open_stream(path) as stream:
        if _first(stream) == b"[":
            yield from _parsed(path, ijson.items(stream, "item", use_float=True))
        else:
            yield from _lines(path, stream)


def members(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the (key, value) pairs of one large JSON object; gzip or plain.

    Raises
    ------
    InputError
        If the file is missing, truncated, not JSON, or no object.
    """
    with open_stream(path) as stream:
        first = _first(stream)
        if first != b"{":
            raise InputError(
                f"{path}: starts with {first.decode(errors='replace')!r}, expected one JSON object "
                "{...} at the top level. Check the file or its `layout`."
            )
        yield from _parsed(path, ijson.kvitems(stream, "", use_float=True))


def _first(stream: "BufferedReader[Any]") -> bytes:
    """Return the first byte that is not blank, and leave the stream in front of it."""
    while (byte := stream.read(1)) and byte in _BLANK:
        pass
    if byte:
        stream.seek(-1, 1)
    return byte


def _parsed(path: Path, parsed: Iterator[Any]) -> Iterator[Any]:
    count = 0
    while True:
        try:
            item = next(parsed)
        except StopIteration:
            return
        except ijson.JSONError as error:
            raise _not_json(path, f"after {count} complete records", error) from None
        yield item
        count += 1


def _lines(path: Path, stream: "BufferedReader[Any]") -> Iterator[Any]:
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise InputError(
                f"{path} line {number}: longer than {LONGEST_LINE} bytes - expected a JSON list, "
                "or one record a line. Check the file or its `layout`."
            )
        if line.strip(_BLANK):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise _not_json(path, f"at line {number}", error) from None


def _not_json(path: Path, where: str, error: Exception) -> InputError:
    return InputError(
        f"{path}: not valid JSON {where} (truncated or another format: {one_line(error)}). "
        "Fetch it again and compare its checksum."
    )
