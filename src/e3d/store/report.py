"""What went into a store and what did not, counted while it is written."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e3d.chemistry import Molecule, symbol
from e3d.store.group import Group


@dataclass
class Report:
    """Counts of frames unless named otherwise; ranges are lowest and highest."""

    frames: int = 0
    groups: int = 0
    molecules: set[str] = field(default_factory=set)
    elements: Counter[str] = field(default_factory=Counter)
    subsets: Counter[str] = field(default_factory=Counter)
    atoms_per_frame: Counter[int] = field(default_factory=Counter)
    broken_bonds: int = 0
    charged: int = 0
    ionic_elements: int = 0
    periodic: int = 0
    without_smiles: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    energy_eV: list[float] = field(default_factory=lambda: [np.inf, -np.inf])
    binding_energy_eV: list[float] = field(default_factory=lambda: [np.inf, -np.inf])
    force_norm_eV_per_ang: list[float] = field(default_factory=lambda: [np.inf, -np.inf])

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
        frames = len(group.energy)
        if not frames:
            return
        self.frames += frames
        self.groups += 1
        self.molecules.add(molecule.smiles)
        for z in group.atomic_numbers:
            self.elements[symbol(int(z))] += frames
        self.subsets[group.subset] += frames
        self.atoms_per_frame[len(group.atomic_numbers)] += frames
        self.broken_bonds += int((~intact).sum())
        self.charged += frames * (molecule.charge != 0)
        self.ionic_elements += frames * ionic
        self.periodic += 0 if group.pbc is None else int(group.pbc.any(axis=1).sum())
        self.without_smiles += frames * (not group.smiles)
        binding = group.energy - sum(atoms[int(z)] for z in group.atomic_numbers)
        _widen(self.energy_eV, group.energy)
        _widen(self.binding_energy_eV, binding)
        _widen(self.force_norm_eV_per_ang, np.linalg.norm(group.forces, axis=-1))

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and strings, for JSON."""
        sizes = sorted(self.atoms_per_frame)
        return {
            "frames": self.frames,
            "groups": self.groups,
            "molecules": len(self.molecules),
            "atoms_per_frame": [sizes[0], sizes[-1]] if sizes else [],
            "atoms_by_element": dict(sorted(self.elements.items())),
            "frames_by_subset": dict(sorted(self.subsets.items())),
            "frames_with_changed_bonds": self.broken_bonds,
            "frames_charged": self.charged,
            "frames_with_ionic_elements": self.ionic_elements,
            "frames_periodic": self.periodic,
            "frames_without_smiles": self.without_smiles,
            "frames_dropped": dict(sorted(self.dropped.items())),
            "energy_eV": self.energy_eV,
            "binding_energy_eV": self.binding_energy_eV,
            "force_norm_eV_per_ang": self.force_norm_eV_per_ang,
        }


def _widen(limits: list[float], values: NDArray[np.float64]) -> None:
    limits[0] = min(limits[0], float(values.min()))
    limits[1] = max(limits[1], float(values.max()))
