"""Whether a model learned anything: on frames it was trained on, it must beat a guess of zero."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from e3d.arrays import Floats
from e3d.potential import Potential
from e3d.store.reader import StoreReader
from e3d.store.splits import read_subset
from e3d.structures import from_store
from study.run_settings import RunSettings

FRAMES: Final = 50
"""Training frames that are looked at, at most: evenly spaced."""


def training_error(model: Potential, run: RunSettings) -> tuple[float, float]:
    """Return the error of a model on frames it was trained on, and that of knowing nothing.

    It is the root mean square error of the force components beside that of zero forces, eV/Å. Where
    a model was trained on energies alone, it is that of the energy per atom beside that of isolated
    atoms, eV. Errors on other frames may well be larger: few training frames do not suffice for
    them, and how many do is what a study asks.
    """
    with StoreReader(Path(run.store)) as reader:
        frames, _ = read_subset(Path(run.subset), reader, Path(run.splits))
        chosen = np.unique(np.linspace(0, len(frames) - 1, FRAMES).astype(int))
        structures = list(from_store(reader, frames[chosen].tolist()))
        atoms = reader.isolated_atom_energy
    errors: list[Floats] = []
    labels: list[Floats] = []
    for batch in model.batches(structures):
        energies, forces = model.energies_and_forces(batch)
        if learns_forces(run):
            label = np.concatenate([one.forces for one in batch.structures if one.is_labelled])
            errors.append((forces - label).ravel())
            labels.append(label.ravel())
            continue
        sizes = np.diff(batch.frame_ptr)
        alone = np.array([atoms[int(z)] for z in batch.atomic_numbers])
        energy = np.array([one.energy for one in batch.structures], dtype=float)
        errors.append((energies - energy) / sizes)
        labels.append((np.add.reduceat(alone, batch.frame_ptr[:-1]) - energy) / sizes)
    return _rms(errors), _rms(labels)


def learns_forces(run: RunSettings) -> bool:
    """Say whether a run is trained on forces, not on energies alone."""
    return run.training.force_weight > 0


def _rms(parts: Sequence[Floats]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))
