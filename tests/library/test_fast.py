"""The fast network gives the shipped one's energies, forces, stresses and gradients of weights."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from nequip.data import AtomicDataDict as K
from nequip.data import compute_neighborlist_, from_dict
from nequip.utils.global_state import set_global_state

from e3d.fast import accelerate
from e3d.fast.polynomials import harmonics
from e3d.fast.swap import misfit
from e3d.models.older_versions import build_allegro

TYPES = ["H", "C", "O"]
# of each tensor's largest element; sums in another order round differently: up to 1.1e-5
TOLERANCE = {"float64": 1e-10, "float32": 2e-5}
R_MAX = 3.0
TRAINABLE = {
    "_target_": "allegro.nn.TwoBodyBesselScalarEmbed",
    "num_bessels": 5,
    "bessel_trainable": True,
}
SPLINES = {"_target_": "allegro.nn.TwoBodySplineScalarEmbed", "num_splines": 5, "spline_span": 3}


def build(dtype: str = "float64", **changed: Any) -> Any:
    """Build a small Allegro model, the same weights for the same settings."""
    set_global_state()
    settings = {
        "seed": 5,
        "model_dtype": dtype,
        "type_names": TYPES,
        "r_max": R_MAX,
        "l_max": 2,
        "parity": True,
        "num_layers": 2,
        "num_scalar_features": 8,
        "num_tensor_features": 3,
        "radial_chemical_embed": {
            "_target_": "allegro.nn.TwoBodyBesselScalarEmbed",
            "num_bessels": 5,
        },
        "scalar_embed_mlp_hidden_layers_width": 7,
        "allegro_mlp_hidden_layers_width": 9,
        "readout_mlp_hidden_layers_width": 6,
        "avg_num_neighbors": 4.0,
        "per_type_energy_scales": {"H": 1.0, "C": 2.0, "O": 0.5},
        "per_type_energy_shifts": {"H": -1.0, "C": -2.0, "O": -3.0},
    }
    return build_allegro({**settings, **changed})


def fast(dtype: str = "float64", **changed: Any) -> Any:
    model = build(dtype, **changed)
    assert accelerate(model)
    return model


def frames(sizes: tuple[int, ...] = (5, 7, 4), *, periodic: bool = False) -> K.Type:
    """Return a batch of random molecules or crystals, atoms at least 1 Å apart, with labels."""
    rng = np.random.default_rng(0)
    items = []
    for n in sizes:
        positions = _apart(rng, n)
        data = {K.POSITIONS_KEY: positions, K.ATOM_TYPE_KEY: rng.integers(0, 3, n)}
        data |= {K.FORCE_KEY: rng.normal(size=(n, 3)), K.TOTAL_ENERGY_KEY: float(rng.normal())}
        if periodic:
            data |= {
                K.CELL_KEY: 4.0 * np.eye(3) + rng.normal(scale=0.1, size=(3, 3)),
                K.PBC_KEY: np.ones(3, bool),
            }
        items.append(compute_neighborlist_(from_dict(data), R_MAX))
    return K.batched_from_list(items)


def _apart(rng: np.random.Generator, n: int) -> np.ndarray[Any, Any]:
    points: list[Any] = []
    while len(points) < n:
        point = rng.uniform(0, 3.0, 3)
        if all(np.linalg.norm(point - other) > 1.0 for other in points):
            points.append(point)
    return np.array(points)


def results(model: Any, batch: K.Type) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield what a training step computes: outputs, then the gradient of a loss by each weight."""
    out = model(dict(batch))
    for key in (K.TOTAL_ENERGY_KEY, K.FORCE_KEY, K.EDGE_ENERGY_KEY, K.EDGE_CUTOFF_KEY):
        if key in out:  # a spline basis has no cutoff
            yield key, out[key].detach()
    if K.CELL_KEY in batch:
        yield K.STRESS_KEY, out[K.STRESS_KEY].detach()
    loss = (out[K.TOTAL_ENERGY_KEY] - batch[K.TOTAL_ENERGY_KEY]).square().mean()
    loss = loss + (out[K.FORCE_KEY] - batch[K.FORCE_KEY]).square().mean()
    model.zero_grad()
    loss.backward()
    for name, weight in model.named_parameters():
        yield name, weight.grad.clone()


def largest_difference(ours: Any, theirs: Any, batch: K.Type) -> tuple[float, str]:
    """Return the largest difference of any tensor, relative to its largest element, and which."""
    pairs = zip(results(ours, batch), results(theirs, batch), strict=True)
    found = []
    for (name, mine), (other, wanted) in pairs:
        assert name == other
        found.append(
            (float((mine - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30)), name)
        )
    return max(found)


@pytest.mark.parametrize(
    ("dtype", "l_max", "parity", "layers", "coupling"),
    [
        *product(("float64",), (1, 2, 3), (True, False), (1, 2, 3), (True, False)),
        *product(("float64",), (2,), (True,), (4,), (True, False)),  # two layers between the ends
        *product(("float32",), (1, 2, 3), (True, False), (3,), (True,)),  # how the same code rounds
    ],
)
def test_same_numbers_as_the_shipped_network(
    dtype: str, l_max: int, parity: bool, layers: int, coupling: bool
) -> None:
    settings = {
        "l_max": l_max,
        "parity": parity,
        "num_layers": layers,
        "tp_path_channel_coupling": coupling,
    }
    difference, where = largest_difference(
        fast(dtype, **settings), build(dtype, **settings), frames()
    )
    assert difference < TOLERANCE[dtype], f"{where}: {difference:.1e}"


@pytest.mark.parametrize(
    "settings",
    [
        {"l_max": 0},
        {"avg_num_neighbors": {"H": 2.0, "C": 5.0, "O": 3.0}},
        {"per_edge_type_cutoff": {"H": 2.0, "C": {"H": 2.5, "C": 3.0, "O": 2.2}}},
        {
            "pair_potential": {
                "_target_": "nequip.nn.pair_potential.ZBL",
                "units": "metal",
                "chemical_species": TYPES,
            }
        },
        {"scalar_embed_mlp_hidden_layers_depth": 2, "allegro_mlp_hidden_layers_depth": 3},
        {"readout_mlp_hidden_layers_depth": 2},
        {"radial_chemical_embed_dim": 10},
        {"forward_normalize": False},
        {"per_type_energy_scales_trainable": True, "per_type_energy_shifts_trainable": True},
        {"num_tensor_features": 1},
        {"scalar_embed_mlp_nonlinearity": None},
        {"scalar_embed_mlp_nonlinearity": None, "scalar_embed_mlp_hidden_layers_depth": 2},
        {"scalar_embed_mlp_hidden_layers_depth": 0},
        {"allegro_mlp_nonlinearity": None},
        {"allegro_mlp_nonlinearity": "None", "allegro_mlp_hidden_layers_depth": 2},
        {"allegro_mlp_hidden_layers_depth": 0},
        {"readout_mlp_nonlinearity": None},
        {"readout_mlp_nonlinearity": None, "readout_mlp_hidden_layers_depth": 2},
        {"readout_mlp_hidden_layers_depth": 0},
        {"scalar_embed_output_dim": 11},
        {"scalar_embed_output_dim": 11, "readout_mlp_nonlinearity": None, "num_layers": 3},
        {"scalar_embed_output_dim": 5, "scalar_embed_mlp_nonlinearity": None, "l_max": 3},
        {"radial_chemical_embed": TRAINABLE},
        {"radial_chemical_embed": SPLINES},
    ],
    ids=lambda settings: ",".join(settings),
)
def test_same_numbers_with_other_settings(settings: dict[str, Any]) -> None:
    difference, where = largest_difference(fast(**settings), build(**settings), frames())
    assert difference < TOLERANCE["float64"], f"{where}: {difference:.1e}"


def test_a_part_as_no_version_has_it_keeps_the_network_as_shipped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = build()
    del model.model.func.allegro.tps[-1].base_dim_out
    with caplog.at_level("INFO"):
        assert not accelerate(model)
    assert "base_dim_out" in caplog.text
    difference, where = largest_difference(model, build(), frames())
    assert difference == 0.0, where


def test_other_spherical_harmonics_keep_the_network_as_shipped(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build()
    monkeypatch.setattr("e3d.fast.geometry.harmonics", lambda degree, _: harmonics(degree, "norm"))
    with caplog.at_level("INFO"):
        assert not accelerate(model)
    assert "spherical harmonics differ" in caplog.text


def test_same_numbers_in_crystals_with_stress() -> None:
    batch = frames((3, 5), periodic=True)
    assert batch[K.EDGE_CELL_SHIFT_KEY].abs().max() > 0
    difference, where = largest_difference(fast(), build(), batch)
    assert difference < TOLERANCE["float64"], f"{where}: {difference:.1e}"


def test_the_comparison_sees_a_changed_weight() -> None:
    changed = fast()
    with torch.no_grad():
        changed.model.func.allegro.tps[0].weights[0, 0] *= 1 + 1e-6
    assert largest_difference(changed, build(), frames())[0] > TOLERANCE["float64"]


def test_the_order_of_edges_does_not_matter() -> None:
    batch = frames()
    order = torch.randperm(
        batch[K.EDGE_INDEX_KEY].shape[1], generator=torch.Generator().manual_seed(1)
    )
    shuffled = {**batch, K.EDGE_INDEX_KEY: batch[K.EDGE_INDEX_KEY][:, order]}
    model = fast()
    sorted_out, shuffled_out = model(dict(batch)), model(dict(shuffled))
    torch.testing.assert_close(
        shuffled_out[K.FORCE_KEY], sorted_out[K.FORCE_KEY], rtol=0, atol=1e-12
    )
    torch.testing.assert_close(
        shuffled_out[K.EDGE_ENERGY_KEY], sorted_out[K.EDGE_ENERGY_KEY][order], rtol=0, atol=1e-12
    )


def test_an_isolated_atom_has_its_shift() -> None:
    data = {
        K.POSITIONS_KEY: np.array([[0.0, 0, 0], [9.0, 0, 0], [9.0, 0.9, 0]]),
        K.ATOM_TYPE_KEY: np.array([2, 0, 1]),
    }
    alone = {K.POSITIONS_KEY: np.zeros((1, 3)), K.ATOM_TYPE_KEY: np.array([1])}
    model = fast().eval()
    for item, atom, shift in ((data, 0, -3.0), (alone, 0, -2.0)):
        out = model(compute_neighborlist_(from_dict(item), R_MAX))
        assert float(out[K.PER_ATOM_ENERGY_KEY][atom].detach()) == pytest.approx(shift, abs=1e-14)
        assert float(out[K.FORCE_KEY][atom].detach().abs().max()) < 1e-14


def test_evaluation_gives_forces_and_gradients_of_energies() -> None:
    batch, ours, theirs = frames(), fast().eval(), build().eval()
    forces = [model(dict(batch))[K.FORCE_KEY] for model in (ours, theirs)]
    torch.testing.assert_close(*forces, rtol=0, atol=1e-12)
    for model in (ours, theirs):
        model.model.do_derivatives = False
        model(dict(batch))[K.TOTAL_ENERGY_KEY].sum().backward()
    for mine, wanted in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, wanted.grad, rtol=0, atol=1e-10)


def test_energies_without_gradients_are_the_same() -> None:
    batch, model = frames(), fast().eval()
    model.model.do_derivatives = False
    with torch.no_grad():
        plain = model(dict(batch))[K.EDGE_ENERGY_KEY]
    torch.testing.assert_close(
        plain, model(dict(batch))[K.EDGE_ENERGY_KEY].detach(), rtol=0, atol=1e-14
    )


def test_gradients_of_forces_are_finite_differences_of_forces() -> None:
    """Independent of the shipped network: d(v.F)/dw by central differences in a few weights."""
    model, batch = fast(), frames((5,))
    direction = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def along() -> torch.Tensor:
        return (model(dict(batch))[K.FORCE_KEY] * direction).sum()

    model.zero_grad()
    along().backward()
    step = 1e-5
    for weight in model.parameters():
        entry = weight.detach().view(-1)[:1]  # shares the weight's memory
        assert weight.grad is not None
        analytic = float(weight.grad.view(-1)[0])
        entry += step
        above = float(along().detach())
        entry -= 2 * step
        numeric = (above - float(along().detach())) / (2 * step)
        entry += step
        assert analytic == pytest.approx(numeric, rel=1e-5, abs=1e-7)


def test_weights_keep_their_names_and_order() -> None:
    ours, theirs = fast(), build()
    assert [name for name, _ in ours.named_parameters()] == [
        name for name, _ in theirs.named_parameters()
    ]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())


def test_in_training_forces_come_with_create_graph_only() -> None:
    """Without it the pass looks like the loss's own, without derivatives by positions: an error."""
    network = fast().train().model.func
    batch = frames((4,))
    batch[K.POSITIONS_KEY].requires_grad_(True)
    energy = network(dict(batch))[K.TOTAL_ENERGY_KEY].sum()
    with pytest.raises(RuntimeError, match="not have been used"):
        torch.autograd.grad(energy, [batch[K.POSITIONS_KEY]])


def test_outside_training_second_derivatives_are_right_or_refused() -> None:
    """Gradients by weights of a function of forces: the shipped network's, or an error."""
    found = []
    for model in (fast().eval(), build().eval()):
        model.model.do_derivatives = False
        batch = frames((4,))
        positions = batch[K.POSITIONS_KEY].requires_grad_(True)
        energy = model(dict(batch))[K.TOTAL_ENERGY_KEY].sum()
        (gradient,) = torch.autograd.grad(energy, [positions], create_graph=True)
        size = gradient.square().sum()
        weights = list(model.parameters())
        found.append(torch.autograd.grad(size, weights, retain_graph=True))
        if len(found) == 1:
            with pytest.raises(RuntimeError, match="by positions"):
                torch.autograd.grad(size, [positions], retain_graph=True)
            with pytest.raises(RuntimeError, match="by weights with create_graph"):
                torch.autograd.grad(energy, weights, create_graph=True)
    for mine, wanted in zip(*found, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"allegro_mlp_nonlinearity": "mish"}, "nonlinearity"),
        ({"weight_individual_irreps": False}, "irrep"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_a_network_it_does_not_know_is_left_alone(settings: dict[str, Any], reason: str) -> None:
    model = build(**settings)
    assert reason in str(misfit(model.model.func))
    assert not accelerate(model)
    difference, where = largest_difference(model, build(**settings), frames())
    assert difference == 0.0, where
