"""A training step of ours, against nequip-allegro's as shipped, eager or compiled, the faster.

A step is forward, forces, loss of energies and forces, gradients of all weights and Adam, in
float32, on batches of 16 conformations of minispice. Ours is the network that `kernels: auto`
chooses, compiled, as `auto` has it in a long training; ``ours_eager_s`` is what a short one runs.
Each case runs in a process of its own; the sides take turns, batch by batch. Compiling is not in
the times: ``ours_compile_s`` and ``compile_s`` are the first steps, with nothing in the compiler's
cache. ``share_of_peak`` is what our step does in matrix products a second (counted by torch in the
eager one), over what one product of two 1024 x 1024 matrices reaches.
"""

import functools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measure import (
    Pair,
    Row,
    finish,
    in_child,
    log,
    markdown_table,
    pair_of,
    parser,
    row,
    seconds,
    spread,
)

MINISPICE = Path(__file__).parents[1] / "resources" / "minispice.hdf5"
BATCH, BATCHES = 16, 4
TYPES = {1: "H", 6: "C", 7: "N", 8: "O"}
GOALS = {
    "1,1,16,4": 1.0,
    "1,2,32,8": 1.0,
    "1,2,64,8": 1.0,
    "2,2,64,16": 4.0,
    "2,3,64,16": 6.0,
    "3,2,64,16": 6.0,
}
"""Frames/s of ours over those of the peer, by l_max, layers, scalars and tensors."""


@dataclass(frozen=True)
class Case:
    """A model size, the molecules it is fed, the threads of a process or the processes at once."""

    size: tuple[int, int, int, int]
    atoms: tuple[int, int] = (7, 8)
    threads: int = 1
    processes: int = 1
    compiled: bool = True

    @property
    def name(self) -> str:
        """What the table calls it."""
        size = ",".join(map(str, self.size))
        more = [] if self.atoms == (7, 8) else [f"{self.atoms[0]} to {self.atoms[1]} atoms"]
        more += [f"{self.threads} threads"] * (self.threads > 1) + [
            f"{self.processes} processes"
        ] * (self.processes > 1)
        return ", ".join([f"step {size}", *more])


CASES = [
    Case((1, 1, 16, 4)),
    Case((1, 2, 32, 8)),
    Case((1, 2, 64, 8)),
    Case((2, 2, 64, 16)),
    Case((2, 3, 64, 16)),
    Case((3, 2, 64, 16)),
    Case((2, 2, 64, 16), atoms=(9, 20)),
    Case((2, 2, 64, 16), threads=2),
    Case((2, 2, 64, 16), processes=2),
]
QUICK = [Case((1, 1, 8, 2), compiled=False), Case((2, 2, 8, 2), compiled=False)]


def frames(atoms: tuple[int, int]) -> list[dict[str, Any]]:
    """Return the labelled frames with this many atoms, edges sorted by centre."""
    import h5py
    from nequip.data import AtomicDataDict, compute_neighborlist_, from_dict
    from nequip.utils.global_state import set_global_state

    from e3d.units import BOHR_ANG, HARTREE_EV, HARTREE_PER_BOHR_EV_PER_ANG

    set_global_state()  # positions in float64, as a training has them
    found = []
    with h5py.File(MINISPICE) as file:
        for group in file.values():
            numbers = group["atomic_numbers"][()]
            if not (set(numbers.tolist()) <= set(TYPES) and atoms[0] <= len(numbers) <= atoms[1]):
                continue
            forces = group["dft_total_gradient"][()].astype(np.float64)
            for k, positions in enumerate(group["conformations"][()]):
                data = {
                    AtomicDataDict.POSITIONS_KEY: positions.astype(np.float64) * BOHR_ANG,
                    AtomicDataDict.ATOM_TYPE_KEY: np.searchsorted(list(TYPES), numbers),
                    AtomicDataDict.FORCE_KEY: forces[k] * -HARTREE_PER_BOHR_EV_PER_ANG,
                    AtomicDataDict.TOTAL_ENERGY_KEY: float(group["formation_energy"][k])
                    * HARTREE_EV,
                }
                found.append(compute_neighborlist_(from_dict(data), 5.0))
    return found


def batches(atoms: tuple[int, int]) -> list[dict[str, Any]]:
    """Return random batches of frames with this many atoms."""
    from nequip.data import AtomicDataDict

    found = frames(atoms)
    chosen = np.random.default_rng(0).permutation(len(found))[: BATCH * BATCHES]
    return [
        AtomicDataDict.batched_from_list([found[i] for i in batch])
        for batch in chosen.reshape(BATCHES, BATCH)
    ]


def build(case: Case, kernels: str, compile_mode: str, dtype: str = "float32") -> Any:
    """Return an untrained model."""
    from hydra.utils import get_method
    from nequip.utils.global_state import set_global_state

    from study.train.kernels import model_config

    l_max, layers, scalars, tensors = case.size
    settings = {
        "seed": 1,
        "model_dtype": dtype,
        "type_names": list(TYPES.values()),
        "r_max": 5.0,
        "l_max": l_max,
        "num_layers": layers,
        "num_scalar_features": scalars,
        "num_tensor_features": tensors,
        "radial_chemical_embed": {
            "_target_": "allegro.nn.TwoBodyBesselScalarEmbed",
            "num_bessels": 8,
        },
        **{
            f"{part}_mlp_hidden_layers_width": scalars
            for part in ("scalar_embed", "allegro", "readout")
        },
        "avg_num_neighbors": 6.0,
        "per_type_energy_shifts": dict.fromkeys(TYPES.values(), 0.0),
    }
    set_global_state()
    config = model_config(settings, kernels, compile_mode)
    return get_method(config.pop("_target_"))(**config)


def stepper(model: Any) -> Callable[[dict[str, Any]], None]:
    """Return a training step on a batch."""
    import torch
    from nequip.data import AtomicDataDict as K

    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

    def step(batch: dict[str, Any]) -> None:
        out = model(dict(batch))
        loss = (out[K.TOTAL_ENERGY_KEY] - batch[K.TOTAL_ENERGY_KEY]).square().mean()
        loss = loss + (out[K.FORCE_KEY] - batch[K.FORCE_KEY]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def measure_case(case: Case, rounds: int) -> dict[str, Any]:
    """Time the sides of a case in turn; return each one's seconds of a step by round, and facts."""
    import torch

    from study.run_settings import Architecture
    from study.train.kernels import select

    torch.set_num_threads(case.threads)
    data = batches(case.atoms)
    l_max, layers, scalars, tensors = case.size
    kernels = select(Architecture(5.0, l_max, True, layers, scalars, tensors, scalars, 8, 6), {})
    sides = {
        "ours": stepper(build(case, kernels, "compile" if case.compiled else "eager")),
        "ours_eager": stepper(build(case, kernels, "eager")),
        "eager": stepper(build(case, "shipped", "eager")),
    }
    first = {}
    if case.compiled:
        sides["compiled"] = stepper(build(case, "shipped", "compile"))
        with tempfile.TemporaryDirectory() as cache:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
            for name in ("ours", "compiled"):
                first[name] = seconds(functools.partial(sides[name], data[0]))
    for step in sides.values():
        for batch in data:
            step(batch)
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        one_round: dict[str, list[float]] = {name: [] for name in sides}
        for batch in data * 5:
            for name, step in sides.items():
                one_round[name].append(seconds(functools.partial(step, batch)))
        for name, values in one_round.items():
            times[name].append(statistics.median(values))
    edges = statistics.mean(batch["edge_index"].shape[1] for batch in data)
    flops = counted_flops(sides["ours_eager"], data[0])
    facts = {
        "kernels": kernels,
        "edges": edges,
        "compile_s": first.get("compiled", float("nan")),
        "ours_compile_s": first.get("ours", float("nan")),
        "gflop": flops / 1e9,
        "peak_gflops": peak(),
    }
    return {"times": times, "facts": facts}


def counted_flops(step: Callable[[dict[str, Any]], None], batch: dict[str, Any]) -> float:
    """Return the floating-point operations of a step's matrix products, as torch counts them."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    class Counter(
        TorchDispatchMode
    ):  # torch's FlopCounterMode hooks modules, which forces inside a model do not allow
        total = 0

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            out = func(*args, **(kwargs or {}))
            if func._overloadpacket in flop_registry:
                self.total += flop_registry[func._overloadpacket](
                    *args, **(kwargs or {}), out_val=out
                )
            return out

    with Counter() as counter:
        step(batch)
    return float(counter.total)


def peak() -> float:
    """Return the GFLOP/s of a float32 product of two 1024 x 1024 matrices, the best of ten."""
    import torch

    a, b = torch.randn(2, 1024, 1024, dtype=torch.float32)
    return 2 * 1024**3 / min(seconds(lambda: torch.mm(a, b)) for _ in range(10)) / 1e9


def result_row(case: Case, measured: dict[str, Any]) -> Row:
    """Return the row of a case: ours against the better of the shipped modes."""
    times, facts = measured["times"], measured["facts"]
    peers = {name: values for name, values in times.items() if not name.startswith("ours")}
    best = min(peers, key=lambda name: statistics.median(peers[name]))
    pair: Pair = pair_of(times["ours"], peers[best])
    log.info(
        "%s: %.1f ms against %.1f ms (%s), ratio %.2f",
        case.name,
        pair.ours * 1e3,
        pair.peer * 1e3,
        best,
        pair.ratio,
    )
    return row(
        case.name,
        pair,
        unit="s",
        peer_name=f"nequip-allegro, {best}",
        goal_ratio=GOALS.get(",".join(map(str, case.size))) if case == Case(case.size) else None,
        frames_per_s=case.processes * BATCH / pair.ours,
        ours_eager_s=statistics.median(times["ours_eager"]),
        eager_s=statistics.median(times["eager"]),
        compiled_s=statistics.median(times.get("compiled", [float("nan")])),
        share_of_peak=facts["gflop"] / pair.ours / facts["peak_gflops"],
        **facts,
    )


def as_markdown(table: pd.DataFrame) -> str:
    """Return the table as it stands in docs/performance.md."""
    head = ("model", "ours", "eager", "shipped", "eager", "ratio")
    return markdown_table(
        (*head, "frames/s", "of the peak", "to compile"),
        (_cells(line) for _, line in table.iterrows()),
    )


def _cells(line: "pd.Series[Any]") -> list[str]:
    compiled = _milliseconds(line["compiled_s"])
    return [
        line["case"].removeprefix("step "),
        f"{line['ours'] * 1e3:.1f}",
        _milliseconds(line.get("ours_eager_s")),
        compiled,
        _milliseconds(line["eager_s"]),
        spread(line),
        f"{line['frames_per_s']:.0f}",
        f"{line['share_of_peak'] * 100:.0f} %",
        "" if pd.isna(line.get("ours_compile_s")) else f"{line['ours_compile_s']:.0f} s",
    ]


def _milliseconds(seconds: float | None) -> str:
    return "" if pd.isna(seconds) else f"{seconds * 1e3:.1f}"


def with_company(case: Case, rounds: int) -> dict[str, Any]:
    """Measure a case while other processes of its kind train beside it."""
    command = [sys.executable, __file__, "--train-beside", *map(str, case.size)]
    others = [subprocess.Popen(command) for _ in range(case.processes - 1)]
    try:
        done = in_child(functools.partial(measure_case, case, rounds))
        return done.result  # type: ignore[no-any-return]
    finally:
        for other in others:
            other.kill()
            other.wait()


def keep_training(size: tuple[int, int, int, int]) -> None:
    """Train as the company of a measured process, until killed or left alone."""
    import torch

    torch.set_num_threads(1)
    case = Case(size)
    step, data = stepper(build(case, "centre", "compile")), batches(case.atoms)
    parent = os.getppid()
    while os.getppid() == parent:  # a benchmark that was killed cannot end its company
        for batch in data:
            step(batch)


def main() -> None:
    """Measure every case and write the table."""
    if sys.argv[1:2] == ["--train-beside"]:
        l_max, layers, scalars, tensors = map(int, sys.argv[2:])
        keep_training((l_max, layers, scalars, tensors))
        return
    arguments = parser(__doc__).parse_args()
    cases = QUICK if arguments.quick else CASES
    rows = [result_row(case, with_company(case, arguments.rounds)) for case in cases]
    finish("step", rows, arguments, as_markdown)


if __name__ == "__main__":
    main()
