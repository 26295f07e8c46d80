"""A checkpoint (``.ckpt``) of nequip's training, rebuilt from its own config."""

from pathlib import Path

import torch

from e3d.models.analysis import AnalysisModel, analysis_model
from e3d.models.building import SOLE_MODEL, eager


def load_checkpoint(path: Path, device: str) -> AnalysisModel:
    """Return the model of a checkpoint, with its EMA weights if it has some.

    Raises
    ------
    InputError
        If the file is no checkpoint of an Allegro model.
    """
    with eager(path):
        network = _from_checkpoint(path)
    return analysis_model(network, path, device, {"kind": "checkpoint of nequip"})


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
    model: torch.nn.Module = module.evaluation_model[SOLE_MODEL]
    return model
