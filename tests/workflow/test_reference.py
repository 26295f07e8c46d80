"""The reference of the site has every setting, command, table and column, from its declaration."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e3d.command_line import Command
from e3d.fields import Column, Store
from study.cli import PARTS
from study.schema import rules_of
from study.stages import TABLES

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "hooks"))

import reference  # noqa: E402 - a hook of the site, not a package

PUBLISHED = ROOT / "results" / "published"


def page(name: str, uri: str) -> str:
    """A page with its reference in it."""
    return reference.fill((ROOT / name).read_text(encoding="utf-8"), uri)


def leaves(rules: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the keys of a schema that have no keys below them; a free name is <name>."""
    named = dict(rules.get("properties", {}))
    if isinstance(rules.get("additionalProperties"), dict):
        named["<name>"] = rules["additionalProperties"]
    for name, rule in named.items():
        yield from [*leaves(rule, f"{prefix}{name}.")] or [prefix + name]


@pytest.mark.parametrize(
    ("name", "uri", "schema"),
    [
        ("config/README.md", "repository/config/README.md", "config"),
        ("config/README.md", "repository/config/README.md", "datasets"),
        ("config/README.md", "repository/config/README.md", "models"),
        ("docs/cluster.md", "cluster.md", "site"),
    ],
)
def test_every_setting_has_a_row_with_its_kind(name: str, uri: str, schema: str) -> None:
    rows = [line.split(" | ") for line in page(name, uri).splitlines() if line.startswith("| `")]
    kinds = {row[0].strip("| `"): row[1] for row in rows}
    for key in leaves(rules_of(schema)):
        if schema != "config":
            key = key.removeprefix("<name>.")
        own = key if key in kinds else key.removesuffix(".<name>")  # what a mapping may hold
        assert kinds[own].strip(), key


def test_types_bounds_and_defaults_are_the_schema_s() -> None:
    text = page("config/README.md", "repository/config/README.md")
    assert "| `models.<name>.l_max` | whole number from 0 to 4; required |" in text
    assert "| `training.ema_decay` | number from 0 below 1; `0.99` |" in text
    assert "| `runtime.compile_mode` | one of `auto`, `eager`, `compile`; `auto` |" in text
    assert "| `path` | text; required | file of the model" in text
    assert "| `path` | text | file of the dataset" in text
    assert "| `grid.seed` | list of whole numbers from 0; `[0]` |" in text


def test_every_command_has_a_section() -> None:
    text = page("docs/reference/commands.md", "reference/commands.md")
    for part in PARTS:
        if isinstance(part, Command):
            _, _, section = text.partition(f"### `e3d {part.name}`\n")
            section = section.partition("\n#")[0]
            assert part.summary in section
            assert all(one.help in section.replace("&lt;", "<") for one in part.arguments)


def test_every_table_has_its_columns() -> None:
    text = page("docs/reference/tables.md", "reference/tables.md")
    for name in TABLES:
        _, found, section = text.partition(f"**`results/{name}.csv`**")
        assert found
        published = [*PUBLISHED.glob(f"*/{name}.csv")]
        assert bool(published) == ("No published study" not in section.partition("**")[0])
        for column in reference.published_columns(name):
            assert f"`{column}`" in section.partition("**")[0]


def test_a_column_says_its_unit() -> None:
    text = page("docs/reference/tables.md", "reference/tables.md")
    assert "`bde298_error_eV` (eV)" in text
    assert "`validation_energy_mae_meV_per_atom` (meV/atom)" in text


@pytest.mark.parametrize("kind", [Column, Store])
def test_every_shared_column_and_array_is_explained(kind: type[Column] | type[Store]) -> None:
    documented = dict(reference.documented(kind.__name__))
    assert list(documented) == [str(one) for one in kind]
    assert all(documented.values())
