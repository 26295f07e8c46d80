"""A package (``.nequip.zip``), which brings the code of its nequip along."""

from pathlib import Path

import torch
from nequip.model.saved_models.package import ModelFromPackage

from e3d.models.analysis import AnalysisModel, analysis_model
from e3d.models.building import SOLE_MODEL, eager
from e3d.models.families import require_undamaged


def load_package(path: Path, device: str) -> AnalysisModel:
    """Return the model of a package.

    Raises
    ------
    InputError
        If the file is no package of an Allegro model.
    """
    require_undamaged(path)
    with eager(path):
        network: torch.nn.Module = ModelFromPackage(str(path))[SOLE_MODEL]
        return analysis_model(network, path, device, {"kind": "nequip package"})
