"""Edge energies of an Allegro network, differentiable by its weights and by positions.

    eps_ij = edge_energy_ij * scale[type_i] / sqrt(2 Nbar[type_i]) + half of each pair potential

with i = edge_index[0]. Scale and Nbar are the network's own (nequip-allegro 0.4 to 0.8
``EdgewiseReduce``, nequip 0.7 to 0.19 ``PerTypeScaleShift``).
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from nequip.data import AtomicDataDict

from e3d.errors import InputError

_EDGE_SUM, _SCALE_SHIFT = "EdgewiseReduce", "PerTypeScaleShift"
_NO_POTENTIAL = "AtomwiseReduce", "AddRadialCutoffToData"  # sum to the total; cutoff of splines
_GEOMETRY = (
    AtomicDataDict.EDGE_VECTORS_KEY,
    AtomicDataDict.EDGE_LENGTH_KEY,
    AtomicDataDict.NORM_LENGTH_KEY,
    AtomicDataDict.EDGE_CUTOFF_KEY,  # read by pair potentials of nequip before 0.17
)
_ZBL_EV: Final = 14.399645 / 2
"""Prefactor of nequip's ZBL in eV Å, half of it on either edge (e^2 / 4 pi eps_0 as in LAMMPS)."""
_ROUNDING: Final = 1e-6
"""Relative: numbers that a package or script keeps in float32."""


@dataclass(frozen=True)
class Readout:
    """The modules of an Allegro network that make a total energy of the energies of edges."""

    edge_sum: Any
    scale_shift: Any
    pair_potentials: tuple[Any, ...]
    n_types: int

    @classmethod
    def of(cls, network: Any, n_types: int, path: Path) -> "Readout":
        """Find the modules in a network; ``path`` is named in errors.

        Raises
        ------
        InputError
            If the network has no edge energies, or its ZBL states another unit than eV.
        """
        modules = list(network.children())
        edge_sum, scale_shift = (_only(modules, name, path) for name in (_EDGE_SUM, _SCALE_SHIFT))
        last = modules[modules.index(scale_shift) + 1 :]
        terms = tuple(module for module in last if type(module).__name__ not in _NO_POTENTIAL)
        for term in terms:
            _require_ev(term, path)
        return cls(edge_sum, scale_shift, terms, n_types)

    @property
    def norm(self) -> torch.Tensor:
        """1 / sqrt(Nbar) of each type (types,)."""
        module = getattr(self.edge_sum, "norm_module", None)
        if module is not None:
            return self._per_type(module.norm_const)
        # packages of nequip-allegro before 0.8 hold the one number 1 / sqrt(2 Nbar)
        factor = 1.0 if self.edge_sum._factor is None else self.edge_sum._factor
        return torch.full((self.n_types,), factor * 2**0.5, dtype=torch.float64)

    def shifts(self, types: torch.Tensor) -> torch.Tensor:
        """Return the isolated-atom shift of atoms of these types (A,), eV; zero without shifts."""
        if not self.scale_shift.has_shifts:
            return torch.zeros_like(types, dtype=torch.float64)
        return self._per_type(self.scale_shift.shifts)[types]

    def edge_energies(self, out: AtomicDataDict.Type) -> torch.Tensor:
        """Return eps of every edge (E,), eV, from what the network made of a batch."""
        types = out[AtomicDataDict.ATOM_TYPE_KEY].view(-1)
        types_of_centres = types[out[AtomicDataDict.EDGE_INDEX_KEY][0]]
        raw = out[self.edge_sum.field].view(-1)
        eps = raw * self.norm.to(raw.device)[types_of_centres] / 2**0.5
        if self.scale_shift.has_scales:
            eps = eps * self._per_type(self.scale_shift.scales)[types_of_centres]
        total: torch.Tensor = eps + self._pair_terms(out, types)
        return total

    def _per_type(self, buffer: torch.Tensor) -> torch.Tensor:
        """Return a per-type buffer as (types,), also where one number serves all types."""
        flat = buffer.view(-1)
        return flat.expand(self.n_types) if flat.numel() == 1 else flat

    def _pair_terms(self, out: AtomicDataDict.Type, types: torch.Tensor) -> torch.Tensor:
        """Return each directed edge's share of the pair potentials (ZBL and the like), (E,), eV.

        A pair potential adds, on every centre, a sum over its edges. Run on a graph in which every
        edge is a dimer of its own, it returns the terms of that sum.
        """
        edges = out[AtomicDataDict.EDGE_INDEX_KEY]
        n_edges, device = edges.shape[1], edges.device
        if not self.pair_potentials:
            return torch.zeros(n_edges, dtype=torch.float64, device=device)
        dimers = {key: out[key] for key in _GEOMETRY if key in out}
        ends = torch.arange(2 * n_edges, device=device)
        dimers[AtomicDataDict.EDGE_INDEX_KEY] = ends.view(2, n_edges)
        dimers[AtomicDataDict.ATOM_TYPE_KEY] = types[edges].view(-1)
        positions = torch.zeros(2 * n_edges, 3, dtype=torch.float64, device=device)
        dimers[AtomicDataDict.POSITIONS_KEY] = positions
        for potential in self.pair_potentials:
            dimers = potential(dimers)
        terms_of_centres: torch.Tensor = dimers[AtomicDataDict.PER_ATOM_ENERGY_KEY].view(-1)
        return terms_of_centres[:n_edges]


def _only(modules: list[Any], class_name: str, path: Path) -> Any:
    # by name: a package brings its own copy of every class, so isinstance does not hold
    found = [module for module in modules if type(module).__name__ == class_name]
    if len(found) != 1:
        raise InputError(
            f"{path}: has {len(found)} modules {class_name}, an Allegro model has one. "
            "E3D needs energies on edges: give an Allegro model."
        )
    return found[0]


def _require_ev(potential: Any, path: Path) -> None:
    """Refuse a ZBL in other units: the model was trained on these, and D would not be in eV."""
    prefactor = getattr(potential, "_qqr2exesquare", None)
    if prefactor is not None and not math.isclose(float(prefactor), _ZBL_EV, rel_tol=_ROUNDING):
        raise InputError(
            f"{path}: its ZBL has the prefactor {float(prefactor):g}, in eV and Å it is "
            f"{_ZBL_EV:g}, so the model's energies are not in eV. Train it on energies in eV."
        )
