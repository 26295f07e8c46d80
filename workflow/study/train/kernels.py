"""Which implementation of Allegro a training runs on; all give the same numbers to rounding."""

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e3d import provenance
from e3d.errors import InputError
from e3d.lineage import TRAINED_ON
from study.run_settings import Architecture
from study.train.example import put_example
from study.train.ranks import without_ranks

AUTO, CENTRE, SHIPPED, CUEQUIVARIANCE = "auto", "centre", "shipped", "cuequivariance"
KERNELS = (AUTO, CENTRE, SHIPPED, CUEQUIVARIANCE)
EAGER, COMPILE = "eager", "compile"
MODES = (AUTO, EAGER, COMPILE)
BREAK_EVEN_STEPS = 8_000
"""Steps from which on compiling pays at every size of benchmarks/step.py."""
_KEEPER = "ModelCheckpoint"  # of Lightning: its state is paths and the best score
_SHIPPED_BUILDER, _CENTRE_BUILDER = "allegro.model.AllegroModel", "e3d.fast.build.AllegroModel"


def select(architecture: Architecture, runtime: Mapping[str, Any]) -> str:
    """Return the kernels of a run: those asked for; for ``auto`` the fastest by benchmarks/step.py.

    On a CPU that is ``centre`` at every size. On a GPU it is the shipped network.

    Raises
    ------
    InputError
        If the device or the installed packages rule out the kernels asked for.
    """
    asked = str(runtime.get("kernels", AUTO))
    on_gpu = str(runtime.get("device", "cpu")).startswith("cuda")
    if asked == AUTO:
        return SHIPPED if on_gpu else CENTRE
    if asked not in KERNELS:
        raise InputError(
            f"kernels {asked!r}: allowed are {', '.join(KERNELS)}. "
            "Fix `runtime.kernels` or --kernels."
        )
    if asked == CUEQUIVARIANCE:
        _require_cuequivariance(on_gpu=on_gpu)
    return asked


def mode(kernels: str, steps: int, runtime: Mapping[str, Any]) -> str:
    """Return how a training of so many steps runs: as asked for; ``auto`` is what takes less time.

    It depends on the run alone, never on what the compiler's cache holds: compiled sums may round
    otherwise, and a run that is repeated must give the same bytes.
    """
    asked = str(runtime.get("compile_mode", AUTO))
    if asked != AUTO:
        return asked
    return COMPILE if kernels == CENTRE and steps >= BREAK_EVEN_STEPS else EAGER


def _require_cuequivariance(*, on_gpu: bool) -> None:
    if not on_gpu:
        raise InputError(
            "kernels 'cuequivariance' on the CPU: they exist on a GPU only. "
            "Set `runtime.device: cuda`, or `runtime.kernels: auto`."
        )
    missing = [name for name in ("cuequivariance", "cuequivariance_torch") if not _installed(name)]
    if missing:
        raise InputError(
            f"kernels 'cuequivariance': {', '.join(missing)} not installed. Train in "
            "envs/train-gpu.yaml, install the project's extra `gpu` where the training runs, or "
            "set `runtime.kernels: auto`."
        )


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def model_config(settings: Mapping[str, Any], kernels: str, compile_mode: str) -> dict[str, Any]:
    """Return nequip's model section: a builder, or a modifier around the shipped one."""
    builder = _CENTRE_BUILDER if kernels == CENTRE else _SHIPPED_BUILDER
    model = {"_target_": builder, "compile_mode": compile_mode, **settings}
    if kernels == CUEQUIVARIANCE:
        modifier = {"modifier": "enable_CuEquivarianceContracter"}
        return {"_target_": "nequip.model.modify", "modifiers": [modifier], "model": model}
    return model


def adopt(checkpoint: Path, model: Mapping[str, Any]) -> None:
    """Put this model section into a checkpoint, since nequip builds the one that it names.

    Kernels and compile modes have the same weights, so that a run may be resumed with others, or on
    another device.
    """
    import torch

    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    settings = content["hyper_parameters"]
    if settings["model"] == model:
        return
    settings["model"] = settings["info_dict"]["training_module"]["model"] = dict(model)
    with provenance.atomic(checkpoint) as temporary:
        _save(content, temporary)


def save_plain(checkpoint: Path, target: Path, trained_on: Mapping[str, str]) -> None:
    """Write a checkpoint that loads without this package: it names nequip-allegro's own builder.

    It holds an example, by which ``nequip-package`` takes it where the data are not. It is the
    same, but for rounding, whatever number of processes trained it, and wherever: what Lightning
    noted of the folder it trained in is left out.

    Parameters
    ----------
    trained_on
        The run, and the hashes of its store, splits and subset, which the checkpoint then says.
    """
    import torch

    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    settings = content["hyper_parameters"]
    put_example(settings["info_dict"], settings["model"])
    content = _plain(content)
    info = content["hyper_parameters"]["info_dict"]
    info["trainer"] = without_ranks(info["trainer"])
    info[TRAINED_ON] = dict(trained_on)
    states = content["callbacks"]
    content["callbacks"] = {
        name: state for name, state in states.items() if not name.startswith(_KEEPER)
    }
    _save(content, target)


def _save(content: Any, target: Path) -> None:
    import torch

    # by a path, torch would write the name of the temporary file into the archive
    with target.open("wb") as file:
        torch.save(content, file)


def _plain(value: Any) -> Any:
    """Return a checkpoint's content with the shipped builder in place of ours.

    Texts that are equal become one object, and no dict or list stands in two places: pickle writes
    what it met before as a reference, and a run that was resumed has met other objects.
    """
    if isinstance(value, str):
        return sys.intern(_SHIPPED_BUILDER if value == _CENTRE_BUILDER else str(value))
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    if type(value) is dict:
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, dict):  # one with attributes, such as the weights
        items = list(value.items())
        value.clear()
        value.update((_plain(key), _plain(one)) for key, one in items)
    return value
