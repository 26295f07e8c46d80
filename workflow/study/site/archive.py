"""The study's tables inside the page: compressed, unpacked by the browser that shows them."""

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pandas.api.types import is_bool_dtype, is_numeric_dtype

from e3d import tables
from e3d.lineage import file_hash

_MOST_BYTES: Final = 2_600_000
"""Of all tables, compressed and in text; the largest are left out first."""

_FIRST: Final = ("answers/answers", "bde/named")
"""Tables that are shown before another is chosen, the first of them that there is."""


def archive(files: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Return every table: its name, rows, columns and hash, and its text as base64 of gzip.

    Columns are names, and whether they hold numbers. The text is empty where it is left out.
    """
    texts = {name: path.read_bytes() for name, path in files.items()}
    packed = {
        # without a time: the same tables make the same page
        name: base64.b64encode(gzip.compress(text, compresslevel=9, mtime=0)).decode()
        for name, text in texts.items()
    }
    room, kept = _MOST_BYTES, set[str]()
    for name in sorted(packed, key=lambda name: len(packed[name])):
        room -= len(packed[name])
        if room < 0:
            break
        kept.add(name)
    return [
        {
            "name": name,
            "rows": max(texts[name].count(b"\n") - 1, 0),
            "columns": _columns(files[name]),
            "sha256": file_hash(files[name]).removeprefix("sha256:"),
            "data": packed[name] if name in kept else "",
        }
        for name in files
    ]


def _columns(path: Path) -> list[tuple[str, bool]]:
    return [
        (str(name), is_numeric_dtype(part) and not is_bool_dtype(part))
        for name, part in tables.read(path).items()
    ]


def tables_html(archived: Sequence[Mapping[str, Any]]) -> str:
    """Return the viewer of tables with the data it shows."""
    left = [one["name"] for one in archived if not one["data"]]
    there = [one for one in archived if one["data"]]
    names = [one["name"] for one in there]
    first = next((name for name in _FIRST if name in names), names[0])
    options = "".join(
        f'<option value="{one["name"]}"{" selected" if one["name"] == first else ""}>'
        f"{one['name']} ({one['rows']:,} rows)</option>"
        for one in there
    )
    note = f" Too large for this page: {', '.join(left)}." if left else ""
    return (
        "<p>A click on the head of a column sorts by it. Columns end in their unit; the page holds "
        f"the tables whole, and they can be saved as CSV.{note}</p>"
        f'<div class="controls"><label>Table <select id="table-choice">{options}</select></label>'
        '<button type="button" id="table-save">Save as CSV</button></div>'
        '<div id="table"></div><p class="note" id="table-note"></p>'
        f'<script type="application/json" id="tables-data">{to_json(archived)}</script>'
    )


def to_json(data: Any) -> str:
    """Return data as JSON that can stand inside a script of a page."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c")
