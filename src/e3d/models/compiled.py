"""Read the constants of an AOTInductor archive (``.pt2``). Nothing of it is executed or linked.

The archive is a zip with the C++ source that PyTorch generated and the library compiled from it.
The source lists every constant, ``constants_info_[k]``, with name, type, shape, strides and the
room it takes, ``data_size``; on a CPU that is rounded up to 64 bytes. The constants stand one after
the other in one block of bytes. PyTorch puts the block in one of these places:

- in the library, from the symbol ``_binary_constants_bin_start`` to ``_binary_constants_bin_end``
  (section ``.lrodata``);
- at the end of the library's file, before 8 bytes that repeat a number which stands at the symbol
  (``force_mmap_weights``, and where there are more than 2 GB);
- in a file ``*_weights.blob`` of the archive (``binary_blob``);
- or each constant in a file of its own, ``data/weights/weight_<n>``, which ``weights_config.json``
  names (``pickle_weights``).
"""

import io
import json
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from e3d.errors import InputError
from e3d.models.families import kind, open_archive

_INFO: Final = re.compile(r"constants_info_\[(\d+)\]\.(\w+) = (.*?);")
_INTEGERS: Final = re.compile(r"\d+")
_START, _END = b"_binary_constants_bin_start", b"_binary_constants_bin_end"
_MMAP_BYTES: Final = 16
"""At the symbol, where the block is at the end of the file: its size plus 8, and a number."""

_SECTION, _SYMBOL = struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IBBHQQ")
_SYMBOL_TABLES: Final = (2, 11)
"""Types of sections: all symbols, and those for linking."""


@dataclass(frozen=True)
class Constant:
    """A tensor of a compiled model, under the name it has in the archive."""

    name: str
    tensor: torch.Tensor
    is_parameter: bool


@dataclass(frozen=True)
class Compiled:
    """The constants of a compiled model, in their order, and what ``nequip-compile`` noted."""

    constants: tuple[Constant, ...]
    notes: Mapping[str, str]


@dataclass(frozen=True)
class _Entry:
    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    n_bytes: int
    is_parameter: bool

    def read(self, block: bytes, offset: int) -> torch.Tensor:
        flat = torch.frombuffer(bytearray(block[offset : offset + self.n_bytes]), dtype=self.dtype)
        return torch.as_strided(flat, self.shape, self.stride).clone()


def read_compiled(path: Path) -> Compiled:
    """Read the constants of a compiled model.

    Raises
    ------
    InputError
        If the file is no archive of one compiled model, or its constants are not found.
    """
    with open_archive(path) as archive:
        source = _source(archive, path)
        entries = list(_entries(archive.read(source).decode()))
        constants = _constants(archive, source, entries, path)
        notes = _notes(archive, source)
    return Compiled(constants, notes)


def _source(archive: zipfile.ZipFile, path: Path) -> str:
    """Return the name of the C++ source that lists the constants."""
    sources = [
        name
        for name in archive.namelist()
        if "/aotinductor/" in name
        and name.endswith(".cpp")
        and b"constants_info_[0].name" in archive.read(name)
    ]
    if len(sources) != 1:
        found = kind(path) or f"holds {len(sources) or 'no'} compiled models, expected one"
        raise InputError(
            f"{path}: {found}. Give a file that `nequip-compile --mode aotinductor` wrote, or the "
            "model's checkpoint."
        )
    return sources[0]


def _entries(source: str) -> Iterator[_Entry]:
    """Yield the constants that the generated source lists and that stand in the block."""
    fields: dict[int, dict[str, str]] = {}
    for number, field, value in _INFO.findall(source):
        fields.setdefault(int(number), {})[field] = value
    for number in sorted(fields):
        entry = fields[number]
        if entry["from_folded"] == "true":  # computed of others when the model is loaded
            continue
        name = re.search(r"torch_dtype_(\w+)", entry["dtype"])
        dtype = getattr(torch, name[1]) if name else None
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"type {entry['dtype']}")
        yield _Entry(
            name=entry["name"].strip('"'),
            dtype=dtype,
            shape=tuple(map(int, _INTEGERS.findall(entry["shape"]))),
            stride=tuple(map(int, _INTEGERS.findall(entry["stride"]))),
            n_bytes=int(entry["data_size"]),
            is_parameter=entry["type"].rstrip(")").endswith("::Parameter"),
        )


def _constants(
    archive: zipfile.ZipFile, source: str, entries: list[_Entry], path: Path
) -> tuple[Constant, ...]:
    folder = source.rpartition("/")[0]
    listed = f"{folder}/weights_config.json"
    if listed in archive.namelist():
        places = json.loads(archive.read(listed))
        root = folder.partition("aotinductor/")[0]
        return tuple(
            Constant(e.name, _own_file(archive, root, places[e.name]), e.is_parameter)
            for e in entries
        )
    size = sum(entry.n_bytes for entry in entries)
    block = _block(archive, source, size)
    if len(block) != size:
        raise InputError(
            f"{path}: its constants take {size} bytes by the source in it, but {len(block)} are "
            "there. The file was made by a version of PyTorch that E3D does not know: give the "
            "checkpoint that it was compiled from."
        )
    constants, offset = [], 0
    for entry in entries:
        constants.append(Constant(entry.name, entry.read(block, offset), entry.is_parameter))
        offset += entry.n_bytes
    return tuple(constants)


def _own_file(archive: zipfile.ZipFile, root: str, place: Any) -> torch.Tensor:
    name, shape, stride, offset = place
    stored = archive.read(f"{root}weights/{name}")
    whole = torch.load(io.BytesIO(stored), map_location="cpu", weights_only=True)
    return torch.as_strided(whole, shape, stride, offset).detach().clone()


def _block(archive: zipfile.ZipFile, source: str, size: int) -> bytes:
    """Return the block of all constants, ``size`` bytes by the source."""
    stem = source.removesuffix(".cpp")
    blob = f"{stem}_weights.blob"
    if blob in archive.namelist():
        return archive.read(blob)
    if f"{stem}.so" not in archive.namelist():
        raise ValueError("the library is not in the archive")
    library = archive.read(f"{stem}.so")
    block = _between_symbols(library)
    if len(block) == _MMAP_BYTES != size:
        padded, number = struct.unpack("<qq", block)
        if padded == size + 8 and struct.unpack("<q", library[-8:]) == (number,):
            return library[-8 - size : -8]
    return block


def _between_symbols(library: bytes) -> bytes:
    """Return what stands between the two symbols of a 64-bit ELF file."""
    if library[:6] != b"\x7fELF\x02\x01":
        raise ValueError("its library is not one for 64-bit Linux")
    (table,) = struct.unpack_from("<Q", library, 40)
    size, number, _ = struct.unpack_from("<HHH", library, 58)
    sections = [_SECTION.unpack_from(library, table + k * size) for k in range(number)]
    found: dict[bytes, int] = {}
    for _, kind_of, _, _, offset, length, link, *_ in sections:
        if kind_of not in _SYMBOL_TABLES:
            continue
        names = sections[link][4]
        for entry in range(offset, offset + length, _SYMBOL.size):
            name, _, _, section, value, _ = _SYMBOL.unpack_from(library, entry)
            end = library.index(b"\0", names + name)
            symbol = library[names + name : end]
            if symbol in (_START, _END) and section:
                _, _, _, address, start, *_ = sections[section]
                found[symbol] = start + value - address
    return library[found[_START] : found[_END]]


def _notes(archive: zipfile.ZipFile, source: str) -> dict[str, str]:
    name = f"{source.removesuffix('.cpp')}_metadata.json"
    return dict(json.loads(archive.read(name))) if name in archive.namelist() else {}
