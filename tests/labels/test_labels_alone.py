"""Who imports this package: nothing of the library; of the study, only what declares commands."""

import re
from pathlib import Path

import pytest

IMPORT = re.compile(r"^\s*(?:from|import) e3d_labels\b", re.MULTILINE)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("src/e3d", set()),
        # the program's commands, the check of a dataset's theory, and what `data cleavages` wrote
        ("workflow/study", {"cli.py", "data/entries.py", "answers/bonds.py"}),
    ],
)
def test_analysis_needs_no_labels(folder: str, expected: set[str], root: Path) -> None:
    files = (root / folder).rglob("*.py")
    found = {path.relative_to(root / folder).as_posix(): path.read_text() for path in files}
    assert {name for name, text in found.items() if IMPORT.search(text)} == expected
