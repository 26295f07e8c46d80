"""Read a file of ``torch.save`` without running code that it names.

Tensors, numbers, text and containers are read; an object of any other class becomes a placeholder
that holds nothing. A pickle can then call nothing but what is listed here.
"""

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, Final

import torch

from e3d.errors import InputError
from e3d.models.families import is_archive, require_undamaged

_SCRIPT: Final = "constants.pkl"
"""What archives of TorchScript hold, and those of ``torch.save`` do not."""
_NAMES: Final = {
    "builtins": ("bool", "bytearray", "complex", "float", "int", "set", "frozenset", "slice"),
    "__builtin__": ("set", "frozenset"),
    "_codecs": ("encode",),
    "collections": ("OrderedDict", "defaultdict"),
    "numpy": ("dtype", "ndarray"),
    "numpy.core.multiarray": ("scalar", "_reconstruct"),
    "numpy._core.multiarray": ("scalar", "_reconstruct"),
    "torch": ("Size", "device"),
    "torch._utils": ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"),
    "torch.nn.parameter": ("Parameter",),
    "torch.serialization": ("_get_layout",),
}
"""What a pickle may name, by module: constructors of data, which run no code of a file."""


class Placeholder:
    """Stands for an object of a class that is not read; takes whatever a pickle does to it."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...

    def __setitem__(self, _: Any, __: Any) -> None: ...

    def append(self, _: Any) -> None:
        """Take an item of a list."""

    def extend(self, _: Any) -> None:
        """Take items of a list."""

    def add(self, _: Any) -> None:
        """Take an item of a set."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name in _NAMES.get(module, ()):
            return super().find_class(module, name)
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        return Placeholder


def _load(file: IO[bytes], **options: Any) -> Any:
    return _Unpickler(file, **options).load()


def read(path: Path) -> Any:
    """Return what a file of ``torch.save`` holds, on the CPU, placeholders for other classes.

    Raises
    ------
    InputError
        If the file is damaged, or not an archive of ``torch.save``. PyTorch would run code of
        TorchScript, and write files for the format it had before version 1.6.
    Exception
        Whatever PyTorch raises for an archive that it cannot read.
    """
    if not path.stat().st_size:
        raise InputError(
            f"{path}: is empty - expected the .ckpt file of a training. Copy it again, or resume "
            "the training that was to write it."
        )
    if not is_archive(path):
        raise InputError(
            f"{path}: cannot be loaded as a checkpoint: torch.save did not write it, or one before "
            "PyTorch 1.6. Give the .ckpt file of a training with nequip >= 0.7."
        )
    require_undamaged(path)
    # by PyTorch's own reader: another one might see other names
    if _SCRIPT in torch._C.PyTorchFileReader(str(path)).get_all_records():
        raise InputError(
            f"{path}: holds TorchScript, which is no checkpoint. If `nequip-compile` wrote it, let "
            "its name end in .pth; else give the .ckpt file of a training with nequip >= 0.7."
        )
    module = SimpleNamespace(Unpickler=_Unpickler, load=_load, __name__="inert")
    return torch.load(path, map_location="cpu", pickle_module=module, weights_only=False)
