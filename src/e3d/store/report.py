"""What went into a store and what did not, counted while it is written."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e3d.chemistry import Molecule, symbol
from e3d.store.group import Group


def _range() -> list[float]:
    return [np.inf, -np.inf]


@dataclass
class Report:
    """Counts of frames unless named otherwise; ranges are lowest and highest.

    ``forces_against_energies`` is of :mod:`e3d.store.checks.force_energy`, by subset.
    """

    frames: int = 0
    groups: int = 0
    molecules: set[str] = field(default_factory=set)
    atoms_per_frame: list[float] = field(default_factory=_range)
    atoms_by_element: Counter[str] = field(default_factory=Counter)
    frames_by_subset: Counter[str] = field(default_factory=Counter)
    frames_with_changed_bonds: int = 0
    frames_charged: int = 0
    frames_with_ionic_elements: int = 0
    frames_periodic: int = 0
    frames_without_smiles: int = 0
    frames_dropped: Counter[str] = field(default_factory=Counter)
    energy_eV: list[float] = field(default_factory=_range)
    binding_energy_eV: list[float] = field(default_factory=_range)
    binding_energy_eV_per_atom: list[float] = field(default_factory=_range)
    force_norm_eV_per_ang: list[float] = field(default_factory=_range)
    forces_against_energies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(
        self,
        group: Group,
        molecule: Molecule,
        intact: NDArray[np.bool_],
        atoms: Mapping[int, float],
        *,
        ionic: bool,
    ) -> None:
        """Count the frames of a group that go into the store.

        Parameters
        ----------
        intact
            (M,), whether the geometry has exactly the bonds of the molecule.
        atoms
            Energies (eV) of isolated atoms by atomic number.
        ionic
            Whether it has an element that the theory has as ions only.
        """
        frames, numbers = len(group.energy), group.atomic_numbers.tolist()
        if not frames:
            return
        self.frames += frames
        self.groups += 1
        self.molecules.add(molecule.smiles)
        _widen(self.atoms_per_frame, len(numbers))
        for z in numbers:
            self.atoms_by_element[symbol(z)] += frames
        self.frames_by_subset[group.subset] += frames
        self.frames_with_changed_bonds += int((~intact).sum())
        self.frames_charged += frames * (molecule.charge != 0)
        self.frames_with_ionic_elements += frames * ionic
        self.frames_periodic += 0 if group.pbc is None else int(group.pbc.any(axis=1).sum())
        self.frames_without_smiles += frames * (not group.smiles)
        _widen(self.energy_eV, group.energy)
        binding = group.energy - sum(atoms[z] for z in numbers)
        _widen(self.binding_energy_eV, binding)
        _widen(self.binding_energy_eV_per_atom, binding / len(numbers))
        _widen(self.force_norm_eV_per_ang, np.linalg.norm(group.forces, axis=-1))

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and strings, for JSON; molecules as their number."""
        counts = {
            name: dict(sorted(value.items())) if isinstance(value, Counter) else value
            for name, value in vars(self).items()
        }
        return counts | {"molecules": len(self.molecules)}


def _widen(limits: list[float], values: NDArray[np.float64] | int) -> None:
    limits[:] = min(limits[0], np.min(values).item()), max(limits[1], np.max(values).item())
