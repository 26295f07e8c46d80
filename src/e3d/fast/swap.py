"""Put the fast network in the place of the shipped one, in a model that is already built."""

import logging
from typing import Any

import torch

from e3d.fast.network import CentreNetwork

log = logging.getLogger(__name__)

_SEQUENCE = "SequentialGraphNetwork"
_NETWORK = (
    *("edge_norm", "radial_chemical_embed", "scalar_embed_mlp", "tensor_embed"),
    *("allegro", "edge_readout", "edge_eng_sum"),
)


def accelerate(model: torch.nn.Module) -> bool:
    """Replace, in place, the energy network of an eager Allegro model by the fast one.

    It gives the same numbers. Weights stay where they are, under the same names. A model with parts
    it does not know (splines, other nonlinearities, no hidden layer) stays as it is.

    Returns
    -------
    Whether anything was replaced.
    """
    for module in list(model.modules()):
        network = getattr(module, "func", None)
        if isinstance(network, torch.nn.Module) and type(network).__name__ == _SEQUENCE:
            reason = misfit(network)
            if reason is None:
                module.func = CentreNetwork(network)
                return True
            log.info("shipped Allegro network kept: %s", reason)
    return False


def misfit(network: Any) -> str | None:
    """Return why a network cannot be replaced, or None if it can.

    By names and attributes, not by classes: a package brings its own copy of every class.
    """
    names = [name for name, _ in network.named_children()]
    if tuple(names[: len(_NETWORK)]) != _NETWORK:
        return f"its modules are {', '.join(names)}"
    encode = getattr(network.radial_chemical_embed, "bessel_encode", None)
    if encode is None or encode.trainable or not hasattr(encode.cutoff, "p"):
        return "its radial basis is not a fixed Bessel basis with a polynomial cutoff"
    harmonics = network.tensor_embed.sh
    if not (harmonics.normalize and harmonics._is_range_lmax):
        return "its spherical harmonics are not those of directions from l = 0 on"
    channels = (network.tensor_embed._edge_weighter, network.allegro._env_weighter)
    if not all(channel.weight_individual_irreps and channel.alpha == 1.0 for channel in channels):
        return "its channels do not weight each irrep"
    ends = network.scalar_embed_mlp.mlp_module, network.edge_readout.mlp_module
    mlps = [*ends, *network.allegro.latents]
    if not all(_is_silu_mlp(mlp) for mlp in mlps):
        return "an MLP has a bias, no hidden layer or a nonlinearity other than SiLU"
    allegro, embed = network.allegro, network.tensor_embed
    linear = allegro.first_layer_env_embed_projection, embed.env_embed_linear
    if not all(mlp.num_layers == 1 and not mlp.bias for mlp in linear):
        return "a projection is more than one matrix"
    if allegro.tps[-1].base_dim_out != 1:
        return "its last layer has more than scalars"
    return None


def _is_silu_mlp(mlp: Any) -> bool:
    between = [layer for layer in mlp.mlp if not hasattr(layer, "alpha")]
    return (
        mlp.num_layers > 1
        and not mlp.bias
        and all(isinstance(layer, torch.nn.SiLU) for layer in between)
    )
