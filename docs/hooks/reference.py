"""The reference: settings, commands, tables and their columns, from what declares them.

A list or table of keys on a page gets the type and default of every key from its schema. A comment
such as ``<!-- commands -->`` is replaced by what it names. Nothing here needs the site's generator.
"""

import ast
import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, Final

import yaml

from e3d import cli, fields
from e3d.command_line import Argument, Command
from e3d_labels.cli import COMMANDS as LABELS
from study.cli import COMMANDS as STUDY
from study.stage import Runs, Table
from study.stages import FIGURES, STAGES

ROOT: Final = Path(__file__).parents[2]
SCHEMAS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "repository/config/README.md": (("config", "datasets"), ("models",)),
    "cluster.md": (("site",), ()),
}
"""The schemas of the keys that a page has in lists, and in tables; the first that has a key."""
_ITEM: Final = re.compile(r"- `([\w.<>]+)`: (.*(?:\n  \S.*)*)\n?")
_LIST: Final = re.compile(rf"^(?:{_ITEM.pattern})+", re.MULTILINE)
_KEYS_TABLE: Final = re.compile(
    r"^\| key \| what it says \|\n\|[-|]+\n((?:\|.*\n?)+)", re.MULTILINE
)
_NO_LIMIT: Final = 1e6
"""Larger limits are those of the types of numbers in files, and are not shown."""
_ROLE: Final = re.compile(r":(?:func|class|data|meth|mod|attr|exc):<code>~?([^<]*)</code>")
_UNITS: Final = {
    **{"meV_per_atom": "meV/atom", "meV_per_ang": "meV/Å", "eV_per_ang": "eV/Å", "eV": "eV"},
    **{"per_eV2": "1/eV²", "eV2_cm": "eV² cm", "ang2_cm": "Å² cm", "ang": "Å", "nats": "nats"},
    **{"kcal_mol": "kcal/mol", "fs": "fs", "K": "K", "cm": "1/cm"},
}
"""Units by how a column's name ends; the longer ending comes first."""


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill one page of the site."""
    return fill(markdown, page.file.src_uri)


def on_page_content(html: str, **_: Any) -> str:
    """Write references of docstrings (``:func:``) as code."""
    return _ROLE.sub(lambda found: f"<code>{found[1].rpartition('.')[2]}</code>", html)


def fill(markdown: str, uri: str) -> str:
    """Return a page with its reference in it."""
    if uri in SCHEMAS:
        listed, tabled = map(_rules, SCHEMAS[uri])
        markdown = _LIST.sub(lambda found: _settings(_ITEM.findall(found[0]), listed), markdown)
        markdown = _KEYS_TABLE.sub(lambda found: _settings(_rows(found[1]), tabled), markdown)
    for name, make in PARTS.items():
        if (mark := f"<!-- {name} -->") in markdown:
            markdown = markdown.replace(mark, make())
    return markdown


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(one) for one in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    text = " ".join(text.split()).replace("|", "\\|")
    return re.sub(r"`[^`]*`|<", lambda found: "&lt;" if found[0] == "<" else found[0], text)


# --- settings


def _rules(schemas: Iterable[str]) -> dict[str, tuple[Mapping[str, Any], str]]:
    """Return rule and default of every key of some schemas, ``models.<name>.r_max`` among them."""
    found: dict[str, tuple[Mapping[str, Any], str]] = {}
    for name in schemas:
        file = ROOT / "workflow" / "study" / "schemas" / f"{name}.schema.yaml"
        rules = yaml.safe_load(file.read_text(encoding="utf-8"))
        own = ROOT / "config" / "config.yaml"
        given = yaml.safe_load(own.read_text(encoding="utf-8")) if name == "config" else {}
        for key, rule, default in _keys(rules, given):
            # a list of named things, datasets.yaml, begins with their names
            found.setdefault(key.removeprefix("<name>."), (rule, default))
    return found


def _keys(
    rules: Mapping[str, Any], given: Any, prefix: str = ""
) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Yield every key of a schema with its rule, and its value in a file or its default."""
    named = dict(rules.get("properties", {}))
    if isinstance(rules.get("additionalProperties"), dict):
        named["<name>"] = rules["additionalProperties"]
    for name, rule in named.items():
        inside = given.get(name) if isinstance(given, dict) else None
        default = inside if inside is not None else rule.get("default")
        shown = "required" if name in rules.get("required", ()) else ""
        if default is not None and not (isinstance(default, dict) and default):
            written = yaml.safe_dump(default, default_flow_style=True, width=1000)
            shown = f"`{written.splitlines()[0]}`"
        yield f"{prefix}{name}", rule, shown
        yield from _keys(rule, inside, f"{prefix}{name}.")


def _rows(lines: str) -> list[tuple[str, str]]:
    """Return keys and texts of a table of keys; several in a cell have a row each."""
    cells = [line.strip("| ").split(" | ", 1) for line in lines.splitlines()]
    return [(key, text) for keys, text in cells for key in re.findall(r"`(\w+)`", keys)]


def _settings(
    items: Iterable[tuple[str, str]], rules: Mapping[str, tuple[Mapping[str, Any], str]]
) -> str:
    """Return the table of some keys with what a page says of them."""
    rows = []
    for key, text in items:
        rule, default = rules[key]
        kind = f"{_kind(rule)}{f'; {default}' if default else ''}"
        rows.append((f"`{key}`", kind, text.removesuffix(" |")))
    return "\n" + table(("key", "value; default", "what it does"), rows) + "\n"


def _kind(rule: Mapping[str, Any]) -> str:
    """Say what a value may be."""
    if "enum" in rule:
        return "one of " + ", ".join(f"`{one}`" for one in rule["enum"])
    kind = rule.get("type", "")
    if kind == "array":
        inner = _kind(rule.get("items", {}))
        return "list of " + re.sub(r"^(text|(?:whole )?number)", r"\1s", inner)
    if kind in ("number", "integer"):
        return ("whole number" if kind == "integer" else "number") + _bounds(rule)
    return {"boolean": "`true` or `false`", "object": "keys and values", "string": "text"}[kind]


def _bounds(rule: Mapping[str, Any]) -> str:
    said = {
        "minimum": "from {}",
        "exclusiveMinimum": "above {}",
        "maximum": "to {}",
        "exclusiveMaximum": "below {}",
    }
    parts = [
        text.format(rule[key]) for key, text in said.items() if abs(rule.get(key, inf)) < _NO_LIMIT
    ]
    return f" {' '.join(parts)}" if parts else ""


# --- commands


def commands() -> str:
    """Return a section for every command of the library, of the labels and of the study."""
    groups = {
        "The library: `e3d`": cli.COMMANDS,
        "Making data: `e3d`, with the extra `labels`": LABELS,
        "The study: `e3d`, or `python -m study` in `workflow/`": STUDY,
    }
    parts = []
    for title, declared in groups.items():
        parts.append(f"## {title}\n")
        parts += [_command(one) for one in declared if isinstance(one, Command)]
    return "\n".join(parts)


def _command(command: Command) -> str:
    """Return the section of one command: what it does, its usage, its arguments."""
    output = Argument("-o", command.default_output or "file or folder to write", {})
    needed = [_place(one.name) for one in command.arguments if not one.name.startswith("-")]
    needed += [
        f"{one.name} {one.key.upper()}" for one in command.arguments if one.settings.get("required")
    ]
    usage = ["e3d", command.name, *needed, *([] if command.default_output else ["-o OUTPUT"])]
    rows = [
        (f"`{_place(one.name)}`", one.help, _value(one)) for one in (*command.arguments, output)
    ]
    return (
        f"### `e3d {command.name}`\n\n{command.summary}\n\n```text\n{' '.join(usage)}\n```\n\n"
        f"{table(('argument', 'what', 'value'), rows)}"
    )


def _place(name: str) -> str:
    """Return a position as it is written: ``STORES+`` is one or more."""
    return name.replace("+", " ...").replace("*", " ...")


def _value(one: Argument) -> str:
    settings, default = one.settings, one.settings.get("default")
    if settings.get("action") == "store_true":
        return "a switch"
    if "choices" in settings:
        allowed = ", ".join(f"`{choice}`" for choice in settings["choices"])
        return f"{allowed}{f'; default `{default}`' if default is not None else ''}"
    if settings.get("required"):
        return "required"
    return f"default `{default}`" if default not in (None, "", ()) else ""


# --- tables


def study_tables() -> str:
    """Return a section for every stage that makes tables, with their columns."""
    shared = {meaning[0] for meaning in documented("Column")}
    parts = []
    for stage in (one for one in STAGES if one.tables):
        parts.append(f"### `{stage.name}`\n")
        parts += [_table(stage.name, one, shared) for one in stage.tables]
    return "\n".join(parts)


def _table(stage: str, one: Table, shared: set[str]) -> str:
    name = f"{stage}/{one.name}"
    drawn = [str(figure.number) for figure in FIGURES.values() if name in figure.tables]
    rows = "a row or more for each run" if one.runs is not Runs.NONE else "rows of several runs"
    said = f"**`results/{name}.csv`**: {rows}"
    said += f" ({one.runs.value})" if one.runs not in (Runs.NONE, Runs.EVERY) else ""
    said += f"; in figure {' and '.join(drawn)}" if drawn else ""
    columns = published_columns(name)
    if not columns:
        return f"{said}. No published study has it.\n"
    own = [column for column in columns if column not in shared]
    listed = ", ".join(f"`{column}`{_unit(column)}" for column in own)
    common = ", ".join(f"`{column}`" for column in columns if column in shared)
    return f"{said}.\n\n{listed}{'; ' if listed and common else ''}{common}\n"


def _unit(column: str) -> str:
    name = re.sub(r"_(?:lo|hi)$", "", column)
    unit = next((unit for end, unit in _UNITS.items() if name.endswith(f"_{end}")), "")
    return f" ({unit})" if unit else ""


def published_columns(name: str) -> list[str]:
    """Return the columns of a table of the study as a published study has it; none if none has.

    Columns of an interval, which end in ``_lo`` and ``_hi``, are left out after their own.
    """
    for path in sorted((ROOT / "results" / "published").glob(f"*/{name}.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            columns = next(csv.reader(file))
        return [one for one in columns if not _is_end(one, columns)]
    return []


def _is_end(column: str, columns: Sequence[str]) -> bool:
    name = re.sub(r"_(?:lo|hi)$", "", column)
    return name != column and name in columns


def documented(kind: str) -> list[tuple[str, str]]:
    """Return names and meanings of a class of ``e3d.fields``: the comments beside them."""
    source = Path(str(fields.__file__)).read_text(encoding="utf-8")
    body = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == kind
    )
    lines = source.splitlines()
    found = []
    for node in (one for one in body.body if isinstance(one, ast.Assign)):
        line = lines[node.lineno - 1]
        assert isinstance(node.value, ast.Constant)
        _, _, meaning = line.partition("  # ")
        above = lines[node.lineno - 2].strip()
        meaning = meaning or (above[2:] if above.startswith("# ") else "")
        found.append((str(node.value.value), meaning.partition("noqa: E741 - ")[2] or meaning))
    return found


def _of_fields(kind: str, head: tuple[str, str]) -> str:
    return table(head, [(f"`{name}`", meaning) for name, meaning in documented(kind)])


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "commands": commands,
    "tables of the study": study_tables,
    "shared columns": lambda: _of_fields("Column", ("column", "what it holds")),
    "arrays of a store": lambda: _of_fields("Store", ("array", "shape, type, unit, meaning")),
}
"""What stands for a comment on a page."""
