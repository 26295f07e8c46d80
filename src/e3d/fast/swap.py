"""Put the fast network in the place of the shipped one, in a model that is already built."""

import logging
from typing import Any

import torch

from e3d.fast.network import CentreNetwork
from e3d.fast.parts import is_known_mlp, matrices

log = logging.getLogger(__name__)

_SEQUENCE = "SequentialGraphNetwork"
_NETWORK = (
    *("edge_norm", "radial_chemical_embed", "scalar_embed_mlp", "tensor_embed"),
    *("allegro", "edge_readout", "edge_eng_sum"),
)


def accelerate(model: torch.nn.Module) -> bool:
    """Replace, in place, the energy network of an eager Allegro model by the fast one.

    It gives the same numbers. Weights stay where they are, under the same names. A model with parts
    it does not know (nonlinearities other than SiLU, biases) stays as it is.

    Returns
    -------
    Whether anything was replaced.
    """
    for module in list(model.modules()):
        network = getattr(module, "func", None)
        if isinstance(network, torch.nn.Module) and type(network).__name__ == _SEQUENCE:
            try:
                reason = misfit(network)
                if reason is None:
                    module.func = CentreNetwork(network)
                    return True
            except (AttributeError, TypeError, IndexError, RuntimeError) as error:
                reason = f"a part is not as it knows it ({error})"
            log.info("shipped Allegro network kept: %s", reason)
    return False


def misfit(network: Any) -> str | None:
    """Return why a network cannot be replaced, or None if it can."""
    names = [name for name, _ in network.named_children()]
    if tuple(names[: len(_NETWORK)]) != _NETWORK:
        return f"its modules are {', '.join(names)}"
    harmonics = network.tensor_embed.sh
    if not (harmonics.normalize and harmonics._is_range_lmax):
        return "its spherical harmonics are not those of directions from l = 0 on"
    channels = (network.tensor_embed._edge_weighter, network.allegro._env_weighter)
    if not all(channel.weight_individual_irreps and channel.alpha == 1.0 for channel in channels):
        return "its channels do not weight each irrep"
    ends = network.scalar_embed_mlp.mlp_module, network.edge_readout.mlp_module
    mlps = [*ends, *network.allegro.latents]
    if not all(is_known_mlp(mlp) for mlp in mlps):
        return "an MLP has a bias or a nonlinearity other than SiLU"
    allegro, embed = network.allegro, network.tensor_embed
    linear = allegro.first_layer_env_embed_projection, embed.env_embed_linear
    if not all(is_known_mlp(mlp) and len(matrices(mlp)) == 1 for mlp in linear):
        return "a projection is not linear"
    if getattr(allegro, "scatter_features", False):
        return "it sums the features of edges, not their environments"
    if allegro.tps[-1].base_dim_out != 1:
        return "its last layer has more than scalars"
    return None
