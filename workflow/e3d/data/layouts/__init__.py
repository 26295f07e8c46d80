"""One module per file layout; each has ``read(path, isolated_atom_energy) -> Iterator[Group]``, eV and Å.

A layout is imported only when a file in it is read.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from e3d.data.group import Group

LAYOUTS: Final[Mapping[str, str]] = {
    "spice": "SPICE 1 and 2, and files made in their layout",
}
"""Name of every layout and what it is for; module ``e3d.data.layouts.<name>`` reads it (- becomes _)."""


def reader(layout: str) -> Callable[[Path, Mapping[int, float]], Iterator[Group]]:
    """Return the function that reads ``layout``, one of :data:`LAYOUTS`."""
    read: Callable[[Path, Mapping[int, float]], Iterator[Group]] = import_module(
        f"{__name__}.{layout.replace('-', '_')}"
    ).read
    return read
