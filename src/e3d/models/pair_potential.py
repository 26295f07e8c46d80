"""Morse potentials between pairs of elements (``.pair.yaml``): another family of models.

    V(r) = depth ((1 - exp(-steepness (r - length)))^2 - 1)

less its value at the cutoff, so that energies are continuous (Morse, Phys. Rev. 34, 57, 1929). Half
of it lies on either edge of a pair, so that D is -V.

    r_max_ang: 6
    pairs:                 # others do not interact
      C-H: {depth_eV: 4.3, length_ang: 1.09, steepness_per_ang: 1.9}
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from e3d.arrays import Floats
from e3d.edges import EdgeEnergies
from e3d.errors import InputError, shown
from e3d.graphs import Batch
from e3d.options import read_yaml
from e3d.potential import LoadedModel, require_known

_PARAMETERS: Final[Mapping[str, tuple[float, float]]] = {
    "depth_eV": (1e-5, 50.0),
    "length_ang": (0.3, 20.0),
    "steepness_per_ang": (0.01, 30.0),
}
"""The smallest and the largest of each: from pairs of rare gases to triple bonds, widely."""
_HIGHEST_EV: Final = 1e6
"""A potential that is higher at 0.3 Å, where atoms are on top of each other, is none."""
_CLOSEST_ANG: Final = 0.3
_CUTOFFS: Final = (0.1, 100.0)
"""The shortest and the longest, Å."""
_TOP: Final = ("r_max_ang", "pairs")


class PairPotential(LoadedModel):
    """Morse potentials between pairs of elements."""

    r_max = 0.0  # not the protocol's property

    def __init__(self, path: Path, r_max: float, table: Floats) -> None:
        """Take a file's name, a cutoff, and the parameters.

        Parameters
        ----------
        path
            The file they stand in.
        r_max
            Cutoff, Å.
        table
            Depth (eV), length (Å) and steepness (1/Å) by both atomic numbers, (Z, Z, 3); zeros
            where elements do not interact.
        """
        self.path, self.r_max, self._table = path, r_max, table
        interact = table[:, :, 0] > 0
        self.type_names = tuple(chemical_symbols[z] for z in np.flatnonzero(interact.any(axis=1)))
        self.n_parameters = len(_PARAMETERS) * int(np.triu(interact).sum())

    @property
    def facts(self) -> Mapping[str, str | int | float]:
        """Its kind, cutoff and number of parameters."""
        return {
            "kind": "Morse pair potential",
            "r_max_ang": self.r_max,
            "n_weights": self.n_parameters,
        }

    def edge_energies(self, batch: Batch) -> EdgeEnergies:
        """Return the energy of every directed edge, eV.

        Raises
        ------
        InputError
            If a structure has an element without parameters.
        """
        require_known(self, batch.structures)
        length = np.linalg.norm(batch.edge_vector, axis=1)
        depth, well, steepness = self._parameters(batch)
        eps = 0.5 * (
            _morse(length, depth, well, steepness) - _morse(self.r_max, depth, well, steepness)
        )
        total, atoms = np.zeros((2, len(batch.structures)))
        np.add.at(total, batch.frame[batch.edge_index[0]], eps)
        return EdgeEnergies.of(batch, eps=eps, length=length, energy=total, shift=atoms)

    def energies_and_forces(self, batch: Batch) -> tuple[Floats, Floats]:
        """Return total energies (F,) in eV and the forces on all atoms (A, 3) in eV/Å.

        Raises
        ------
        InputError
            If a structure has an element without parameters.
        """
        vector = batch.edge_vector
        length = np.linalg.norm(vector, axis=1)
        depth, well, steepness = self._parameters(batch)
        decay = np.exp(-steepness * (length - well))
        slope = 2 * depth * steepness * decay * (1 - decay)
        forces = np.zeros_like(batch.positions)
        np.add.at(forces, batch.edge_index[0], (slope / length)[:, None] * vector)
        return self.edge_energies(batch).energy, forces

    def _parameters(self, batch: Batch) -> Floats:
        """Return depth, length and steepness of every edge, (3, E)."""
        i, j = batch.atomic_numbers[batch.edge_index]
        parameters: Floats = self._table[i, j].T
        return parameters


def load_pair_potential(path: Path, device: str) -> PairPotential:
    """Return the potentials that a YAML file states; they are computed on the CPU.

    Raises
    ------
    InputError
        If the file is no YAML, or states something else.
    """
    content = read_yaml(path)
    _require(content, _TOP, str(path))
    r_max, pairs = content["r_max_ang"], content["pairs"]
    if not _is_positive(r_max) or not _CUTOFFS[0] <= r_max <= _CUTOFFS[1]:
        raise InputError(
            f"{path}: r_max_ang is {shown(r_max)} - allowed: a number from {_CUTOFFS[0]:g} to "
            f"{_CUTOFFS[1]:g}. Correct it."
        )
    if not isinstance(pairs, dict) or not pairs:
        raise InputError(
            f"{path}: pairs is {shown(pairs)}. Write parameters for pairs such as C-H."
        )
    table = np.zeros((len(chemical_symbols), len(chemical_symbols), len(_PARAMETERS)))
    for name, values in pairs.items():
        one, other = _elements(name, path)
        if table[one, other].any():
            raise InputError(f"{path}: pairs: {name} stands there twice. Remove one.")
        found = _values(values, float(r_max), f"{path}: {name}")
        table[one, other] = table[other, one] = found
    return PairPotential(path, float(r_max), table)


def _morse(r: Floats | float, depth: Floats, length: Floats, steepness: Floats) -> Floats:
    energy: Floats = depth * ((1 - np.exp(-steepness * (r - length))) ** 2 - 1)
    return energy


def _elements(name: Any, path: Path) -> tuple[int, int]:
    symbols = str(name).split("-")
    if len(symbols) != 2 or not all(atomic_numbers.get(symbol) for symbol in symbols):  # X is 0
        raise InputError(f"{path}: pairs: {name} is no pair of elements. Write one such as C-H.")
    return atomic_numbers[symbols[0]], atomic_numbers[symbols[1]]


def _values(values: Any, r_max: float, where: str) -> list[float]:
    if not isinstance(values, dict):
        raise InputError(f"{where}: is {shown(values)}. Write its {', '.join(_PARAMETERS)}.")
    _require(values, _PARAMETERS, where)
    for name, (least, most) in _PARAMETERS.items():
        if not _is_positive(values[name]) or not least <= values[name] <= most:
            raise InputError(
                f"{where}: {name} is {shown(values[name])} - allowed: a number from {least:g} to "
                f"{most:g}. Correct it."
            )
    depth, length, steepness = (float(values[name]) for name in _PARAMETERS)
    if length >= r_max:
        raise InputError(
            f"{where}: length_ang is {length:g} - allowed: less than r_max_ang, {r_max:g}, beyond "
            "which no pair interacts. Correct one of them."
        )
    highest = float(_morse(_CLOSEST_ANG, np.array(depth), np.array(length), np.array(steepness)))
    if highest > _HIGHEST_EV:
        raise InputError(
            f"{where}: is {highest:.3g} eV at {_CLOSEST_ANG:g} Å - allowed: up to {_HIGHEST_EV:g} "
            "eV. Correct steepness_per_ang or length_ang."
        )
    return [depth, length, steepness]


def _require(content: Mapping[str, Any], names: Collection[str], where: str) -> None:
    if set(content) != set(names):
        raise InputError(
            f"{where}: has {', '.join(map(str, content)) or 'nothing'}, expected "
            f"{', '.join(names)}. Correct the names."
        )


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < np.inf
