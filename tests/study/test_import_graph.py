"""The code a table depends on, read from the source."""

import os
from pathlib import Path

import pytest

from study import import_graph
from study.import_graph import files_of, imports_of, list_code


def test_imports_are_followed_to_their_end_and_packages_are_not_parents() -> None:
    found = imports_of("e3d.decomposition.tables")
    assert {
        "e3d.decomposition.tables",
        "e3d.decomposition.totals",
        "e3d.chemistry.molecules",
        "e3d.errors",
    } <= found
    assert "study.cli" not in found


def test_imports_inside_functions_count_and_those_of_type_checkers_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "paper"
    package.mkdir()
    sources = {
        "__init__": "import paper.never",
        "a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from paper import typed\n"
        "def f():\n    from paper import late\n    import numpy\n"
        "    return 'paper.named:f', 'x:y'\n",
        "late": "import paper.a\nfrom paper.b import name",
        **dict.fromkeys(("b", "named", "never", "typed"), ""),
    }
    for name, text in sources.items():
        (package / f"{name}.py").write_text(text.replace("\\\n", "\n"))
    monkeypatch.setattr(import_graph, "ROOTS", (tmp_path,))
    import_graph._file_of.cache_clear()
    import_graph._direct.cache_clear()
    try:
        assert imports_of("paper.a") == {"paper.a", "paper.late", "paper.named", "paper.b"}
        assert [path.stem for path in files_of(["paper.b", "paper.a"])] == [
            "a",
            "b",
            "late",
            "named",
        ]
        with pytest.raises(LookupError, match=r"no module paper\.x"):
            imports_of("paper.x")
    finally:
        import_graph._file_of.cache_clear()
        import_graph._direct.cache_clear()


def test_a_list_of_code_changes_with_the_code_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "paper"
    package.mkdir()
    for name, text in {"a": "from paper import b", "b": "", "other": ""}.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.setattr(import_graph, "ROOTS", (tmp_path,))
    monkeypatch.chdir(tmp_path)
    found = tmp_path / "lists" / "a.sha256"
    import_graph._file_of.cache_clear()
    import_graph._direct.cache_clear()
    try:
        assert list_code(["paper.a"], found) == found
        first = found.read_text()
        assert [line.split()[1] for line in first.splitlines()] == ["paper/a.py", "paper/b.py"]
        os.utime(found, (0, 0))
        (package / "other.py").write_text("1\n")  # not imported
        (package / "b.py").touch()  # a checkout, a copy: the same text
        list_code(["paper.a"], found)
        assert found.stat().st_mtime == 0
        (package / "b.py").write_text("edited = 1\n")
        list_code(["paper.a"], found)
        assert found.stat().st_mtime > 0
        assert found.read_text().splitlines()[0] == first.splitlines()[0]
        assert found.read_text() != first
    finally:
        import_graph._file_of.cache_clear()
        import_graph._direct.cache_clear()
