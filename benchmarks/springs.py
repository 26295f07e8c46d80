"""Labels of molecules that springs between all of their atoms hold together.

They cost nothing and are as labels must be: forces are the slope of the energy, and turn no
molecule.
"""

from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]


def conformations(
    rest: Floats, frames: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Return moved coordinates, energies and gradients in eV and Å.

    Parameters
    ----------
    rest
        Coordinates (N, 3) at which every spring is relaxed.
    """
    positions = rest + rng.normal(scale=0.05, size=(frames, *rest.shape))
    vectors = positions[:, :, None] - positions[:, None]
    lengths = np.linalg.norm(vectors, axis=-1)
    stretch = lengths - np.linalg.norm(rest[:, None] - rest, axis=-1)
    pull = stretch / (lengths + np.eye(len(rest)))
    energy = 0.5 * (stretch**2).sum(axis=(1, 2))
    return positions, energy, 2 * (pull[..., None] * vectors).sum(axis=2)
