"""SiLU and the linear layer that follows it, as one function with hand-written derivatives."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from e3d.fast.centres import wanted


def silu_linear(hidden: Tensor, weight: Tensor, widths: list[int]) -> tuple[Tensor, ...]:
    """Return ``silu(hidden) weight``, (Z, H) times (H, sum), split into columns of these widths.

    A pass with ``create_graph``, one that makes forces, has no derivative by ``weight``.

    Raises
    ------
    RuntimeError
        If a pass with ``create_graph`` asks for derivatives by ``weight``.
    """
    if not torch.is_grad_enabled():
        return torch.mm(torch.nn.functional.silu(hidden), weight).split(widths, 1)
    out: tuple[Tensor, ...] = _SiluLinear.apply(hidden, weight, widths)
    return out


class _SiluLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, widths: list[int]) -> tuple[Tensor, ...]:
        ctx.widths = widths
        s = torch.sigmoid(hidden)
        activation = hidden * s
        ctx.save_for_backward(hidden, weight, s, activation)
        return torch.mm(activation, weight).split(widths, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, s, activation = ctx.saved_tensors
        weight_wanted = wanted(ctx.next_functions[1][0])
        if torch.is_grad_enabled():
            if weight_wanted:
                raise RuntimeError(
                    "gradients by weights with create_graph: use the shipped network for those"
                )
            return (
                _SiluLinearBackward.apply(hidden, weight, s, activation, ctx.widths, *grads),
                None,
                None,
            )
        grad = torch.cat(grads, 1)
        slope = torch.addcmul(s, activation, 1 - s)
        to_weight = torch.mm(activation.t(), grad) if weight_wanted else None
        return torch.mm(grad, weight.t()).mul_(slope), to_weight, None


class _SiluLinearBackward(torch.autograd.Function):
    """gh = (g W^T) silu'(h)."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        s: Tensor,
        activation: Tensor,
        widths: list[int],
        *grads: Tensor,
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
        return (
            curvature.mul_(back).mul_(to_hidden),
            torch.mm(p.t(), grad),
            None,
            None,
            None,
            *to_grads,
        )
