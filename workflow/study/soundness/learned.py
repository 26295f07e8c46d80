"""Whether a model learned anything: on frames it was trained on, it must beat a guess of zero."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from e3d.arrays import Floats
from e3d.potential import EdgePotential
from e3d.structures import Structure
from study.soundness import fields
from study.soundness.laws import EV_PER_ANG, Deviation

FRAMES: Final = 50
"""Training frames that are looked at, at most."""


def learned(
    model: EdgePotential,
    structures: Sequence[Structure],
    isolated_atom_energy: Mapping[int, float],
    *,
    forces: bool,
) -> Deviation:
    """Return the error on labelled training frames; the limit is that of knowing nothing.

    It is the root mean square error of the force components beside that of zero forces. Where a
    model was trained on energies alone (``forces`` false), it is that of the energy per atom beside
    that of the energies of isolated atoms (eV, by atomic number). Errors on other frames may be
    larger: few training frames do not suffice for them, and how many do is what a study asks.
    """
    errors: list[Floats] = []
    labels: list[Floats] = []
    for batch in model.batches(structures):
        energies, found = model.energies_and_forces(batch)
        if forces:
            label = np.concatenate([_forces(one) for one in batch.structures])
            errors.append((found - label).ravel())
            labels.append(label.ravel())
            continue
        sizes = np.diff(batch.frame_ptr)
        atoms = [isolated_atom_energy[int(z)] for z in batch.atomic_numbers]
        alone = np.add.reduceat(np.array(atoms), batch.frame_ptr[:-1])
        energy = np.array([one.energy for one in batch.structures], dtype=float)
        errors.append((energies - energy) / sizes)
        labels.append((alone - energy) / sizes)
    quantity, unit = ("force", EV_PER_ANG) if forces else ("energy", "eV/atom")
    return Deviation(fields.LEARNED, quantity, _rms(errors), _rms(labels), unit)


def _forces(structure: Structure) -> Any:
    assert structure.forces is not None, "frames of a store are labelled"
    return structure.forces


def _rms(parts: Sequence[Floats]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))
