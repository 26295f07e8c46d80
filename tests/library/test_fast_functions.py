"""The fast network's own functions: their formulas, term by term, and their derivatives."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch

from e3d.fast.centres import Centres, Components
from e3d.fast.dense import silu_linear
from e3d.fast.slots import Slots, table


def _centres() -> tuple[Centres, torch.Tensor]:
    centre = torch.tensor([0, 2, 0, 1, 2, 2])
    return Centres(centre, 4, Components((0, 1, 4), 2)), centre


def _slots() -> tuple[Slots, torch.Tensor]:
    edges = torch.tensor([[0, 2, 0, 1, 2, 2], [1, 0, 3, 2, 1, 3]])
    return Slots(edges, table(edges, 4), Components((0, 1, 4), 2)), edges


def _random(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_(True)


@pytest.mark.parametrize(
    ("call", "inputs"),
    [
        (
            lambda v, y: _centres()[0].environment(v, y, training=False),
            (_random(6, 4), _random(6, 4)),
        ),
        (
            lambda w, y, m: _centres()[0].invariants(w, y, m, training=False),
            (_random(6, 4), _random(6, 4), _random(2, 4, 4)),
        ),
        (lambda h, w: silu_linear(h, 2 * w, [1, 2]), (_random(6, 4), _random(4, 3))),
    ],
    ids=["environment", "invariants", "silu_linear"],
)
def test_derivatives_of_the_functions(
    call: Callable[..., Any], inputs: tuple[torch.Tensor, ...]
) -> None:
    assert torch.autograd.gradcheck(call, inputs)


def test_environment_and_invariants_are_their_sums() -> None:
    """Against the formulas in the docstring, term by term."""
    centres, centre = _centres()
    irrep = [0, 1, 1, 1]
    v, y, m = (x.detach() for x in (_random(6, 4), _random(6, 4), _random(2, 4, 4)))
    env, s = torch.zeros(2, 4, 4, dtype=torch.float64), torch.zeros(6, 2, dtype=torch.float64)
    for z, u, i in product(range(6), range(2), range(4)):
        weight = v[z, irrep[i] * 2 + u]
        env[u, i, centre[z]] += weight * y[z, i]
        s[z, u] += weight * y[z, i] * m[u, i, centre[z]]
    torch.testing.assert_close(centres.environment(v, y, training=False), env)
    torch.testing.assert_close(centres.invariants(v, y, m, training=False), s)


@pytest.mark.parametrize(
    ("call", "inputs"),
    [
        (
            lambda v, y: _slots()[0].environment(v, y, training=True),
            (_random(6, 4), _random(6, 4)),
        ),
        (
            lambda w, y, m: _slots()[0].invariants(w, y, m, training=True),
            (_random(6, 4), _random(6, 4), _random(2, 4, 4)),
        ),
        (lambda x: _slots()[0].vectors(x).square(), (_random(4, 3),)),
        (lambda x: _slots()[0].total(x).square(), (_random(6, 1),)),
    ],
    ids=["environment", "invariants", "vectors", "total"],
)
def test_first_and_second_derivatives_in_slots(
    call: Callable[..., Any], inputs: tuple[torch.Tensor, ...]
) -> None:
    assert torch.autograd.gradcheck(call, inputs)
    assert torch.autograd.gradgradcheck(call, inputs)


def test_slots_have_the_sums_of_blocks() -> None:
    slots, blocks = _slots()[0], _centres()[0]
    v, y, m = (x.detach() for x in (_random(6, 4), _random(6, 4), _random(2, 4, 4)))
    for one in ("environment", "invariants"):
        given = (v, y, m)[: 2 + (one == "invariants")]
        ours, wanted = (getattr(made, one)(*given, training=False) for made in (slots, blocks))
        torch.testing.assert_close(ours, wanted)


def test_the_table_has_every_edge_at_both_of_its_atoms() -> None:
    edges = _slots()[1]
    outgoing, incoming = table(edges, 5).tolist()
    assert outgoing == [[0, 2, -1], [3, -1, -1], [1, 4, 5], [-1] * 3, [-1] * 3]
    assert incoming == [[1, -1, -1], [0, 4, -1], [3, -1, -1], [2, 5, -1], [-1] * 3]
