"""How time and memory grow with frames, atoms per frame and the size of the model.

    python benchmarks/growth.py -o results/benchmarks/growth.csv

Every size is measured in a process of its own. Data: files in the SPICE layout as in ``store.py``.
Training steps and decomposition of larger frames: methanol molecules at the density of a liquid, in
a periodic cell (every atom has as many neighbours whatever the cell) or as a cluster (larger ones
have more neighbours per atom). Decomposition against frames: minispice, over and over, on one small
untrained model; entropy and bond energies are then taken from these decompositions.
"""

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from measure import Cost, Row, finish, growth_row, in_child, in_process, log, parser, point
from store import generate

from e3d.chemistry import symbol
from e3d.named_bonds import BDE_FILE, ENERGIES_FILE
from e3d.store.convert import write_store
from e3d.store.reader import StoreReader
from e3d.structures import Structure, from_store
from study.data.split import write_splits
from study.data.subset import write_subset

ROOT = Path(__file__).parents[1]
MINISPICE = ROOT / "resources" / "minispice.hdf5"
ELEMENTS = ("H", "C", "N", "O", "F", "S", "Cl")
VOLUME_ANG3 = 67.3
"""Of one molecule of liquid methanol: 32.04 g/mol at 0.79 g/cm³."""
MOLECULES = ((1, 1, 1), (1, 1, 2), (1, 2, 2), (2, 2, 2), (2, 2, 4))  # 6 to 96 atoms
BATCH, WARM_UP = 4, 3
"""Frames of a training step; steps before TorchScript has compiled what it will."""
RUN = {"run": "growth", "dataset": "growth", "n_train": 0, "model": "small", "seed": 0}
SMALL = {"l_max": 1, "num_layers": 1, "num_scalar_features": 16, "num_tensor_features": 4}
MICRO = {"l_max": 1, "num_layers": 2, "num_scalar_features": 64, "num_tensor_features": 8}
WIDTHS = tuple(
    MICRO | {"num_scalar_features": width, "num_tensor_features": width // 8}
    for width in (16, 32, 64, 128)
)
LAYERS = tuple(MICRO | {"num_layers": layers} for layers in (1, 2, 3, 4))
ANGULAR = tuple(MICRO | {"l_max": l_max} for l_max in (1, 2, 3))


@dataclass(frozen=True)
class Sizes:
    """The sizes to measure: frames of data and decompositions, cells of molecules, repeats."""

    data: tuple[int, ...] = (1_000, 3_000, 10_000, 30_000, 100_000)
    frames: tuple[int, ...] = (100, 1_000, 10_000, 100_000)
    cells: tuple[tuple[int, int, int], ...] = MOLECULES
    models: int = 4
    steps: int = 5
    run: Callable[[Callable[[], Any]], Cost] = in_child


QUICK = Sizes((500, 1_000), (20, 40), MOLECULES[:2], models=2, steps=1, run=in_process)


def liquid(cells: tuple[int, int, int], index: int, *, periodic: bool) -> Structure:
    """Return methanol molecules, turned at random, on a lattice at the density of the liquid."""
    from ase.build import molecule
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(index)
    methanol = molecule("CH3OH")
    centred = methanol.positions - methanol.positions.mean(axis=0)
    side = VOLUME_ANG3 ** (1 / 3)
    places = side * np.array(list(itertools.product(*map(range, cells))), dtype=float)
    turns = Rotation.random(len(places), rng=rng)
    return Structure(
        label=f"{len(places)} CH3OH",
        frame=index,
        positions=np.concatenate(
            [centred @ turn.as_matrix() + place for turn, place in zip(turns, places, strict=True)]
        ),
        atomic_numbers=np.tile(methanol.numbers, len(places)).astype(np.int64),
        smiles=f"CH4O{len(places)}",
        mapped_smiles=None,
        bonds=None,
        cell=np.diag(side * np.array(cells, dtype=float)) if periodic else None,
        pbc=(periodic, periodic, periodic),
    )


def network(settings: dict[str, Any], dtype: str) -> Any:
    """Return an untrained Allegro model of the elements of minispice."""
    from allegro.model import AllegroModel
    from nequip.utils.global_state import set_global_state

    set_global_state()
    return AllegroModel(
        seed=1,
        model_dtype=dtype,
        r_max=5.0,
        type_names=list(ELEMENTS),
        parity=True,
        radial_chemical_embed={"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", "num_bessels": 8},
        avg_num_neighbors=30.0,
        **settings,
    )


def training_step(
    settings: dict[str, Any], cells: tuple[int, int, int], steps: int, *, periodic: bool
) -> dict[str, float]:
    """Return median seconds of a step (forces, loss, gradient, Adam), edges and weights."""
    import torch
    from nequip.data import AtomicDataDict, compute_neighborlist_, from_dict

    from e3d.fast.swap import accelerate

    model = network(settings, "float32").train()
    if not accelerate(model):
        raise RuntimeError(
            "the fast network did not take the place of the shipped one, so this is not ours"
        )
    graphs = []
    for index in range(BATCH):
        one = liquid(cells, index, periodic=periodic)
        data: dict[str, Any] = {
            "pos": one.positions,
            "atom_types": np.array([ELEMENTS.index(symbol(int(z))) for z in one.atomic_numbers]),
        }
        if periodic:
            data |= {"cell": one.cell, "pbc": np.array(one.pbc)}
        graphs.append(compute_neighborlist_(from_dict(data), r_max=5.0))
    batch = AtomicDataDict.batched_from_list(graphs)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    times = []
    for _ in range(WARM_UP + steps):
        start = time.perf_counter()
        optimiser.zero_grad()
        out = model(dict(batch))
        loss = (
            out[AtomicDataDict.FORCE_KEY].square().mean()
            + out[AtomicDataDict.TOTAL_ENERGY_KEY].square().mean()
        )
        loss.backward()
        optimiser.step()
        times.append(time.perf_counter() - start)
    return {
        "seconds": statistics.median(times[WARM_UP:]),
        "edges": batch[AtomicDataDict.EDGE_INDEX_KEY].shape[1],
        "parameters": sum(weight.numel() for weight in model.parameters()),
    }


def decomposition(structures: Callable[[], Iterator[Structure]], folder: Path) -> dict[str, Any]:
    """Decompose structures on the small model; return seconds and the summary."""
    from e3d.decomposition.tables import write_decomposition
    from e3d.models import AnalysisModel

    file = folder.with_suffix(".untrained")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()  # the provenance note wants the model's file
    model = AnalysisModel(network(SMALL, "float64"), file, "cpu")
    start = time.perf_counter()
    summary = write_decomposition(model, structures(), folder, name=folder.name, run=RUN)
    return {"seconds": time.perf_counter() - start, **summary}


def minispice(store: Path, frames: int) -> Iterator[Structure]:
    """Yield ``frames`` frames of minispice, from its beginning again when it ends."""
    with StoreReader(store) as reader:
        known = list(from_store(reader, range(min(frames, len(reader)))))
    for index, structure in enumerate(itertools.islice(itertools.cycle(known), frames)):
        yield replace(structure, frame=index)


def liquids(cells: tuple[int, int, int], frames: int, *, periodic: bool) -> Iterator[Structure]:
    """Yield frames of the liquid."""
    for index in range(frames):
        yield liquid(cells, index, periodic=periodic)


def entropy_of(folder: Path) -> None:
    """Make the entropy tables of a decomposition."""
    from study.entropy.tables import write_tables

    write_tables([folder], folder / "entropy.csv", 0.05, 0.05, 0.02, RUN)


def bond_energies_of(folder: Path) -> None:
    """Make the tables of bond energies of a decomposition."""
    from study.bde.tables import write_tables

    write_tables([folder], BDE_FILE, ENERGIES_FILE, None, folder / "bde.csv", RUN)


def series(
    name: str, against: str, sizes: Sequence[float], costs: Sequence[Cost], times: Sequence[float]
) -> list[Row]:
    """Return the rows of one series: every size, then the slopes of time and of peak memory."""
    rows = []
    for size, cost, seconds in zip(sizes, costs, times, strict=True):
        facts = {"against": against, "peak_MB": round(cost.peak_mb)}
        rows.append(point(f"{name}, {size:,.0f} {against}", name, size, seconds, unit="s", **facts))
        log.info("%s: %.3g s, %.0f MB", rows[-1]["case"], seconds, cost.peak_mb)
    rows.append(
        growth_row(f"{name}: time against {against}", sizes, times, of="time", against=against)
    )
    memory = [cost.peak_mb for cost in costs]
    rows.append(
        growth_row(
            f"{name}: peak memory against {against}",
            sizes,
            memory,
            of="peak memory",
            against=against,
        )
    )
    return rows


def data_rows(sizes: Sizes, folder: Path) -> list[Row]:
    """Store, splits and subset against the number of frames."""
    costs: dict[str, list[Cost]] = {
        "reading into a store": [],
        "splitting": [],
        "choosing a tenth": [],
    }
    for frames in sizes.data:
        source, store, splits = (folder / f"{frames}.{kind}" for kind in ("hdf5", "h5", "parquet"))
        generate(source, frames)
        choosing = partial(write_subset, store, splits, folder / f"{frames}.csv", n=frames // 10)
        calls: tuple[Callable[[], Any], ...] = (
            partial(write_store, source, store),
            partial(write_splits, store, splits),
            choosing,
        )
        for name, call in zip(costs, calls, strict=True):
            costs[name].append(replace(sizes.run(call), result=None))
        source.unlink()
    rows = []
    for name, found in costs.items():
        rows += series(name, "frames", sizes.data, found, [cost.seconds for cost in found])
    return rows


def step_rows(sizes: Sizes, _: Path) -> list[Row]:
    """Return the rows of a step against atoms per frame, edges, and the size of the model."""
    rows = []
    for periodic, name in ((True, "training step, periodic"), (False, "training step, clusters")):
        calls = [
            partial(training_step, MICRO, cells, sizes.steps, periodic=periodic)
            for cells in sizes.cells
        ]
        costs = [sizes.run(call) for call in calls]
        times = [cost.result["seconds"] for cost in costs]
        rows += series(
            name,
            "atoms per frame",
            [6 * int(np.prod(cells)) for cells in sizes.cells],
            costs,
            times,
        )
        edges = [cost.result["edges"] for cost in costs]
        rows.append(
            growth_row(f"{name}: time against edges", edges, times, of="time", against="edges")
        )
    for what, against, grid in (
        ("width", "parameters", WIDTHS),
        ("layers", "layers", LAYERS),
        ("l_max", "components (l_max + 1)²", ANGULAR),
    ):
        chosen = grid[: sizes.models]
        costs = [
            sizes.run(partial(training_step, one, sizes.cells[1], sizes.steps, periodic=True))
            for one in chosen
        ]
        numbers = {
            "width": [cost.result["parameters"] for cost in costs],
            "layers": [one["num_layers"] for one in chosen],
            "l_max": [(one["l_max"] + 1) ** 2 for one in chosen],
        }[what]
        rows += series(
            f"training step, {what}",
            against,
            numbers,
            costs,
            [cost.result["seconds"] for cost in costs],
        )
    return rows


def decompose_rows(sizes: Sizes, folder: Path) -> list[Row]:
    """Return the rows of decomposition, entropy and bond energies."""
    store = folder / "minispice.h5"
    write_store(MINISPICE, store)
    folders = [folder / f"frames-{frames}" for frames in sizes.frames]
    calls = [partial(minispice, store, frames) for frames in sizes.frames]
    costs = [
        sizes.run(partial(decomposition, call, target))
        for call, target in zip(calls, folders, strict=True)
    ]
    rows = series(
        "decomposition", "frames", sizes.frames, costs, [cost.result["seconds"] for cost in costs]
    )
    for name, call in (("entropy", entropy_of), ("bond energies", bond_energies_of)):
        found = [sizes.run(partial(call, target)) for target in folders]
        rows += series(name, "frames", sizes.frames, found, [cost.seconds for cost in found])
    for periodic, name in ((True, "decomposition, periodic"), (False, "decomposition, clusters")):
        streams = [
            partial(liquids, cells, sizes.frames[0], periodic=periodic) for cells in sizes.cells
        ]
        costs = [
            sizes.run(partial(decomposition, stream, folder / f"{name}-{k}"))
            for k, stream in enumerate(streams)
        ]
        times = [cost.result["seconds"] for cost in costs]
        rows += series(
            name,
            "atoms per frame",
            [6 * int(np.prod(cells)) for cells in sizes.cells],
            costs,
            times,
        )
        edges = [cost.result["edges"] for cost in costs]
        rows.append(
            growth_row(f"{name}: time against edges", edges, times, of="time", against="edges")
        )
    return rows


def main() -> None:
    """Measure and write the table."""
    options = parser(__doc__)
    parts = {"data": data_rows, "steps": step_rows, "decompositions": decompose_rows}
    options.add_argument(
        "--parts", nargs="+", choices=parts, default=list(parts), help="measure these alone"
    )
    arguments = options.parse_args()
    sizes = QUICK if arguments.quick else Sizes()
    with tempfile.TemporaryDirectory() as name:
        rows = [row for part in arguments.parts for row in parts[part](sizes, Path(name))]
    finish("growth", rows, arguments)


if __name__ == "__main__":
    main()
