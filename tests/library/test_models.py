"""Physics of a trained model as the analysis runs it: float64, equivariant, local, consistent."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from nequip.model.saved_models.package import ModelFromPackage

from checkpoint_fixtures import write
from e3d.errors import InputError
from e3d.models import AnalysisModel, load_model
from e3d.models.analysis import analysis_model
from e3d.models.building import eager
from e3d.pairs import SUM_RULE_TOLERANCE_EV, sum_rule_violation
from e3d.structures import Structure
from model_fixtures import random_rotation

# float64 with energies of 10^4 eV: a few hundred units in the last place
ENERGY_EV = 1e-9
ROTATED = 1e-13
"""Rotations hold to this share of the largest force: some hundred float64 roundings."""


def moved(structure: Structure, positions: np.ndarray[Any, Any]) -> Structure:
    return replace(structure, positions=positions)


@pytest.mark.parametrize("improper", [False, True])
def test_edge_energies_and_forces_rotate(
    model: AnalysisModel, molecules: dict[str, Structure], improper: bool
) -> None:
    water = molecules["CCO"]
    rotation = random_rotation(3, improper=improper)
    turned = moved(water, water.positions @ rotation.T + 1.7)
    before, after = model.edge_energies([water]), model.edge_energies([turned])
    np.testing.assert_array_equal(before.centre, after.centre)
    np.testing.assert_allclose(
        after.eps, before.eps, rtol=0, atol=ROTATED * np.abs(before.eps).max()
    )
    _, forces = model.energies_and_forces([water])
    _, turned_forces = model.energies_and_forces([turned])
    np.testing.assert_allclose(
        turned_forces, forces @ rotation.T, rtol=0, atol=ROTATED * np.abs(forces).max()
    )


@pytest.mark.parametrize("parity", [True, False])
def test_both_settings_of_parity_are_o3_invariant(
    build_model: Callable[..., AnalysisModel], molecules: dict[str, Structure], parity: bool
) -> None:
    """nequip-allegro 0.8 keeps the parities of the spherical harmonics also with ``parity: false``:

    it then tracks fewer irreps, but never mixes parities, so mirrored molecules weigh the same.
    """
    rng = np.random.default_rng(0)
    chiral = moved(molecules["CCO"], molecules["CCO"].positions + 0.3 * rng.normal(size=(9, 3)))
    model = build_model(parity=parity, l_max=2, num_layers=3, r_max=6.0)
    eps = model.edge_energies([chiral]).eps
    for improper in (False, True):
        turned = chiral.positions @ random_rotation(1, improper=improper).T
        np.testing.assert_allclose(
            model.edge_energies([moved(chiral, turned)]).eps, eps, atol=ENERGY_EV
        )
    distorted = moved(chiral, chiral.positions * [1.0, 1.0, 1.01])
    assert np.abs(model.edge_energies([distorted]).eps - eps).max() > 1e-6  # the control


def contractions(model: AnalysisModel) -> list[Any]:
    return [module for module in model._network.modules() if hasattr(module, "w3j")]


def test_3j_symbols_are_exact_and_rounded_ones_would_show(
    model: AnalysisModel, trained: Path, molecules: dict[str, Structure]
) -> None:
    """Against e3nn's own; rounded as in a checkpoint, rotations hold a million times less well."""
    import torch
    from e3nn.o3 import wigner_3j

    saved = torch.load(trained / "model.ckpt", weights_only=False)["state_dict"]
    assert {value.dtype for name, value in saved.items() if name.endswith("w3j")} == {torch.float32}
    first = contractions(model)[0]
    assert first.w3j.dtype is torch.float64
    path = next(path for path in first.w3j if bool(path[1:4, 1:4, 0].any()))  # 1o x 1o -> 0e
    exact = wigner_3j(1, 1, 0, dtype=torch.float64)[:, :, 0]
    np.testing.assert_allclose(path[1:4, 1:4, 0].numpy(), exact.numpy(), rtol=0, atol=1e-15)
    rounded = load_model(trained / "model.ckpt")
    for module in contractions(rounded):
        module.w3j.copy_(module.w3j.float())
    structure = molecules["CCO"]
    turned = moved(structure, structure.positions @ random_rotation(3).T)
    for one, exactly in ((model, True), (rounded, False)):
        before, after = one.edge_energies([structure]).eps, one.edge_energies([turned]).eps
        assert bool(np.abs(after - before).max() < ROTATED * np.abs(before).max()) is exactly


def test_a_contraction_with_symbols_of_its_own_is_left_alone() -> None:
    import torch
    from allegro.nn._strided import Contracter
    from e3nn.o3 import Irreps

    from e3d.models.precision import as_float64

    def contracter() -> Any:
        irreps = Irreps("1x0e + 1x1o + 1x2e")
        return Contracter(irreps, irreps, irreps, mul=2).to(torch.float32)

    usual, odd, strange = contracter(), contracter(), contracter()
    odd.w3j[0, 0, 0, 0] += 1e-3
    del strange.irreps_in1
    expected = [module.w3j.double() for module in (odd, strange)]
    weights = usual.weights.detach().double()
    with torch.no_grad():
        as_float64(torch.nn.ModuleList([usual, odd, strange]))
    assert torch.equal(odd.w3j, expected[0])
    assert torch.equal(strange.w3j, expected[1])
    assert 0 < float((usual.w3j - usual.w3j.float().double()).abs().max()) < 1e-7
    assert torch.equal(usual.weights, weights)


def test_forces_are_minus_the_gradient(
    model: AnalysisModel, molecules: dict[str, Structure]
) -> None:
    structure = molecules["CO"]
    step = 1e-4  # Å; central differences leave an error of order step^2
    _, forces = model.energies_and_forces([structure])
    for atom in range(len(structure.positions)):
        for axis in range(3):
            shift = np.zeros_like(structure.positions)
            shift[atom, axis] = step
            ends = [moved(structure, structure.positions + sign * shift) for sign in (1, -1)]
            (up, down), _ = model.energies_and_forces(ends)
            assert -(up - down) / (2 * step) == pytest.approx(forces[atom, axis], abs=1e-4)


def test_far_fragments_add_up_and_an_isolated_atom_weighs_its_shift(
    model: AnalysisModel, molecules: dict[str, Structure]
) -> None:
    first, second = molecules["CO"], molecules["C#N"]
    both = Structure(
        label="pair",
        frame=0,
        positions=np.vstack([first.positions, second.positions + np.array([50.0, 0.0, 0.0])]),
        atomic_numbers=np.concatenate([first.atomic_numbers, second.atomic_numbers]),
        smiles="",
        mapped_smiles=None,
        bonds=None,
    )
    joint = model.edge_energies([both])
    apart = model.edge_energies([first, second])
    assert joint.energy[0] == pytest.approx(apart.energy.sum(), abs=ENERGY_EV)
    np.testing.assert_allclose(np.sort(joint.eps), np.sort(apart.eps), atol=ENERGY_EV)
    atoms = replace(both, positions=50.0 * np.eye(3)[:2], atomic_numbers=np.array([6, 8]))
    alone = model.edge_energies([atoms])
    assert len(alone.eps) == 0
    assert alone.energy[0] == pytest.approx(alone.shift[0], abs=ENERGY_EV)


def test_locality(model: AnalysisModel, molecules: dict[str, Structure]) -> None:
    """An edge depends on atoms within the cutoff of its centre alone: Allegro is strictly local."""
    chain = molecules["Cc1ccccc1"]
    edges = model.edge_energies([chain])
    distance = np.linalg.norm(chain.positions - chain.positions[0], axis=1)
    far = int(distance.argmax())
    assert distance[far] > model.r_max
    positions = chain.positions.copy()
    positions[far] += 0.1
    moved_edges = model.edge_energies([moved(chain, positions)])
    np.testing.assert_allclose(
        edges.eps[edges.centre == 0], moved_edges.eps[moved_edges.centre == 0], atol=1e-12
    )
    assert np.abs(edges.energy - moved_edges.energy)[0] > 1e-6  # the control: others do feel it


def test_batching_changes_nothing(model: AnalysisModel, molecules: dict[str, Structure]) -> None:
    several = [molecules[name] for name in ("C", "CCO", "N#N")]
    together = model.edge_energies(several)
    one_by_one = np.concatenate([model.edge_energies([s]).eps for s in several])
    np.testing.assert_allclose(together.eps, one_by_one, atol=ENERGY_EV)


def test_the_fast_network_gives_what_the_shipped_one_gives(
    model: AnalysisModel,
    trained: Path,
    molecules: dict[str, Structure],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("e3d.models.analysis.accelerate", lambda model: False)
    shipped = load_model(trained / "model.ckpt")
    assert type(shipped._network) is not type(model._network)
    several = [molecules[name] for name in ("C", "CCO", "N#N", "Cc1ccccc1")]
    fast, slow = model.edge_energies(several), shipped.edge_energies(several)
    np.testing.assert_array_equal(fast.centre, slow.centre)
    np.testing.assert_allclose(fast.eps, slow.eps, rtol=0, atol=ENERGY_EV)
    for mine, theirs in zip(
        model.energies_and_forces(several), shipped.energies_and_forces(several), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=ENERGY_EV)


def test_large_tensor_products_of_a_shipped_network_take_smaller_calls(
    build_model: Callable[..., AnalysisModel],
    molecules: dict[str, Structure],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    several = [molecules[name] for name in ("CCO", "CC", "CO", "C")]
    usual = build_model(l_max=2, num_layers=2)
    [batch] = usual.batches(several)
    assert len(list(usual._parts(batch))) == 1
    monkeypatch.setattr("e3d.models.analysis.PRODUCT_BYTES", 8 * 2 * 9**3 * 90)
    small = build_model(l_max=2, num_layers=2)
    sizes = [part.edge_index.shape[1] for part in small._parts(batch)]
    assert len(sizes) > 1
    assert max(sizes) <= 90
    np.testing.assert_allclose(
        small.edge_energies(several).eps, usual.edge_energies(several).eps, rtol=0, atol=1e-13
    )


def test_norms_of_networks_before_allegro_08_are_read_from_their_numbers() -> None:
    """They held 1 / sqrt(2 Nbar) with the sum over edges, 1 / sqrt(Nbar) in each contraction."""
    import torch

    from e3d.fast.parts import environment_norm
    from e3d.models.edge_terms import Readout

    edge_sum = SimpleNamespace(_factor=1 / (2 * 5.0) ** 0.5)
    norm = Readout(edge_sum, None, (), 3).norm
    torch.testing.assert_close(norm, torch.full((3,), 5.0**-0.5, dtype=torch.float64))
    unscaled = Readout(SimpleNamespace(_factor=None), None, (), 1).norm
    assert float(unscaled) == pytest.approx(2**0.5, rel=1e-15)
    allegro = SimpleNamespace(tps=[SimpleNamespace(scatter_factor=5.0**-0.5)])
    assert environment_norm(allegro) == 5.0**-0.5


def test_agrees_with_nequips_own_calculator(
    model: AnalysisModel, trained: Path, molecules: dict[str, Structure]
) -> None:
    """The float64 rebuild gives what nequip's float32 model gives, up to float32."""
    import warnings

    import torch
    from ase import Atoms
    from nequip.integrations.ase import NequIPCalculator

    structure = molecules["CCO"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calculator = NequIPCalculator._from_saved_model(
            str(trained / "model.ckpt"),
            device=torch.device("cpu"),
            chemical_species_to_atom_type_map=True,
        )
    atoms = Atoms(structure.atomic_numbers, structure.positions, calculator=calculator)
    (energy,), forces = model.energies_and_forces([structure])
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-3)
    np.testing.assert_allclose(forces, atoms.get_forces(), atol=1e-3)


@pytest.fixture(scope="module")
def package(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model as nequip packages it."""
    package = tmp_path_factory.mktemp("package") / "model.nequip.zip"
    command = [
        sys.executable,
        "-m",
        "nequip.scripts.package",
        "build",
        str(trained / "model.ckpt"),
        str(package),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return package


def test_a_package_decomposes_like_its_checkpoint(
    model: AnalysisModel, package: Path, molecules: dict[str, Structure]
) -> None:
    """Packages keep weights and constants in float32; in float64 they differ by its rounding."""
    several = [molecules[name] for name in ("CCO", "C#N", "CS")]
    packaged, plain = load_model(package).edge_energies(several), model.edge_energies(several)
    assert sum_rule_violation(packaged).max() < SUM_RULE_TOLERANCE_EV
    turned = [moved(s, s.positions @ random_rotation(5).T) for s in several]
    rotated = load_model(package).edge_energies(turned)
    np.testing.assert_allclose(
        rotated.eps, packaged.eps, rtol=0, atol=ROTATED * np.abs(packaged.eps).max()
    )
    np.testing.assert_allclose(packaged.eps, plain.eps, atol=1e-5)


def test_a_training_that_started_from_a_package_loads_it_and_says_so(
    package: Path, molecules: dict[str, Structure], caplog: pytest.LogCaptureFixture
) -> None:
    """The package is found beside the checkpoint, whose weights, all halved, are used."""
    settings = {
        "_target_": "nequip.model.ModelFromPackage",
        "package_path": f"/gone/{package.name}",
    }
    with eager(package):
        network = ModelFromPackage(str(package))["sole_model"]
    with torch.no_grad():
        for weight in network.parameters():
            weight /= 2
    expected = analysis_model(network, package, "cpu", {})
    checkpoint = write(package.with_name("continued.ckpt"), settings, network.state_dict())
    continued = load_model(checkpoint)
    assert f"started from {package}, whose code runs now" in caplog.text
    assert continued.facts["trained_in"] == "float32"
    several = [molecules[name] for name in ("CCO", "C#N")]
    ours, wanted, first = (
        model.edge_energies(several).eps for model in (continued, expected, load_model(package))
    )
    np.testing.assert_allclose(ours, wanted, rtol=1e-12, atol=1e-12)
    assert np.abs(ours - first).max() > 1e-3


def test_unusable_models_are_refused_in_one_line(
    tmp_path: Path, molecules: dict[str, Structure], model: AnalysisModel
) -> None:
    broken, compiled = tmp_path / "model.ckpt", tmp_path / "model.nequip.pt2"
    broken.write_bytes(b"not a checkpoint")
    compiled.write_bytes(b"")
    cases = {
        tmp_path / "none.ckpt": "no such model",
        broken: "cannot be loaded",
        compiled: "not an archive",
    }
    for path, text in cases.items():
        with pytest.raises(InputError, match=text) as caught:
            load_model(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="0 usable GPUs"):
        load_model(broken, device="cuda")
    with pytest.raises(InputError, match="does not know Br"):
        model.edge_energies([molecules["CBr"]])


def test_types_that_are_no_elements_are_refused(build_model: Callable[..., AnalysisModel]) -> None:
    names = ["H", "C", "water_O"]
    shifts = dict.fromkeys(names, -1.0)
    with pytest.raises(InputError, match="water_O are no chemical symbols"):
        build_model(type_names=names, per_type_energy_shifts=shifts)


@pytest.mark.parametrize("r_max", [-4.0, float("nan")])
def test_a_cutoff_that_is_none_is_refused(
    r_max: float, build_model: Callable[..., AnalysisModel]
) -> None:
    """No edges, and so no bonds, would be found, without a word."""
    with pytest.raises(InputError, match=r"cutoff r_max is .* - allowed: a number of Å above 0"):
        build_model(r_max=r_max)
