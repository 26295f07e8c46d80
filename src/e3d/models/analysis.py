"""Run a trained Allegro model on batches of structures: energies, forces, edge energies."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import torch
from ase.data import atomic_numbers, chemical_symbols
from nequip.data import AtomicDataDict as Key

from e3d.arrays import Floats, Ints
from e3d.chemistry import symbol
from e3d.edges import EdgeEnergies
from e3d.errors import InputError
from e3d.fast import accelerate
from e3d.fast.network import CentreNetwork
from e3d.graphs import Batch, batches, make_batch
from e3d.models.by_centre import Centres, by_centre, forces_of
from e3d.models.edge_terms import Readout
from e3d.models.facts import network_facts
from e3d.models.isolated_shifts import require_ev
from e3d.models.precision import as_float64
from e3d.potential import require_known
from e3d.structures import Structure

EDGES_PER_CALL = 2_000
"""Of a processor: the features of more edges leave its cache (measured)."""
EDGES_PER_CALL_OF_A_GPU, ATOMS_PER_BATCH_OF_A_GPU = 200_000, 40_000
"""Of a GPU, which the launching of kernels keeps waiting in smaller calls (docs/benchmarks.md)."""

_ROUNDING: Final = 1e-6
"""Relative: a cutoff that a package or script keeps in float32."""
_AS_TRAINED: Final = "Get the file again from where it was trained or published."

PRODUCT_BYTES = 2**30
"""The most that one tensor product of a shipped network, kept as it is, may take in a call."""


def analysis_model(
    network: torch.nn.Module, path: Path, device: str, source: Mapping[str, str | int | float]
) -> "AnalysisModel":
    """Return a network, nequip's ``GraphModel`` of any dtype, as it is analysed.

    It is cast to float64, made faster where it can be, and put on a device. ``path`` is the file
    that it came from, ``source`` the facts that the file states: its kind, versions.

    Raises
    ------
    InputError
        If the network has no edge energies, or its types are not chemical elements.
    """
    network = as_float64(network)
    accelerate(network)
    return AnalysisModel(network, path, device, source)


class AnalysisModel:
    """An Allegro model in float64 that gives energies, forces and edge energies."""

    def __init__(
        self,
        graph_model: Any,
        path: Path,
        device: str,
        source: Mapping[str, str | int | float] = MappingProxyType({}),
    ) -> None:
        """Wrap nequip's ``GraphModel``; use :func:`analysis_model`.

        Raises
        ------
        InputError
            If the model has no edge energies or cutoff, if its parts have other types or another
            cutoff than it states, if its types are not chemical elements, or if its shifts are
            those of other elements or in another unit.
        """
        self.path = path
        self._device = torch.device(device)
        self._model = graph_model.to(self._device).eval()
        self._derivatives: Any = graph_model.model
        self._network: Any = self._derivatives.func
        self.type_names: tuple[str, ...] = tuple(str(name) for name in graph_model.type_names)
        self.r_max = float(graph_model.metadata["r_max"])
        if not 0 < self.r_max < np.inf:
            raise InputError(
                f"{path}: its cutoff r_max is {self.r_max} - allowed: a number of Å above 0. Give "
                "another file of the model."
            )
        _require_agreement(self._network, self.type_names, self.r_max, path)
        self._readout = Readout.of(self._network, len(self.type_names), path)
        strange = [name for name in self.type_names if name not in chemical_symbols]
        if strange:
            raise InputError(
                f"{path}: its atom types {', '.join(strange)} are no chemical symbols, so the "
                "atoms of a structure cannot be matched to them. Give a model whose types are "
                "elements."
            )
        shifts = self._shifts(np.arange(len(self.type_names)))
        require_ev(dict(zip(self.type_names, shifts.tolist(), strict=True)), path)
        self._type_of_number = np.full(len(chemical_symbols), -1, dtype=np.int64)
        for code, name in enumerate(self.type_names):
            self._type_of_number[atomic_numbers[name]] = code
        found = network_facts(self._model, self._network, self._readout)
        self.facts: Mapping[str, str | int | float] = {**found, **source}
        """What the model is, for a report: :mod:`e3d.models.facts` and what its file states."""
        self.n_parameters = int(found["n_weights"])
        """Number of trainable weights."""
        self._edges_in_memory = max(1, PRODUCT_BYTES // _product_bytes(self._network))
        self._model.requires_grad_(False)  # forces are derivatives by positions alone

    def batches(self, structures: Iterable[Structure]) -> Iterator[Batch]:
        """Group structures, in order, into batches of a size that suits this model."""
        on_gpu = self._device.type == "cuda"
        return batches(structures, self.r_max, ATOMS_PER_BATCH_OF_A_GPU if on_gpu else 0)

    def knows(self, structure: Structure) -> bool:
        """Say whether the model has a type for every element of a structure."""
        return not self.unknown(structure)

    def unknown(self, structure: Structure) -> list[str]:
        """Return the symbols of a structure's elements that the model does not know, sorted."""
        z = structure.atomic_numbers
        return sorted({symbol(int(k)) for k in z[self._type_of_number[z] < 0]})

    def energies_and_forces(self, structures: Batch | Sequence[Structure]) -> tuple[Floats, Floats]:
        """Return total energies (F,) in eV and the forces on all atoms (A, 3) in eV/Å.

        Raises
        ------
        InputError
            If the model does not know an element.
        """
        self._derivatives.do_derivatives = True
        energies, forces = [], []
        for part in self._parts(self._batch(structures)):
            if self._too_large(part):
                found = self._large_energy_and_forces(part)
            else:
                out = self._model(self._inputs(part))
                found = _array(out[Key.TOTAL_ENERGY_KEY]), out[Key.FORCE_KEY].detach().cpu().numpy()
            energies.append(found[0])
            forces.append(found[1])
        return np.concatenate(energies), np.concatenate(forces)

    def edge_energies(self, structures: Batch | Sequence[Structure]) -> EdgeEnergies:
        """Return the directed edge energies of a batch, in eV.

        With the shifts of isolated atoms they add up to the energy: the equation is in
        :mod:`e3d.models.edge_terms`.

        Raises
        ------
        InputError
            If the model does not know an element.
        """
        batch = self._batch(structures)
        self._derivatives.do_derivatives = False
        with torch.inference_mode():
            parts = [
                self._large(part) if self._too_large(part) else self._decomposed(self._inputs(part))
                for part in self._parts(batch)
            ]
        eps, length, energy, shift = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return EdgeEnergies.of(
            batch,
            eps=eps,
            length=length,
            energy=energy,
            shift=np.add.reduceat(shift, batch.frame_ptr[:-1]),
        )

    def _parts(self, batch: Batch) -> Iterator[Batch]:
        """Split a batch, at whole frames, into what one call takes; a large frame is one part."""
        return batch.parts(self._edges_per_call)

    @property
    def _edges_per_call(self) -> int:
        on_gpu = self._device.type == "cuda"
        most = EDGES_PER_CALL_OF_A_GPU if on_gpu else EDGES_PER_CALL
        return min(most, self._edges_in_memory)

    def _too_large(self, part: Batch) -> bool:
        """Whether a part is one frame with more edges than a call takes."""
        return bool(part.edge_index.shape[1] > self._edges_per_call)

    def _centres(self, part: Batch) -> Iterator[tuple[Centres, Key.Type]]:
        """Yield centres of a large frame, and what the network takes of them."""
        types = self._types(part)
        for centres in by_centre(part, self._edges_per_call):
            yield centres, centres.inputs(types, len(self.type_names), self._device)

    def _lone_energy(self, part: Batch) -> float:
        """Return the energy of the atoms of a frame that have no edges: their shifts, eV."""
        lone = np.bincount(part.edge_index[0], minlength=len(part.positions)) == 0
        return float(self._shifts(self._types(part))[lone].sum())

    def _large(self, part: Batch) -> tuple[Floats, ...]:
        """Return what :meth:`_decomposed` does, of a frame in several calls."""
        energy = self._lone_energy(part)
        eps, length = [], []
        for centres, inputs in self._centres(part):
            out = self._network(inputs)
            energy += float(centres.energy(out))
            eps.append(_array(self._readout.edge_energies(out)))
            length.append(_array(out[Key.EDGE_LENGTH_KEY]))
        shift = self._shifts(self._types(part))
        return np.concatenate(eps), np.concatenate(length), np.array([energy]), shift

    def _large_energy_and_forces(self, part: Batch) -> tuple[Floats, Floats]:
        """Return the energy (1,) and forces (A, 3) of a frame in several calls."""
        energy = self._lone_energy(part)
        gradient = np.empty((part.edge_index.shape[1], 3))
        for centres, inputs in self._centres(part):
            with torch.enable_grad():
                vector = inputs[Key.EDGE_VECTORS_KEY].requires_grad_()
                found = centres.energy(self._network(inputs))
                gradient[centres.edges] = torch.autograd.grad(found, vector)[0].cpu().numpy()
            energy += float(found.detach())
        return np.array([energy]), forces_of(part, gradient)

    def _shifts(self, types: Ints) -> Floats:
        """Return the isolated-atom shift of atoms of these types (A,), eV."""
        return _array(self._readout.shifts(torch.tensor(types, device=self._device)))

    def _decomposed(self, inputs: Key.Type) -> tuple[Floats, ...]:
        """Return eps and length of edges, the total energy of frames, the shift of atoms."""
        out = self._model(inputs)
        found = (
            self._readout.edge_energies(out),
            out[Key.EDGE_LENGTH_KEY],
            out[Key.TOTAL_ENERGY_KEY],
            self._readout.shifts(inputs[Key.ATOM_TYPE_KEY]),
        )
        return tuple(_array(tensor) for tensor in found)

    def _batch(self, structures: Batch | Sequence[Structure]) -> Batch:
        return structures if isinstance(structures, Batch) else make_batch(structures, self.r_max)

    def _types(self, batch: Batch) -> Ints:
        """Return the type of each atom (A,)."""
        types: Ints = self._type_of_number[batch.atomic_numbers]
        if (types < 0).any():
            require_known(self, batch.structures)
        return types

    def _inputs(self, batch: Batch) -> Key.Type:
        """Return what the model takes of a batch, on its device: one transfer for each array."""
        types = self._types(batch)
        arrays = {
            Key.POSITIONS_KEY: batch.positions,
            Key.ATOM_TYPE_KEY: types,
            Key.EDGE_INDEX_KEY: batch.edge_index,
            Key.BATCH_KEY: batch.frame,
            Key.NUM_NODES_KEY: np.diff(batch.frame_ptr),
        }
        if batch.cell_shift is not None:
            arrays[Key.CELL_KEY] = np.array([structure.cell for structure in batch.structures])
            arrays[Key.EDGE_CELL_SHIFT_KEY] = batch.cell_shift.astype(np.float64)
        # copied: torch aligns its memory, and sums of MKL may depend on where memory begins
        return {
            key: torch.tensor(np.ascontiguousarray(array), device=self._device)
            for key, array in arrays.items()
        }


def _require_agreement(network: Any, type_names: tuple[str, ...], r_max: float, path: Path) -> None:
    """Refuse a network whose parts have other types, or another cutoff (Å), than it states.

    Edges are found and atoms get their types by what it states. Cutoffs of pairs of types may be
    shorter.
    """
    for part, module in network.named_modules():
        types = tuple(map(str, getattr(module, "type_names", None) or type_names))
        if types != type_names:
            raise InputError(
                f"{path}: states the types {' '.join(type_names)}, and its part {part} has "
                f"{' '.join(types)}. {_AS_TRAINED}"
            )
        inverse = getattr(module, "_rmax_recip", None)
        if inverse is None:
            continue
        longest = 1 / float(inverse.min())
        shorter = inverse.numel() > 1 and longest < r_max
        if not (shorter or math.isclose(longest, r_max, rel_tol=_ROUNDING)):
            raise InputError(
                f"{path}: states the cutoff {r_max:g} Å, and its part {part} has {longest:g} Å. "
                f"{_AS_TRAINED}"
            )


def _product_bytes(network: Any) -> int:
    """Return the bytes that the largest tensor product takes for an edge; the fast one has none."""
    if isinstance(network, CentreNetwork):
        return 1
    products = network.allegro.tps
    return max(int(8 * p.mul * p.base_dim1 * p.base_dim2 * p.base_dim_out) for p in products)


def _array(tensor: torch.Tensor) -> Floats:
    return tensor.detach().cpu().numpy().astype(np.float64).reshape(-1)
