"""The findings as they are written: lists under headings, in Markdown."""

import re
from typing import Final

_HEADING: Final = re.compile(r"\*\*(.+)\*\*")


def markdown(title: str, sentences: list[str]) -> str:
    """Return a section."""
    return "\n".join([f"**{title}**", "", *(f"- {sentence}" for sentence in sentences)])


def read_findings(text: str) -> dict[str, list[str]]:
    r"""Return the sentences of findings by the title of their section.

    >>> read_findings("**What D is**\n\n- One.\n- Two.\n")
    {'What D is': ['One.', 'Two.']}
    """
    parts: dict[str, list[str]] = {}
    title = ""
    for line in text.splitlines():
        if heading := _HEADING.fullmatch(line):
            title = heading[1]
        elif line.startswith("- "):
            parts.setdefault(title, []).append(line[2:])
    return parts
