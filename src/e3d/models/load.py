"""Load a trained model for analysis: Allegro is rebuilt in float64, and run eagerly."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import torch
from nequip.model.modify_utils import only_apply_persistent_modifiers
from nequip.model.saved_models.package import ModelFromPackage
from nequip.model.utils import override_model_compile_mode
from nequip.utils.global_state import set_global_state

from e3d.device import require_device
from e3d.errors import InputError
from e3d.fast import accelerate
from e3d.models.analysis import AnalysisModel
from e3d.models.precision import as_float64
from e3d.potential import LoadedModel

_SOLE_MODEL = "sole_model"


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


def _allegro(read: Callable[[Path], torch.nn.Module], path: Path, device: str) -> AnalysisModel:
    """Return the Allegro model that ``read`` takes from nequip's file."""
    set_global_state()
    try:
        with override_model_compile_mode("eager"), only_apply_persistent_modifiers(True):
            network = read(path)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: cannot be loaded as a nequip model ({type(error).__name__}: {reason}). Use a "
            "checkpoint of nequip >= 0.7, or its package."
        ) from error
    network = as_float64(network)
    accelerate(network)
    return AnalysisModel(network, path, device)


def _from_checkpoint(path: Path) -> torch.nn.Module:
    """Rebuild the model of a checkpoint in float64 from its own config, with its EMA weights."""
    from hydra.utils import get_class

    saved = torch.load(path, map_location="cpu", weights_only=False)["hyper_parameters"]
    module_class = get_class(saved["info_dict"]["training_module"]["_target_"])
    overrides = {}
    if "model_dtype" in saved["model"]:
        overrides["model"] = {**saved["model"], "model_dtype": "float64"}
    module = module_class.load_from_checkpoint(
        path, map_location="cpu", weights_only=False, **overrides
    )
    model: torch.nn.Module = module.evaluation_model[_SOLE_MODEL]
    return model


def _from_package(path: Path) -> torch.nn.Module:
    """Return the model of a package."""
    model: torch.nn.Module = ModelFromPackage(str(path))[_SOLE_MODEL]
    return model


LOADERS: Final[Mapping[str, Callable[[Path, str], LoadedModel]]] = {
    ".ckpt": partial(_allegro, _from_checkpoint),
    ".nequip.zip": partial(_allegro, _from_package),
}
"""What loads the model of a file on a device, by the end of the file's name."""
