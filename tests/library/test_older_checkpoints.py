"""Checkpoints of nequip 0.7 to 0.19 give the D of the same weights in today's format.

Each is written here by the rules of its version: names, shapes, settings. The rules were read from
the sources of nequip and nequip-allegro at the versions' tags.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
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
from e3d.pairs import SUM_RULE_TOLERANCE_EV, sum_rule_violation
from e3d.structures import Structure

# one file loaded twice differs so: matrix products round by where their operands lie in memory
ROUNDING: dict[str, float] = {"rtol": 1e-14, "atol": 1e-12}


def same(old: Path, new: Path, structures: list[Structure]) -> None:
    """Require the same D, energies and forces, to rounding."""
    models = [e3d.load(path) for path in (old, new)]
    [mine, wanted] = [model.edge_energies(structures) for model in models]
    assert sum_rule_violation(mine).max() < SUM_RULE_TOLERANCE_EV
    assert np.abs(wanted.eps).max() > 1e-3
    np.testing.assert_allclose(mine.eps, wanted.eps, **ROUNDING)
    np.testing.assert_allclose(mine.energy, wanted.energy, **ROUNDING)
    for ours, theirs in zip(
        *(model.energies_and_forces(structures) for model in models), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, **ROUNDING)


@pytest.fixture
def several(molecules: dict[str, Structure]) -> list[Structure]:
    return [molecules[name] for name in ("CCO", "C", "CO")]


def lists(settings: Settings, tensors: Tensors) -> None:
    """nequip before 0.14: lists by type; before 0.11: scales and shifts of shape (types,)."""
    for name in ("per_type_energy_scales", "per_type_energy_shifts"):
        settings[name] = [settings[name][symbol] for symbol in TYPES]
    for name in (SCALES, SHIFTS):
        tensors[name] = tensors[name].view(-1)


def embedding_of_04(settings: Settings, tensors: Tensors) -> None:
    """nequip-allegro 0.4: the embedding holds its MLP; parity has other words; defaults differ."""
    lists(settings, tensors)
    settings["scalar_embed"] = {
        **settings.pop("radial_chemical_embed"),
        "two_body_embedding_dim": settings.pop("radial_chemical_embed_dim"),
        "two_body_mlp_hidden_layers_width": settings.pop("scalar_embed_mlp_hidden_layers_width"),
    }
    settings["parity_setting"] = "o3_full" if settings.pop("parity") else "o3_restricted"
    for name in (
        "scalar_embed_mlp_hidden_layers_depth",
        "allegro_mlp_hidden_layers_depth",
        "readout_mlp_hidden_layers_depth",
        "readout_mlp_nonlinearity",
    ):
        del settings[name]
    settings["scatter_features"] = False
    for name in list(tensors):
        old = name.replace(".scalar_embed_mlp.", ".scalar_embed.twobody_mlp.")
        old = old.replace(".radial_chemical_embed.", ".scalar_embed.")
        tensors[old] = tensors.pop(name)


def energies_only(settings: Settings, tensors: Tensors) -> None:
    """nequip-allegro 0.5 to 0.7: a builder of its own, with no module for forces around it."""
    settings["_target_"] = "allegro.model.AllegroEnergyModel"
    del tensors["model._empty"]
    for name in list(tensors):
        tensors[name.replace("model.func.", "model.")] = tensors.pop(name)


def compiled_in_training(settings: Settings, tensors: Tensors) -> None:
    """How the network ran in training is a setting, and none of the analysis."""
    settings["compile_mode"] = "jit"


@pytest.mark.parametrize(
    ("change", "settings"),
    [
        (lists, {}),
        (
            lists,
            {"per_type_energy_scales_trainable": True, "per_type_energy_shifts_trainable": True},
        ),
        (embedding_of_04, {}),
        (embedding_of_04, {"scalar_embed_output_dim": 11}),
        (embedding_of_04, {"parity": False, "num_layers": 3}),
        (energies_only, {}),
        (compiled_in_training, {"per_type_energy_shifts": None}),
    ],
    ids=lambda value: value.__name__ if callable(value) else ",".join(value) or "default",
)
def test_a_checkpoint_of_an_older_version_gives_the_same_energies(
    change: Callable[[Settings, Tensors], None],
    settings: Settings,
    several: list[Structure],
    tmp_path: Path,
) -> None:
    today = {**TODAY, **settings}
    tensors = weights(today)
    new = write(tmp_path / "new.ckpt", today, tensors)
    older, named = dict(today), dict(tensors)
    change(older, named)
    assert (older, list(named)) != (today, list(tensors)) or named[SCALES].ndim == 1
    same(write(tmp_path / "old.ckpt", older, named), new, several)


def test_parities_of_04_without_mirrors_are_irreps(
    several: list[Structure], tmp_path: Path
) -> None:
    """``so3`` had every irrep even; that network is built of its irreps, and fits its weights."""
    by_irreps = {k: v for k, v in TODAY.items() if k not in ("l_max", "parity")}
    even = "1x0e+1x1e+1x2e"
    by_irreps |= {"irreps_edge_sh": even, "tensor_track_allowed_irreps": even}
    new = {**by_irreps, "_target_": "allegro.model.allegro_models.FullAllegroModel"}
    tensors = weights(by_irreps)
    old = {k: v for k, v in TODAY.items() if k != "parity"} | {"parity_setting": "so3"}
    same(
        write(tmp_path / "old.ckpt", old, tensors),
        write(tmp_path / "new.ckpt", new, tensors),
        several,
    )


def test_zbl_had_the_cutoff_of_the_radial_basis(several: list[Structure], tmp_path: Path) -> None:
    """Until nequip 0.17; the control is the same file, said to be of a later version."""
    embed = {**BESSELS, "polynomial_cutoff_p": 9}
    zbl = {"_target_": "nequip.nn.pair_potential.ZBL", "units": "metal", "chemical_species": TYPES}
    old = {**TODAY, "radial_chemical_embed": embed, "pair_potential": zbl}
    new = {**old, "pair_potential": {**zbl, "polynomial_cutoff_p": 9}}
    tensors = weights(new)
    today = write(tmp_path / "new.ckpt", new, tensors, nequip="0.19.1")
    same(write(tmp_path / "old.ckpt", old, tensors, nequip="0.16.3"), today, several)
    later = write(tmp_path / "later.ckpt", old, tensors, nequip="0.17.0")
    ours, theirs = (e3d.load(path).edge_energies(several).eps for path in (later, today))
    assert np.abs(ours - theirs).max() > 1e-3


def averages(tensors: Tensors, settings: Settings) -> dict[str, Any]:
    """Averaged weights as ``EMALightningModule`` keeps them: numbered, in order of the model."""
    order = [name for name, _ in network(settings).named_parameters()]
    state: dict[str, Any] = {f"ema.ema_weight_{k}": tensors[n] for k, n in enumerate(order)}
    return {**state, "ema._extra_state": {"is_holding_ema_weights": True}}


def test_averaged_weights_are_used_where_there_are_some(
    several: list[Structure], tmp_path: Path
) -> None:
    averaged = weights(TODAY)
    last = network(TODAY).state_dict()
    changed = [name for name in last if not torch.equal(last[name], averaged[name])]
    assert len(changed) > 10
    state = averages(averaged, TODAY)
    same(
        write(tmp_path / "both.ckpt", TODAY, last, state=state),
        write(tmp_path / "averaged.ckpt", TODAY, averaged),
        several,
    )
    state["ema._extra_state"] = {"is_holding_ema_weights": False}
    with pytest.raises(InputError, match="in the midst of a validation"):
        e3d.load(write(tmp_path / "midst.ckpt", TODAY, last, state=state))


def test_modified_and_continued_trainings_are_built_from_where_they_started(
    several: list[Structure], tmp_path: Path
) -> None:
    shifted = {**TODAY, "per_type_energy_shifts": {"H": -9.0, "C": -1030.0, "O": -2043.0}}
    new = write(tmp_path / "new.ckpt", shifted, weights(shifted))
    first = write(tmp_path / "first.ckpt", TODAY, weights(TODAY))
    started = {
        "_target_": "nequip.model.ModelFromCheckpoint",
        "checkpoint_path": "/gone/first.ckpt",
    }
    modified = {
        "_target_": "nequip.model.modify",
        "modifiers": [{"modifier": "modify_PerTypeScaleShift", "shifts": {"H": -9.0}}],
        "model": started,
    }
    second = write(tmp_path / "second.ckpt", modified, weights(shifted))
    same(second, new, several)
    assert e3d.load(second).facts["trained_in"] == "float32"
    first.unlink()
    with pytest.raises(InputError, match=r"started from /gone/first\.ckpt.*is not there"):
        e3d.load(second)


def test_a_modifier_keeps_what_the_first_training_learned(tmp_path: Path) -> None:
    """The shifts of C and O were weights there, and are constants here."""
    learning = {**TODAY, "per_type_energy_shifts_trainable": True}
    learned = weights(learning)
    write(tmp_path / "first.ckpt", learning, learned)
    modified = {
        "_target_": "nequip.model.modify",
        "modifiers": [{"modifier": "modify_PerTypeScaleShift", "shifts": {"H": -9.0}}],
        "model": {"_target_": "nequip.model.ModelFromCheckpoint", "checkpoint_path": "first.ckpt"},
    }
    learned[SHIFTS][0] = -9.0
    assert abs(float(learned[SHIFTS][1]) + 1030) > 1e-3
    assert e3d.load(write(tmp_path / "second.ckpt", modified, learned)).facts["shifts"] == "yes"


def test_facts_say_what_a_checkpoint_is(tmp_path: Path) -> None:
    zbl = {"_target_": "nequip.nn.pair_potential.ZBL", "units": "metal", "chemical_species": TYPES}
    settings = {**TODAY, "pair_potential": zbl, "per_type_energy_shifts": None}
    tensors = weights(settings)
    model = e3d.load(write(tmp_path / "model.ckpt", settings, tensors))
    assert model.facts == {
        "trained_in": "float32",
        "r_max_ang": 4.0,
        "l_max": 2,
        "n_layers": 2,
        "n_scalar_features": 8,
        "n_tensor_features": 2,
        "n_weights": model.n_parameters,
        "n_neighbours_mean": pytest.approx(5.0, rel=1e-12),
        "pair_potentials": "ZBL",
        "shifts": "no",
        "kind": "checkpoint of nequip",
        "nequip_version": "0.8.0",
        "allegro_version": "0.6.0",
    }
    assert model.n_parameters == sum(p.numel() for p in network(settings).parameters())
