"""The rooms of the project: who imports whom, read from the source."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from study.stages import NAMES

FOLDERS = {"e3d": "src", "e3d_labels": "src", "study": "workflow"}
FORBIDDEN = {
    "e3d": {
        "e3d_labels",
        "study",
        "snakemake",
        "matplotlib",
        "jsonschema",
        "requests",
        "lightning",
    },
    "e3d_labels": {"study", "snakemake", "matplotlib", "jsonschema", "torch", "nequip"},
    "study": set[str](),
}
ALLOWED = {"e3d_labels.aimnet2": {"torch"}}
"""A network among the programs that label; it is loaded when it is asked for."""


def modules(package: str) -> dict[str, Path]:
    """Return the files of a package by the names of their modules."""
    root = Path(__file__).parents[2] / FOLDERS[package]
    files = {
        path.relative_to(root).with_suffix(""): path for path in root.glob(f"{package}/**/*.py")
    }
    return {".".join(name.parts).removesuffix(".__init__"): path for name, path in files.items()}


MODULES = {name: path for package in FOLDERS for name, path in modules(package).items()}


def imported(path: Path, *, types: bool = True) -> Iterator[str]:
    """Yield what a module imports, also inside functions and, with ``types``, for type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = [] if types else [node for node in ast.walk(tree) if _for_types(node)]
    hidden = {child for node in skipped for child in ast.walk(node)}
    for node in ast.walk(tree):
        if node in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else str(node.module) for name in inner)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@pytest.mark.parametrize("package", FOLDERS)
def test_rooms_import_only_rooms_below(package: str) -> None:
    for name, path in modules(package).items():
        others = {target.split(".")[0] for target in imported(path)}
        assert not others & (FORBIDDEN[package] - ALLOWED.get(name, set())), name


def test_what_is_forbidden_elsewhere_is_found_where_it_is_used() -> None:
    used = {name.split(".")[0] for path in modules("study").values() for name in imported(path)}
    assert {"e3d", "e3d_labels", "matplotlib", "jsonschema", "lightning"} <= used


def test_a_stage_imports_only_stages_before_it_and_names_of_columns() -> None:
    for place, stage in enumerate(NAMES):
        later = set(NAMES[place + 1 :])
        for name, path in modules("study").items():
            if name.split(".")[1:2] == [stage]:
                targets = {target for target in imported(path) if target.startswith("study.")}
                stages = {target.split(".")[1] for target in targets if not _names_columns(target)}
                assert not stages & later, name


def test_packages_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        unit = _unit(name)
        targets = {_unit(target) for target in imported(path, types=False) if target in MODULES}
        graph.setdefault(unit, set()).update(targets - {unit})
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert order.index("e3d.errors") < order.index("e3d.models") < order.index("study.gauge")


def _unit(module: str) -> str:
    """Return the sub-package or module of its package: ``e3d.models``, ``study.bde``."""
    return module if _names_columns(module) else ".".join(module.split(".")[:2])


def _names_columns(module: str) -> bool:
    return module.endswith(".fields")
