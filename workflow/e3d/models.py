"""Load a trained Allegro model for analysis and run it on batches of structures.

For analysis a model is rebuilt in float64 and run eagerly: compiled models do not return edge
energies. Checkpoints (``.ckpt``) and packages (``.nequip.zip``) both load.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import atomic_numbers, chemical_symbols
from nequip.data import AtomicDataDict
from nequip.model.modify_utils import only_apply_persistent_modifiers
from nequip.model.saved_models.package import ModelFromPackage
from nequip.model.utils import override_model_compile_mode
from nequip.utils.global_state import set_global_state
from numpy.typing import NDArray

from e3d.chemistry import symbol
from e3d.device import require_device
from e3d.edges import EdgeEnergies
from e3d.errors import InputError
from e3d.fast import accelerate
from e3d.graphs import Batch, batches, make_batch
from e3d.precision import as_float64
from e3d.structures import Structure

EDGES_PER_CALL = 2_000
"""Measured: the features of more edges leave the processor's cache."""
_SOLE_MODEL = "sole_model"
_EDGE_SUM, _SCALE_SHIFT, _TOTAL = "EdgewiseReduce", "PerTypeScaleShift", "AtomwiseReduce"


class AnalysisModel:
    """An Allegro model in float64 that gives energies, forces and edge energies."""

    def __init__(self, graph_model: Any, path: Path, device: str) -> None:
        """Wrap nequip's ``GraphModel``; use :func:`load_model`.

        Raises
        ------
        InputError
            If the model has no edge energies, or its types are not chemical elements.
        """
        self.path = path
        self._device = torch.device(device)
        self._model = graph_model.to(self._device).eval()
        self._derivatives: Any = graph_model.model
        self._network: Any = self._derivatives.func
        self.type_names: tuple[str, ...] = tuple(str(name) for name in graph_model.type_names)
        self.r_max = float(graph_model.metadata["r_max"])
        self._edge_sum = _only(self._network, _EDGE_SUM, path)
        self._scale_shift = _only(self._network, _SCALE_SHIFT, path)
        strange = [name for name in self.type_names if name not in chemical_symbols]
        if strange:
            raise InputError(
                f"{path}: its atom types {', '.join(strange)} are no chemical symbols, so the atoms of a structure "
                "cannot be matched to them. Give a model whose types are elements."
            )
        self._type_of_number = np.full(len(chemical_symbols), -1, dtype=np.int64)
        self._type_of_number[[atomic_numbers[name] for name in self.type_names]] = np.arange(len(self.type_names))
        self.n_parameters = sum(p.numel() for p in self._model.parameters() if p.requires_grad)
        """Number of trainable weights."""
        self._model.requires_grad_(False)  # forces are derivatives by positions alone

    def batches(self, structures: Iterable[Structure]) -> Iterator[Batch]:
        """Group structures, in order, into batches of a size that suits this model."""
        return batches(structures, self.r_max)

    def knows(self, structure: Structure) -> bool:
        """Say whether the model has a type for every element of a structure."""
        return bool((self._type_of_number[structure.atomic_numbers] >= 0).all())

    def energies_and_forces(
        self, structures: Batch | Sequence[Structure]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return total energies (F,) in eV and the forces on all atoms (A, 3) in eV/Å."""
        self._derivatives.do_derivatives = True
        energies, forces = [], []
        for part in self._batch(structures).parts(EDGES_PER_CALL):
            out = self._model(self._inputs(part))
            energies.append(_array(out[AtomicDataDict.TOTAL_ENERGY_KEY]))
            forces.append(out[AtomicDataDict.FORCE_KEY].detach().cpu().numpy())
        return np.concatenate(energies), np.concatenate(forces)

    def edge_energies(self, structures: Batch | Sequence[Structure]) -> EdgeEnergies:
        """Return the directed edge energies of a batch, in eV.

        eps_ij = edge_energy_ij * scale[type_i] / sqrt(2 Nbar[type_i]), with i = edge_index[0], plus
        half of each pair potential the model has. Scale, shift and Nbar are the model's own buffers
        (nequip-allegro 0.8 ``EdgewiseReduce``, nequip 0.19 ``PerTypeScaleShift``).

        Raises
        ------
        InputError
            If an element is unknown to the model.
        """
        batch = self._batch(structures)
        self._derivatives.do_derivatives = False
        with torch.inference_mode():
            parts = [self._decomposed(self._inputs(part)) for part in batch.parts(EDGES_PER_CALL)]
        eps, length, energy, shift = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return EdgeEnergies.of(
            batch, eps=eps, length=length, energy=energy, shift=np.add.reduceat(shift, batch.frame_ptr[:-1])
        )

    def _decomposed(self, inputs: AtomicDataDict.Type) -> tuple[NDArray[np.float64], ...]:
        """Return eps and length of every edge, the total energy of every frame, the shift of every atom."""
        out = self._model(inputs)
        types = inputs[AtomicDataDict.ATOM_TYPE_KEY]
        types_of_centres = types[inputs[AtomicDataDict.EDGE_INDEX_KEY][0]]
        raw = out[self._edge_sum.field].view(-1)
        eps = raw * self._per_type(self._edge_sum.norm_module.norm_const)[types_of_centres] / 2**0.5
        if self._scale_shift.has_scales:
            eps = eps * self._per_type(self._scale_shift.scales)[types_of_centres]
        eps = eps + self._pair_terms(out, types)
        shift = torch.zeros_like(types, dtype=eps.dtype)
        if self._scale_shift.has_shifts:
            shift = self._per_type(self._scale_shift.shifts)[types]
        found = (eps, out[AtomicDataDict.EDGE_LENGTH_KEY], out[AtomicDataDict.TOTAL_ENERGY_KEY], shift)
        return tuple(_array(tensor) for tensor in found)

    def _batch(self, structures: Batch | Sequence[Structure]) -> Batch:
        return structures if isinstance(structures, Batch) else make_batch(structures, self.r_max)

    def _inputs(self, batch: Batch) -> AtomicDataDict.Type:
        """Return what the model takes of a batch, one transfer an array.

        Raises
        ------
        InputError
            If an element is unknown to the model.
        """
        types = self._type_of_number[batch.atomic_numbers]
        if (types < 0).any():
            structure = next(structure for structure in batch.structures if not self.knows(structure))
            unknown = sorted({symbol(int(z)) for z in structure.atomic_numbers} - set(self.type_names))
            raise InputError(
                f"{structure.label}: {self.path} does not know {', '.join(unknown)}; it knows "
                f"{', '.join(self.type_names)}. Leave the structure out (`e3d decompose` does with "
                "--skip-unknown-elements), or train a model that has these elements."
            )
        arrays = {
            AtomicDataDict.POSITIONS_KEY: batch.positions,
            AtomicDataDict.ATOM_TYPE_KEY: types,
            AtomicDataDict.EDGE_INDEX_KEY: batch.edge_index,
            AtomicDataDict.BATCH_KEY: batch.frame,
            AtomicDataDict.NUM_NODES_KEY: np.diff(batch.frame_ptr),
        }
        if batch.cell_shift is not None:
            arrays[AtomicDataDict.CELL_KEY] = np.array([structure.cell for structure in batch.structures])
            arrays[AtomicDataDict.EDGE_CELL_SHIFT_KEY] = batch.cell_shift.astype(np.float64)
        return {key: torch.from_numpy(np.ascontiguousarray(array)).to(self._device) for key, array in arrays.items()}

    def _per_type(self, buffer: torch.Tensor) -> torch.Tensor:
        """Return a per-type buffer as (types,), also where one number serves all types."""
        flat = buffer.view(-1)
        return flat.expand(len(self.type_names)) if flat.numel() == 1 else flat

    def _pair_terms(self, out: AtomicDataDict.Type, types: torch.Tensor) -> torch.Tensor:
        """Return each directed edge's share of the model's pair potentials (ZBL and the like), (E,).

        A pair potential adds, on every centre, a sum over its edges. Run on a graph in which every
        edge is a dimer of its own, it returns the terms of that sum.
        """
        centre, neighbour = out[AtomicDataDict.EDGE_INDEX_KEY]
        n_edges = len(centre)
        terms = _after(self._network, _SCALE_SHIFT)
        if not terms:
            return torch.zeros(n_edges, dtype=torch.float64, device=self._device)
        first = torch.arange(n_edges, device=self._device)
        dimers = {
            key: out[key]
            for key in (
                AtomicDataDict.EDGE_VECTORS_KEY,
                AtomicDataDict.EDGE_LENGTH_KEY,
                AtomicDataDict.NORM_LENGTH_KEY,
            )
        }
        dimers[AtomicDataDict.EDGE_INDEX_KEY] = torch.stack([first, first + n_edges])
        dimers[AtomicDataDict.ATOM_TYPE_KEY] = torch.cat([types[centre], types[neighbour]])
        dimers[AtomicDataDict.POSITIONS_KEY] = torch.zeros(2 * n_edges, 3, dtype=torch.float64, device=self._device)
        for term in terms:
            dimers = term(dimers)
        terms_of_centres: torch.Tensor = dimers[AtomicDataDict.PER_ATOM_ENERGY_KEY].view(-1)
        return terms_of_centres[:n_edges]


def load_model(path: Path, device: str = "cpu") -> AnalysisModel:
    """Load a checkpoint or package in float64 for analysis.

    Raises
    ------
    InputError
        If the file is missing, of another kind, or holds no Allegro model; or the device is not there.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such model. Train it first, or fix the path.")
    require_device(device)
    set_global_state()
    try:
        with override_model_compile_mode("eager"), only_apply_persistent_modifiers(True):
            if path.name.endswith(".nequip.zip"):
                model = ModelFromPackage(str(path))[_SOLE_MODEL]
            elif path.suffix == ".ckpt":
                model = _from_checkpoint(path)
            else:
                raise InputError(
                    f"{path}: not a kind of model that returns edge energies - allowed: a nequip checkpoint "
                    "(.ckpt) or package (.nequip.zip). Compiled models (.pt2, .pth) do not return them: "
                    "give the checkpoint or package they were made from."
                )
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: cannot be loaded as a nequip model ({type(error).__name__}: {reason}). Use a checkpoint of "
            "nequip >= 0.7, or its package."
        ) from error
    model = as_float64(model)
    accelerate(model)
    return AnalysisModel(model, path, device)


def _from_checkpoint(path: Path) -> torch.nn.Module:
    """Rebuild the model of a checkpoint in float64 from its own config, with its EMA weights."""
    from hydra.utils import get_class

    saved = torch.load(path, map_location="cpu", weights_only=False)["hyper_parameters"]
    module_class = get_class(saved["info_dict"]["training_module"]["_target_"])
    overrides = {}
    if "model_dtype" in saved["model"]:
        overrides["model"] = {**saved["model"], "model_dtype": "float64"}
    module = module_class.load_from_checkpoint(path, map_location="cpu", weights_only=False, **overrides)
    model: torch.nn.Module = module.evaluation_model[_SOLE_MODEL]
    return model


def _children(network: Any) -> list[Any]:
    return list(network.children())


def _only(network: Any, class_name: str, path: Path) -> Any:
    # by name: a package brings its own copy of every class, so isinstance does not hold
    found = [module for module in _children(network) if type(module).__name__ == class_name]
    if len(found) != 1:
        raise InputError(
            f"{path}: has {len(found)} modules {class_name}, an Allegro model has one. E3D needs energies on "
            "edges: give an Allegro model."
        )
    return found[0]


def _after(network: Any, class_name: str) -> list[Any]:
    modules = _children(network)
    names = [type(module).__name__ for module in modules]
    return [m for m in modules[names.index(class_name) + 1 :] if type(m).__name__ != _TOTAL]


def _array(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.detach().cpu().numpy().astype(np.float64).reshape(-1)
