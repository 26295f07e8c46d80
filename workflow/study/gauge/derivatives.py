"""Derivatives of energies, forces and D by the weights of a model: what :class:`e3d.models.AnalysisModel` switches off.

The weights are those the analysis sees (the moving average kept by training), in float64; every trainable one counts.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from nequip.data import AtomicDataDict
from numpy.typing import NDArray

from e3d.graphs import make_batch
from e3d.models import AnalysisModel
from e3d.structures import Structure

Array = NDArray[np.float64]


class Differentiable(AnalysisModel):
    """A model whose energies, forces and edge energies are differentiated by its weights, a row each.

    Wraps the parts of an analysis model; the weights require gradients from then on.
    """

    def __init__(self, model: AnalysisModel) -> None:
        """Share the modules of ``model``."""
        vars(self).update(vars(model))
        self._model.requires_grad_(True)
        self._weights = list(self._model.parameters())
        self.n_parameters = sum(weight.numel() for weight in self._weights)

    def differentiate_forces(self) -> None:
        """Let forces carry derivatives by weights: in training mode alone; Allegro has no dropout."""
        self._model.train(True)

    def labelled_rows(self, structure: Structure, *, forces: bool = True) -> tuple[Array, Array]:
        """Return predictions (1 + 3A,) and their derivatives (1 + 3A, P): the energy in eV, forces in eV/Å.

        The energy alone, (1,) and (1, P), without ``forces``.
        """
        self._derivatives.do_derivatives = forces
        out = self._model(self._inputs(make_batch([structure], self.r_max)))
        if forces and not out[AtomicDataDict.FORCE_KEY].requires_grad:
            raise RuntimeError(
                "the forces of this model carry no derivatives by weights: it must be in training mode"
            )
        values = [out[AtomicDataDict.TOTAL_ENERGY_KEY].view(-1)]
        if forces:
            values.append(out[AtomicDataDict.FORCE_KEY].view(-1))
        return self._rows(torch.cat(values))

    def bond_rows(
        self, structure: Structure, bonds: Sequence[tuple[int, int]]
    ) -> tuple[Array, Array]:
        """Return D of the bonds, the sum of all D and the energy (B + 2,) in eV, and their derivatives (B + 2, P).

        The sum of D is over all pairs of edges: minus the energy without the atoms' shifts. A bond without both
        directed edges has NaN.
        """
        self._derivatives.do_derivatives = False
        inputs = self._inputs(make_batch([structure], self.r_max))
        out = self._model(inputs)
        eps = self._readout.edge_energies(out)
        centre, neighbour = inputs[AtomicDataDict.EDGE_INDEX_KEY]
        values = []
        for i, j in bonds:
            edges = ((centre == i) & (neighbour == j)) | ((centre == j) & (neighbour == i))
            values.append(-eps[edges].sum() if int(edges.sum()) == 2 else eps.sum() * float("nan"))
        values += [-eps.sum(), out[AtomicDataDict.TOTAL_ENERGY_KEY].sum()]
        return self._rows(torch.stack(values))

    def _rows(self, values: torch.Tensor) -> tuple[Array, Array]:
        rows = np.empty((len(values), self.n_parameters))
        for row, value in enumerate(values):
            last = row == len(values) - 1
            found: Any = torch.autograd.grad(
                value, self._weights, retain_graph=not last, allow_unused=True
            )
            parts = [
                torch.zeros(w.numel()) if g is None else g.reshape(-1)
                for g, w in zip(found, self._weights, strict=True)
            ]
            rows[row] = torch.cat(parts).cpu().numpy()
        return values.detach().cpu().numpy(), rows


def scaled_rows(
    model: Differentiable,
    structures: Sequence[Structure],
    energy_weight: float,
    force_weight: float,
) -> Iterator[tuple[Array, Array, int]]:
    """Yield residuals (R,) and derivatives (R, P) of one labelled frame after another, and the atoms of the frame.

    Rows are scaled such that the squares of the residuals add up to the training loss over these frames times
    their number F: sqrt(w_E) / A for an energy (nequip's loss is of the energy per atom), and
    sqrt(w_F F / 3 sum A) for a force component (the mean is over all components, in whichever frame).
    """
    labelled = [s for s in structures if s.energy is not None and s.forces is not None]
    n_atoms = sum(len(s.atomic_numbers) for s in labelled)
    of_forces = np.sqrt(force_weight * len(labelled) / (3 * n_atoms)) if labelled else 0.0
    for structure in labelled:
        assert structure.forces is not None
        values, rows = model.labelled_rows(structure, forces=force_weight > 0)
        target = np.concatenate([[structure.energy], structure.forces.reshape(-1)])[: len(values)]
        size = len(structure.atomic_numbers)
        scale = np.full(len(values), of_forces)
        scale[0] = np.sqrt(energy_weight) / size
        yield (target - values) * scale, rows * scale[:, None], size
