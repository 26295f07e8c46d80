"""Numbers and tables as HTML."""

from collections.abc import Sequence
from html import escape

import numpy as np


def number(value: float, digits: int) -> str:
    """Return a number with some digits behind the point, with a true minus; a dash for NaN.

    >>> number(-0.004, 2), number(float("nan"), 2), number(-1.5, 1)
    ('0.00', '–', '−1.5')
    """
    if not np.isfinite(value):
        return "–"
    text = f"{value:,.{digits}f}"
    if not any(letter in "123456789" for letter in text):
        text = text.lstrip("-")
    return text.replace("-", "−")


def table_html(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    n_text: int,
    sortable: bool = False,
) -> str:
    """Return a table; its first ``n_text`` columns are words, the others numbers."""
    kinds = [' class="text"' if k < n_text else "" for k in range(len(head))]

    def cell(tag: str, kind: str, inside: str) -> str:
        return f"<{tag}{kind}>{inside}</{tag}>"

    button = '<button type="button">{}</button>' if sortable else "{}"
    top = "".join(
        cell("th", kind + ' scope="col"', button.format(escape(name)))
        for kind, name in zip(kinds, head, strict=True)
    )
    body = "\n".join(
        f"<tr>{''.join(cell('td', k, escape(text)) for k, text in zip(kinds, row, strict=True))}"
        "</tr>"
        for row in rows
    )
    marked = " data-sortable" if sortable else ""
    return (
        f'<div class="scroll"><table{marked}><thead><tr>{top}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )
