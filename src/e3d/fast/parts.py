"""Numbers of the shipped network's modules, as versions of nequip-allegro from 0.5 on keep them.

By names and attributes, not by classes: a package brings its own copy of every class.
"""

from typing import Any

import torch
from torch import Tensor


def matrices(mlp: Any) -> list[Tensor]:
    """Return the matrices between the SiLUs of nequip's ``ScalarMLPFunction``.

    Layers with no nonlinearity between them are multiplied: one matrix is a linear map.
    """
    if hasattr(mlp.mlp, "weights"):  # nequip's DeepLinearMLP
        return [_product(list(mlp.mlp.weights)) * mlp.mlp.alpha]
    between: list[list[Tensor]] = [[]]
    for layer in mlp.mlp:
        if hasattr(layer, "alpha"):
            between[-1].append(layer.weight * layer.alpha)
        elif isinstance(layer, torch.nn.SiLU):
            between.append([])
    return [_product(factors) for factors in between]


def is_known_mlp(mlp: Any) -> bool:
    """Whether :func:`matrices` is all there is to an MLP."""
    if mlp.bias:
        return False
    if hasattr(mlp.mlp, "weights"):
        return hasattr(mlp.mlp, "alpha")
    known = torch.nn.SiLU, torch.nn.Identity
    return all(hasattr(layer, "alpha") or isinstance(layer, known) for layer in mlp.mlp)


def is_fixed_bessel(embed: Any) -> bool:
    """Whether a radial embedding starts from a fixed Bessel basis with a polynomial cutoff."""
    encode = getattr(embed, "bessel_encode", None)
    return encode is not None and not encode.trainable and hasattr(encode.cutoff, "p")


def environment_norm(allegro: Any) -> Tensor | float:
    """Return 1 / sqrt(Nbar) of nequip's ``Allegro_Module``: one number, or one for each type."""
    module = getattr(allegro, "avg_num_neighbors_norm", None)
    if module is not None:
        norm: Tensor = module.norm_const.view(-1)
        return norm
    return float(allegro.tps[0].scatter_factor)  # before nequip-allegro 0.8


def _product(factors: list[Tensor]) -> Tensor:
    return factors[0] if len(factors) == 1 else torch.linalg.multi_dot(factors)
