"""What is wrong with a checkpoint is said in one line, and nothing of it is executed."""

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import e3d
from checkpoint_fixtures import (
    BESSELS,
    SCALES,
    SHIFTS,
    TODAY,
    TYPES,
    Settings,
    Tensors,
    network,
    weights,
    write,
)
from e3d.errors import InputError
from e3d.models.analysis import analysis_model
from e3d.theory import theories
from e3d.units import EV_KCAL_MOL, HARTREE_EV


def _without(name: str) -> Callable[[Settings, Tensors], None]:
    def change(settings: Settings, tensors: Tensors) -> None:
        del tensors[name]

    return change


def _replaced(name: str, value: torch.Tensor) -> Callable[[Settings, Tensors], None]:
    return lambda settings, tensors: tensors.update({name: value})


def _set(name: str, value: Any) -> Callable[[Settings, Tensors], None]:
    return lambda settings, tensors: settings.update({name: value})


def _times(name: str, factor: float) -> Callable[[Settings, Tensors], None]:
    return lambda settings, tensors: tensors.update({name: tensors[name] * factor})


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (_without("model.func.allegro.tps.0.weights"), r"lacks model\.func\.allegro\.tps\.0\.w"),
        (_replaced("model.func.extra.weight", torch.ones(2)), r"has model\.func\.extra\.weight"),
        (_replaced(SHIFTS, torch.ones(3, 1).to(torch.complex64)), "complex64.*real numbers"),
        (_replaced(SHIFTS, torch.ones(3, 1).to_sparse()), r"shifts is .*, expected a dense"),
        (_replaced(SHIFTS, [1.0, 2.0, 3.0]), "shifts is list, expected a dense"),  # type: ignore
        (_replaced(SCALES, torch.ones(4, 1)), r"scales.*\(4, 1\).*\(3, 1\)"),
        (
            _times("model.func.allegro.tps.0.weights", float("inf")),
            r"tps\.0\.weights holds weights",
        ),
        (_set("per_type_energy_shifts", [1.0, 2.0]), "2 values for 3 types"),
        (_set("avg_num_neighbors", 0), "avg_num_neighbors: 0 - must be a positive number"),
        (
            _set("avg_num_neighbors", {"H": 5.0, "C": float("nan")}),
            "avg_num_neighbors: nan - must be a finite",
        ),
        (_set("per_type_energy_shifts", [1.0, float("inf"), 2.0]), "shifts: inf - must be a fin"),
        (_set("r_max", -4.0), r"r_max: -4\.0 - must be a positive number"),
        (_set("type_names", ["H", "C", "C"]), "type_names: H, C, C - each is allowed once"),
        (_set("scatter_features", True), "scatter_features: true has no counterpart"),
        (_set("unheard_of", 1), "cannot be loaded.*unheard_of"),
        (_set("_target_", "nequip.model.NequIPGNNModel"), "built by nequip.model.NequIPGNNModel"),
        (_set("_target_", "os.system"), "built by os.system"),
        (
            _set("pair_potential", {"_target_": "os.system", "command": "false"}),
            "pair_potential: os.system is not a module that E3D builds",
        ),
        (
            _set("scalar_embed", {"_target_": "allegro.nn.TwoBodySplineScalarEmbed"}),
            "TwoBodySplineScalarEmbed of nequip-allegro 0.4 has no counterpart",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_one_line_that_names_it(
    change: Callable[[Settings, Tensors], None], text: str, tmp_path: Path
) -> None:
    settings, tensors = dict(TODAY), weights(TODAY)
    change(settings, tensors)
    with pytest.raises(InputError, match=text) as caught:
        e3d.load(write(tmp_path / "model.ckpt", settings, tensors))
    assert str(caught.value).startswith(str(tmp_path / "model.ckpt"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kept", "text"), [(0.0, "is empty"), (0.5, "was cut short")])
def test_a_cut_checkpoint_says_so(kept: float, text: str, tmp_path: Path, input_error: Any) -> None:
    path = write(tmp_path / "model.ckpt", dict(TODAY), weights(TODAY))
    os.truncate(path, int(kept * path.stat().st_size))
    with input_error("model.ckpt", text, "Copy it again"):
        e3d.load(path)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (_set("r_max", 3.9), "_rmax_recip"),
        (_set("per_edge_type_cutoff", {"H": 3.0}), "_rmax_recip"),
        (_times("model.func.edge_norm._rmax_recip", 2), "_rmax_recip"),
        (_times("model.func.allegro.tps.0.w3j", -1), "tps.0.w3j"),
        (_times("model.func.allegro.tps.1.w3j", 1.0001), "tps.1.w3j"),
        (_set("type_names", ["H", "O", "C"]), "scales"),
        (_set("per_type_energy_scales", 1.0), "scales"),
        (_times(SCALES, 27.2114), "scales"),
        (_times(SCALES, float("nan")), "scales"),
        (_times(SHIFTS, 0), "shifts"),
        (_times(SHIFTS, 1.00001), "shifts"),
        (_times("model.func.radial_chemical_embed.bessel_encode.bessel_weights", 1.1), "bessel_w"),
    ],
)
def test_constants_that_contradict_the_settings_are_refused(
    change: Callable[[Settings, Tensors], None], name: str, tmp_path: Path
) -> None:
    """All of them gave other energies without a word."""
    settings, tensors = dict(TODAY), weights(TODAY)
    change(settings, tensors)
    with pytest.raises(InputError, match=f"{re.escape(name)}.* (holds .* where|has shape)"):
        e3d.load(write(tmp_path / "model.ckpt", settings, tensors))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"avg_num_neighbors": 10.0}, "avg_num_neighbors"),
        ({"avg_num_neighbors": float("nan")}, "avg_num_neighbors"),
        ({"type_names": ["C", "H", "O"]}, "type_names.0"),
        ({"radial_chemical_embed": {**BESSELS, "num_bessels": 5}}, "chemical_embed.num_bessels"),
        ({"parity": False}, "parity"),
        ({"scalar_embed_mlp_nonlinearity": "tanh"}, "scalar_embed_mlp_nonlinearity"),
        ({"readout_mlp_nonlinearity": "silu"}, "readout_mlp_nonlinearity"),
        ({"_target_": "another.builder", "compile_mode": "compile"}, ""),
        ({}, ""),
    ],
)
def test_settings_that_contradict_themselves_are_refused(
    change: Settings, place: str, tmp_path: Path
) -> None:
    """nequip writes them twice; what has no constant of its own can be compared nowhere else."""
    info = {"training_module": {"model": {**TODAY, **change}}}
    path = write(tmp_path / "model.ckpt", TODAY, weights(TODAY), info=info)
    if not place:
        assert e3d.load(path).type_names == tuple(TYPES)
        return
    with pytest.raises(InputError, match=f"stand there twice, and differ in .*{re.escape(place)}"):
        e3d.load(path)


@pytest.mark.parametrize("averaged", [False, True])
def test_settings_without_weights_are_refused(
    averaged: bool, tmp_path: Path, input_error: Any
) -> None:
    path = write(tmp_path / "model.ckpt", TODAY, weights(TODAY))
    saved = torch.load(path)
    if averaged:
        saved["state_dict"]["ema.ema_weight_0"] = "none"
    else:
        del saved["state_dict"]
    torch.save(saved, path)
    with input_error("averaged (EMA) weight is str" if averaged else "no weights", "Get the file"):
        e3d.load(path)


def test_a_checkpoint_that_is_called_a_package_says_so(tmp_path: Path, input_error: Any) -> None:
    path = write(tmp_path / "model.ckpt", TODAY, weights(TODAY))
    with input_error("an archive, and no package", "*.ckpt"):
        e3d.load(path.rename(tmp_path / "model.nequip.zip"))


def test_several_models_and_other_pickles_are_refused(tmp_path: Path) -> None:
    tensors = weights(TODAY)
    twice = {f"model.other.{name}": tensor for name, tensor in tensors.items()}
    with pytest.raises(InputError, match=r"2 models \(other, sole_model\)"):
        e3d.load(write(tmp_path / "two.ckpt", TODAY, tensors, state=twice))
    free = write(tmp_path / "free.ckpt", TODAY, tensors, schedulefree_optimizer_state_dict={})
    with pytest.raises(InputError, match="schedule-free"):
        e3d.load(free)
    for content in ({"state_dict": tensors}, {"hyper_parameters": {"model": 3}}, [1, 2]):
        torch.save(content, tmp_path / "odd.ckpt")
        with pytest.raises(InputError, match="no checkpoint of nequip"):
            e3d.load(tmp_path / "odd.ckpt")


class Trap:
    """An object whose unpickling makes a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._folder),)


def test_objects_in_a_checkpoint_are_left_out(tmp_path: Path) -> None:
    """The control shows that the trap would go off."""
    folder = tmp_path / "made"
    path = write(tmp_path / "trap.ckpt", TODAY, weights(TODAY), callbacks=[Trap(folder)])
    assert e3d.load(path).type_names == tuple(TYPES)
    assert not folder.exists()
    torch.load(path, weights_only=False)
    assert folder.exists()


def _zbl(species: list[Any], **more: Any) -> Settings:
    return {
        "_target_": "nequip.nn.pair_potential.ZBL",
        "units": "metal",
        "chemical_species": species,
        **more,
    }


def _hidden(call: Any) -> dict[str, Settings]:
    """Return settings with a call at every place from which hydra would make it."""
    return {
        "in a module": {"radial_chemical_embed": {**BESSELS, "num_bessels": call}},
        "in a list": {"pair_potential": _zbl(["H", "C", "O", call])},
        "in a value that modules take": {"radial_chemical_embed_dim": {"value": call}},
        "among the types": {"type_names": [*TYPES[:-1], call]},
    }


@pytest.mark.parametrize("place", _hidden(None))
def test_calls_inside_settings_are_refused(place: str, tmp_path: Path) -> None:
    """Settings of the modules go to hydra, which calls whatever they name at any depth."""
    folder = tmp_path / "made"
    path = {"_target_": "pathlib.Path", "_args_": [str(folder)]}
    call = {"_target_": "pathlib.Path.mkdir", "_args_": [path]}
    file = write(tmp_path / "model.ckpt", {**TODAY, **_hidden(call)[place]}, weights(TODAY))
    with pytest.raises(InputError, match=r"holds _target_: pathlib\.Path\.mkdir, which would"):
        e3d.load(file)
    assert not folder.exists()


@pytest.mark.parametrize("place", _hidden(None))
def test_references_inside_settings_are_refused(place: str, tmp_path: Path) -> None:
    """OmegaConf looks such a value up, in the environment for one."""
    settings = {**TODAY, **_hidden("${oc.env:HOME}")[place]}
    with pytest.raises(InputError, match=r"oc\.env:HOME\} would be looked up"):
        e3d.load(write(tmp_path / "model.ckpt", settings, weights(TODAY)))


def test_a_script_that_is_called_a_checkpoint_is_not_loaded(tmp_path: Path) -> None:
    """``torch.load`` would run what TorchScript runs when it is loaded."""

    class Script(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    path = tmp_path / "model.ckpt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch 2.13 warns of all torch.jit
        torch.jit.script(Script()).save(path)
    with pytest.raises(InputError, match="holds TorchScript, which is no checkpoint"):
        e3d.load(path)


def test_an_old_format_of_pytorch_is_not_loaded(tmp_path: Path) -> None:
    """Its reader writes files; the control is the same checkpoint in the format of today."""
    path = write(tmp_path / "model.ckpt", TODAY, weights(TODAY))
    e3d.load(path)
    saved = torch.load(path)
    torch.save(saved, path, _use_new_zipfile_serialization=False)
    with pytest.raises(InputError, match=r"torch\.save did not write it"):
        e3d.load(path)


def test_energies_in_other_units_are_refused(tmp_path: Path) -> None:
    """The unit of ZBL is that of the training's energies; kcal/mol would pass as eV."""
    settings = {**TODAY, "pair_potential": _zbl(TYPES, units="real")}
    with pytest.raises(InputError, match=r"prefactor 166\.\d+, in eV .* is 7\.19982"):
        e3d.load(write(tmp_path / "model.ckpt", settings, weights(settings)))


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("r_max", "3.5", r"states the cutoff 3\.5 Å, and its part edge_norm has 4 Å"),
        ("r_max", "4.5", r"states the cutoff 4\.5 Å"),
        ("type_names", ["H", "O", "C"], r"states the types H O C, and its part \S+ has H C O"),
    ],
)
def test_a_package_whose_parts_contradict_it_is_refused(key: str, value: Any, text: str) -> None:
    """A package states both beside its network; the control is the network as it was built."""
    graph_model: Any = network(TODAY)
    analysis_model(graph_model, Path("model"), "cpu", {})
    graph_model = network(TODAY)
    if key == "type_names":
        graph_model.type_names = value
    else:
        graph_model._metadata[key] = value
    with pytest.raises(InputError, match=text):
        analysis_model(graph_model, Path("model"), "cpu", {})


def test_cutoffs_of_pairs_of_types_may_be_shorter() -> None:
    pairs = {"per_edge_type_cutoff": dict.fromkeys(TYPES, 3.0)}
    assert analysis_model(network({**TODAY, **pairs}), Path("model"), "cpu", {}).r_max <= 4.0


@pytest.mark.parametrize(
    ("factor", "exchanged", "text"),
    [
        (1.0, False, ""),
        (1 / HARTREE_EV, False, r"isolated atoms of wB97x/6-31G\(d\) in hartree"),
        (EV_KCAL_MOL, False, r"in kcal/mol"),
        (1.0, True, "H has that of C, C has that of H"),
    ],
)
def test_shifts_of_known_atoms_are_in_ev_and_in_order(
    factor: float, exchanged: bool, text: str, tmp_path: Path
) -> None:
    atoms = theories()["wB97x/6-31G(d)"].isolated_atom_energy
    shifts = {one: factor * atoms[one] for one in TYPES}
    if exchanged:
        shifts["H"], shifts["C"] = shifts["C"], shifts["H"]
    settings = {**TODAY, "per_type_energy_shifts": shifts}
    path = write(tmp_path / "model.ckpt", settings, weights(settings))
    if not text:
        assert e3d.load(path).type_names == tuple(TYPES)
        return
    with pytest.raises(InputError, match=text):
        e3d.load(path)


def test_averaged_weights_are_there_and_near_the_last_ones(tmp_path: Path) -> None:
    """Those of another weight of the same shape, none, and zeros would all give other energies."""
    tensors = weights(TODAY)
    names = [name for name, _ in network(TODAY).named_parameters()]
    averages = [0.999 * tensors[name] for name in tensors if name in names]
    holds: dict[str, Any] = {"ema._extra_state": {"is_holding_ema_weights": True}}

    def load(given: list[torch.Tensor]) -> None:
        state = {f"ema.ema_weight_{k}": one for k, one in enumerate(given)}
        e3d.load(write(tmp_path / "model.ckpt", TODAY, tensors, state=state | holds))

    load(averages)
    with pytest.raises(InputError, match=r"holds 0 averaged \(EMA\) weights"):
        load([])
    large = max(range(len(averages)), key=lambda k: averages[k].numel())
    for other in (torch.zeros_like(averages[large]), -averages[large]):
        with pytest.raises(InputError, match=r"averaged \(EMA\) weights differ from the last"):
            load([*averages[:large], other, *averages[large + 1 :]])
