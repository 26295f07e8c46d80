"""A structure with more edges than a call takes: the same numbers, in calls of bounded size."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from nequip.data import AtomicDataDict as Key

from e3d.models import AnalysisModel
from e3d.pairs import SUM_RULE_TOLERANCE_EV, sum_rule_violation
from e3d.structures import Structure

SMALL = 40
"""Edges of a call in these tests; no centre of theirs has more."""
SAME = 1e-10
ZBL = {"_target_": "nequip.nn.pair_potential.ZBL", "units": "metal", "chemical_species": "HCO"}


@contextmanager
def calls(model: AnalysisModel) -> Iterator[list[int]]:
    """The edges of every call of the model's network in the block."""
    found: list[int] = []

    def note(_: Any, given: tuple[dict[str, Any]]) -> None:
        found.append(given[0][Key.EDGE_INDEX_KEY].shape[1])

    hook = model._network.register_forward_pre_hook(note)
    yield found
    hook.remove()


def with_a_lone_atom(structure: Structure) -> Structure:
    """The structure with its last atom where nothing is near it."""
    positions = structure.positions.copy()
    positions[-1] = 100.0
    return replace(structure, positions=positions)


def in_a_cell(structure: Structure) -> Structure:
    """The structure in a skew cell, shorter than twice the cutoff in one direction."""
    cell = np.array([[7.0, 0.0, 0.0], [1.0, 8.0, 0.0], [0.5, 0.2, 12.0]])
    return replace(structure, cell=cell, pbc=np.array([True, True, False]))


@pytest.mark.parametrize("kind", ["fast", "shipped", "pair potential"])
@pytest.mark.parametrize("change", [with_a_lone_atom, in_a_cell])
def test_centres_a_few_at_a_time_give_what_the_whole_gives(
    model: AnalysisModel,
    build_model: Callable[..., AnalysisModel],
    molecules: dict[str, Structure],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    change: Callable[[Structure], Structure],
) -> None:
    if kind != "fast":
        pair = {"pair_potential": ZBL} if kind == "pair potential" else {}
        model = build_model(num_layers=2, **pair)
    # one that is large between two that are not
    several = [change(molecules[name]) for name in ("C", "Cc1ccccc1", "CO")]
    whole, whole_forces = model.edge_energies(several), model.energies_and_forces(several)[1]
    monkeypatch.setattr("e3d.models.analysis.EDGES_PER_CALL", SMALL)
    with calls(model) as sizes:
        parts = model.edge_energies(several)
        energies, forces = model.energies_and_forces(several)
    assert max(sizes) <= SMALL < sum(sizes) / 4
    for name in ("eps", "length", "energy", "shift"):
        mine, theirs = getattr(parts, name), getattr(whole, name)
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=SAME, err_msg=name)
    np.testing.assert_allclose(energies, whole.energy, rtol=0, atol=SAME)
    np.testing.assert_allclose(forces, whole_forces, rtol=0, atol=SAME)
    assert sum_rule_violation(parts).max() < SUM_RULE_TOLERANCE_EV


def test_one_centre_is_one_call_however_many_edges_it_has(
    model: AnalysisModel, molecules: dict[str, Structure], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e3d.models.analysis.EDGES_PER_CALL", 1)
    methane = molecules["C"]
    with calls(model) as sizes:
        model.edge_energies([methane])
    assert sizes == [4] * 5


def test_a_gpu_takes_more_in_a_call(
    model: AnalysisModel, molecules: dict[str, Structure], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers of benchmarks/gpu.py; only what is chosen is looked at here."""
    usual = model._edges_per_call
    many = [molecules["Cc1ccccc1"]] * 300
    assert sum(1 for _ in model.batches(many)) > 1
    monkeypatch.setattr(model, "_device", torch.device("cuda"))
    assert model._edges_per_call > 10 * usual
    assert sum(1 for _ in model.batches(many)) == 1
