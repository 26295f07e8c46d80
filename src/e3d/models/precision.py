"""Cast a model to float64, with the constants that training rounded to float32 made exact again."""

from typing import Any

import torch
from nequip.utils.dtype import torch_default_dtype

_CONTRACTION = "Contracter"
_ROUNDING = 4 * torch.finfo(torch.float32).eps


def as_float64(model: torch.nn.Module) -> torch.nn.Module:
    """Cast weights, buffers and remembered dtypes, in place; compute 3j symbols anew.

    Weights are the float32 numbers of the training, exactly representable. The 3j symbols of a
    contraction are mathematical constants: in float32, as a checkpoint holds them, they make the
    model rotation invariant to 1e-8 only.
    """
    for module in model.modules():
        for name, value in vars(module).items():
            if value is torch.float32:
                setattr(module, name, torch.float64)
    model.double()
    for module in model.modules():  # by name: a package brings its own copy of every class
        if type(module).__name__ == _CONTRACTION:
            _exact_3j(module)
    return model


def _exact_3j(module: Any) -> None:
    """Replace the 3j symbols by exact ones, unless the module holds something else."""
    try:
        with torch_default_dtype(torch.float64):
            fresh = type(module)(
                irreps_in1=module.irreps_in1,
                irreps_in2=module.irreps_in2,
                irreps_out=module.irreps_out,
                mul=module.mul,
                instructions=module.instructions,
                path_channel_coupling=module.path_channel_coupling,
                scatter_factor=module.scatter_factor,
                irrep_normalization=module.irrep_normalization,
            )
    except (AttributeError, TypeError):  # another version's contraction keeps other arguments
        return
    exact = fresh.w3j.to(module.w3j)
    if exact.shape == module.w3j.shape and bool((exact - module.w3j).abs().max() <= _ROUNDING):
        module.w3j.copy_(exact)
