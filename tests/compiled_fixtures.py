"""Write archives such as AOTInductor's, after its rules, with weights of our own.

The rules are those of ``torch/_inductor/codecache.py`` and of the source that it generates, PyTorch
2.5 to 2.13; the loader was also tried on archives that PyTorch 2.13 itself compiled.
"""

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch

STEM = "data/aotinductor/model/c0ffee"
ALIGNED = 64
"""Bytes to which PyTorch rounds the room of a constant on a CPU; on a GPU it does not."""

PLACES = ("library", "end of the library's file", "blob", "files of their own")

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_ADDRESS = 0x60000


def write_compiled(
    path: Path,
    constants: Mapping[str, torch.Tensor],
    notes: Mapping[str, str],
    *,
    place: str = PLACES[0],
    align: int = 1,
) -> Path:
    """Write an archive with constants in one of the places where PyTorch puts them."""
    sizes = {name: -(-value.nbytes // align) * align for name, value in constants.items()}
    block = b"".join(
        value.numpy().tobytes().ljust(sizes[name], b"\0") for name, value in constants.items()
    )
    members: dict[str, bytes] = {
        "archive_format": b"pt2",
        f"{STEM}.cpp": _source(constants, sizes).encode(),
        f"{STEM}_metadata.json": json.dumps(dict(notes)).encode(),
    }
    if place == "library":
        members[f"{STEM}.so"] = elf(block)
    elif place == "end of the library's file":
        number = 0x1234567
        at_symbol = struct.pack("<qq", len(block) + 8, number)
        library = elf(at_symbol) + b" " * 100 + block + struct.pack("<q", number)
        members[f"{STEM}.so"] = library
    elif place == "blob":
        members[f"{STEM}.so"] = elf(struct.pack("<q", len(block)))
        members[f"{STEM}_weights.blob"] = block
    else:
        members[f"{STEM}.so"] = elf(b"\0")
        members |= _own_files(constants)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{path.stem}/{name}", content)
    return path


def _source(constants: Mapping[str, torch.Tensor], sizes: Mapping[str, int]) -> str:
    lines = []
    for number, (name, value) in enumerate(constants.items()):
        kind = "Parameter" if name.startswith("_param") else "TensorConstant"
        dtype = str(value.dtype).removeprefix("torch.")
        fields = {
            "name": f'"{name}"',
            "dtype": f"static_cast<int32_t>(cached_torch_dtype_{dtype})",
            "offset": "0",
            "data_size": str(sizes[name]),
            "from_folded": "false",
            "type": f"static_cast<int32_t>(torch::aot_inductor::ConstantType::{kind})",
            "shape": f"{{{', '.join(map(str, value.shape))}}}",
            "stride": f"{{{', '.join(map(str, value.stride()))}}}",
        }
        lines += [f"    constants_info_[{number}].{key} = {to};" for key, to in fields.items()]
    return "\n".join(lines)


def _own_files(constants: Mapping[str, torch.Tensor]) -> dict[str, bytes]:
    members, places = {}, {}
    for number, (name, value) in enumerate(constants.items()):
        buffer = io.BytesIO()
        torch.save(value, buffer)
        members[f"data/weights/weight_{number}"] = buffer.getvalue()
        places[name] = [f"weight_{number}", list(value.shape), list(value.stride()), 0]
    config = f"{STEM.rpartition('/')[0]}/weights_config.json"
    return {**members, config: json.dumps(places).encode()}


def elf(block: bytes) -> bytes:
    """Return an ELF file with a block in ``.lrodata``, after other data, between its symbols."""
    names = b"\0.lrodata\0.symtab\0.strtab\0"
    symbols = b"\0_binary_constants_bin_start\0_binary_constants_bin_end\0"
    other = b"other read-only data".ljust(48, b"\0")
    start = _ADDRESS + len(other)
    table = b"".join(
        _SYMBOL.pack(symbols.index(name) + 1, 0x10, 0, 1, value, 0)
        for name, value in (
            (b"\0_binary_constants_bin_start\0", start),
            (b"\0_binary_constants_bin_end\0", start + len(block)),
        )
    )
    parts = [other + block, bytes(_SYMBOL.size) + table, symbols, names]
    offsets = [_HEADER.size]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    kinds = [(b".lrodata", 1, _ADDRESS, 0, 0), (b".symtab", 2, 0, 3, _SYMBOL.size)]
    kinds += [(b".strtab", 3, 0, 0, 0), (b".strtab", 3, 0, 0, 0)]
    sections = _SECTION.pack(*[0] * 10) + b"".join(
        _SECTION.pack(names.index(name), kind, 0, address, offset, len(part), link, 0, 1, size)
        for (name, kind, address, link, size), offset, part in zip(
            kinds, offsets[:-1], parts, strict=True
        )
    )
    header = _HEADER.pack(
        b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 0, offsets[-1], 0, 64, 0, 0, _SECTION.size, 5, 4
    )
    return header + b"".join(parts) + sections
