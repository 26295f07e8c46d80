"""Which modules of the project a module imports, itself or through others: what a table depends on.

Rules downstream of training have a list of these files with their checksums as an input, so that an
edit of any of them plans the rule again. One list is one file to look at, where every job would
have a hundred. The list comes from the source alone (an ``ast`` walk): nothing is imported.
"""

import ast
import functools
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import e3d
from e3d.provenance import file_digest, write_text

ROOTS = (
    Path(e3d.__file__).resolve().parents[1],
    Path(__file__).resolve().parents[1],
)
"""Folders that hold the project's packages."""
_FUNCTION = re.compile(r"[\w.]+:\w+")


def imports_of(module: str) -> frozenset[str]:
    """Return the project's modules that ``module`` needs, itself among them.

    Imports inside functions count, and texts that name a function, ``"module:function"``; those for
    type checkers alone do not. A package's ``__init__`` counts where it is imported by name, not as
    the parent of an imported module: there it holds a declaration and does not compute.

    Raises
    ------
    LookupError
        If the project has no such module.
    """
    if _file_of(module) is None:
        raise LookupError(f"the project has no module {module}")
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_direct(name))
    return frozenset(found)


def files_of(modules: Iterable[str]) -> list[Path]:
    """Return the files of ``modules`` and of all that they import, in order."""
    names = frozenset[str]().union(*(imports_of(module) for module in modules))
    return sorted(path for path in map(_file_of, names) if path is not None)


def list_code(modules: Iterable[str], path: Path) -> Path:
    """Write the files of ``modules`` with their checksums to ``path``, and return it.

    A list that is true already is left as it is, with its time. Files are relative to the working
    directory, so that a moved project is the same project; ``sha256sum -c`` reads it.
    """
    files = files_of(modules)
    text = "".join(f"{file_digest(file)}  {os.path.relpath(file)}\n" for file in files)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
    return path


@functools.cache
def _file_of(module: str) -> Path | None:
    """Return the file of a module, or of a package's ``__init__``; None if it is not ours."""
    for root in ROOTS:
        path = root.joinpath(*module.split("."))
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


@functools.cache
def _direct(module: str) -> tuple[str, ...]:
    """Return the project's modules that a module's own source imports."""
    path = _file_of(module)
    assert path is not None
    names: set[str] = set()
    for node in _statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in inner if _file_of(name)}
            names |= modules | ({node.module} if modules != inner else set())
        elif isinstance(node, ast.Constant) and _FUNCTION.fullmatch(str(node.value)):
            names.add(str(node.value).partition(":")[0])
    return tuple(name for name in sorted(names) if _file_of(name))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node below ``node`` but those that type checkers alone see."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _statements(child)
