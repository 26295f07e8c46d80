"""Checkpoints as nequip's training writes them, of a small model with arbitrary weights."""

from pathlib import Path
from typing import Any

import torch

from e3d.models.building import eager
from e3d.models.older_versions import build_allegro

Settings = dict[str, Any]
Tensors = dict[str, torch.Tensor]

PREFIX = "model.sole_model."
SCALES, SHIFTS = (f"model.func.per_type_energy_scale_shift.{n}" for n in ("scales", "shifts"))
TYPES = ["H", "C", "O"]
BESSELS = {"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", "num_bessels": 4}
TODAY: Settings = {
    "_target_": "allegro.model.AllegroModel",
    "seed": 1,
    "model_dtype": "float32",
    "type_names": TYPES,
    "r_max": 4.0,
    "l_max": 2,
    "parity": True,
    "radial_chemical_embed": BESSELS,
    "radial_chemical_embed_dim": 6,
    "scalar_embed_mlp_hidden_layers_depth": 2,
    "scalar_embed_mlp_hidden_layers_width": 5,
    "num_layers": 2,
    "num_scalar_features": 8,
    "num_tensor_features": 2,
    "allegro_mlp_hidden_layers_depth": 2,
    "allegro_mlp_hidden_layers_width": 7,
    "readout_mlp_hidden_layers_depth": 2,
    "readout_mlp_hidden_layers_width": 6,
    "readout_mlp_nonlinearity": None,
    "avg_num_neighbors": 5.0,
    "per_type_energy_scales": {"H": 1.0, "C": 2.0, "O": 0.5},
    "per_type_energy_shifts": {"H": -13.5, "C": -1030.0, "O": -2043.0},
}


def network(settings: Settings) -> torch.nn.Module:
    with eager(Path("test")):
        return build_allegro({k: v for k, v in settings.items() if k != "_target_"})


def weights(settings: Settings) -> Tensors:
    """Weights of a network as training leaves them, by their names of today."""
    generator = torch.Generator().manual_seed(7)
    built = network(settings)
    with torch.no_grad():
        for weight in built.parameters():
            noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            weight += 0.1 * noise.to(weight.dtype)
    return {name: tensor.clone() for name, tensor in built.state_dict().items()}


def write(path: Path, settings: Settings, tensors: Tensors, **more: Any) -> Path:
    """Write what nequip's training saves and :func:`e3d.load` reads."""
    state = {PREFIX + name: tensor for name, tensor in tensors.items()}
    versions = {"nequip": more.pop("nequip", "0.8.0"), "allegro": "0.6.0"}
    saved: Settings = {
        "state_dict": {"run_stage": torch.zeros(1), **state, **more.pop("state", {})},
        "hyper_parameters": {
            "model": settings,
            "info_dict": {"versions": versions, **more.pop("info", {})},
        },
    }
    torch.save({**saved, **more}, path)
    return path
