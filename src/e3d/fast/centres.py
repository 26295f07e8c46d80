"""The two places where Allegro's edges meet their centre: one small matrix product for each centre.

Letters: z edges, n centres, d slots of a centre, u channels, r irreps, i components of all irreps,
with r(i) the irrep of a component; capitals count them. With the spherical harmonics Y of an edge,

    environment   env[u,i,n] = sum_{z at n} v[z,u,r(i)] Y[z,i]
    invariants    s[z,u]     = sum_i w[z,u,r(i)] Y[z,i] m[u,i,c(z)]

Neither (edge, channel, component) tensors nor sums scattered over edges are ever formed: the edges
of a centre are rows of a block, with zeros where it has fewer than the most, so that both are
products of blocks. Both can be differentiated twice, as forces in a loss need it;
:mod:`e3d.fast.geometry` says what is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


@dataclass(frozen=True)
class Components:
    """The irreps of the spherical harmonics; r has components ``bounds[r]:bounds[r + 1]``."""

    bounds: tuple[int, ...]
    n_channels: int

    @property
    def n_irreps(self) -> int:
        """Number of irreps, R."""
        return len(self.bounds) - 1

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Yield, for each irrep, its components and its columns among (irrep, channel)."""
        u = self.n_channels
        for r, (first, end) in enumerate(pairwise(self.bounds)):
            yield slice(first, end), slice(r * u, (r + 1) * u)


class Centres:
    """The edges of a batch by centre atom, in blocks (N, D, ...) of equal depth D."""

    def __init__(self, centre: Tensor, n_centres: int, components: Components) -> None:
        """Group edges by ``centre`` (Z,), in any order; sorted ones are copied in runs."""
        self.components = components
        self.n_centres = n_centres
        degree = torch.bincount(centre, minlength=n_centres)
        self.depth = int(degree.max()) if len(centre) else 0
        order = torch.argsort(centre, stable=True)
        first = torch.cumsum(degree, 0) - degree
        slot = torch.empty_like(centre)
        slot[order] = torch.arange(len(centre), device=centre.device) - first[centre[order]]
        self._rows = centre * self.depth + slot

    def environment(self, weights: Tensor, harmonics: Tensor, *, training: bool) -> Tensor:
        """Return ``env[u,i,n]`` (U, I, N) of weights (Z, R U) and spherical harmonics (Z, I)."""
        out: Tensor = _Environment.apply(weights, harmonics, self, training)
        return out

    def invariants(
        self, weights: Tensor, harmonics: Tensor, vectors: Tensor, *, training: bool
    ) -> Tensor:
        """Return ``s[z,u]`` (Z, U) of weights (Z, R U), harmonics (Z, I) and m (U, I, N)."""
        out: Tensor = _Invariants.apply(weights, harmonics, vectors, self, training)
        return out

    def pad(self, x: Tensor) -> Tensor:
        """Return rows of edges (Z, C) as blocks (N, D, C)."""
        blocks = x.new_zeros((self.n_centres * self.depth, x.shape[1]))
        return blocks.index_copy_(0, self._rows, x).view(self.n_centres, self.depth, x.shape[1])

    def unpad(self, blocks: Tensor) -> Tensor:
        """Return blocks (N, D, C) as rows of edges (Z, C)."""
        return blocks.flatten(0, 1).index_select(0, self._rows)

    def pick(self, products: Tensor) -> Tensor:
        """Return the products (N, I, R U) of each component with its own irrep, as (U, I, N)."""
        own = [products[:, rows, columns] for rows, columns in self.components.blocks()]
        return torch.cat(own, 1).permute(2, 1, 0).contiguous()

    def spread(self, x: Tensor) -> Tensor:
        """Return (U, I, N) as (N, I, R U), zero but at each component's own irrep.

        It is the transpose of :meth:`pick`.
        """
        by_centre = x.permute(2, 1, 0)
        spread = x.new_zeros((self.n_centres, x.shape[1], self.components.n_irreps * x.shape[0]))
        for rows, columns in self.components.blocks():
            spread[:, rows, columns] = by_centre[:, rows]
        return spread

    def over_irreps(self, x: Tensor) -> Tensor:
        """Return (Z, U) repeated for every irrep, (Z, R U)."""
        return x.repeat(1, self.components.n_irreps)

    def sum_irreps(self, x: Tensor) -> Tensor:
        """Return (Z, R U) summed over irreps, (Z, U)."""
        return x.view(x.shape[0], self.components.n_irreps, self.components.n_channels).sum(1)


def weights_only(*, training: bool) -> bool:
    """Whether a backward pass is the loss's own, which needs derivatives by weights alone.

    In training, forces are made with ``create_graph``, so that their pass has gradients enabled and
    the loss's has not.
    """
    return training and not torch.is_grad_enabled()


def wanted(node: Any) -> bool:
    """Whether the pass that runs now reaches ``node``; one for forces alone reaches no weights."""
    return node is not None and bool(torch._C._will_engine_execute_node(node))


class _Environment(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, v: Tensor, harmonics: Tensor, centres: Centres, training: bool) -> Tensor:
        ctx.centres, ctx.training = centres, training
        y, blocks = centres.pad(harmonics), centres.pad(v)
        ctx.save_for_backward(v, harmonics, y, blocks)
        return centres.pick(torch.bmm(y.mT, blocks))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        v, harmonics, y, blocks = ctx.saved_tensors
        if weights_only(training=ctx.training):
            return ctx.centres.unpad(torch.bmm(y, ctx.centres.spread(grads[0]))), None, None, None
        return (
            *_EnvironmentBackward.apply(grads[0], v, harmonics, y, blocks, ctx.centres),
            None,
            None,
        )


class _EnvironmentBackward(torch.autograd.Function):
    """gv = Y g~ and gY = v g~^T, with g~ the gradient spread over irreps."""

    @staticmethod
    def forward(
        ctx: Any,
        grad: Tensor,
        v: Tensor,
        harmonics: Tensor,
        y: Tensor,
        blocks: Tensor,
        centres: Centres,
    ) -> tuple[Tensor, Tensor]:
        g = centres.spread(grad)
        ctx.centres = centres
        ctx.save_for_backward(g, y, blocks)
        return centres.unpad(torch.bmm(y, g)), centres.unpad(torch.bmm(blocks, g.mT))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        g, y, blocks = ctx.saved_tensors
        to_v, to_y = (ctx.centres.pad(grad) for grad in grads)
        to_grad = ctx.centres.pick(torch.baddbmm(torch.bmm(y.mT, to_v), to_y.mT, blocks))
        return to_grad, ctx.centres.unpad(torch.bmm(to_y, g)), None, None, None, None


class _Invariants(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, w: Tensor, harmonics: Tensor, vectors: Tensor, centres: Centres, training: bool
    ) -> Tensor:
        ctx.centres, ctx.training = centres, training
        y, m = centres.pad(harmonics), centres.spread(vectors)
        q = centres.unpad(torch.bmm(y, m))  # (Z, R U): one sum over the components of each irrep
        ctx.save_for_backward(w, harmonics, vectors, y, m, q)
        return centres.sum_irreps(w * q)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        w, harmonics, vectors, y, m, q = ctx.saved_tensors
        if weights_only(training=ctx.training):
            g = ctx.centres.over_irreps(grads[0])
            return (
                g * q,
                None,
                ctx.centres.pick(torch.bmm(y.mT, ctx.centres.pad(g * w))),
                None,
                None,
            )
        return (
            *_InvariantsBackward.apply(grads[0], w, harmonics, vectors, y, m, q, ctx.centres),
            None,
            None,
        )


class _InvariantsBackward(torch.autograd.Function):
    """gw = g q, gY = (g w) m~^T and gm = Y^T (g w), with q = Y m~."""

    @staticmethod
    def forward(
        ctx: Any,
        grad: Tensor,
        w: Tensor,
        harmonics: Tensor,
        vectors: Tensor,
        y: Tensor,
        m: Tensor,
        q: Tensor,
        centres: Centres,
    ) -> tuple[Tensor, Tensor, Tensor]:
        g = centres.over_irreps(grad)
        a = centres.pad(g * w)
        ctx.centres = centres
        ctx.save_for_backward(g, w, y, m, q, a)
        return g * q, centres.unpad(torch.bmm(a, m.mT)), centres.pick(torch.bmm(y.mT, a))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        g, w, y, m, q, a = ctx.saved_tensors
        centres: Centres = ctx.centres
        to_w, to_y, to_m = grads[0], centres.pad(grads[1]), centres.spread(grads[2])
        to_a = centres.unpad(torch.baddbmm(torch.bmm(y, to_m), to_y, m))
        to_vectors = torch.baddbmm(torch.bmm(to_y.mT, a), y.mT, centres.pad(g * to_w))
        to_grad = centres.sum_irreps(torch.addcmul(w * to_a, to_w, q))
        return to_grad, g * to_a, None, centres.pick(to_vectors), None, None, None, None
