"""The architecture of a compiled model, which holds its weights alone: a YAML file beside it.

The file is ``<model's file>.yaml``. Those of public models are part of the library and are found by
the checksum of the model's file.

    model:                        # what AllegroModel was given for its training, any version
      radial_chemical_embed: {_target_: allegro.nn.TwoBodyBesselScalarEmbed, num_bessels: 8}
      l_max: 2
      ...
      per_type_energy_scales: _tensor_constant10    # a number, numbers by type, or a constant
    check:
      structures: frames.xyz                        # with energies, beside this file
      tolerance_meV_per_atom: 3
    source: where these settings were published     # optional

Settings that happen to fit the shapes of the weights can still be wrong ones, so the energies of
some structures must come out.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np

from e3d.errors import InputError, choices
from e3d.models.older_versions import current_settings
from e3d.options import read_yaml
from e3d.potential import LoadedModel
from e3d.provenance import file_digest
from e3d.structures import from_file
from e3d.units import EV_MEV

Settings = dict[str, Any]

_SHIPPED: Final = "e3d.models.architectures"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "a number": _is_number,
    "a whole number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "true or false": lambda value: isinstance(value, bool),
    "a text": lambda value: isinstance(value, str),
    "a text or null": lambda value: value is None or isinstance(value, str),
    "a list of elements": lambda value: (
        isinstance(value, list) and all(isinstance(one, str) for one in value)
    ),
    "settings": lambda value: isinstance(value, dict),
    "settings or null": lambda value: value is None or isinstance(value, dict),
    "a number, or numbers by type": lambda value: (
        _is_number(value)
        or (isinstance(value, dict) and all(_is_number(one) for one in value.values()))
    ),
    "numbers by type, or null": lambda value: value is None or isinstance(value, dict),
}
"""What a value of a setting can be, and how to see it."""

_PER_TYPE: Final = ("avg_num_neighbors", "per_type_energy_scales", "per_type_energy_shifts")
_TOP: Final = {
    "model": "settings",
    "check": "settings",
    "source": "a text",
    "sha256": "a text",
}
_CHECK: Final = {"structures": "a text", "tolerance_meV_per_atom": "a number"}
_MODEL: Final = {
    "model_dtype": "a text",
    **dict.fromkeys(("seed", "l_max", "num_layers"), "a whole number"),
    **dict.fromkeys(("num_scalar_features", "num_tensor_features"), "a whole number"),
    **dict.fromkeys(("radial_chemical_embed_dim", "scalar_embed_output_dim"), "a whole number"),
    **{
        f"{mlp}_mlp_{setting}": kind
        for mlp in ("scalar_embed", "allegro", "readout")
        for setting, kind in (
            ("hidden_layers_depth", "a whole number"),
            ("hidden_layers_width", "a whole number"),
            ("nonlinearity", "a text or null"),
        )
    },
    **dict.fromkeys(("parity", "forward_normalize"), "true or false"),
    **dict.fromkeys(("tp_path_channel_coupling", "weight_individual_irreps"), "true or false"),
    "per_type_energy_scales_trainable": "true or false",
    "per_type_energy_shifts_trainable": "true or false",
    **dict.fromkeys(("irreps_edge_sh", "tensor_track_allowed_irreps"), "a text"),
    "r_max": "a number",
    "type_names": "a list of elements",
    "per_edge_type_cutoff": "numbers by type, or null",
    **dict.fromkeys(_PER_TYPE, "a number, or numbers by type"),
    "radial_chemical_embed": "settings",
    "pair_potential": "settings or null",
}
_PARTS: Final = {
    "radial_chemical_embed": {
        "_target_": "a text",
        "polynomial_cutoff_p": "a number",
        "num_bessels": "a whole number",
        "bessel_trainable": "true or false",
        "num_splines": "a whole number",
        "spline_span": "a whole number",
    },
    "pair_potential": {
        "_target_": "a text",
        "units": "a text",
        "chemical_species": "a list of elements",
        "polynomial_cutoff_p": "a number",
    },
}
_NEEDED: Final = ("l_max", "radial_chemical_embed", "avg_num_neighbors")
_NOTED: Final = ("r_max", "type_names")
"""Settings that ``nequip-compile`` notes in the compiled file."""
_ZBL: Final = {"_target_": "nequip.nn.pair_potential.ZBL", "units": "metal"}
"""The one pair potential without weights of its own."""


@dataclass(frozen=True)
class Architecture:
    """The settings of a compiled model, and the structures whose energies must come out.

    Parameters
    ----------
    path
        The YAML file.
    settings
        Those of ``AllegroModel``, as written.
    structures
        File of structures with energies.
    tolerance_eV
        Largest difference of an energy, per atom.
    """

    path: Path
    settings: Mapping[str, Any]
    structures: Path
    tolerance_eV: float

    def checked_settings(self, known: Mapping[str, Any]) -> Settings:
        """Return all settings for the installed version.

        Parameters
        ----------
        known
            Settings that the compiled file itself holds.

        Raises
        ------
        InputError
            If one is missing, not known, of the wrong type, or not that of the compiled file.
        """
        for name in known.keys() & self.settings.keys():
            if name in _NOTED and self.settings[name] != known[name]:
                raise InputError(
                    f"{self.path}: {name} is {self.settings[name]!r}, but the compiled model "
                    f"states {known[name]!r}. Correct it or leave it out."
                )
        where = f"{self.path}: model"
        given = {**self.settings, **known}
        _require_names(given, _NOTED, where)
        try:
            settings = current_settings(given)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        _require(settings, _MODEL, where)
        _require_names(settings, _NEEDED, where)
        for part, allowed in _PARTS.items():
            if settings.get(part):
                _require(settings[part], allowed, f"{where}: {part}")
                _require_names(settings[part], ("_target_",), f"{where}: {part}")
        _require_types(settings, where)
        _require_zbl(settings, where)
        return {**settings, "seed": 0, "model_dtype": "float64"}

    def check(self, model: LoadedModel) -> None:
        """Compare a model's energies with those of the structures.

        Raises
        ------
        InputError
            If a structure has no energy, or one differs by more than the tolerance.
        """
        structures = list(from_file(self.structures))
        for structure in structures:
            if structure.energy is None:
                raise InputError(f"{structure.label}: has no energy to check the model with.")
        found = [model.energies_and_forces(batch)[0] for batch in model.batches(structures)]
        for structure, energy in zip(structures, np.concatenate(found).tolist(), strict=True):
            n_atoms = len(structure.atomic_numbers)
            difference = abs(energy - float(structure.energy or 0.0)) / n_atoms
            if not difference <= self.tolerance_eV:
                raise InputError(
                    f"{model.path}: built as {self.path} says, its energy of {structure.label} is "
                    f"{difference * EV_MEV:.3g} meV/atom from the one given, allowed are "
                    f"{self.tolerance_eV * EV_MEV:g}. Correct the settings: they are another "
                    "model's."
                )


def find_architecture(model: Path) -> Architecture:
    """Return the architecture of a compiled model's file: the user's, or one that is shipped.

    Raises
    ------
    InputError
        If there is none, or its file is wrong.
    """
    beside = model.with_name(f"{model.name}.yaml")
    if beside.is_file():
        return _read(beside)
    shipped = _shipped(file_digest(model))
    if shipped is None:
        raise InputError(
            f"{model}: a compiled model holds its weights, but not its architecture. Write it to "
            f"{beside}: `model:`, the settings of AllegroModel it was trained with, and `check:`, "
            "structures with their energies (docs/library.md)."
        )
    return _read(shipped)


def _shipped(digest: str) -> Path | None:
    """Return the shipped architecture of the file with a checksum."""
    folder = Path(str(resources.files(_SHIPPED)))
    for path in sorted(folder.glob("*.yaml")):
        if read_yaml(path).get("sha256") == digest:
            return path
    return None


def _read(path: Path) -> Architecture:
    content = read_yaml(path)
    _require(content, _TOP, str(path))
    _require_names(content, ("model", "check"), str(path))
    check = content["check"]
    _require(check, _CHECK, f"{path}: check")
    _require_names(check, _CHECK, f"{path}: check")
    if not check["tolerance_meV_per_atom"] > 0:
        raise InputError(f"{path}: check: tolerance_meV_per_atom must be above 0.")
    return Architecture(
        path,
        content["model"],
        path.parent / check["structures"],
        check["tolerance_meV_per_atom"] / EV_MEV,
    )


def _require_names(settings: Mapping[str, Any], names: Iterable[str], where: str) -> None:
    """Refuse settings that lack a name."""
    for name in names:
        if name not in settings:
            raise InputError(f"{where}: {name} is missing. Write it (docs/library.md).")


def _require_types(settings: Mapping[str, Any], where: str) -> None:
    """Refuse numbers by type that are not those of all types."""
    types = settings["type_names"]
    for name in _PER_TYPE:
        value = settings.get(name)
        if isinstance(value, dict) and value.keys() != set(types):
            raise InputError(
                f"{where}: {name} has numbers for {', '.join(map(str, value))}, but the types are "
                f"{', '.join(types)}. Give one for each type."
            )


def _require_zbl(settings: Mapping[str, Any], where: str) -> None:
    """Refuse a pair potential other than ZBL in eV and Å of the model's own elements."""
    given = settings.get("pair_potential")
    if given is None:
        return
    for name, expected in {**_ZBL, "chemical_species": settings["type_names"]}.items():
        if given.get(name) != expected:
            raise InputError(
                f"{where}: pair_potential: {name} is {given.get(name)} - allowed: {expected}. "
                "Correct it; of a pair potential other than ZBL in eV and Å give the checkpoint."
            )


def _require(settings: Mapping[str, Any], allowed: Mapping[str, str], where: str) -> None:
    """Refuse names that are not allowed, and values that are not of the kind of their name."""
    for name, value in settings.items():
        if name not in allowed:
            raise InputError(f"{where}: {name} is no setting - {choices(name, allowed)}.")
        if not _KINDS[allowed[name]](value):
            raise InputError(
                f"{where}: {name} is {value!r}, expected {allowed[name]}. Write its value."
            )
