"""What :mod:`e3d.fast.centres` computes, as sums that a compiler turns into loops of its own.

Letters are those of that module. Both places where edges meet their centre are derivatives of one
sum of three factors,

    S(v, Y, g) = sum_zui v[z,u,r(i)] Y[z,i] g[c(z),u,i]

    dS/dg   environment   (n,i,u)        dS/dv   weights (z,r,u)        dS/dY   harmonics (z,i)

and the derivatives of these three are the same three again, of any order. Sums over the edges of a
centre read a table of its slots, so that nothing is scattered: an order of summation is fixed, with
any number of threads and on any device.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from e3d.fast.centres import Components


def table(edge_index: Tensor, n_atoms: int) -> Tensor:
    """Return the edges from each atom and to it, (2, N, D), of edges (2, Z) in any order.

    Slots without an edge hold -1.
    """
    n_edges = edge_index.shape[1]
    atom = torch.cat([edge_index[0], edge_index[1] + n_atoms])
    degree = torch.bincount(atom, minlength=2 * n_atoms)
    depth = int(degree.max())
    atom, order = torch.sort(atom, stable=True)
    # a slot is a row of its atom: the edge's place among all, less that of the atom's first
    first = torch.cumsum(degree, 0).sub_(degree)
    start = torch.arange(0, 2 * n_atoms * depth, depth, device=atom.device).sub_(first)
    slot = torch.arange(2 * n_edges, device=atom.device).add_(start[atom])
    slots = atom.new_full((2 * n_atoms * depth,), -1)
    return slots.scatter_(0, slot, order % n_edges).view(2, n_atoms, depth)


class Slots:
    """The edges of a batch, by a table instead of blocks; in place of ``Centres``."""

    def __init__(self, edge_index: Tensor, slots: Tensor, components: Components) -> None:
        """Take edges (2, Z) and their :func:`table`."""
        self.centre, self.neighbour = edge_index
        self._outgoing, self._incoming = slots
        self._bounds = list(pairwise(components.bounds))
        self._components = components
        sizes = [end - first for first, end in self._bounds]
        self._irrep_of = [r for r, size in enumerate(sizes) for _ in range(size)]

    def environment(self, weights: Tensor, harmonics: Tensor, *, training: bool) -> Tensor:
        """Return ``env[u,i,n]`` (U, I, N) of weights (Z, R U) and spherical harmonics (Z, I)."""
        del training
        out: Tensor = _Environment.apply(self._by_irrep(weights), harmonics, self)
        return _reversed(out)

    def invariants(
        self, weights: Tensor, harmonics: Tensor, vectors: Tensor, *, training: bool
    ) -> Tensor:
        """Return ``s[z,u]`` (Z, U) of weights (Z, R U), harmonics (Z, I) and m (U, I, N)."""
        del training
        q: Tensor = _Weights.apply(harmonics, _reversed(vectors), self)
        return (self._by_irrep(weights) * q).sum(1)

    def vectors(self, positions: Tensor) -> Tensor:
        """Return positions of the neighbour less that of the centre, (Z, 3)."""
        out: Tensor = _Difference.apply(positions, self)
        return out

    def total(self, x: Tensor) -> Tensor:
        """Return the sum (N, C) over the edges of each centre of ``x`` (Z, C)."""
        out: Tensor = _Total.apply(x, self)
        return out

    def _by_irrep(self, weights: Tensor) -> Tensor:
        return weights.view(weights.shape[0], self._components.n_irreps, -1)

    def spread(self, x: Tensor) -> Tensor:
        """Return (..., R, U) repeated for the components of each irrep, (..., I, U)."""
        return x.index_select(-2, torch.tensor(self._irrep_of, device=x.device))

    def irreps(self) -> list[slice]:
        """Return the components of each irrep."""
        return [slice(first, end) for first, end in self._bounds]

    def outgoing(self, x: Tensor) -> Tensor:
        """Return rows of edges (Z, ...) in the slots of their centre (N, D, ...), zeros else."""
        return _filled(x, self._outgoing)

    def incoming(self, x: Tensor) -> Tensor:
        """Return rows of edges (Z, ...) in the slots of their neighbour (N, D, ...)."""
        return _filled(x, self._incoming)


def _filled(x: Tensor, table: Tensor) -> Tensor:
    """Return ``x[table]`` (N, D, ...), zeros where the table holds -1."""
    shape = table.shape + (1,) * (x.dim() - 1)
    return _array(torch.where((table >= 0).view(shape), x[table.clamp(min=0)], 0))


def _array(x: Tensor) -> Tensor:
    """Return ``x`` as an array of its own, its last axis contiguous.

    Read with given strides it is one. The compiler would read through tables and transposes in the
    middle of a sum, and then cannot take several channels at once.
    """
    x = x.contiguous()
    return x.as_strided(x.shape, x.stride())


def _reversed(x: Tensor) -> Tensor:
    """Return an array with its three axes in the opposite order, and so in the pass back."""
    out: Tensor = _Reversed.apply(x)
    return out


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _array(x.permute(2, 1, 0))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return _reversed(grads[0])


class _Environment(torch.autograd.Function):
    """dS/dg[n,i,u]."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, y: Tensor, slots: Slots) -> Tensor:
        ctx.save_for_backward(v, y)
        ctx.slots = slots
        return (slots.outgoing(y).unsqueeze(-1) * slots.spread(slots.outgoing(v))).sum(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        v, y = ctx.saved_tensors
        slots, g = ctx.slots, grads[0]
        return _Weights.apply(y, g, slots), _Harmonics.apply(v, g, slots), None


class _Weights(torch.autograd.Function):
    """dS/dv[z,r,u]."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, g: Tensor, slots: Slots) -> Tensor:
        ctx.save_for_backward(y, g)
        ctx.slots = slots
        parts = [(y[:, i].unsqueeze(-1) * g[:, i][slots.centre]).sum(1) for i in slots.irreps()]
        return torch.stack(parts, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        y, g = ctx.saved_tensors
        slots, v = ctx.slots, grads[0]
        return _Harmonics.apply(v, g, slots), _Environment.apply(v, y, slots), None


class _Harmonics(torch.autograd.Function):
    """dS/dY[z,i]."""

    @staticmethod
    def forward(ctx: Any, v: Tensor, g: Tensor, slots: Slots) -> Tensor:
        ctx.save_for_backward(v, g)
        ctx.slots = slots
        return (slots.spread(v) * g[slots.centre]).sum(-1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        v, g = ctx.saved_tensors
        slots, y = ctx.slots, grads[0]
        return _Weights.apply(y, g, slots), _Environment.apply(v, y, slots), None


class _Difference(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slots: Slots) -> Tensor:
        ctx.slots = slots
        return x[slots.neighbour] - x[slots.centre]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _Divergence.apply(grads[0], ctx.slots), None


class _Divergence(torch.autograd.Function):
    """The transpose of :class:`_Difference`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slots: Slots) -> Tensor:
        ctx.slots = slots
        return slots.incoming(x).sum(1) - slots.outgoing(x).sum(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _Difference.apply(grads[0], ctx.slots), None


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slots: Slots) -> Tensor:
        ctx.slots = slots
        return slots.outgoing(x).sum(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _Spread.apply(grads[0], ctx.slots), None


class _Spread(torch.autograd.Function):
    """The transpose of :class:`_Total`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slots: Slots) -> Tensor:
        ctx.slots = slots
        return x[slots.centre]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _Total.apply(grads[0], ctx.slots), None
