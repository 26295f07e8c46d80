"""What a GPU makes of it: the same numbers, steps of the paper's sizes, decomposition.

    python benchmarks/gpu.py -o results/benchmarks/gpu.csv            # on a GPU, 8 minutes
    python benchmarks/gpu.py --device cpu --quick -o /tmp/gpu.csv     # to see that it runs

Rows as in the other benchmarks: the faster of our modes against that of nequip-allegro as shipped.
Everything that is measured is written at once, so that a machine that is taken away leaves what it
did. ``agreement`` rows hold the largest difference relative to the largest value, on the device,
against the shipped network in float64 on the CPU. Steps are on conformations of
minispice, drawn with replacement.
"""

import functools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import step
import torch
from measure import Row, finish, log, pair_of, parser, row
from nequip.data import AtomicDataDict as K

BUDGET_S = float(os.environ.get("E3D_GPU_SECONDS", "480"))
"""Nothing new is started after so many seconds."""
STARTED = time.monotonic()
SIZES = {
    "xs": (1, 1, 32, 8),
    "s": (2, 2, 64, 16),
    "m": (2, 2, 128, 32),
    "l": (3, 3, 256, 64),
}
"""Sizes of config/paper.yaml: l_max, layers, scalars, tensors."""
COMPILED = (("xs", 32), ("s", 32), ("m", 32), ("l", 32), ("s", 256))
"""Size and batch that are compiled too: it takes a minute each."""
FAILURES = (RuntimeError, ImportError, AssertionError)
"""No memory, no compiler, or what the compiler checks does not hold."""


def in_time(what: str) -> bool:
    """Say whether there is time for more, and log what was left out if not."""
    if time.monotonic() - STARTED < BUDGET_S:
        return True
    log.warning("%s left out: no time", what)
    return False


def on(device: str, batch: dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """Return a batch on the device, positions and labels in ``dtype``."""
    return {
        key: (value.to(device, dtype) if value.is_floating_point() else value.to(device))
        if isinstance(value, torch.Tensor)
        else value
        for key, value in batch.items()
    }


def batch_of(n: int) -> dict[str, Any]:
    """Return ``n`` frames of seven or eight atoms in one batch."""
    found = step.frames((7, 8))
    chosen = np.random.default_rng(n).integers(0, len(found), n)
    return K.batched_from_list([found[i] for i in chosen])


def derivatives(model: Any, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Return energies, forces, and the gradient of the training loss by all weights, on the CPU."""
    out = model(dict(batch))
    loss = (out[K.TOTAL_ENERGY_KEY] - batch[K.TOTAL_ENERGY_KEY]).square().mean()
    loss = loss + (out[K.FORCE_KEY] - batch[K.FORCE_KEY]).square().mean()
    gradient = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
    flat = torch.cat([g.reshape(-1) for g in gradient if g is not None])
    found = {"energies": out[K.TOTAL_ENERGY_KEY], "forces": out[K.FORCE_KEY], "gradient": flat}
    return {name: value.detach().double().cpu() for name, value in found.items()}


def agreement(device: str, quick: bool) -> Iterator[Row]:
    """Compare both networks on the device with the shipped one in float64 on the CPU."""
    size = (1, 1, 8, 2) if quick else SIZES["s"]
    batch = batch_of(16)
    exact = step.build(step.Case(size), "shipped", "eager", "float64")
    truth = derivatives(exact, on("cpu", batch, torch.float64))
    for dtype in ("float64", "float32"):
        errors = {}
        for kernels in ("centre", "shipped"):
            model = step.build(step.Case(size), kernels, "eager", dtype).to(device)
            model.load_state_dict(exact.state_dict())
            found = derivatives(model, on(device, batch, getattr(torch, dtype)))
            errors[kernels] = {
                name: float((value - truth[name]).abs().max() / truth[name].abs().max())
                for name, value in found.items()
            }
        for name in truth:
            ours, peer = errors["centre"][name], errors["shipped"][name]
            yield row(
                f"agreement of {name}, {dtype}",
                pair_of([ours], [peer]),
                unit="of the largest",
                peer_name="nequip-allegro, eager",
            )


def timed(call: Callable[[], object], device: str, rounds: int) -> list[float]:
    """Return the seconds of each of ``rounds`` calls, after three that are not timed."""
    for _ in range(3):
        call()
    times = []
    for _ in range(rounds):
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return times


def steps(device: str, quick: bool, rounds: int) -> Iterator[Row]:
    """Time training steps of every size and batch, ours and the shipped modes in turn."""
    sizes = {"tiny": (1, 1, 8, 2)} if quick else SIZES
    for n in (8,) if quick else (32, 8, 128, 256):
        batch = on(device, batch_of(n), torch.float32)
        for name, size in sizes.items():
            case = f"step {name}, batch {n}"
            if not in_time(case):
                continue
            modes = {"ours": ("centre", "eager"), "eager": ("shipped", "eager")}
            if (name, n) in COMPILED and device != "cpu":
                modes["ours_compiled"] = ("centre", "compile")
                modes["compiled"] = ("shipped", "compile")
            times: dict[str, list[float]] = {}
            facts: dict[str, float] = {}
            for mode, (kernels, compile_mode) in modes.items():
                try:
                    model = step.build(step.Case(size), kernels, compile_mode).to(device)
                    call = functools.partial(step.stepper(model), batch)
                    start = time.perf_counter()
                    call()
                    facts[f"first_{mode}_s"] = time.perf_counter() - start
                    times[mode] = timed(call, device, rounds)
                except FAILURES as error:
                    log.warning("%s, %s: %s", case, mode, " ".join(str(error).split())[:300])
                if device.startswith("cuda"):
                    facts[f"{mode}_peak_MB"] = torch.cuda.max_memory_allocated() / 1e6
                    torch.cuda.reset_peak_memory_stats()
            peers = {mode: v for mode, v in times.items() if not mode.startswith("ours")}
            mine = {mode: v for mode, v in times.items() if mode.startswith("ours")}
            if mine and peers:
                best = min(peers, key=lambda mode: statistics.median(peers[mode]))
                pair = pair_of(min(mine.values(), key=statistics.median), peers[best])
                seconds = {f"{mode}_s": statistics.median(v) for mode, v in times.items()}
                log.info("%s: %s", case, {key: f"{v * 1e3:.2f} ms" for key, v in seconds.items()})
                yield row(
                    case,
                    pair,
                    unit="s",
                    peer_name=f"nequip-allegro, {best}",
                    frames_per_s=n / pair.ours,
                    **seconds,
                    **facts,
                )


def decomposition(device: str, quick: bool) -> Iterator[Row]:
    """Time the decomposition of frames by edges per call; the peer is the call that suits a CPU."""
    from e3d import graphs
    from e3d.fast import accelerate
    from e3d.models import AnalysisModel, analysis
    from e3d.models.precision import as_float64
    from e3d.pairs import check_sum_rule, pair_up
    from e3d.structures import from_file

    size = (1, 1, 8, 2) if quick else SIZES["s"]
    graph_model = as_float64(step.build(step.Case(size), "shipped", "eager"))
    accelerate(graph_model)
    model = AnalysisModel(graph_model, Path("untrained"), device)
    known = [s for s in from_file(Path("src/e3d/named_bonds/named_bonds.xyz")) if model.knows(s)]
    structures = known * (2 if quick else 40)
    times: dict[int, list[float]] = {}

    def decompose() -> None:
        for batch in model.batches(structures):
            edges = model.edge_energies(batch)
            check_sum_rule(edges, [s.label for s in batch.structures])
            pair_up(edges)

    names = [
        (analysis, "EDGES_PER_CALL"),
        (analysis, "EDGES_PER_CALL_OF_A_GPU"),
        (graphs, "ATOMS_PER_BATCH"),
        (analysis, "ATOMS_PER_BATCH_OF_A_GPU"),
    ]
    usual = [getattr(module, name) for module, name in names]
    for edges_per_call in (2_000, 20_000, 200_000):
        if in_time(f"decomposition, {edges_per_call} edges a call"):
            atoms = max(2_000, edges_per_call // 5)
            for (module, name), value in zip(
                names, (edges_per_call,) * 2 + (atoms,) * 2, strict=True
            ):
                setattr(module, name, value)
            times[edges_per_call] = timed(decompose, device, 3)
    for (module, name), value in zip(names, usual, strict=True):
        setattr(module, name, value)
    for edges_per_call, values in times.items():
        pair = pair_of(values, times[2_000])
        log.info("decomposition, %d edges a call: %.3f s", edges_per_call, pair.ours)
        yield row(
            f"decomposition, {edges_per_call} edges a call",
            pair,
            unit="s",
            peer_name="2,000 edges a call",
            frames_per_s=len(structures) / pair.ours,
        )


def main() -> None:
    """Measure in the order of what matters most, and write the table after each part."""
    options = parser(__doc__)
    options.add_argument("--device", default="cuda", help="cuda, or cpu to try the script")
    arguments = options.parse_args()
    device, quick = arguments.device, arguments.quick
    torch.set_num_threads(1 if device == "cpu" else 8)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    parts = (
        agreement(device, quick),
        decomposition(device, quick),
        steps(device, quick, 3 if quick else 20),
    )
    for part in parts:
        for one in part:
            rows.append(one)
            pd.DataFrame(rows).to_csv(arguments.output.with_suffix(".part.csv"), index=False)
    if device.startswith("cuda"):
        for one in rows:
            one["device"] = torch.cuda.get_device_name()
            one["torch"] = torch.__version__
    finish("gpu", rows, arguments)


if __name__ == "__main__":
    main()
