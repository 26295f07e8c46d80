"""An Allegro model that ``nequip-compile --mode aotinductor`` made (``.nequip.pt2``).

Its weights are read from the archive, its architecture from a YAML file, and the network is built
anew. Nothing in the archive is executed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from e3d.errors import InputError, choices, one_line
from e3d.models.analysis import AnalysisModel, analysis_model
from e3d.models.architecture import Architecture, find_architecture
from e3d.models.building import eager
from e3d.models.compiled import Compiled, Constant, read_compiled
from e3d.models.older_versions import build_allegro
from e3d.models.weights import fitting, parameters_in_order_of_use

_PER_TYPE: Final = ("per_type_energy_scales", "per_type_energy_shifts")
_SCALE_SHIFT: Final = ".per_type_energy_scale_shift."


def load_aotinductor(path: Path, device: str) -> AnalysisModel:
    """Return the model of a compiled file, built anew in float64.

    Raises
    ------
    InputError
        If the file is no compiled model, has no architecture beside it, or if the two do not fit
        in the number of weights, in a shape, or in the energies of the check.
    """
    compiled = read_compiled(path)
    architecture = find_architecture(path)
    per_type = _per_type_constants(compiled, architecture)
    values = {name: one.tensor.double().view(-1).tolist() for name, one in per_type.items()}
    settings = architecture.checked_settings({**_noted(compiled.notes), **values})
    used = {one.name for one in per_type.values()}
    weights = [one for one in _numbered(compiled.constants) if one.name not in used]
    with eager(path):
        network = _build(settings, architecture)
        _put(weights, network, architecture, path)
    source = {
        "kind": "AOTInductor file of nequip-compile",
        "trained_in": compiled.notes.get("model_dtype", "not stated"),
        "architecture": architecture.path.name,
    }
    model = analysis_model(network, path, device, source)
    architecture.check(model)
    return model


def _numbered(constants: Sequence[Constant]) -> list[Constant]:
    """Return the weights in the order of use, which the numbers in their names give.

    They stand in the archive in this order, unless it was compiled with ``--constant-fold``.
    """
    weights = [one for one in constants if one.is_parameter]
    return sorted(weights, key=lambda one: int(re.sub(r"\D", "", one.name) or 0))


def _build(settings: Mapping[str, Any], architecture: Architecture) -> torch.nn.Module:
    try:
        return build_allegro(settings)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{architecture.path}: model: nequip builds no network of these settings "
            f"({one_line(error)}). Correct them."
        ) from error


def _noted(notes: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that ``nequip-compile`` noted in the file."""
    read: dict[str, Callable[[str], Any]] = {"r_max": float, "type_names": str.split}
    return {name: of(notes[name]) for name, of in read.items() if name in notes}


def _per_type_constants(compiled: Compiled, architecture: Architecture) -> dict[str, Constant]:
    """Return the constants that an architecture names as scales and shifts of types."""
    constants = {one.name: one for one in compiled.constants}
    n_types = len(compiled.notes.get("type_names", "").split())
    of_types = [name for name in constants if constants[name].tensor.numel() in (1, n_types)]
    found = {}
    for setting in _PER_TYPE:
        name = architecture.settings.get(setting)
        if not isinstance(name, str):
            continue
        if name not in of_types:
            raise InputError(
                f"{architecture.path}: {setting}: {name} is no constant of the compiled model that "
                f"has one number, or one for each type - {choices(name, of_types)}."
            )
        found[setting] = constants[name]
    return found


def _put(
    weights: list[Constant], network: torch.nn.Module, architecture: Architecture, path: Path
) -> None:
    """Copy a compiled model's parameters into a network, in the order in which both use them."""
    targets = {
        name: target
        for name, target in parameters_in_order_of_use(network).items()
        if _SCALE_SHIFT not in name
    }
    if len(weights) != len(targets):
        raise InputError(
            f"{path}: has {len(weights)} arrays of weights, but a model built as "
            f"{architecture.path} says has {len(targets)}. Correct the settings in it."
        )
    with torch.no_grad():
        for constant, (name, target) in zip(weights, targets.items(), strict=True):
            use = name.removeprefix("model.func.")
            what = f"{path}, built as {architecture.path} says: {constant.name} ({use})"
            target.copy_(fitting(constant.tensor, target, what))
