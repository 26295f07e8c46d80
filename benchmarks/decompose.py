"""Decomposing, against a loop over nequip's own ASE calculator and the bare forward pass.

Ours is all that `e3d decompose` does of a store, from reading frames to tables on disk, in float64;
what it takes to load the model is a column (``load_model_s``). The loop is ``NequIPCalculator`` as
it loads from the same checkpoint (eager, float32), asked for energy and forces frame by frame; it
has no edge energies to give. The bare forward pass is the model of the analysis on batches that
were made before. Models are untrained (their speed is that of trained ones); frames are those of
minispice over and over, each displaced at random. One thread.
"""

import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from measure import Cost, Row, compare, finish, growth_row, in_child, parser, row

MINISPICE = Path(__file__).parents[1] / "resources" / "minispice.hdf5"
RUN = {"run": "benchmark", "dataset": "minispice", "n_train": 0, "model": "untrained", "seed": 0}
DISPLACED_ANG = 0.01
LOOP, BARE = "loop over nequip's ASE calculator, float32", "bare forward pass, batched, float64"
SIZES = {
    "1,2,32,8": (1, 2, 32, 8),
    "micro of the default study": (1, 2, 64, 8),
    "2,2,64,16": (2, 2, 64, 16),
}
"""l_max, layers, scalars and tensors of each model."""
GOAL = "2,2,64,16"
AIMED = {LOOP: 12.0, BARE: 0.8}
"""Ratios aimed at with the model :data:`GOAL`."""


def write_store(path: Path, frames: int) -> None:
    """Write a store of at least ``frames`` frames: those of minispice over and over, displaced."""
    from e3d.store.convert import write_store

    rng = np.random.default_rng(0)
    source = path.with_suffix(".hdf5")
    with h5py.File(MINISPICE) as file, h5py.File(source, "w") as copy:
        total = sum(len(group["conformations"]) for group in file.values())
        for name, group in file.items():
            n = len(group["conformations"])
            rows = np.arange(-(-frames * n // total)) % n
            target = copy.create_group(name)
            for key in ("atomic_numbers", "smiles", "subset"):
                file.copy(group[key], target, key)
            for key in ("dft_total_energy", "dft_total_gradient", "formation_energy"):
                target[key] = group[key][()][rows]
            positions = group["conformations"][()][rows]
            target["conformations"] = positions + rng.normal(
                scale=DISPLACED_ANG, size=positions.shape
            )
    write_store(source, path)
    source.unlink()


def write_checkpoint(path: Path, size: tuple[int, int, int, int], store: Path) -> None:
    """Write a checkpoint of an untrained Allegro model for the elements of ``store``."""
    import torch
    from nequip.train import NequIPLightningModule
    from nequip.utils.global_state import set_global_state

    from e3d.chemistry import symbol
    from e3d.store.reader import StoreReader

    with StoreReader(store) as reader:
        shifts = {symbol(z): reader.isolated_atom_energy[z] for z in reader.elements}
    l_max, layers, scalars, tensors = size
    settings = {
        "_target_": "allegro.model.AllegroModel",
        "seed": 0,
        "model_dtype": "float32",
        "r_max": 5.0,
        "type_names": list(shifts),
        "l_max": l_max,
        "parity": True,
        "radial_chemical_embed": {
            "_target_": "allegro.nn.TwoBodyBesselScalarEmbed",
            "num_bessels": 8,
            "polynomial_cutoff_p": 6,
        },
        "num_layers": layers,
        "num_scalar_features": scalars,
        "num_tensor_features": tensors,
        **{
            f"{part}_mlp_hidden_layers_width": 64 for part in ("scalar_embed", "allegro", "readout")
        },
        "avg_num_neighbors": 6.0,
        "per_type_energy_scales": 1.5,
        "per_type_energy_shifts": shifts,
    }
    set_global_state()
    facts = {"versions": {}, "training_module": {"_target_": "nequip.train.NequIPLightningModule"}}
    module = NequIPLightningModule(
        model=settings,
        num_datasets=dict.fromkeys(("train", "val", "test", "predict"), 1),
        info_dict=facts,
    )
    saved = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    torch.save({**saved, "pytorch-lightning_version": "2.0.0"}, path)


def ase_loop(checkpoint: Path, structures: list[Any]) -> Callable[[], None]:
    """Return a loop over frames with the calculator as nequip makes it."""
    import torch
    from ase import Atoms
    from nequip.integrations.ase import NequIPCalculator

    calculator = NequIPCalculator._from_saved_model(
        str(checkpoint), device=torch.device("cpu"), chemical_species_to_atom_type_map=True
    )
    images = [Atoms(structure.atomic_numbers, structure.positions) for structure in structures]

    def loop() -> None:
        calculator.reset()
        for atoms in images:
            atoms.calc = calculator
            atoms.get_potential_energy()
            atoms.get_forces()

    return loop


def bare_forward(model: Any, structures: list[Any]) -> Callable[[], None]:
    """Return the model's forward pass on batches made before."""
    import torch

    from e3d.models.analysis import EDGES_PER_CALL

    parts = [part for batch in model.batches(structures) for part in batch.parts(EDGES_PER_CALL)]
    inputs = [model._inputs(part) for part in parts]

    def forward() -> None:
        model._derivatives.do_derivatives = False
        with torch.inference_mode():
            for batch in inputs:
                model._model(dict(batch))

    return forward


def decompose_store(checkpoint: Path, store: Path, output: Path) -> None:
    """Load a model and decompose a store; leave the time of the latter in ``output/seconds``."""
    from e3d.decomposition.tables import write_decompositions
    from e3d.models import load_model

    model = load_model(checkpoint)
    start = time.perf_counter()
    write_decompositions(model, [store], output, run=RUN)
    (output / "seconds").write_text(str(time.perf_counter() - start))


def speed(folder: Path, frames: int, rounds: int) -> list[Row]:
    """Compare frames/s with the loop and with the bare forward pass, for each size of model."""
    import torch

    from e3d.decomposition.tables import write_decompositions
    from e3d.models import load_model
    from e3d.store.reader import StoreReader
    from e3d.structures import from_store

    torch.set_num_threads(1)
    store = folder / "speed.h5"
    write_store(store, frames)
    with StoreReader(store) as reader:
        structures = list(from_store(reader, range(len(reader))))
    sample = structures[:: max(1, len(structures) // 200)]
    rows = []
    for name, size in SIZES.items():
        checkpoint = folder / f"{name}.ckpt"
        write_checkpoint(checkpoint, size, store)
        start = time.perf_counter()
        model = load_model(checkpoint)
        facts = {"frames": len(structures), "load_model_s": time.perf_counter() - start}

        def ours(model: Any = model) -> None:
            write_decompositions(model, [store], folder / "out", run=RUN)

        for peer, call, n in (
            (LOOP, ase_loop(checkpoint, sample), len(sample)),
            (BARE, None, len(structures)),
        ):
            pair = compare(ours, call or bare_forward(model, structures), rounds=rounds)
            share = len(structures) / n  # the loop does a sample of the frames
            rows.append(
                row(
                    name,
                    _per_frame(pair, len(structures), n),
                    unit="s/frame",
                    peer_name=peer,
                    **facts,
                )
            )
            rows[-1] |= {key: rows[-1][key] * share for key in ("ratio", "ratio_lo", "ratio_hi")}
            rows[-1]["goal_ratio"] = AIMED[peer] if name == GOAL else None
    return rows


def _per_frame(pair: Any, ours: int, peer: int) -> Any:
    return type(pair)(pair.ours / ours, pair.peer / peer, pair.ratio, pair.ratio_lo, pair.ratio_hi)


def growth(folder: Path, sizes: list[int]) -> list[Row]:
    """Measure time and peak memory of decomposing against the number of frames."""
    checkpoint, output = folder / "growth.ckpt", folder / "growth"
    costs: list[tuple[Cost, float]] = []
    for frames in sizes:
        store = folder / f"n{frames}.h5"
        write_store(store, frames)
        write_checkpoint(checkpoint, SIZES[GOAL], store)
        cost = in_child(functools.partial(decompose_store, checkpoint, store, output))
        costs.append((cost, float((output / "seconds").read_text())))
    peak, seconds = [cost.peak_mb for cost, _ in costs], [taken for _, taken in costs]
    whole = {
        f"with_start_s_{size}": cost.seconds for size, (cost, _) in zip(sizes, costs, strict=True)
    }
    memory = growth_row("memory", sizes, peak, of="peak memory", against="frames")
    times = growth_row("time", sizes, seconds, of="time", against="frames")
    return [
        memory | {f"mb_{size}": mb for size, mb in zip(sizes, peak, strict=True)},
        times | {f"s_{size}": taken for size, taken in zip(sizes, seconds, strict=True)} | whole,
    ]


def main() -> None:
    """Measure and write the table."""
    arguments = parser(__doc__).parse_args()
    frames, sizes = (100, [100, 200]) if arguments.quick else (10_000, [1_000, 10_000, 100_000])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = speed(folder, frames, 1 if arguments.quick else arguments.rounds)
        finish("decompose", rows + growth(folder, sizes), arguments)


if __name__ == "__main__":
    main()
