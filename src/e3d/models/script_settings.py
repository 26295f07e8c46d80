"""Settings of the Allegro network that a script holds, read from its modules' own attributes.

They are those of :func:`e3d.models.older_versions.build_allegro`. nequip-allegro 0.4 kept the MLP
of the scalar embedding in ``scalar_embed``; until 0.8.0 the normalisation of sums over neighbours
was a number in two modules, and ZBL took the cutoff function of the radial basis.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ase.data import chemical_symbols

from e3d.errors import InputError

_NONLINEARITIES: Final = {
    "SiLU": "silu",
    "Mish": "mish",
    "GELU": "gelu",
    "ShiftedSoftplus": "ssp",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "Softplus": "softplus",
    "Identity": "None",
}
"""nequip's names of nonlinearities, by the class of their modules."""

_ROUNDING: Final = 1e-6
"""Relative: numbers that a script keeps in float32."""

Settings = dict[str, Any]


def script_settings(network: Any, path: Path) -> Settings:
    """Return the settings of a scripted network; ``path`` is named in errors.

    Parameters
    ----------
    network
        The ``func`` of a scripted ``ForceStressOutput``: Allegro's modules, one after the other.

    Raises
    ------
    InputError
        If the network has a part that cannot be rebuilt.
    """
    types = [str(name) for name in network.per_type_energy_scale_shift.type_names]
    embed, embed_mlp = _embedding(network)
    return {
        "seed": 0,
        "model_dtype": "float64",
        "r_max": float(network.edge_norm.r_max),
        "type_names": types,
        "per_edge_type_cutoff": _edge_cutoffs(network.edge_norm, types),
        **_radial(embed, path),
        **_mlp("scalar_embed", embed_mlp, path),
        "scalar_embed_output_dim": embed_mlp.dims[-1],
        **_layers(network.allegro, path),
        **_mlp("readout", network.edge_readout.mlp_module, path),
        "forward_normalize": _forward_normalize(network, embed),
        "avg_num_neighbors": _per_type(_neighbours(network.edge_eng_sum), types),
        **_scales_and_shifts(network.per_type_energy_scale_shift, types),
        "pair_potential": _pair_potential(network, embed, path),
    }


def _embedding(network: Any) -> tuple[Any, Any]:
    """Return the radial embedding, and the MLP after it."""
    if hasattr(network, "scalar_embed"):
        return network.scalar_embed, network.scalar_embed.twobody_mlp.mlp_module
    return network.radial_chemical_embed, network.scalar_embed_mlp.mlp_module


def _radial(embed: Any, path: Path) -> Settings:
    if hasattr(embed, "bessel_encode"):
        encode = embed.bessel_encode
        module = {
            "_target_": "allegro.nn.TwoBodyBesselScalarEmbed",
            "num_bessels": encode.num_bessels,
            "bessel_trainable": encode.trainable,
            "polynomial_cutoff_p": encode.cutoff.p,
        }
        width = embed.type_embed.basis_linear.dims[-1]
    elif hasattr(embed, "spline"):
        module = {
            "_target_": "allegro.nn.TwoBodySplineScalarEmbed",
            "num_splines": embed.spline.num_splines,
            "spline_span": embed.spline.spline_span,
        }
        width = embed.spline.num_channels
    else:
        raise _not_rebuilt(path, f"its radial embedding {embed.original_name}")
    return {"radial_chemical_embed": module, "radial_chemical_embed_dim": width}


def _mlp(name: str, module: Any, path: Path) -> Settings:
    """Return the hidden layers of an MLP as settings that begin with ``name``."""
    hidden = module.dims[1:-1]
    layers = [layer.original_name for layer in module.mlp.children()]
    between = {layer for layer in layers if layer not in ("ScalarLinearLayer", "ParameterList")}
    nonlinearity = between.pop() if between else None
    if between or nonlinearity not in (None, *_NONLINEARITIES):
        raise _not_rebuilt(path, f"the nonlinearity {nonlinearity} of its MLP {name}")
    return {
        f"{name}_mlp_hidden_layers_depth": len(hidden),
        f"{name}_mlp_hidden_layers_width": hidden[0] if hidden else 1,
        f"{name}_mlp_nonlinearity": nonlinearity and _NONLINEARITIES[nonlinearity],
    }


def _layers(allegro: Any, path: Path) -> Settings:
    first = next(allegro.tps.children())
    harmonics = [irrep for _, irrep in first.irreps_in2]
    tracked = [irrep for _, irrep in allegro.tensor_track_allowed_irreps]
    return {
        "irreps_edge_sh": _written(harmonics),
        "tensor_track_allowed_irreps": _written(tracked),
        "weight_individual_irreps": allegro._env_weighter.weight_individual_irreps,
        "num_layers": allegro.num_layers,
        "num_scalar_features": allegro.num_scalar_features,
        "num_tensor_features": allegro.num_tensor_features,
        "tp_path_channel_coupling": first.path_channel_coupling,
        **_mlp("allegro", next(allegro.latents.children()), path),
    }


def _written(irreps: Sequence[tuple[int, int]]) -> str:
    """Write irreps as e3nn does; an irrep is its degree and its parity, 1 or -1."""
    return " + ".join(f"1x{degree}{'e' if parity == 1 else 'o'}" for degree, parity in irreps)


def _edge_cutoffs(edge_norm: Any, types: list[str]) -> dict[str, dict[str, float]] | None:
    """Return the cutoff (Å) of each type of centre and neighbour, None where one serves all."""
    if not edge_norm._per_edge_type:
        return None
    cutoffs = edge_norm._rmax_recip.reciprocal().clamp(max=edge_norm.r_max)  # else rounding above
    table = cutoffs.view(len(types), len(types)).tolist()
    return {one: dict(zip(types, row, strict=True)) for one, row in zip(types, table, strict=True)}


def _forward_normalize(network: Any, embed: Any) -> bool:
    """Say whether weights are scaled by the number of inputs, and not by that of outputs."""
    matrices = [network.tensor_embed.env_embed_linear]
    matrices += [embed.type_embed.basis_linear] if hasattr(embed, "type_embed") else []
    for matrix in matrices:
        rows, columns = matrix.dims
        if rows != columns:
            alpha = float(next(matrix.mlp.children()).alpha)
            return math.isclose(alpha, rows**-0.5, rel_tol=_ROUNDING)
    return True  # nequip's default; a wrong one shows where the energies are compared


def _neighbours(edge_sum: Any) -> list[float]:
    """Return the average number of neighbours, one or one for each type."""
    if hasattr(edge_sum, "norm_module"):
        norms = edge_sum.norm_module.norm_const.double().view(-1).tolist()
    else:
        norms = [edge_sum._factor * 2**0.5]
    return [norm**-2 for norm in norms]


def _scales_and_shifts(module: Any, types: list[str]) -> Settings:
    settings: Settings = {}
    for name, has in (("scales", module.has_scales), ("shifts", module.has_shifts)):
        if has:
            values = getattr(module, name).double().view(-1).tolist()
            settings[f"per_type_energy_{name}"] = _per_type(values, types)
            trainable = bool(getattr(module, f"{name}_trainable"))
            settings[f"per_type_energy_{name}_trainable"] = trainable
    return settings


def _per_type(values: list[float], types: list[str]) -> float | dict[str, float]:
    return values[0] if len(values) == 1 else dict(zip(types, values, strict=True))


def _pair_potential(network: Any, embed: Any, path: Path) -> Settings | None:
    potential = getattr(network, "pair_potential", None)
    if potential is None:
        return None
    if potential.original_name != "ZBL":
        raise _not_rebuilt(path, f"its pair potential {potential.original_name}")
    cutoffs = [one for one in (potential, getattr(network, "cutoff", None)) if one is not None]
    cutoffs += [embed.bessel_encode] if hasattr(embed, "bessel_encode") else []
    function = next(module.cutoff for module in cutoffs if hasattr(module, "cutoff"))
    return {
        "_target_": "nequip.nn.pair_potential.ZBL",
        "units": "metal",
        "chemical_species": [chemical_symbols[int(z)] for z in potential.atomic_numbers.tolist()],
        "polynomial_cutoff_p": float(function.p),
    }


def _not_rebuilt(path: Path, part: str) -> InputError:
    return InputError(
        f"{path}: {part} cannot be rebuilt from a script. Give the checkpoint or package that the "
        "file was compiled from."
    )
