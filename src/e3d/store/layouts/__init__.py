"""One module per file layout: its ``read(path)`` yields groups of frames in eV and Å.

A layout is imported only when a file in it is read.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from e3d.errors import InputError, choices

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
"""Every layout and what it is for; the module of its name in this package reads it."""


def reader(layout: str) -> "Callable[[Path], Iterator[Group]]":
    """Return the function that reads ``layout``, one of :data:`LAYOUTS`.

    >>> reader("extxyz").__module__
    'e3d.store.layouts.extxyz'

    Raises
    ------
    InputError
        If there is no such layout.
    """
    if layout not in LAYOUTS:
        raise InputError(
            f"layout {layout!r} is not one this package reads - {choices(layout, LAYOUTS)}. "
            "Fix --layout, or `layout` of the dataset."
        )
    read: Callable[[Path], Iterator[Group]] = import_module(f"{__name__}.{layout}").read
    return read
