"""A package (``.nequip.zip``), which brings the code of its nequip along."""

from pathlib import Path
from typing import Final

import torch
from nequip.model.saved_models.package import ModelFromPackage

from e3d.errors import InputError
from e3d.models.analysis import AnalysisModel, analysis_model
from e3d.models.building import SOLE_MODEL, eager
from e3d.models.families import open_archive, require_undamaged

_OF_PACKAGES: Final = ".data/extern_modules"
"""What torch.package writes into every archive."""


def load_package(path: Path, device: str) -> AnalysisModel:
    """Return the model of a package.

    Raises
    ------
    InputError
        If the file is no package of an Allegro model.
    """
    require_undamaged(path)
    with open_archive(path) as archive:
        names = archive.namelist()
    if not any(name.endswith(_OF_PACKAGES) for name in names):
        raise InputError(
            f"{path}: an archive, and no package - expected one that `nequip-package build` wrote. "
            "Give one, or name a checkpoint as it was, `*.ckpt`."
        )
    with eager(path):
        network: torch.nn.Module = ModelFromPackage(str(path))[SOLE_MODEL]
        return analysis_model(network, path, device, {"kind": "nequip package"})
