"""Examples of the library's page and of its docstrings do what they show."""

import doctest
import importlib
import pkgutil
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import e3d
from e3d.cli import main

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(e3d.__path__, "e3d.")
    if not module.name.endswith("__main__")
)


def failures(test: doctest.DocTest) -> int:
    """Run one group of examples; what differs goes to the output that pytest shows."""
    return doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed


def test_the_page_of_the_library(
    root: Path, trained: Path, prepared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (root / "docs" / "library.md").read_text(encoding="utf-8")
    shutil.copy(trained / "model.ckpt", tmp_path)
    shutil.copy(prepared.store, tmp_path / "store.h5")
    (tmp_path / "molecules.xyz").write_text("2\n\nH 0 0 0\nH 0 0 0.74\n")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```pycon\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == text.count("```") // 2
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "library.md", None, 0)
    assert failures(examples) == 0
    commands = re.findall(
        r"^ {4}e3d ((?:decompose|evaluate|report) .*?)(?: {2,}#.*)?$", text, re.MULTILINE
    )
    assert len(commands) == 4
    for command in commands:
        assert main(command.split()) == 0


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(failures(test) for test in finder.find(module, name) if test.examples) == 0
