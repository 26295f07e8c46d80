"""Load a trained Allegro model for analysis and run it on batches of structures.

For analysis a model is rebuilt in float64 and run eagerly: compiled models do not return edge
energies. Checkpoints (``.ckpt``) and packages (``.nequip.zip``) both load.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols
from nequip.data import AtomicDataDict, compute_neighborlist_, from_dict
from nequip.model.modify_utils import only_apply_persistent_modifiers
from nequip.model.saved_models.package import ModelFromPackage
from nequip.model.utils import override_model_compile_mode
from nequip.utils.global_state import set_global_state
from numpy.typing import NDArray

from e3d.chemistry import symbol
from e3d.device import require_device
from e3d.errors import InputError
from e3d.structures import Structure

EDGES_PER_BATCH = 20_000
_SOLE_MODEL = "sole_model"
_EDGE_SUM, _SCALE_SHIFT, _TOTAL = "EdgewiseReduce", "PerTypeScaleShift", "AtomwiseReduce"


@dataclass(frozen=True)
class EdgeEnergies:
    """Directed edge energies of a batch of frames, in eV and Å.

    E directed edges, A atoms, F frames. ``centre``, ``neighbour`` (E,) are rows of the batch,
    ``cell_shift`` (E, 3) integers, ``eps`` (E,), ``length`` (E,), ``frame_ptr`` (F+1,),
    ``atomic_numbers`` (A,); ``energy`` (F,) is the model's own total, ``shift`` (F,) the sum of
    isolated-atom shifts.
    """

    centre: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    cell_shift: NDArray[np.int64]
    eps: NDArray[np.float64]
    length: NDArray[np.float64]
    frame_ptr: NDArray[np.int64]
    atomic_numbers: NDArray[np.int64]
    energy: NDArray[np.float64]
    shift: NDArray[np.float64]


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
        self._type_of = {name: index for index, name in enumerate(self.type_names)}

    @property
    def n_parameters(self) -> int:
        """Number of trainable weights."""
        return sum(p.numel() for p in self._model.parameters() if p.requires_grad)

    def graph(self, structure: Structure) -> AtomicDataDict.Type:
        """Return nequip's data with types and neighbour list of one structure.

        Raises
        ------
        InputError
            If an element is unknown to the model.
        """
        types = [self._type_of.get(symbol(int(z)), -1) for z in structure.atomic_numbers]
        if -1 in types:
            unknown = sorted({symbol(int(z)) for z in structure.atomic_numbers} - set(self.type_names))
            raise InputError(
                f"{structure.label}: {self.path} does not know {', '.join(unknown)}; it knows "
                f"{', '.join(self.type_names)}. Leave the structure out or train a model that has these elements."
            )
        data: dict[str, Any] = {
            AtomicDataDict.POSITIONS_KEY: structure.positions,
            AtomicDataDict.ATOM_TYPE_KEY: np.array(types),
        }
        if structure.cell is not None:
            data[AtomicDataDict.CELL_KEY] = structure.cell
            data[AtomicDataDict.PBC_KEY] = structure.pbc
        return compute_neighborlist_(from_dict(data), self.r_max)

    def energies_and_forces(
        self, structures: Sequence[Structure], graphs: Sequence[AtomicDataDict.Type] | None = None
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """Return total energies (F,) in eV and forces, one (N, 3) array in eV/Å per structure."""
        batch = self._batch(graphs or [self.graph(structure) for structure in structures])
        self._derivatives.do_derivatives = True
        out = self._model(batch)
        forces = out[AtomicDataDict.FORCE_KEY].detach().cpu().numpy()
        ends = np.cumsum([len(structure.atomic_numbers) for structure in structures])[:-1]
        return _array(out[AtomicDataDict.TOTAL_ENERGY_KEY]), np.split(forces, ends)

    def edge_energies(
        self, structures: Sequence[Structure], graphs: Sequence[AtomicDataDict.Type] | None = None
    ) -> EdgeEnergies:
        """Return the directed edge energies of a batch, in eV.

        eps_ij = edge_energy_ij * scale[type_i] / sqrt(2 Nbar[type_i]), with i = edge_index[0], plus
        half of each pair potential the model has. Scale, shift and Nbar are the model's own buffers
        (nequip-allegro 0.8 ``EdgewiseReduce``, nequip 0.19 ``PerTypeScaleShift``).
        """
        graphs = graphs or [self.graph(structure) for structure in structures]
        batch = self._batch(graphs)
        self._derivatives.do_derivatives = False
        with torch.no_grad():
            out = self._model(batch)
            types = batch[AtomicDataDict.ATOM_TYPE_KEY].view(-1)
            centre, neighbour = batch[AtomicDataDict.EDGE_INDEX_KEY]
            raw = out[self._edge_sum.field].view(-1)
            eps = raw * self._per_type(self._edge_sum.norm_module.norm_const)[types[centre]] / 2**0.5
            if self._scale_shift.has_scales:
                eps = eps * self._per_type(self._scale_shift.scales)[types[centre]]
            eps = eps + self._pair_terms(out, types)
            shift = torch.zeros_like(types, dtype=eps.dtype)
            if self._scale_shift.has_shifts:
                shift = self._per_type(self._scale_shift.shifts)[types]
        counts = [len(structure.atomic_numbers) for structure in structures]
        ptr = np.concatenate([[0], np.cumsum(counts)])
        n_edges = len(centre)
        shifts = batch.get(AtomicDataDict.EDGE_CELL_SHIFT_KEY, torch.zeros(n_edges, 3))
        return EdgeEnergies(
            centre=centre.cpu().numpy(),
            neighbour=neighbour.cpu().numpy(),
            cell_shift=np.rint(shifts.cpu().numpy()).astype(np.int64),
            eps=_array(eps),
            length=_array(out[AtomicDataDict.EDGE_LENGTH_KEY]),
            frame_ptr=ptr,
            atomic_numbers=np.concatenate([structure.atomic_numbers for structure in structures]),
            energy=_array(out[AtomicDataDict.TOTAL_ENERGY_KEY]),
            shift=np.add.reduceat(_array(shift), ptr[:-1]),
        )

    def batches(self, structures: Iterable[Structure]) -> Iterator[tuple[list[Structure], list[AtomicDataDict.Type]]]:
        """Group structures, in order, into batches of about ``EDGES_PER_BATCH`` edges.

        Structures with and without a cell do not share a batch.
        """
        chosen: list[Structure] = []
        graphs: list[AtomicDataDict.Type] = []
        edges = 0
        for structure in structures:
            graph = self.graph(structure)
            if chosen and (structure.cell is None) != (chosen[-1].cell is None):
                yield chosen, graphs
                chosen, graphs, edges = [], [], 0
            chosen.append(structure)
            graphs.append(graph)
            edges += graph[AtomicDataDict.EDGE_INDEX_KEY].shape[1]
            if edges >= EDGES_PER_BATCH:
                yield chosen, graphs
                chosen, graphs, edges = [], [], 0
        if chosen:
            yield chosen, graphs

    def _batch(self, graphs: Sequence[AtomicDataDict.Type]) -> AtomicDataDict.Type:
        batch = AtomicDataDict.batched_from_list(list(graphs))
        return AtomicDataDict.to_(batch, self._device)

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
    return AnalysisModel(_as_float64(model), path, device)


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


def _as_float64(model: torch.nn.Module) -> torch.nn.Module:
    """Cast weights, buffers and remembered dtypes; a model rebuilt in float64 is left as it is."""
    for module in model.modules():
        for name, value in vars(module).items():
            if value is torch.float32:
                setattr(module, name, torch.float64)
    return model.double()


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
