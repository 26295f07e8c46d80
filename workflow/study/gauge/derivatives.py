"""Derivatives of energies, forces and D by the weights of a model.

:class:`e3d.models.AnalysisModel` has its weights fixed; here they are free again, in float64. They
are those that the analysis sees, the moving average kept by training.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from nequip.data import AtomicDataDict as Key

from e3d.arrays import Floats
from e3d.graphs import make_batch
from e3d.models import AnalysisModel
from e3d.structures import Structure


class Differentiable(AnalysisModel):
    """A model with derivatives by its P weights, one row for each energy, force or D.

    Shares the modules of an analysis model, whose weights require gradients from then on.
    """

    def __init__(self, model: AnalysisModel) -> None:
        vars(self).update(vars(model))
        self._model.requires_grad_(True)
        self._weights = list(self._model.parameters())
        self.n_parameters = sum(weight.numel() for weight in self._weights)

    def differentiate_forces(self) -> None:
        """Let forces carry derivatives, as in training mode alone; Allegro has no dropout."""
        self._model.train(True)

    def labelled_rows(self, structure: Structure, *, forces: bool = True) -> tuple[Floats, Floats]:
        """Return the energy in eV, and the forces in eV/Å, with their derivatives.

        (1 + 3A,) and (1 + 3A, P); without ``forces`` (1,) and (1, P).
        """
        self._derivatives.do_derivatives = forces
        out = self._model(self._inputs(make_batch([structure], self.r_max)))
        values = [out[Key.TOTAL_ENERGY_KEY].view(-1)]
        if forces:
            if not out[Key.FORCE_KEY].requires_grad:
                raise RuntimeError("forces have derivatives by weights in training mode alone")
            values.append(out[Key.FORCE_KEY].view(-1))
        return self._rows(torch.cat(values))

    def bond_rows(
        self, structure: Structure, bonds: Sequence[tuple[int, int]]
    ) -> tuple[Floats, Floats]:
        """Return D of bonds, the sum of all D and the energy in eV, with their derivatives.

        (B + 2,) and (B + 2, P). The sum is over all pairs of edges: minus the energy without the
        shifts of atoms. A bond without both directed edges has NaN.
        """
        self._derivatives.do_derivatives = False
        inputs = self._inputs(make_batch([structure], self.r_max))
        out = self._model(inputs)
        eps = self._readout.edge_energies(out)
        centre, neighbour = inputs[Key.EDGE_INDEX_KEY]
        values = []
        for i, j in bonds:
            edges = ((centre == i) & (neighbour == j)) | ((centre == j) & (neighbour == i))
            values.append(-eps[edges].sum() if int(edges.sum()) == 2 else eps.sum() * float("nan"))
        values += [-eps.sum(), out[Key.TOTAL_ENERGY_KEY].sum()]
        return self._rows(torch.stack(values))

    def _rows(self, values: torch.Tensor) -> tuple[Floats, Floats]:
        rows = np.empty((len(values), self.n_parameters))
        for row, value in enumerate(values):
            found = torch.autograd.grad(
                value, self._weights, retain_graph=row < len(values) - 1, materialize_grads=True
            )
            rows[row] = torch.cat([gradient.reshape(-1) for gradient in found]).cpu().numpy()
        return values.detach().cpu().numpy(), rows


def scaled_rows(
    model: Differentiable,
    structures: Sequence[Structure],
    energy_weight: float,
    force_weight: float,
) -> Iterator[tuple[Floats, Floats]]:
    """Yield residuals (R,) and derivatives (R, P) of one labelled frame after another.

    Scaled such that the squares of the residuals add up to the training loss over these F frames
    times F: sqrt(w_E) / A for an energy (nequip's loss is of the energy per atom), and
    sqrt(w_F F / 3 sum A) for a force component (the mean is over those of all frames).
    """
    labelled = [s for s in structures if s.energy is not None and s.forces is not None]
    n_atoms = sum(len(s.atomic_numbers) for s in labelled)
    of_forces = np.sqrt(force_weight * len(labelled) / (3 * n_atoms)) if labelled else 0.0
    for structure in labelled:
        assert structure.forces is not None
        values, rows = model.labelled_rows(structure, forces=force_weight > 0)
        target = np.concatenate([[structure.energy], structure.forces.reshape(-1)])[: len(values)]
        scale = np.full(len(values), of_forces)
        scale[0] = np.sqrt(energy_weight) / len(structure.atomic_numbers)
        yield (target - values) * scale, rows * scale[:, None]
