"""Put weights that a file holds into a network that was built anew, every shape checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

from e3d.errors import InputError

_ROUNDINGS: Final = 16
"""Units in the last place of float32 by which constants of two versions may differ: 3j symbols of
float32 differ by one from those of float64."""


def put_weights(network: torch.nn.Module, given: Mapping[str, torch.Tensor], path: Path) -> None:
    """Copy tensors into a network of the same dtype or a wider one, by name.

    Parameters
    ----------
    network
        Its parameters are all replaced. Its persistent buffers are constants that its settings
        make, and must be those of the file.
    given
        Tensors by the names they have in the network. Those of buffers that it computes from its
        settings are left out.
    path
        The file they came from, for errors.

    Raises
    ------
    InputError
        If a name is missing or not known, a shape differs, a constant contradicts the settings, or
        a weight is no number.
    """
    wanted = network.state_dict()
    computed = {name for name, _ in network.named_buffers()} - wanted.keys()
    missing = sorted(wanted.keys() - given.keys())
    unknown = sorted(given.keys() - wanted.keys() - computed)
    if missing or unknown:
        lacks = [f"lacks {missing[0]}"] if missing else []
        has = [f"has {unknown[0]}, which that model does not have"] if unknown else []
        raise InputError(
            f"{path}: its weights are not those of the model that its settings make: it "
            f"{' and '.join(lacks + has)} ({len(missing) + len(unknown)} names differ). Give "
            "another file of the same model: its checkpoint or package."
        )
    trained = {name for name, _ in network.named_parameters()}
    with torch.no_grad():
        for name, target in wanted.items():
            source = fitting(given[name], target, f"{path}: {name}")
            if name not in trained:
                _require_same(source, target, f"{path}: {name}")
            elif not bool(torch.isfinite(source).all()):
                raise InputError(
                    f"{path}: {name} holds weights that are no finite numbers: its training "
                    "diverged, or the file is damaged. Give another checkpoint."
                )
            target.copy_(source)


def require_numbers(weight: Any, what: str) -> None:
    """Refuse what is no dense tensor of real numbers: of a complex one, a part would be lost.

    Raises
    ------
    InputError
        If it is none; ``what`` says what it is.
    """
    found = type(weight).__name__
    if isinstance(weight, torch.Tensor):
        if weight.layout == torch.strided and not weight.is_complex():
            return
        found = f"a tensor of {weight.dtype}, {weight.layout}"
    raise InputError(
        f"{what} is {found}, expected a dense tensor of real numbers: it was changed after the "
        "training. Get the file again from where it was trained or published."
    )


def _require_same(source: torch.Tensor, target: torch.Tensor, what: str) -> None:
    """Refuse a constant that is not, to rounding, what the settings make of it.

    Raises
    ------
    InputError
        Naming what it is, and the first number that differs.
    """
    found, made = source.double(), target.double()
    size = float(made.abs().max().clamp(max=1)) if made.numel() else 0.0  # 3j symbols: to 1
    allowed = _ROUNDINGS * torch.finfo(torch.float32).eps * made.abs().clamp(min=size)
    wrong = ~((found - made).abs() <= allowed)  # also if it is no number
    if bool(wrong.any()):
        raise InputError(
            f"{what} holds {float(found[wrong][0]):.8g} where a model of its settings has "
            f"{float(made[wrong][0]):.8g}: the settings or the constant were changed after the "
            "training. Get the file again from where it was trained or published."
        )


def fitting(source: torch.Tensor, target: torch.Tensor, what: str) -> torch.Tensor:
    """Return a tensor in the shape of another; they may differ in axes of length 1.

    Raises
    ------
    InputError
        If they differ in anything else; ``what`` says what it is.
    """
    if [n for n in source.shape if n != 1] != [n for n in target.shape if n != 1]:
        raise InputError(
            f"{what} has shape {tuple(source.shape)}, but a model of these settings has "
            f"{tuple(target.shape)} there. Correct the settings, or give the checkpoint."
        )
    return source.reshape(target.shape)


def parameters_in_order_of_use(network: Any) -> dict[str, torch.nn.Parameter]:
    """Return a network's parameters, by name, in the order in which a forward pass uses them.

    That is the order of its modules, but for the layers of Allegro: the weights of a layer's tensor
    product come before those of its MLP.
    """
    layers = "model.func.allegro.latents.", "model.func.allegro.tps."
    found = dict(network.named_parameters())
    own = [name for name in found if name.startswith(layers)]
    own.sort(key=lambda name: (_layer(name), name.startswith(layers[0])))
    ordered: dict[str, torch.nn.Parameter] = {}
    for name in found:
        if name not in own:
            ordered[name] = found[name]
        elif own[0] not in ordered:
            ordered |= {layer: found[layer] for layer in own}
    return ordered


def _layer(name: str) -> int:
    return int(name.split(".")[4])
