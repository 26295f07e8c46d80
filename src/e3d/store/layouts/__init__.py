"""One module per file layout; each has ``read(path, isolated_atom_energy) -> Iterator[Group]``, eV and Å.

A layout is imported only when a file in it is read.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the command line lists the layouts, and needs no NumPy for it
    from e3d.store.group import Group

LAYOUTS: Final[Mapping[str, str]] = {
    "spice": "SPICE 1 and 2, and files made in their layout",
    "modelforge": "HDF5 files that modelforge curates (spice2-1k), units in the file",
    "transition1x": "Transition1x: reaction paths and their end points",
    "ani1x": "ANI-1x: one HDF5 group per formula, rows may be NaN",
    "extxyz": "any extended-XYZ file that ASE reads, molecules or periodic cells",
    "mptrj": "MPtrj: one JSON object, material by material",
    "matpes": "MatPES: a JSON list of records, or one record a line; gzip or plain",
}
"""Name of every layout and what it is for; module ``e3d.store.layouts.<name>`` reads it (- becomes _)."""


def reader(layout: str) -> Callable[[Path, Mapping[int, float]], "Iterator[Group]"]:
    """Return the function that reads ``layout``, one of :data:`LAYOUTS`."""
    read: Callable[[Path, Mapping[int, float]], "Iterator[Group]"] = import_module(
        f"{__name__}.{layout.replace('-', '_')}"
    ).read
    return read
