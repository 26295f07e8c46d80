"""Messages that the pages quote are those of the code."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import snakemake

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
OURS, _, OTHERS = PAGE.partition("## Snakemake's own")
_HEADING = re.compile(r"^### `(.*)`$", re.MULTILINE)
REFUSED = (ROOT / "docs" / "how-to" / "model-refused.md").read_text(encoding="utf-8")
_CELL = re.compile(r"^\| `(.*?)` \|", re.MULTILINE)


@cache
def texts(*folders: Path) -> tuple[str, ...]:
    """Every text in the code of some folders, in one line; what is put into it is a gap."""
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in files)
    return tuple(text for tree in trees for text in _strings(tree))


def _strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_said(message: str, said: tuple[str, ...]) -> bool:
    """Say whether a text has all pieces of a message in their order."""
    pattern = re.compile(".*".join(map(re.escape, re.split(r" ?… ?", message))), re.DOTALL)
    return any(pattern.search(text) for text in said)


@pytest.mark.parametrize("message", _HEADING.findall(OURS))
def test_a_quoted_message_is_in_the_code(message: str) -> None:
    assert is_said(message, texts(ROOT / "src", ROOT / "workflow", ROOT / "cluster"))


@pytest.mark.parametrize("message", _CELL.findall(REFUSED))
def test_a_quoted_reason_to_refuse_a_model_is_in_the_code(message: str) -> None:
    assert is_said(message, texts(ROOT / "src"))


@pytest.mark.parametrize("message", _HEADING.findall(OTHERS))
def test_a_message_of_snakemake_is_in_its_code(message: str) -> None:
    assert is_said(message, texts(Path(snakemake.__file__).parent))


def test_every_section_quotes_a_message() -> None:
    assert len(_HEADING.findall(PAGE)) == len(re.findall(r"^###", PAGE, re.MULTILINE)) > 30


def test_what_nobody_says_is_found_out() -> None:
    assert not is_said("the moon is … made of cheese", texts(ROOT / "src"))
