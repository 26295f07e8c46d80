"""Load a trained model for analysis: what loads it is found by the end of its file's name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from e3d.device import require_device
from e3d.errors import InputError, absent
from e3d.models.aotinductor import load_aotinductor
from e3d.models.checkpoint import load_checkpoint
from e3d.models.families import kind
from e3d.models.package import load_package
from e3d.models.pair_potential import load_pair_potential
from e3d.models.torchscript import load_torchscript
from e3d.potential import LoadedModel


def load_model(path: str | Path, device: str = "cpu") -> LoadedModel:
    """Load a trained model in float64 for analysis.

    It is a checkpoint (``.ckpt``) or package (``.nequip.zip``) of nequip, what ``nequip-compile``
    made of one (``.pth``, ``.pt2``), or a pair potential (``.pair.yaml``). A package and a ``.pth``
    file hold code that runs when they are loaded, and a checkpoint whose training started from a
    package loads that one: load only what you trust.

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

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> morse = "{H-H: {depth_eV: 4.5, length_ang: 0.74, steepness_per_ang: 1.9}}"
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "hydrogen.pair.yaml"
    ...     _ = path.write_text(f"{{r_max_ang: 6, pairs: {morse}}}")
    ...     model = load_model(path)
    >>> model.type_names, model.r_max
    (('H',), 6.0)
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path}: {absent(path, 'no such model')}. Train it first, or fix the path."
        )
    require_device(device)
    load = next((LOADERS[suffix] for suffix in LOADERS if path.name.endswith(suffix)), None)
    if load is None:
        raise InputError(
            f"{path}: {kind(path) or 'not a kind of model that E3D reads'} - allowed: files that "
            f"end in {', '.join(LOADERS)}. Give one of these."
        )
    return load(path, device)


LOADERS: Final[Mapping[str, Callable[[Path, str], LoadedModel]]] = {
    ".ckpt": load_checkpoint,
    ".nequip.zip": load_package,
    ".pth": load_torchscript,
    ".pt2": load_aotinductor,
    ".pair.yaml": load_pair_potential,
}
"""What loads the model of a file on a device, by the end of the file's name."""
