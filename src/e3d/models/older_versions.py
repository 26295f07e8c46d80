"""Settings of Allegro networks of nequip-allegro 0.4 to 0.8, built with the installed version.

What newer versions name, shape or default in another way is a line of a table here, with the
version that changed it (changelogs and sources of github.com/mir-group/nequip and
github.com/mir-group/allegro).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from allegro.model import allegro_models as builders  # type: ignore[import-untyped]
from nequip.nn import ScalarMLPFunction
from nequip.utils.dtype import dtype_from_name, torch_default_dtype

from e3d.errors import InputError

Settings = dict[str, Any]

_TARGET: Final = "_target_"
_IRREPS: Final = "irreps_edge_sh"
_EMBED: Final = "radial_chemical_embed"
_EMBED_WIDTH: Final = "scalar_embed_output_dim"
_PER_TYPE: Final = ("per_type_energy_scales", "per_type_energy_shifts", "avg_num_neighbors")

_DROPPED: Final = (_TARGET, "compile_mode", "do_derivatives")
"""The name of the builder, and how the network ran in training, which change no energy."""

_NAMES_04: Final = {
    "model.func.scalar_embed.twobody_mlp.": "model.func.scalar_embed_mlp.",
    "model.func.scalar_embed.": "model.func.radial_chemical_embed.",
}
"""Beginnings of names of weights in nequip-allegro 0.4, and since 0.5."""

_DEFAULTS_04: Final = {
    "num_tensor_features": 64,
    "allegro_mlp_hidden_layers_depth": 2,
    "readout_mlp_hidden_layers_depth": 2,
    "readout_mlp_nonlinearity": None,
}
"""What nequip-allegro 0.4 took where a setting was not given; 0.5 takes other values."""

_EMBED_DEFAULTS_04: Final = {
    "two_body_embedding_dim": ("radial_chemical_embed_dim", 32),
    "two_body_mlp_hidden_layers_depth": ("scalar_embed_mlp_hidden_layers_depth", 2),
    "two_body_mlp_hidden_layers_width": ("scalar_embed_mlp_hidden_layers_width", 64),
    "two_body_mlp_nonlinearity": ("scalar_embed_mlp_nonlinearity", "silu"),
}
"""Settings that nequip-allegro 0.4 kept in ``scalar_embed``: their name since 0.5, and default."""

_MODULES: Final = {
    "TwoBodyBesselScalarEmbed": "allegro.nn.TwoBodyBesselScalarEmbed",
    "TwoBodySplineScalarEmbed": "allegro.nn.TwoBodySplineScalarEmbed",
    "ZBL": "nequip.nn.pair_potential.ZBL",
}
"""The modules that settings may name, by class; nothing else that a file names is called.

nequip's Lennard-Jones potentials do not run in an Allegro network, in any version.
"""


def build_allegro(
    settings: Mapping[str, Any], nequip_version: str | None = None
) -> torch.nn.Module:
    """Build a network, nequip's ``GraphModel``, of the settings of any ``AllegroModel`` builder.

    Settings are those of nequip-allegro 0.4 to 0.8, of which 0.5 took ``scalar_embed_output_dim``
    away: the number of outputs of the scalar embedding, where it is not ``num_scalar_features``.
    ``nequip_version`` is the one that they were written for, by default the installed one. Call it
    inside :func:`e3d.models.building.eager`.

    Raises
    ------
    InputError
        If a setting has no counterpart in the installed version.
    """
    current = current_settings(settings, nequip_version)
    width = current.pop(_EMBED_WIDTH, None)
    by_irreps = _IRREPS in current
    model: Any = (builders.FullAllegroModel if by_irreps else builders.AllegroModel)(**current)
    network = model.model.func
    if width is not None and width != network.allegro.num_scalar_features:
        with (
            torch_default_dtype(dtype_from_name(current["model_dtype"])),
            torch.random.fork_rng([]),
        ):
            torch.manual_seed(current["seed"])
            _widen_embedding(network, width, current)
    built: torch.nn.Module = model
    return built


def current_settings(settings: Mapping[str, Any], nequip_version: str | None = None) -> Settings:
    """Return settings under the names, and in the forms, of the installed version.

    ``scalar_embed_output_dim`` is kept where it is given: :func:`build_allegro` takes it.
    """
    current = {name: value for name, value in settings.items() if name not in _DROPPED}
    for name, value in current.items():
        _require_data(name, value)
    for change in _CHANGES:
        change(current)
    if nequip_version is not None and _minor(nequip_version) < (0, 17):
        _shared_cutoff(current)
    return current


def current_names(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a network's tensors, by name, under the names of the installed version."""
    empty = "model._empty"
    energies_only = empty not in tensors  # the builders of nequip-allegro before 0.8 for those
    found: dict[str, torch.Tensor] = {empty: torch.empty(0)} if energies_only else {}
    for name, tensor in tensors.items():
        if energies_only:
            name = "model.func." + name.removeprefix("model.")
        for old, new in _NAMES_04.items():
            if name.startswith(old):
                name = new + name.removeprefix(old)
        found[name] = tensor
    return found


def _widen_embedding(network: Any, width: int, settings: Settings) -> None:
    """Give the scalar embedding ``width`` outputs, and what reads it as many inputs."""
    embed, allegro = network.scalar_embed_mlp, network.allegro
    dims = embed.mlp_module.dims
    forward = settings.get("forward_normalize", True)
    embed.mlp_module = ScalarMLPFunction(
        dims[0],
        width,
        hidden_layers_depth=len(dims) - 2,
        hidden_layers_width=dims[1] if len(dims) > 2 else None,
        nonlinearity=settings.get("scalar_embed_mlp_nonlinearity", "silu"),
        forward_weight_init=forward,
    )
    linear = network.tensor_embed.env_embed_linear
    network.tensor_embed.env_embed_linear = ScalarMLPFunction(
        width, linear.dims[-1], forward_weight_init=forward
    )
    projection = allegro.first_layer_env_embed_projection
    allegro.first_layer_env_embed_projection = ScalarMLPFunction(width, projection.dims[-1])


def _scalar_embed_04(settings: Settings) -> None:
    """Since nequip-allegro 0.5, the MLP of the two-body embedding is one of the model's own."""
    if "scalar_embed" not in settings:
        return
    embed = dict(settings.pop("scalar_embed"))
    if not str(embed[_TARGET]).endswith("TwoBodyBesselScalarEmbed"):
        raise InputError(
            f"scalar_embed: {embed[_TARGET]} of nequip-allegro 0.4 has no counterpart in later "
            "versions. Give a model with TwoBodyBesselScalarEmbed, or train it anew."
        )
    for old, (new, default) in _EMBED_DEFAULTS_04.items():
        settings[new] = embed.pop(old, default)
    settings[_EMBED] = embed
    for name, value in _DEFAULTS_04.items():
        settings.setdefault(name, value)


def _parity_setting_04(settings: Settings) -> None:
    """Since nequip-allegro 0.5, ``parity_setting`` is the boolean ``parity``, without ``so3``."""
    parity = settings.pop("parity_setting", None)
    if settings.get("parity") in ("o3_full", "o3_restricted", "so3"):
        parity = settings.pop("parity")
    if parity == "so3":
        even = " + ".join(f"1x{degree}e" for degree in range(settings.pop("l_max") + 1))
        settings[_IRREPS] = settings["tensor_track_allowed_irreps"] = even
    elif parity is not None:
        settings["parity"] = parity == "o3_full"


def _scatter_features_06(settings: Settings) -> None:
    """Since nequip-allegro 0.6.1 there is no ``scatter_features``, an undocumented choice."""
    if settings.pop("scatter_features", False):
        raise InputError(
            "scatter_features: true has no counterpart since nequip-allegro 0.6.1. Give a model "
            "trained without it."
        )


def _per_type_lists(settings: Settings) -> None:
    """Since nequip 0.14: scales and shifts are numbers or dicts by type, never lists."""
    types = list(settings["type_names"])
    for name in _PER_TYPE:
        value = settings.get(name)
        if isinstance(value, list | tuple):
            if len(value) not in (1, len(types)):
                raise InputError(
                    f"{name}: {len(value)} values for {len(types)} types. Give one for each type."
                )
            one = len(value) == 1
            settings[name] = value[0] if one else dict(zip(types, value, strict=True))


def _shared_cutoff(settings: Settings) -> None:
    """Since nequip 0.17, pair potentials have a cutoff of their own, p = 6 if not given.

    Before, they took that of the radial basis.
    """
    if settings.get("pair_potential") is not None:
        exponent = settings[_EMBED].get("polynomial_cutoff_p", 6)
        settings["pair_potential"] = {**settings["pair_potential"], "polynomial_cutoff_p": exponent}


def _known_modules(settings: Settings) -> None:
    """Name modules by where the installed version has them; refuse what is not known."""
    for name, value in settings.items():
        if isinstance(value, Mapping) and _TARGET in value:
            target = str(value[_TARGET])
            module = _MODULES.get(target.rpartition(".")[2])
            if module is None or target.partition(".")[0] not in ("allegro", "nequip"):
                raise InputError(
                    f"{name}: {target} is not a module that E3D builds - allowed: "
                    f"{', '.join(_MODULES)}. Give the model as a package (`nequip-package build`)."
                )
            settings[name] = {**value, _TARGET: module}


def _require_data(name: str, value: Any, *, inside: bool = False) -> None:
    """Refuse a setting that hydra, which builds the modules, would call or look up elsewhere.

    hydra calls every ``_target_``, however deep inside, and resolves every ``${...}``.
    """
    parts: list[Any] = []
    if isinstance(value, Mapping):
        own = {_TARGET} if not inside else set()
        called = next((key for key in value if str(key).startswith("_") and key not in own), None)
        if called is not None:
            raise InputError(
                f"{name}: holds {called}: {value[called]!s:.80}, which would be called, expected "
                "numbers and words. Write the value that it stands for."
            )
        parts = list(value.values())
    elif isinstance(value, str) and "${" in value:
        raise InputError(
            f"{name}: {value:.80} would be looked up, expected the value itself. Write it."
        )
    elif isinstance(value, list | tuple):
        parts = list(value)
    for part in parts:
        _require_data(name, part, inside=True)


def _minor(version: str) -> tuple[int, int]:
    """Return the first two numbers of a version."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


_CHANGES: Final[tuple[Callable[[Settings], None], ...]] = (
    _scalar_embed_04,
    _parity_setting_04,
    _scatter_features_06,
    _per_type_lists,
    _known_modules,
)
"""What turns settings into those of the installed version, oldest change first."""
