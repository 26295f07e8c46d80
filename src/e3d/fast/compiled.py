"""The fast network's training step, compiled: energies, forces, and their pass back to the weights.

PyTorch's AOTAutograd runs the network once on tensors without numbers and writes down every array
operation of the forward pass, of the forces and of the derivatives of both by the weights. Its
compiler, inductor, makes of these two functions, whose loops are fused: no autograd runs within
them. Sizes that differ from batch to batch (frames, atoms, edges, the most edges of an atom) are
variables, so that a process compiles once. The batch that is written down is always the same one
and nothing is chosen by timing, so that the code depends on the model and the compiler alone.

The compiler keeps its code on disk, by default in ``/tmp/torchinductor_<user>``: another process
compiles the same model in a part of the time, to the same code.
"""

import logging
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final

import torch
from nequip.data import AtomicDataDict
from nequip.nn.graph_model import GraphModel
from torch import Tensor
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from e3d.fast.slots import table

log = logging.getLogger(__name__)

_GIVEN: Final = (
    AtomicDataDict.POSITIONS_KEY,
    AtomicDataDict.ATOM_TYPE_KEY,
    AtomicDataDict.BATCH_KEY,
    AtomicDataDict.NUM_NODES_KEY,
    AtomicDataDict.EDGE_INDEX_KEY,
)
_PERIODIC: Final = (AtomicDataDict.CELL_KEY, AtomicDataDict.EDGE_CELL_SHIFT_KEY)
_TYPES: Final = {
    field: torch.float64 if field in (_GIVEN[0], *_PERIODIC) else torch.int64
    for field in _GIVEN + _PERIODIC
}
_LENGTHS: Final = (131, 17, 797, 11)
"""Atoms, frames, edges and most edges of an atom, of the batch that is written down.

None may be another's, nor 0 or 1, for the compiler takes equal numbers for the same one.
"""
_MOST_COMPILERS: Final = 4
"""Processes that compile at once, each with some 300 MB; the compiler's own default is 32."""
_FAILURES: Final = (RuntimeError, OSError, ImportError, AssertionError, AttributeError, TypeError)
"""No compiler, one that fails, or a version of PyTorch whose inner functions are other ones."""
_Step = Callable[..., Sequence[Tensor]]


class CompiledModel(GraphModel):  # type: ignore[misc] # nequip is untyped
    """A model with the fast network, whose training step is compiled when it first runs.

    In training it gives energies of frames and forces, and no stress. Validation runs eagerly, as
    does a batch of a single frame, atom or edge. Where nothing can be compiled, so does training,
    and the log says why.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Wrap an energy model with forces, as nequip's builders do."""
        super().__init__(*args, **kwargs)
        # by its fields, in a tuple: what is kept in a module itself would be in its state
        self._steps: tuple[dict[tuple[str, ...], CompiledStep | None]] = ({},)

    def forward(self, data: AtomicDataDict.Type) -> AtomicDataDict.Type:
        """Return ``data`` with energies and forces."""
        step = self._step(data) if self.training and _is_batch(data) else None
        out = None if step is None else step(data)
        return super().forward(data) if out is None else {**data, **out}

    def _step(self, data: AtomicDataDict.Type) -> "CompiledStep | None":
        periodic = AtomicDataDict.CELL_KEY in data
        fields = _GIVEN + _PERIODIC * periodic
        (steps,) = self._steps
        if fields not in steps:
            try:
                steps[fields] = CompiledStep(self.model, fields)
            except _FAILURES as error:
                reason = str(error).strip().partition("\n")[0]
                log.warning("training runs eagerly, since nothing could be compiled: %s", reason)
                steps[fields] = None
        return steps[fields]


class CompiledStep:
    """The compiled functions of one model and one set of fields."""

    def __init__(self, model: Any, fields: tuple[str, ...]) -> None:
        """Compile. Whatever the compiler raises passes through."""
        start = time.perf_counter()
        self._fields = fields
        self._places = _places(model.func)
        names = [name for name, _, _ in self._places]
        written = _Written(model.func, names, fields)
        self._run, self._allowed = _compile(written, self._numbers(), fields)
        self.seconds = time.perf_counter() - start
        log.info("compiled the training step in %.0f s", self.seconds)

    def _numbers(self) -> list[Tensor]:
        return [tensors[key] for _, tensors, key in self._places]

    def __call__(self, data: AtomicDataDict.Type) -> AtomicDataDict.Type | None:
        """Return energies and forces, or None if the code does not hold for such a batch."""
        given = [data[field].to(_TYPES[field]) for field in self._fields]
        edges = data[AtomicDataDict.EDGE_INDEX_KEY]
        atoms, frames = AtomicDataDict.num_nodes(data), AtomicDataDict.num_frames(data)
        slots = table(edges, atoms)
        lengths = [atoms, frames, edges.shape[1], slots.shape[2]]
        if not self._allowed(lengths):
            return None
        energy, forces = self._run(*lengths, *self._numbers(), *given, slots)
        return {AtomicDataDict.TOTAL_ENERGY_KEY: energy, AtomicDataDict.FORCE_KEY: forces}


def _places(network: Any) -> list[tuple[str, dict[str, Any], str]]:
    """Return where each weight and buffer is: its name, a module's dictionary, its key there.

    Walking through the modules takes a tenth of a small model's step, and would be done for each.
    """
    found = []
    for prefix, module in network.named_modules():
        for tensors in (module._parameters, module._buffers):
            kept = (key for key, tensor in tensors.items() if tensor is not None)
            found += [(f"{prefix}.{key}".lstrip("."), tensors, key) for key in kept]
    return found


def _is_batch(data: AtomicDataDict.Type) -> bool:
    """Whether it has batch indices, and more than one of everything."""
    if AtomicDataDict.BATCH_KEY not in data:
        return False
    sizes = AtomicDataDict.num_frames(data), AtomicDataDict.num_nodes(data)
    return min(*sizes, AtomicDataDict.num_edges(data)) > 1


class _Written(torch.nn.Module):
    """The function that is written down: lengths, weights, buffers, fields and the table."""

    def __init__(self, network: Any, names: list[str], fields: tuple[str, ...]) -> None:
        super().__init__()
        self._network, self._names, self._fields = (network,), names, fields

    def forward(self, *given: Any) -> tuple[Tensor, Tensor]:
        given = given[len(_LENGTHS) :]
        n_names = len(self._names)
        numbers = dict(zip(self._names, given[:n_names], strict=True))
        data = dict(zip(self._fields, given[n_names:-1], strict=True))
        positions = data[AtomicDataDict.POSITIONS_KEY].detach().requires_grad_(True)
        data[AtomicDataDict.POSITIONS_KEY] = positions
        (network,) = self._network
        runner = _InSlots(network)
        numbers = {f"network.{name}": value for name, value in numbers.items()}
        with _NothingScattered():
            energy = functional_call(runner, numbers, (data, given[-1]))
        (slope,) = torch.autograd.grad([energy.sum()], [positions], create_graph=True)
        return energy, -slope


class _NothingScattered(TorchFunctionMode):
    """Rows of an embedding as a product, whose derivative is a product too."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.nn.functional.embedding and args[1].requires_grad:
            index, weight = args[:2]
            rows = torch.arange(len(weight), device=index.device)
            return torch.mm((index.view(-1, 1) == rows).to(weight.dtype), weight)
        return func(*args, **(kwargs or {}))


class _InSlots(torch.nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, data: AtomicDataDict.Type, slots: Tensor) -> Tensor:
        energy: Tensor = self.network.in_slots(data, slots)[AtomicDataDict.TOTAL_ENERGY_KEY]
        return energy


def _compile(
    written: torch.nn.Module, numbers: list[Tensor], fields: tuple[str, ...]
) -> tuple[_Step, Callable[[list[int]], bool]]:
    """Return the compiled function, and whether it holds for a batch of these lengths."""
    from torch._dynamo.source import ConstantSource
    from torch._functorch import config as functorch_config
    from torch._guards import TracingContext, tracing
    from torch._inductor import config as inductor_config
    from torch._inductor.compile_fx import compile_fx
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.symbolic_shapes import (
        DimDynamic,
        ShapeEnv,
        StatelessSymbolicContext,
    )

    shapes = ShapeEnv(duck_shape=True)
    mode = FakeTensorMode(shape_env=shapes, allow_non_fake_inputs=True)

    number = count()

    def variable(tensor: Tensor) -> Tensor:
        kinds = [
            DimDynamic.DUCK if length in _LENGTHS else DimDynamic.STATIC for length in tensor.shape
        ]
        context: Any = StatelessSymbolicContext(dynamic_sizes=kinds)
        source = ConstantSource(f"given_{next(number)}")
        return mode.from_tensor(tensor, source=source, symbolic_context=context)

    device = numbers[0].device
    batch = [variable(tensor) for tensor in _sample(fields, device)]
    lengths = [variable(torch.empty(length, device=device)).shape[0] for length in _LENGTHS]
    fixed = [mode.from_tensor(tensor, static_shapes=True) for tensor in numbers]
    with (
        tracing(TracingContext(mode)),
        functorch_config.patch(force_non_lazy_backward_lowering=True),
        inductor_config.patch(
            deterministic=True,
            compile_threads=min(_MOST_COMPILERS, inductor_config.decide_compile_threads()),
        ),
    ):
        run: Any = compile_fx(written, [*lengths, *fixed, *batch])  # type: ignore[arg-type]
    return run, _guard(shapes, lengths)


def _sample(fields: tuple[str, ...], device: torch.device) -> list[Tensor]:
    """Return a batch of :data:`_LENGTHS`, of which only shapes and types are looked at."""
    atoms, frames, edges, depth = _LENGTHS
    shapes = {
        AtomicDataDict.POSITIONS_KEY: (atoms, 3),
        AtomicDataDict.ATOM_TYPE_KEY: (atoms,),
        AtomicDataDict.BATCH_KEY: (atoms,),
        AtomicDataDict.NUM_NODES_KEY: (frames,),
        AtomicDataDict.EDGE_INDEX_KEY: (2, edges),
        AtomicDataDict.CELL_KEY: (frames, 3, 3),
        AtomicDataDict.EDGE_CELL_SHIFT_KEY: (edges, 3),
    }
    given = [torch.zeros(shapes[key], dtype=_TYPES[key], device=device) for key in fields]
    return [*given, torch.zeros((2, atoms, depth), dtype=torch.int64, device=device)]


def _guard(shapes: Any, lengths: Sequence[Any]) -> Callable[[list[int]], bool]:
    """Return whether all that was assumed of the lengths while compiling holds for others."""
    import sympy  # type: ignore[import-untyped]

    symbols = [length.node.expr for length in lengths]
    conditions = [guard.expr for guard in shapes.guards]
    check = sympy.lambdify([symbols], sympy.And(*conditions), modules="math")
    return lambda values: min(values) > 0 and bool(check(values))
