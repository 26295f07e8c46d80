"""Spherical harmonics and radial basis of edge vectors, in closed form with their Jacobian.

Forces are derivatives by positions; training differentiates forces by weights, never by positions
once more. So a Jacobian with respect to positions is a constant here: its product with a gradient
can be differentiated by that gradient only. Energies, forces, stresses and gradients of any loss
made of them are exact. Hessians of the energy by positions are not available (outside training they
raise an error): use the shipped network for those.
"""

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from e3d.fast.centres import wanted, weights_only
from e3d.fast.polynomials import Powers, harmonics

_ROUNDING: Final = 1e-10
"""Most that a polynomial in float64 may differ from e3nn's recursion, up to l = 11."""


def linearised(x: Tensor, y: Tensor, jacobian: Callable[[], Tensor], *, training: bool) -> Tensor:
    """Return ``y`` (Z, C), a function of ``x`` (Z, X), with its ``jacobian`` (Z, C, X)."""
    out: Tensor = _Linearised.apply(x, y, jacobian, training)
    return out


class _Linearised(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, jacobian: Callable[[], Tensor], training: bool
    ) -> Tensor:
        ctx.jacobian, ctx.training = jacobian, training
        ctx.save_for_backward(x)
        ctx.set_materialize_grads(False)
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None, None, None]:
        if grads[0] is None or weights_only(training=ctx.training):
            return None, None, None, None
        with torch.no_grad():
            jacobian = ctx.jacobian()
        # in training the loss's pass runs through x without any use for it: only others are warned
        (x,) = (None,) if ctx.training else ctx.saved_tensors
        return _TimesJacobian.apply(grads[0], jacobian, x), None, None, None


class _TimesJacobian(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad: Tensor, jacobian: Tensor, x: Tensor | None) -> Tensor:
        ctx.save_for_backward(jacobian)
        ctx.has_x = x is not None
        return torch.bmm(grad.unsqueeze(1), jacobian).squeeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        if ctx.has_x and wanted(ctx.next_functions[2][0]):
            raise RuntimeError("second derivatives by positions: use the shipped network for those")
        (jacobian,) = ctx.saved_tensors
        return torch.bmm(jacobian, grads[0].unsqueeze(-1)).squeeze(-1), None, None


class Harmonics(torch.nn.Module):
    """Real spherical harmonics l = 0 .. l_max of directions, as monomials times coefficients.

    The coefficients are exact (:mod:`e3d.fast.polynomials`), and checked against the e3nn module
    that it replaces.
    """

    _values: Tensor
    _gradients: Tensor

    def __init__(self, shipped: Any) -> None:
        """Take l_max and normalisation from e3nn's ``SphericalHarmonics``, ``normalize=True``.

        Raises
        ------
        RuntimeError
            If that one has other values.
        """
        super().__init__()
        self.l_max = int(max(shipped._ls_list))
        powers, steps = _monomials(self.l_max)
        for degree, (parents, axes) in enumerate(steps, start=1):
            self.register_buffer(f"_parents_{degree}", torch.tensor(parents), persistent=False)
            self.register_buffer(f"_axes_{degree}", torch.tensor(axes), persistent=False)
        values, gradients = _coefficients(powers, str(shipped.normalization))
        _require_same(lambda unit: torch.mm(self._evaluate(unit), values), shipped)
        self.register_buffer("_values", values, persistent=False)
        self.register_buffer("_gradients", gradients, persistent=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return (Z, (l_max + 1)^2) of vectors (Z, 3)."""
        values, gradients = self._values.to(vectors), self._gradients.to(vectors)
        with torch.no_grad():
            length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
            unit = vectors / length
            terms = self._evaluate(unit)
            y = torch.mm(terms, values)

        def jacobian() -> Tensor:
            slope = torch.mm(terms, gradients).view(*y.shape, 3)
            radial = torch.bmm(slope, unit.unsqueeze(-1))
            return (slope - radial * unit.unsqueeze(1)) / length.unsqueeze(-1)

        return linearised(vectors, y, jacobian, training=self.training)

    def _evaluate(self, unit: Tensor) -> Tensor:
        """Return all monomials up to degree l_max, (Z, M)."""
        parts = [torch.ones_like(unit[:, :1])]
        for degree in range(1, self.l_max + 1):
            parents, axes = getattr(self, f"_parents_{degree}"), getattr(self, f"_axes_{degree}")
            parts.append(parts[-1].index_select(1, parents) * unit.index_select(1, axes))
        return torch.cat(parts, 1)


class Radial(torch.nn.Module):
    """Bessel functions times a polynomial cutoff: nequip 0.19 ``BesselEdgeLengthEncoding``."""

    bessel_weights: Tensor

    def __init__(self, shipped: Any) -> None:
        """Take roots, exponent and fields from the module it replaces."""
        super().__init__()
        self.register_buffer("bessel_weights", shipped.bessel_weights)
        self._p = float(shipped.cutoff.p)
        self._length, self._out = shipped.norm_length_field, shipped.edge_invariant_field
        self._dtype = shipped._output_dtype
        self.irreps_in, self.irreps_out = shipped.irreps_in, shipped.irreps_out

    def forward(self, data: dict[str, Tensor]) -> dict[str, Tensor]:
        """Add the basis (Z, n) and the cutoff (Z, 1) to ``data``."""
        length = data[self._length]
        n = self.bessel_weights
        p = self._p
        c = (p + 1) * (p + 2) / 2, p * (p + 2), p * (p + 1) / 2
        with torch.no_grad():
            x = length.detach()
            inside = (x < 1).to(x.dtype)
            power = x ** (p - 1)
            bessel = torch.sin(torch.pi * n * x) / (torch.pi * x)
            cutoff = (1 - power * x * (c[0] - x * (c[1] - c[2] * x))) * inside
            basis = torch.cat([bessel * cutoff, cutoff], 1)

        def jacobian() -> Tensor:
            slope = -power * (c[0] * p - x * (c[1] * (p + 1) - c[2] * (p + 2) * x)) * inside
            bessel_slope = (n * torch.cos(torch.pi * n * x) - bessel) / x
            return torch.cat([bessel_slope * cutoff + bessel * slope, slope], 1).unsqueeze(-1)

        both = linearised(length, basis, jacobian, training=self.training).to(self._dtype)
        data[self._out], data["edge_cutoff"] = both[:, :-1], both[:, -1:]
        return data


def _monomials(l_max: int) -> tuple[list[list[Powers]], list[tuple[list[int], list[int]]]]:
    """Return the powers of x, y, z of each degree's monomials, and how each is made.

    A step lists, for the monomials of one degree, the lower ones and the axes they are products of.
    """
    powers: list[list[Powers]] = [[(0, 0, 0)]]
    steps = []
    for _ in range(l_max):
        found: dict[Powers, tuple[int, int]] = {}
        for parent, lower in enumerate(powers[-1]):
            for axis in range(3):
                raised = _stepped(lower, axis, 1)
                found.setdefault(raised, (parent, axis))
        powers.append(list(found))
        parents, axes = zip(*found.values(), strict=True)
        steps.append((list(parents), list(axes)))
    return powers, steps


def _stepped(powers: Powers, axis: int, step: int) -> Powers:
    x, y, z = (power + step * (k == axis) for k, power in enumerate(powers))
    return x, y, z


def _coefficients(powers: list[list[Powers]], normalization: str) -> tuple[Tensor, Tensor]:
    """Return coefficients of the values, (M, I), and of their gradient, (M, I * 3), in float64."""
    row_of = {power: row for row, power in enumerate(p for degree in powers for p in degree)}
    columns = [one for degree in range(len(powers)) for one in harmonics(degree, normalization)]
    values = torch.zeros(len(row_of), len(columns), dtype=torch.float64)
    gradients = torch.zeros(len(row_of), len(columns), 3, dtype=torch.float64)
    for column, polynomial in enumerate(columns):
        for power, c in polynomial.items():
            values[row_of[power], column] = c
            for axis in range(3):
                if power[axis]:
                    lower = row_of[_stepped(power, axis, -1)]
                    gradients[lower, column, axis] = power[axis] * c
    return values, gradients.flatten(1)


def _require_same(ours: Callable[[Tensor], Tensor], shipped: Any) -> None:
    """Compare with the module that is replaced, on the corners and sides of a skewed cube."""
    steps = torch.tensor([-1.0, 0.25, 2.0], dtype=torch.float64)
    directions = torch.nn.functional.normalize(torch.cartesian_prod(steps, steps, steps), dim=-1)
    difference = float((ours(directions) - shipped(directions)).abs().max())
    if not difference <= _ROUNDING:  # also where one is no number
        raise RuntimeError(f"its spherical harmonics differ from e3nn's by {difference:.1e}")
