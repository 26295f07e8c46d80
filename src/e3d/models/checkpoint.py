"""A checkpoint (``.ckpt``) of nequip's training, built anew in float64 from its own settings.

Nothing of the file is executed: its settings may only name builders and modules that are listed
here and in :mod:`e3d.models.older_versions`. A training that started from a package needs that file
too, and the code in a package runs.
"""

import logging
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from nequip.model import modify
from nequip.model.saved_models.package import ModelFromPackage

from e3d import lineage
from e3d.errors import InputError
from e3d.models import inert
from e3d.models.analysis import AnalysisModel, analysis_model
from e3d.models.building import SOLE_MODEL, eager
from e3d.models.older_versions import build_allegro, current_names
from e3d.models.weights import put_weights, require_numbers

log = logging.getLogger(__name__)

_TARGET: Final = "_target_"
_ALLEGRO: Final = ("AllegroModel", "FullAllegroModel", "AllegroEnergyModel")
_BUILDERS: Final = (
    "e3d.fast.build.AllegroModel",
    *(f"allegro.model{module}.{name}" for name in _ALLEGRO for module in ("", ".allegro_models")),
    "allegro.model.allegro_models.FullAllegroEnergyModel",
)
_MODIFY: Final = ("nequip.model.modify", "nequip.model.modify_utils.modify")
_FROM_CHECKPOINT: Final = "nequip.model.ModelFromCheckpoint"
_FROM_PACKAGE: Final = "nequip.model.ModelFromPackage"

_NO_ENERGY: Final = (_TARGET, "compile_mode")
"""Settings of how a network runs, which kernels of this project change when a run is resumed."""

_POSITIVE: Final = ("r_max", "avg_num_neighbors")
_NUMBERS: Final = (*_POSITIVE, "per_type_energy_scales", "per_type_energy_shifts")
_AGAIN: Final = "Get the file again from where it was trained or published."

_CODES: Final = ("nequip", "allegro")
"""Packages whose versions are among a model's facts."""

_MODEL, _AVERAGED = "model.", "ema.ema_weight_"
_AVERAGING: Final = "ema._extra_state"
_TELLING: Final = 16
"""Numbers of a weight from which on its average says whether it is its own: of a model's first
steps 0.0001 to 0.3 of its size away, of another's weight about 1.4."""


def load_checkpoint(path: Path, device: str) -> AnalysisModel:
    """Return the model of a checkpoint, with its averaged (EMA) weights if it has some.

    Raises
    ------
    InputError
        If the file is no checkpoint of an Allegro model of nequip >= 0.7, lacks a weight, or
        contradicts itself: its settings make other constants than it holds.
    """
    with eager(path):
        saved = inert.read(path)
        versions = _settings(saved, path)[1]
        network, dtype = _trained(saved, path)
        source = {
            "kind": "checkpoint of nequip",
            "trained_in": dtype,
            **{f"{name}_version": str(versions[name]) for name in _CODES if name in versions},
            **_training(saved),
        }
        return analysis_model(network, path, device, source)


def _trained(saved: Any, path: Path) -> tuple[torch.nn.Module, str]:
    """Return the network of a checkpoint with its weights, and the dtype it was trained in."""
    network, dtype = _build(*_settings(saved, path), path)
    weights = _weights(saved["state_dict"], path)
    put_weights(network, _averaged(saved["state_dict"], weights, network, path), path)
    return network, dtype


def _training(saved: Any) -> dict[str, str]:
    """Return the facts of what a checkpoint was trained on; those of other programs say nothing."""
    said = saved["hyper_parameters"]["info_dict"].get(lineage.TRAINED_ON, {})
    if not isinstance(said, Mapping):
        return {}
    return {lineage.trained_on_fact(str(key)): str(value) for key, value in said.items()}


def _settings(saved: Any, path: Path) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Return the settings of a checkpoint's model, and the versions it was trained with."""
    try:
        parameters = saved["hyper_parameters"]
        settings, versions = parameters["model"], parameters["info_dict"].get("versions", {})
        target = settings[_TARGET]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: holds no settings of a model, so it is no checkpoint of nequip >= 0.7. "
            "Checkpoints of earlier versions cannot be built anew: train the model again."
        ) from error
    if not isinstance(saved.get("state_dict"), Mapping):
        raise InputError(f"{path}: holds settings of a model and no weights. {_AGAIN}")
    info = parameters["info_dict"].get("training_module", {})
    if "model" in info and (place := _differs(settings, info["model"])) is not None:
        raise InputError(
            f"{path}: the settings of its model stand there twice, and differ in {place}: they "
            f"were changed after the training. {_AGAIN}"
        )
    if "schedulefree_optimizer_state_dict" in saved:
        raise InputError(
            f"{path}: trained with a schedule-free optimizer, whose weights for evaluation only "
            "nequip makes. Give its package (`nequip-package build`)."
        )
    return {**settings, _TARGET: str(target)}, versions


def _differs(one: Any, other: Any, place: str = "") -> str | None:
    """Return where two settings, as far as they are plain values, differ; None if nowhere.

    Nothing in one place is something else than a value in the other, which may change the network.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = [key for key in {**one, **other} if place or key not in _NO_ENERGY]
        if lost := next((key for key in keys if (key in one) != (key in other)), None):
            return f"{place}.{lost}".strip(".")
        pairs = [(one[key], other[key], f"{place}.{key}".strip(".")) for key in keys]
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return place
        pairs = [(a, b, f"{place}.{k}") for k, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        plain = all(value is None or isinstance(value, int | float | str) for value in (one, other))
        both_nan = one != one and other != other
        return place if plain and one != other and not both_nan else None
    found = (_differs(*pair) for pair in pairs)
    return next((where for where in found if where is not None), None)


def _build(
    settings: Mapping[str, Any], versions: Mapping[str, Any], path: Path
) -> tuple[torch.nn.Module, str]:
    """Build the network that settings describe, in float64: its weights are not yet its own.

    Returns
    -------
    The network, and the dtype it was trained in; a package stays in that one.
    """
    target = settings[_TARGET]
    given = {name: value for name, value in settings.items() if name != _TARGET}
    if target in _BUILDERS:
        try:
            _require_numbers(given)
            network = build_allegro({**given, "model_dtype": "float64"}, versions.get("nequip"))
            return network, str(given["model_dtype"])
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    if target in _MODIFY:
        network, dtype = _build(given["model"], versions, path)
        modify(network, given["modifiers"])
        return network, dtype
    if target == _FROM_CHECKPOINT:
        origin = _origin(given["checkpoint_path"], path)
        return _trained(inert.read(origin), origin)  # modifiers may keep some of what it learned
    if target == _FROM_PACKAGE:
        origin = _origin(given["package_path"], path)
        log.warning("%s: its training started from %s, whose code runs now", path, origin)
        package = ModelFromPackage(str(origin))[SOLE_MODEL]
        return package, str(package.metadata["model_dtype"])
    raise InputError(
        f"{path}: its model is built by {target}, which makes no Allegro model that E3D knows. "
        "E3D needs energies on edges: give an Allegro model, or its package if it is one."
    )


def _require_numbers(settings: Mapping[str, Any]) -> None:
    """Refuse settings of which nequip makes an error of its own, or energies that are no numbers.

    Raises
    ------
    InputError
        Naming the setting.
    """
    types = [str(name) for name in settings.get("type_names", ())]
    if len(set(types)) != len(types):
        raise InputError(f"type_names: {', '.join(types)} - each is allowed once. {_AGAIN}")
    for name in _NUMBERS:
        value = settings.get(name)
        several = value.values() if isinstance(value, Mapping) else value
        for number in several if isinstance(several, Iterable) else [several]:
            if not isinstance(number, int | float):
                continue
            if not math.isfinite(number):
                raise InputError(f"{name}: {number} - must be a finite number. {_AGAIN}")
            if number <= 0 and name in _POSITIVE:
                raise InputError(f"{name}: {number} - must be a positive number. {_AGAIN}")


def _origin(name: str, path: Path) -> Path:
    """Return the file that a training started from: where it was, or beside the checkpoint."""
    for place in (Path(name), path.parent / Path(name).name):
        if place.is_file() and not place.samefile(path):
            return place
    raise InputError(
        f"{path}: its training started from {name}, which describes the network and is not there. "
        "Put that file beside the checkpoint, or give the model's package (`nequip-package build`)."
    )


def _weights(state: Mapping[str, Any], path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint's one model, by the names of the installed version."""
    own = {name: value for name, value in state.items() if name.startswith(_MODEL)}
    models = sorted({name.split(".")[1] for name in own})
    if models != [SOLE_MODEL]:
        raise InputError(
            f"{path}: holds {len(models)} models ({', '.join(models)}), one is decomposed at a "
            "time. Give a checkpoint of one model."
        )
    prefix = f"{_MODEL}{SOLE_MODEL}."
    for name, value in own.items():
        require_numbers(value, f"{path}: {name.removeprefix(prefix)}")
    return current_names({name.removeprefix(prefix): value for name, value in own.items()})


def _averaged(
    state: Mapping[str, Any],
    weights: dict[str, torch.Tensor],
    network: torch.nn.Module,
    path: Path,
) -> dict[str, torch.Tensor]:
    """Return the weights with parameters replaced by their averages, if the training kept some."""
    averages = [state[name] for name in state if name.startswith(_AVERAGED)]
    if not averages and _AVERAGING not in state:
        return weights
    for average in averages:
        require_numbers(average, f"{path}: an averaged (EMA) weight")
    parameters = {name for name, _ in network.named_parameters()}
    names = [name for name in weights if name in parameters]  # nequip numbers them in this order
    if len(averages) != len(names) or not state[_AVERAGING]["is_holding_ema_weights"]:
        raise InputError(
            f"{path}: holds {len(averages)} averaged (EMA) weights for {len(names)} weights of the "
            "model, or was written in the midst of a validation. Give another checkpoint."
        )
    averaged = dict(zip(names, averages, strict=True))
    for name, average in averaged.items():
        _require_near(average, weights[name], f"{path}: {name}")
    return {**weights, **averaged}


def _require_near(average: torch.Tensor, weight: torch.Tensor, what: str) -> None:
    """Refuse an average that is farther from its weight than zero is: it is that of another."""
    if average.shape != weight.shape:
        return  # what puts it into the network says so
    apart, size = (float(one.double().norm()) for one in (average - weight, weight))
    if weight.numel() >= _TELLING and apart >= size > 0:
        raise InputError(
            f"{what}: its averaged (EMA) weights differ from the last ones by {apart / size:.3g} "
            "times their size, and averages are near - below 1 is allowed. They are in another "
            f"order, or of another model. {_AGAIN}"
        )
