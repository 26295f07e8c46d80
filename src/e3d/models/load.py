"""Load a trained model for analysis: what loads it is found by the end of its file's name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from e3d.device import require_device
from e3d.errors import InputError
from e3d.models.checkpoint import load_checkpoint
from e3d.models.package import load_package
from e3d.potential import LoadedModel


def load_model(path: str | Path, device: str = "cpu") -> LoadedModel:
    """Load a checkpoint (``.ckpt``) or package (``.nequip.zip``) in float64 for analysis.

    Both are pickles, which can run code when they are loaded: load only what you trust.

    Parameters
    ----------
    path
        The model's file.
    device
        ``cpu``, ``cuda`` or ``cuda:<k>``.

    Raises
    ------
    InputError
        If the file is missing, of another kind, or holds no model with energies on edges; or if
        there is no such device.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such model. Train it first, or fix the path.")
    require_device(device)
    load = next((LOADERS[suffix] for suffix in LOADERS if path.name.endswith(suffix)), None)
    if load is None:
        raise InputError(
            f"{path}: not a kind of model that returns edge energies - allowed: files that end in "
            f"{', '.join(LOADERS)}. Compiled models (.pt2, .pth) do not return them: give the "
            "checkpoint or package they were made from."
        )
    return load(path, device)


LOADERS: Final[Mapping[str, Callable[[Path, str], LoadedModel]]] = {
    ".ckpt": load_checkpoint,
    ".nequip.zip": load_package,
}
"""What loads the model of a file on a device, by the end of the file's name."""
