"""Compiled models (``.nequip.pt2``): weights of the archive, architecture of the YAML beside it."""

import copy
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
import yaml
from ase import Atoms

import e3d
from compiled_fixtures import ALIGNED, PLACES, elf, write_compiled
from e3d.models import aotinductor, architecture
from e3d.models.analysis import AnalysisModel, analysis_model
from e3d.models.building import eager
from e3d.models.compiled import read_compiled
from e3d.models.older_versions import build_allegro
from e3d.models.weights import parameters_in_order_of_use
from e3d.pairs import sum_rule_violation
from e3d.structures import Structure

TYPES = ["H", "C", "O"]
SCALES, SHIFTS = {"H": 1.1, "C": 0.9, "O": 1.3}, {"H": -13.5, "C": -1030.0, "O": -2043.0}
MODEL: dict[str, Any] = {
    "l_max": 2,
    "radial_chemical_embed": {
        "_target_": "allegro.nn.TwoBodyBesselScalarEmbed",
        "num_bessels": 5,
        "polynomial_cutoff_p": 6,
    },
    "radial_chemical_embed_dim": 6,
    "scalar_embed_output_dim": 12,
    "num_layers": 2,
    "num_scalar_features": 8,
    "num_tensor_features": 2,
    "readout_mlp_nonlinearity": None,
    "readout_mlp_hidden_layers_depth": 2,
    "avg_num_neighbors": 7.3,
    "per_type_energy_scales": "_tensor_constant10",
    "per_type_energy_shifts": "_tensor_constant11",
    "pair_potential": {
        "_target_": "nequip.nn.pair_potential.ZBL",
        "units": "metal",
        "chemical_species": TYPES,
    },
}
NOTES = {"model_dtype": "float32", "type_names": " ".join(TYPES), "num_types": "3", "r_max": "4.0"}


@pytest.fixture(scope="module")
def network() -> Any:
    """A network in float64 whose weights are float32 numbers, as those of a trained model."""
    numbers = {"per_type_energy_scales": SCALES, "per_type_energy_shifts": SHIFTS}
    settings = {"seed": 1, "model_dtype": "float64", "r_max": 4.0, "type_names": TYPES}
    with eager(Path("test")):
        built = build_allegro({**MODEL, **settings, **numbers})
    for parameter in built.parameters():
        parameter.data = parameter.data.float().double()
    return built


@pytest.fixture(scope="module")
def source(network: Any) -> AnalysisModel:
    return analysis_model(copy.deepcopy(network), Path("test"), "cpu", {})


@pytest.fixture(scope="module")
def constants(network: Any) -> dict[str, torch.Tensor]:
    """What AOTInductor keeps: weights in their order of use, then other constants."""
    used = parameters_in_order_of_use(network).values()
    found = {f"_param_constant{k}": one.detach().float() for k, one in enumerate(used)}
    found["_tensor_constant9"] = torch.arange(7, dtype=torch.int16)
    found["_tensor_constant10"] = torch.tensor(list(SCALES.values()), dtype=torch.float64)
    found["_tensor_constant11"] = torch.tensor(list(SHIFTS.values()), dtype=torch.float64)
    return found


@pytest.fixture
def compiled(
    constants: dict[str, torch.Tensor],
    source: AnalysisModel,
    molecules: dict[str, Structure],
    tmp_path: Path,
) -> Path:
    """A compiled model with its architecture, and methanol and ethene to check it with."""
    path = write_compiled(tmp_path / "model.nequip.pt2", constants, NOTES)
    structures = [molecules["CO"], molecules["C=C"]]
    images = []
    for structure, energy in zip(
        structures, source.energies_and_forces(structures)[0], strict=True
    ):
        image = Atoms(structure.atomic_numbers, structure.positions)
        image.info["energy"] = energy
        images.append(image)
    ase.io.write(tmp_path / "check.xyz", images, format="extxyz")
    write_architecture(path)
    return path


def write_architecture(path: Path, content: Any = None, **changes: Any) -> None:
    check = {"structures": "check.xyz", "tolerance_meV_per_atom": 0.01}
    model = {name: value for name, value in {**MODEL, **changes}.items() if value != "left out"}
    text = content or yaml.safe_dump({"model": model, "check": check})
    path.with_name(f"{path.name}.yaml").write_text(text)


@pytest.mark.parametrize("align", [1, ALIGNED])
@pytest.mark.parametrize("place", PLACES)
def test_edge_energies_are_those_of_the_model(
    place: str,
    align: int,
    compiled: Path,
    constants: dict[str, torch.Tensor],
    source: AnalysisModel,
    molecules: dict[str, Structure],
) -> None:
    write_compiled(compiled, constants, NOTES, place=place, align=align)
    model = e3d.load(compiled)
    [batch] = model.batches([molecules["CCO"], molecules["C=C"]])
    found, expected = model.edge_energies(batch), source.edge_energies(batch)
    size = np.abs(expected.eps).max()
    assert size > 1e-3
    np.testing.assert_allclose(found.eps, expected.eps, rtol=0, atol=1e-14 * size)
    assert sum_rule_violation(found).max() < 1e-8
    assert model.facts["trained_in"] == "float32"


def test_weights_are_put_in_by_their_order_of_use(network: Any) -> None:
    """That of a forward pass: recorded from the modules that hold weights, as they are called."""
    called: list[str] = []
    network = copy.deepcopy(network)
    for name, module in network.named_modules():
        own = [f"{name}.{key}" for key, _ in module.named_parameters(recurse=False)]
        if type(module).__name__ == "DeepLinearMLP":
            own = [f"{name}.{key}" for key, _ in module.named_parameters()]
        if own:
            module.register_forward_pre_hook(lambda *_, own=own: called.extend(own))
    model = analysis_model(copy.deepcopy(network), Path("test"), "cpu", {})
    network(model._inputs(next(iter(model.batches([water()])))))
    assert called == list(parameters_in_order_of_use(network))


def test_a_constant_folded_archive_lists_weights_in_another_order(
    compiled: Path, constants: dict[str, torch.Tensor], source: AnalysisModel
) -> None:
    write_compiled(compiled, dict(reversed(constants.items())), NOTES)
    found = e3d.load(compiled)
    assert found.n_parameters == source.n_parameters
    [batch] = source.batches([water()])
    expected = source.energies_and_forces(batch)[0]
    np.testing.assert_allclose(found.energies_and_forces(batch)[0], expected, rtol=1e-14)


def water() -> Structure:
    return next(iter(e3d.structures.structures_of("O")))


WRONG_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "another cutoff function": (
        {"radial_chemical_embed": {**MODEL["radial_chemical_embed"], "polynomial_cutoff_p": 5}},
        r"frame 0 is \S+ meV/atom from the one given, allowed are 0.01",
    ),
    "other neighbours": ({"avg_num_neighbors": 7.4}, "meV/atom from the one given"),
    "no pair potential": ({"pair_potential": None}, "meV/atom from the one given"),
    "another nonlinearity": ({"allegro_mlp_nonlinearity": "mish"}, "meV/atom from the one given"),
    "more layers": ({"num_layers": 3}, r"has \d+ arrays of weights, but .*yaml says has \d+"),
    "another shape": ({"num_tensor_features": 3}, r"\(\S+\) has shape \(12, 6\), .* has \(12, 9\)"),
    "unknown name": ({"n_layers": 2}, "n_layers is no setting - did you mean 'num_layers'"),
    "not resolved": ({"num_layers": "${n}"}, r"num_layers: \$\{n\} would be looked up"),
    "any code": (
        {"radial_chemical_embed": {"_target_": "os.system"}},
        "os.system is not a module that E3D builds",
    ),
    "other units": (
        {"pair_potential": {**MODEL["pair_potential"], "units": "real"}},
        "units is real - allowed: metal",
    ),
    "elements in another order": (
        {"pair_potential": {**MODEL["pair_potential"], "chemical_species": ["C", "H", "O"]}},
        r"species is \['C', 'H', 'O'\] - allowed: \['H', 'C', 'O'\]",
    ),
    "no such constant": (
        {"per_type_energy_scales": "_tensor_constant9"},
        "_tensor_constant9 is no constant .* known: _tensor_constant10, _tensor_constant11",
    ),
    "another cutoff": ({"r_max": 5.0}, "r_max is 5.0, but the compiled model states 4.0"),
    "not all types": ({"per_type_energy_shifts": {"H": -13.5}}, "has numbers for H, but the types"),
    "not built": ({"allegro_mlp_nonlinearity": "wave"}, "nequip builds no network of these"),
    "missing": ({"l_max": "left out"}, "l_max is missing"),
}


@pytest.mark.parametrize("wrong", WRONG_SETTINGS)
def test_wrong_settings_do_not_pass(wrong: str, compiled: Path) -> None:
    changes, message = WRONG_SETTINGS[wrong]
    write_architecture(compiled, **changes)
    refused(compiled, message)


def test_settings_of_the_training_s_config_may_stay(compiled: Path) -> None:
    """Those that say how it was built and trained change nothing."""
    write_architecture(compiled)
    expected = e3d.load(compiled).facts
    write_architecture(
        compiled,
        _target_="allegro.model.AllegroModel",
        seed=3,
        model_dtype="float32",
        compile_mode="compile",
        do_derivatives=True,
    )
    assert e3d.load(compiled).facts == expected


def refused(path: Path, message: str) -> None:
    with pytest.raises(e3d.InputError, match=message) as caught:
        e3d.load(path)
    assert "\n" not in str(caught.value)


WRONG_FILES = {
    "model: 1": "model is 1, expected settings",
    "model: {}": "check is missing",
    "models: {}": "models is no setting - did you mean 'model'",
    "model: {": "not valid YAML",
    "model: {}\ncheck: {structures: a.xyz}": "tolerance_meV_per_atom is missing",
    "model: {}\ncheck: {structures: a.xyz, tolerance_meV_per_atom: 0}": "must be above 0",
}


@pytest.mark.parametrize("content", WRONG_FILES)
def test_wrong_architectures_are_refused(content: str, compiled: Path) -> None:
    write_architecture(compiled, content)
    refused(compiled, WRONG_FILES[content])


def test_a_check_needs_energies(compiled: Path) -> None:
    ase.io.write(compiled.with_name("check.xyz"), Atoms("H"), format="extxyz")
    refused(compiled, "has no energy to check the model with")


def test_without_an_architecture_the_line_says_what_to_write_where(compiled: Path) -> None:
    place = compiled.with_name(f"{compiled.name}.yaml")
    place.unlink()
    refused(compiled, rf"not its architecture\. Write it to {re.escape(str(place))}: `model:`")


def rewritten(**changes: bytes | None) -> Callable[[Path], None]:
    """Return what replaces members of an archive by the ends of their names, or leaves them out."""

    def change(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                new = changes.get(name.rpartition(".")[2], content)
                if new is not None:
                    archive.writestr(name, new)

    return change


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-500])


def swollen(path: Path) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))


WRONG_ARCHIVES: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut short": (cut_short, "it was cut short, is damaged"),
    "exported, not compiled": (rewritten(cpp=None), "holds no compiled models"),
    "no library": (rewritten(so=None), "the library is not in the archive"),
    "for another system": (rewritten(so=b"MZ" + bytes(99)), "not one for 64-bit Linux"),
    "stripped of symbols": (rewritten(so=elf(b"")[:100]), r"can be read \(error: unpack_from"),
    "made to fill the memory": (swollen, r"unpacks to 5\d,\d+,\d+ bytes from .* at most 100 times"),
    "other weights": (rewritten(so=elf(bytes(5))), r"take \d+ bytes by the source in it, but 5"),
}


@pytest.mark.parametrize("wrong", WRONG_ARCHIVES)
def test_wrong_archives_are_refused(wrong: str, compiled: Path) -> None:
    change, message = WRONG_ARCHIVES[wrong]
    change(compiled)
    refused(compiled, message)


def test_views_and_derived_constants_are_read_as_the_source_says(tmp_path: Path) -> None:
    """A transposed matrix, and one that the library computes when it is loaded."""
    matrix = torch.arange(6, dtype=torch.float32).reshape(3, 2)
    path = write_compiled(tmp_path / "a.pt2", {"_param_constant0": matrix, "b": matrix}, {})
    with zipfile.ZipFile(path) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".cpp")]
        text = archive.read(name).decode()
    text = text.replace("[0].shape = {3, 2}", "[0].shape = {2, 3}")
    text = text.replace("[0].stride = {2, 1}", "[0].stride = {1, 2}")
    text += '\nconstants_info_[2].name = "c";\nconstants_info_[2].from_folded = true;'
    rewritten(cpp=text.encode())(path)
    first, second = read_compiled(path).constants
    assert torch.equal(first.tensor, matrix.T)
    assert (first.is_parameter, second.is_parameter) == (True, False)
    assert torch.equal(second.tensor, matrix)


SHIPPED = sorted(Path(architecture.__file__).with_name("architectures").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_architectures_build_the_published_number_of_weights(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights of the published file: shared facts of nequip's infrastructure paper."""
    content = yaml.safe_load(path.read_text())
    monkeypatch.setattr(architecture, "file_digest", lambda _: content["sha256"])
    found = architecture.find_architecture(Path("elsewhere.nequip.pt2"))
    assert found.path.samefile(path)
    types = content["model"]["pair_potential"]["chemical_species"]
    known = {"r_max": 6.0, "type_names": types}
    numbers = dict.fromkeys(aotinductor._PER_TYPE, [1.0] * len(types))
    with eager(path):
        network = build_allegro(found.checked_settings({**known, **numbers}))
    assert sum(p.numel() for p in network.parameters()) == {"spice2-medium": 426_528}[path.stem]
    structures = list(e3d.structures.from_file(found.structures))
    assert len(structures) >= 3
    assert all(structure.energy for structure in structures)
