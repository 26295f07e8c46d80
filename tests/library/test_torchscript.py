"""Scripts of Allegro models (``.nequip.pth``) give the decomposition of the model they are of."""

import copy
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from allegro.model import AllegroModel
from nequip.model.inference_models.torchscript import save_torchscript_model
from nequip.nn.pair_potential import LennardJones

import e3d
from e3d.models import torchscript
from e3d.models.analysis import AnalysisModel, analysis_model
from e3d.models.building import eager
from e3d.models.older_versions import build_allegro
from e3d.pairs import sum_rule_violation
from e3d.structures import Structure
from model_fixtures import random_rotation

TYPES = ["H", "C", "O"]
BESSEL = {
    "_target_": "allegro.nn.TwoBodyBesselScalarEmbed",
    "num_bessels": 5,
    "bessel_trainable": True,
    "polynomial_cutoff_p": 5,
}
SPLINE = {"_target_": "allegro.nn.TwoBodySplineScalarEmbed", "num_splines": 6, "spline_span": 4}
ZBL = {
    "_target_": "nequip.nn.pair_potential.ZBL",
    "units": "metal",
    "chemical_species": TYPES,
    "polynomial_cutoff_p": 7,
}
SETTINGS: dict[str, Any] = {
    "seed": 1,
    "model_dtype": "float64",
    "r_max": 4.0,
    "type_names": TYPES,
    "l_max": 2,
    "parity": True,
    "radial_chemical_embed": BESSEL,
    "radial_chemical_embed_dim": 6,
    "num_layers": 2,
    "num_scalar_features": 8,
    "num_tensor_features": 2,
    "avg_num_neighbors": 7.3,
    "per_type_energy_scales": {"H": 1.1, "C": 0.9, "O": 1.3},
    "per_type_energy_shifts": {"H": -13.5, "C": -1030.0, "O": -2043.0},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "three layers, pair potential, numbers by type": {
        "num_layers": 3,
        "parity": False,
        "pair_potential": ZBL,
        "avg_num_neighbors": {"H": 3.0, "C": 8.0, "O": 5.0},
        "per_type_energy_scales_trainable": True,
    },
    "splines, cutoffs by types, other MLPs": {
        "radial_chemical_embed": SPLINE,
        "r_max": 3.7,  # 1 / (1 / 3.7) is above it
        "per_edge_type_cutoff": {"H": {"H": 2.5, "C": 3.0, "O": 3.0}},
        "pair_potential": ZBL,
        "scalar_embed_mlp_nonlinearity": "mish",
        "allegro_mlp_hidden_layers_depth": 2,
        "readout_mlp_hidden_layers_depth": 2,
        "readout_mlp_nonlinearity": None,
        "tp_path_channel_coupling": False,
    },
    "rotations alone, wide embedding, backward, one scale, no shifts": {
        "parity": "so3",
        "scalar_embed_output_dim": 12,
        "forward_normalize": False,
        "per_type_energy_scales": 2.0,
        "per_type_energy_shifts": None,
    },
}


def build(**changes: Any) -> Any:
    with eager(Path("test")):
        return build_allegro({**SETTINGS, **changes})


def scripted(network: Any, path: Path) -> Path:
    save_torchscript_model(copy.deepcopy(network), dict(network.metadata), path, "cpu")
    return path


def analysed(network: Any) -> AnalysisModel:
    return analysis_model(copy.deepcopy(network), Path("test"), "cpu", {})


@pytest.mark.parametrize("variant", VARIANTS)
def test_edge_energies_are_those_of_the_model(
    variant: str, molecules: dict[str, Structure], tmp_path: Path
) -> None:
    network = build(**VARIANTS[variant])
    model = e3d.load(scripted(network, tmp_path / "model.nequip.pth"))
    structures = [molecules["CCO"], molecules["C=C"]]
    [batch] = model.batches(structures)
    found, expected = model.edge_energies(batch), analysed(network).edge_energies(batch)
    size = np.abs(expected.eps).max()
    assert size > 1e-3
    # float64 throughout: some hundred roundings
    np.testing.assert_allclose(found.eps, expected.eps, rtol=0, atol=1e-12 * size)
    np.testing.assert_allclose(found.shift, expected.shift, rtol=1e-14)
    assert sum_rule_violation(found).max() < 1e-8
    assert model.facts["kind"] == "TorchScript of nequip-compile"


def test_a_script_in_float32_is_decomposed_in_float64(
    molecules: dict[str, Structure], tmp_path: Path
) -> None:
    network = build(model_dtype="float32", pair_potential=ZBL)
    model = e3d.load(scripted(network, tmp_path / "model.nequip.pth"))
    assert model.facts["trained_in"] == "float32"
    structure = molecules["CCO"]
    turned = Structure(
        **{**vars(structure), "positions": structure.positions @ random_rotation(3).T}
    )
    [batch], [batch_turned] = model.batches([structure]), model.batches([turned])
    found = model.edge_energies(batch)
    assert sum_rule_violation(found).max() < 1e-8
    size = np.abs(found.eps).max()
    rotated = model.edge_energies(batch_turned).eps
    np.testing.assert_allclose(rotated, found.eps, rtol=0, atol=1e-13 * size)
    expected = analysed(network).edge_energies(batch).eps  # constants of its layers in float32
    np.testing.assert_allclose(found.eps, expected, rtol=0, atol=1e-6 * size)


@pytest.mark.parametrize(
    "changes", [{"avg_num_neighbors": 7.301}, {"forward_normalize": False}, {"num_layers": 1}]
)
def test_a_network_that_is_not_the_script_s_is_refused(
    changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: settings that are read wrongly do not pass."""
    path = scripted(build(), tmp_path / "model.nequip.pth")
    read = torchscript.script_settings
    monkeypatch.setattr(torchscript, "script_settings", lambda *a: {**read(*a), **changes})
    with pytest.raises(e3d.InputError, match=r"other energies than the script|its weights are not"):
        e3d.load(path)


def write_archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def lennard_jones(_: Path, path: Path) -> Path:
    class_path = f"nequip.nn.pair_potential.{LennardJones.__name__}"
    potential = {"_target_": class_path, "lj_sigma": 1.0, "lj_epsilon": 0.1}
    with eager(path):
        network = AllegroModel(**{**SETTINGS, "pair_potential": potential})
    return scripted(network, path)


def nequip_model(_: Path, path: Path) -> Path:
    from nequip.model import NequIPGNNModel

    with eager(path):
        network = NequIPGNNModel(
            seed=1,
            model_dtype="float32",
            r_max=4.0,
            type_names=TYPES,
            l_max=1,
            num_layers=1,
            num_features=4,
            avg_num_neighbors=5.0,
            per_type_energy_scales=1.0,
            per_type_energy_shifts=dict.fromkeys(TYPES, 0.0),
        )
    return scripted(network, path)


def damaged(good: Path, path: Path) -> Path:
    with zipfile.ZipFile(good) as archive:
        weights = next(info for info in archive.infolist() if info.filename.endswith("/data/9"))
    content = bytearray(good.read_bytes())
    start = content.index(b"PK", weights.header_offset) + 30 + len(weights.filename)
    for place in range(start + 64, start + weights.file_size):
        content[place] ^= 0xFF
    path.write_bytes(content)
    return path


def cut_short(good: Path, path: Path) -> Path:
    path.write_bytes(good.read_bytes()[:-1000])
    return path


def text(_: Path, path: Path) -> Path:
    path.write_text("a model")
    return path


def state_dict(_: Path, path: Path) -> Path:
    torch.save({"weight": torch.zeros(3)}, path)
    return path


def other_script(_: Path, path: Path) -> Path:
    return write_archive(path, **{"a/code/__torch__/mine/a.py": b"", "a/constants.pkl": b""})


def mace(_: Path, path: Path) -> Path:
    return write_archive(path, **{"a/code/__torch__/mace/modules/models.py": b""})


WRONG: dict[str, tuple[Callable[[Path, Path], Path], str]] = {
    "pair potential": (lennard_jones, "pair potential LennardJones cannot be rebuilt"),
    "NequIP": (nequip_model, "NequIP model, which puts its energies on atoms"),
    "MACE": (mace, "MACE model, which puts its energies on atoms"),
    "other script": (other_script, "a script of another kind of model"),
    "weights alone": (state_dict, "holds no TorchScript"),
    "damaged": (damaged, r"/data/9 in it is damaged"),
    "cut short": (cut_short, "it was cut short, is damaged"),
    "text": (text, "it was cut short, is damaged"),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scripted(build(), tmp_path_factory.mktemp("script") / "good.nequip.pth")


@pytest.mark.parametrize("wrong", WRONG)
def test_other_files_are_refused_in_one_line(wrong: str, good: Path, tmp_path: Path) -> None:
    make, message = WRONG[wrong]
    path = make(good, tmp_path / "model.nequip.pth")
    with pytest.raises(e3d.InputError, match=message) as caught:
        e3d.load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_of_mace_is_named_without_being_loaded(tmp_path: Path, protocol: int) -> None:
    names = {2: b"cmace.modules.models\nScaleShiftMACE\n", 4: b"\x8c\x14mace.modules.models"}
    path = write_archive(tmp_path / "model.model", **{"archive/data.pkl": names[protocol]})
    with pytest.raises(e3d.InputError, match="a MACE model, which puts its energies on atoms"):
        e3d.load(path)
