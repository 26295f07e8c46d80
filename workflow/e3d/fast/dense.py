"""SiLU and the linear layer that follows it, as one function with hand-written derivatives."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from e3d.fast.centres import weights_only


def silu_linear(hidden: Tensor, weight: Tensor, widths: list[int], *, training: bool) -> tuple[Tensor, ...]:
    """Return ``silu(hidden) weight``, split into columns of these widths: (Z, H) and (H, sum) give (Z, width) each.

    In the pass that makes forces (``training``, with ``create_graph``) no derivative by ``weight`` is given.
    """
    if not torch.is_grad_enabled():
        return torch.mm(torch.nn.functional.silu(hidden), weight).split(widths, 1)
    out: tuple[Tensor, ...] = _SiluLinear.apply(hidden, weight, widths, training)
    return out


class _SiluLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, widths: list[int], training: bool) -> tuple[Tensor, ...]:
        ctx.widths, ctx.training = widths, training
        s = torch.sigmoid(hidden)
        activation = hidden * s
        ctx.save_for_backward(hidden, weight, s, activation)
        return torch.mm(activation, weight).split(widths, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, s, activation = ctx.saved_tensors
        if ctx.training and not weights_only(training=True):
            return _SiluLinearBackward.apply(hidden, weight, s, activation, ctx.widths, *grads), None, None, None
        grad = torch.cat(grads, 1)
        slope = torch.addcmul(s, activation, 1 - s)
        to_weight = torch.mm(activation.t(), grad) if _wanted(ctx.next_functions[1][0]) else None
        return torch.mm(grad, weight.t()).mul_(slope), to_weight, None, None


def _wanted(node: Any) -> bool:
    """Whether the pass that runs now goes on to ``node``: one for forces alone wants no derivative by weights."""
    return node is not None and bool(torch._C._will_engine_execute_node(node))


class _SiluLinearBackward(torch.autograd.Function):
    """gh = (g W^T) silu'(h)."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, s: Tensor, activation: Tensor, widths: list[int], *grads: Tensor
    ) -> Tensor:
        ctx.widths = widths
        grad = torch.cat(grads, 1)
        slope = torch.addcmul(s, activation, 1 - s)
        back = torch.mm(grad, weight.t())
        ctx.save_for_backward(weight, s, activation, slope, grad, back)
        return back * slope

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        weight, s, activation, slope, grad, back = ctx.saved_tensors
        to_hidden = grads[0]
        p = to_hidden * slope
        # silu'' = (1 - s) (2 s + a - 2 a s), with a = h s
        curvature = torch.addcmul(activation, activation, s, value=-2).add_(s, alpha=2).mul_(1 - s)
        to_grads = torch.mm(p, weight).split(ctx.widths, 1)
        return curvature.mul_(back).mul_(to_hidden), torch.mm(p.t(), grad), None, None, None, *to_grads
