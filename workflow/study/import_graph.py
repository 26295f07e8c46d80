"""Which modules of the project a module imports, itself or through others: what a table depends on.

Rules downstream of training name these files as inputs, so that an edit of any of them plans the
rule again. The list comes from the source alone (an ``ast`` walk): nothing is imported.
"""

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import e3d

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
