"""Files of the repository outside of ``docs/``, as far as pages link to them.

A link that leads somewhere on disk leads somewhere on the site: Markdown becomes a page, source
text a page that shows it, anything else a file to download. A link to a folder becomes plain text.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).parents[2]
OUTSIDE: Final = "repository"
"""Where files outside of ``docs/`` are on the site."""
_LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
_CODE: Final = re.compile(r"^```.*?^```|^ {4,}\S[^\n]*|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_LANGUAGES: Final = {
    **{".py": "python", ".smk": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml"},
    **{".sh": "bash", ".json": "json", ".cff": "yaml", ".txt": "text", "": "text"},
}
"""Suffixes of source text that a page shows."""
_NAV: Final = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "config/README.md")
"""Pages of the menu, which need no link to be there."""


def on_files(files: Files, config: Any) -> Files:
    """Add what pages link to, and what these files link to in turn."""
    waiting = [*_NAV, *(f"docs/{file.src_uri}" for file in files.documentation_pages())]
    seen = set(waiting)
    while waiting:
        name = waiting.pop()
        if not name.startswith("docs/"):
            files.append(_file(name, config))
        if name.endswith(".md"):
            text = (ROOT / name).read_text(encoding="utf-8")
            found = set(_targets(text, name)) - seen
            waiting += sorted(found)
            seen |= found
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Write the links of a page for the site."""
    here = page.file.src_uri
    name = _of_repository(here)
    if not name.endswith(".md"):
        return markdown
    return _indented(_outside_of_code(markdown, lambda text: _rewritten(text, name, here)))


def _file(name: str, config: Any) -> File:
    """Return a file of the repository as one of the site."""
    path, uri = ROOT / name, _on_site(name)
    if name.endswith(".md"):
        return File.generated(config, uri, content=path.read_text(encoding="utf-8"))
    if uri.endswith(".md"):
        text, language = path.read_text(encoding="utf-8"), _LANGUAGES[path.suffix]
        shown = f"---\ntitle: {name}\nsearch:\n  exclude: true\n---\n\n# `{name}`\n\n"
        return File.generated(config, uri, content=f"{shown}~~~~~ {language}\n{text}~~~~~\n")
    return File.generated(config, uri, abs_src_path=str(path))


def _on_site(name: str) -> str:
    """Return where a file of the repository is on the site, as its source."""
    if name.startswith("docs/"):
        return name.removeprefix("docs/")
    shown = Path(name).suffix in _LANGUAGES
    return f"{OUTSIDE}/{name}{'.md' if shown else ''}"


def _of_repository(uri: str) -> str:
    """Return the file of the repository that a source of the site is."""
    if not uri.startswith(f"{OUTSIDE}/"):
        return f"docs/{uri}"
    name = uri.removeprefix(f"{OUTSIDE}/")
    return name if (ROOT / name).is_file() else name.removesuffix(".md")


def _target(link: str, name: str) -> str:
    """Return the path in the repository that a link of a file leads to; empty: somewhere else."""
    if "://" in link or link.startswith(("/", "mailto:")):
        return ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
    return path if (ROOT / path).exists() else ""


def _targets(text: str, name: str) -> Iterator[str]:
    """Yield the files that a Markdown file links to."""
    for match in _LINK.finditer(_CODE.sub("", text)):
        target = _target(match[3], name)
        if target and (ROOT / target).is_file() and target != name:
            yield target


def _rewritten(text: str, name: str, here: str) -> str:
    """Return text with links that lead from one source of the site to another."""

    def link(match: re.Match[str]) -> str:
        picture, words, given, anchor = match.groups(default="")
        target = _target(given, name)
        if not target:
            return match[0]
        if (ROOT / target).is_dir():
            return words
        to = posixpath.relpath(_on_site(target), posixpath.dirname(here) or ".")
        return f"{picture}[{words}]({to}{anchor})"

    return _LINK.sub(link, text)


def _indented(markdown: str) -> str:
    """Indent what belongs to an item of a list by four spaces, where GitHub asks for two."""
    lines: list[str] = []
    in_list = has_gap = False
    for line in markdown.splitlines():
        if line and not line.startswith(" "):
            if in_list and has_gap and line.startswith("- "):
                lines.append("")  # else it would continue the paragraph before it
            in_list, has_gap = line.startswith("- "), False
        has_gap |= not line
        lines.append(f"  {line}" if in_list and line.startswith("  ") else line)
    return "\n".join(lines) + "\n"


def _outside_of_code(markdown: str, change: Callable[[str], str]) -> str:
    """Apply ``change`` to a text whose code is replaced by marks meanwhile."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\x00{len(kept) - 1}\x00"

    text = change(_CODE.sub(keep, markdown))
    return re.sub(r"\x00(\d+)\x00", lambda match: kept[int(match[1])], text)
