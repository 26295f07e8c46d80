"""What the stand-in for conda offers and installs: what is installed beside the tests."""

import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

CONDA_NAMES = {"matplotlib": "matplotlib-base"}
"""PyPI's name to conda-forge's, where the two differ."""
BASE = {"python": "3.12.12", "pip": "26.0"}
"""What environments ask for that is no distribution here. A prefix has the tests' own python."""


def conda_name(name: str) -> str:
    """Return conda-forge's name of a distribution."""
    return CONDA_NAMES.get(canonicalize_name(name), canonicalize_name(name))


def pypi_name(name: str) -> str:
    """Return PyPI's name of a conda package."""
    return {conda: pypi for pypi, conda in CONDA_NAMES.items()}.get(name, name)


@cache
def installed() -> Mapping[str, Distribution]:
    """Return every installed distribution by its canonical name, the project's own left out."""
    found = {
        canonicalize_name(item.metadata["Name"]): item for item in distributions(path=[_site()])
    }
    return {
        name: item
        for name, item in sorted(found.items())
        if name not in ("e3d", "e3d-study", "pip")
    }


def needs(name: str, extras: Iterable[str] = ()) -> list[Requirement]:
    """Return what a distribution, with some of its extras, requires here and now."""
    required = [Requirement(text) for text in installed()[name].requires or ()]
    environments = [{"extra": extra} for extra in ("", *extras)]
    return [
        item
        for item in required
        if item.marker is None or any(map(item.marker.evaluate, environments))
    ]


def closure(requirements: Iterable[Requirement]) -> set[str]:
    """Return the names of the distributions that pip would install.

    Raises
    ------
    LookupError
        If one is not there in that version, in the words of pip.
    """
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = list(requirements)
    while waiting:
        item = waiting.pop()
        name = canonicalize_name(item.name)
        if name not in installed() or Version(installed()[name].version) not in item.specifier:
            raise LookupError(f"ERROR: No matching distribution found for {item}")
        if (name, frozenset(item.extras)) not in found:
            found.add((name, frozenset(item.extras)))
            waiting.extend(needs(name, item.extras))
    return {name for name, _ in found}


def write_channel(folder: Path) -> None:
    """Write the index of a conda channel: every distribution, its version and what it needs."""
    records = [
        _record(
            conda_name(name),
            str(Version(item.version).public),
            [_match_spec(need) for need in needs(name)],
        )
        for name, item in installed().items()
    ]
    records += [_record(name, version, []) for name, version in BASE.items()]
    index = {f"{item['name']}-{item['version']}-{item['build']}.conda": item for item in records}
    for subdir, packages in (("noarch", index), ("linux-64", {})):
        (folder / subdir).mkdir(parents=True)
        content = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages}
        (folder / subdir / "repodata.json").write_text(json.dumps(content))


def link(names: Iterable[str], site: Path) -> None:
    """Make distributions importable from a folder, by links, and no others."""
    for name in names:
        for path, whole in _places(name):
            target = site / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_symlink():
                target.symlink_to(Path(_site(), path), target_is_directory=whole)


def _record(name: str, version: str, depends: list[str]) -> dict[str, Any]:
    text = f"{name} {version}".encode()
    return {
        "name": name,
        "version": version,
        "build": "0",
        "build_number": 0,
        "depends": depends,
        "subdir": "noarch",
        "noarch": "generic",
        "md5": hashlib.md5(text, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(text).hexdigest(),
        "size": len(text),
        "timestamp": 1700000000000,
    }


def _match_spec(need: Requirement) -> str:
    return f"{conda_name(need.name)} {need.specifier}".strip()


def _site() -> str:
    """The folder that holds the packages of the interpreter that runs this."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return os.path.join(sys.prefix, "lib", version, "site-packages")


@cache
def _owners() -> Counter[str]:
    """How many distributions have files below each top-level name."""
    return Counter(
        top for name in installed() for top in {path.split("/")[0] for path in _files(name)}
    )


def _files(name: str) -> list[str]:
    files = (str(path) for path in installed()[name].files or ())
    return [path for path in files if not path.startswith("..") and "__pycache__" not in path]


def _places(name: str) -> dict[tuple[str, bool], None]:
    """Paths to link, and whether a path is a folder; a folder that several share goes by file."""
    tops = {path: path.split("/")[0] for path in _files(name)}
    return dict.fromkeys(
        (top, top != path) if _owners()[top] == 1 else (path, False) for path, top in tops.items()
    )
