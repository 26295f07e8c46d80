"""A training job of 1000 frames and 50 epochs: the share of its wall time that is training steps.

:mod:`clock` says what a training step is. Everything else counts against the job: Python's start,
imports, data, feeding, Lightning's loop, validation, checkpoints, tables and exit. The peer is
``nequip-train`` as a user would set it up, with nequip's own data module on an extended-XYZ file of
the same frames: the same model, weights' seed, frames, batch size and epochs.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import yaml
from clock import CLOCK, STARTED
from measure import Pair, Row, finish, log, pair_of, parser, row

from e3d import tables
from e3d.fields import VALIDATION, Column
from e3d.options import read_yaml
from e3d.store.convert import write_store
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of
from study.data.split import write_splits
from study.data.subset import write_subset
from study.run_settings import Architecture, RunSettings, Training

ROOT = Path(__file__).parents[1]
CLOCKED = str(ROOT / "benchmarks" / "clocked_e3d.py")
PEER = "nequip-train with ASEDataModule"
BATCH = 16
# leaves 1008 in the pool
SPLIT = {"test_molecules": 0.01, "test_conformations": 0.02, "validation": 0.05}

Times = Mapping[str, float]


def prepare(folder: Path, frames: int, epochs: int) -> Path:
    """Make store, splits, subset and RUN.yaml of the job with the package's own functions."""
    store, splits, subset = folder / "store.h5", folder / "splits.parquet", folder / "subset.csv"
    write_store(ROOT / "resources" / "minispice.hdf5", store)
    write_splits(store, splits, **SPLIT)
    write_subset(store, splits, subset, n=frames)
    steps_per_epoch = -(-frames // BATCH)  # as many as nequip's loader makes of one pass
    architecture = Architecture(
        r_max=5.0,
        l_max=2,
        parity=True,
        num_layers=2,
        num_scalar_features=64,
        num_tensor_features=16,
        mlp_width=64,
        num_bessels=8,
        polynomial_cutoff_p=6,
    )
    training = Training(
        steps=epochs * steps_per_epoch,
        steps_per_epoch=steps_per_epoch,
        batch_size=BATCH,
        learning_rate=0.01,
        final_learning_rate_fraction=0.01,
        ema_decay=0.99,
        energy_weight=4.0,
        force_weight=1.0,
    )
    name, paths = f"minispice/n{frames}/job/s0", (str(store), str(splits), str(subset))
    run = RunSettings(name, "minispice", frames, "job", 0, *paths, architecture, training)
    run.write(folder / "run.yaml")
    _as_extxyz(store, tables.read(subset)[Column.FRAME].tolist(), folder / "train.xyz")
    _as_extxyz(store, frames_of(splits, VALIDATION).tolist(), folder / "validation.xyz")
    return folder / "run.yaml"


def _as_extxyz(store: Path, frames: list[int], path: Path) -> None:
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import write

    with StoreReader(store) as reader:
        images = []
        for frame in map(reader.frame, frames):
            atoms = Atoms(frame.atomic_numbers, frame.positions)
            atoms.calc = SinglePointCalculator(atoms, energy=frame.energy, forces=frame.forces)
            images.append(atoms)
    write(path, images, format="extxyz")


def write_peer_config(run_file: Path, folder: Path) -> None:
    """Write the config of ``nequip-train``: our model and training, nequip's data module."""
    from study.train.render import render, statistics

    run = RunSettings.from_dict(read_yaml(run_file))
    stats = statistics(Path(run.store), Path(run.splits), run.architecture.r_max)
    config = render(run, stats, folder, {"kernels": "shipped"})
    transforms = "nequip.data.transforms."
    loader = {"_target_": "torch.utils.data.DataLoader"}
    config["data"] = {
        "_target_": "nequip.data.datamodule.ASEDataModule",
        "seed": run.seed,
        "train_file_path": str(run_file.with_name("train.xyz")),
        "val_file_path": str(run_file.with_name("validation.xyz")),
        "transforms": [
            {
                "_target_": f"{transforms}ChemicalSpeciesToAtomTypeMapper",
                "model_type_names": list(stats.type_names),
            },
            {"_target_": f"{transforms}NeighborListTransform", "r_max": run.architecture.r_max},
        ],
        "train_dataloader": {**loader, "batch_size": BATCH, "shuffle": True},
        "val_dataloader": {**loader, "batch_size": config["data"]["val_dataloader"]["batch_size"]},
    }
    trainer = config["trainer"]
    trainer["callbacks"] = [
        entry for entry in trainer["callbacks"] if entry["_target_"].startswith("lightning")
    ]
    trainer["callbacks"].append({"_target_": "clock.Clock"})
    config["training_module"]["optimizer"] = {
        "_target_": "torch.optim.Adam",
        "lr": run.training.learning_rate,
    }
    config["hydra"] = {"run": {"dir": str(folder / "hydra")}, "output_subdir": None}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peer.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def timed_job(command: list[str], folder: Path) -> dict[str, float]:
    """Run a job and return its times; ``total_s`` is from the start of its process to the end."""
    clock = folder / "clock.json"
    folder.mkdir(parents=True, exist_ok=True)
    paths = os.pathsep.join(str(ROOT / name) for name in ("src", "workflow", "benchmarks"))
    start = time.time()
    environment = {
        **os.environ,
        "PYTHONPATH": paths,
        "OMP_NUM_THREADS": "1",
        STARTED: str(start),
        CLOCK: str(clock),
    }
    with (folder / "log").open("w") as stream:
        done = subprocess.run(
            [sys.executable, *command], env=environment, stdout=stream, stderr=stream, check=False
        )
    if done.returncode != 0:
        last = (folder / "log").read_text(encoding="utf-8").strip().splitlines()[-1:]
        raise SystemExit(f"{' '.join(command)} ended with code {done.returncode}: {' '.join(last)}")
    times = json.loads(clock.read_text(encoding="utf-8"))
    return {**times, "total_s": time.time() - start}


def derived(times: Times) -> dict[str, float]:
    """Return what the table shows, from the times of one job."""
    total, steps, fit = (
        times["total_s"],
        times["in_steps_s"],
        times["to_end_of_fit_s"] - times["to_first_step_s"],
    )
    between = fit - steps - times["validation_s"] - times["checkpoints_s"]
    return {
        "whole job": total,
        "start of the process to the first step": times["to_first_step_s"],
        "training steps": steps,
        "feeding and Lightning between the steps": between,
        "validation": times["validation_s"],
        "checkpoints": times["checkpoints_s"],
        "end of the last epoch to the end of the process": total - times["to_end_of_fit_s"],
        "outside training steps": total - steps,
        "one step": steps / times["steps"],
        "between two steps": between / times["steps"],
    }


def rows_of(mine: list[Times], theirs: list[Times]) -> list[Row]:
    """Return a row for each phase, and one for the share of steps, whose ratio is ours / peer."""
    both = [[derived(times) for times in side] for side in (mine, theirs)]
    shares = [[times["in_steps_s"] / times["total_s"] for times in side] for side in (mine, theirs)]
    turned = pair_of(shares[1], shares[0])
    share = Pair(turned.peer, turned.ours, turned.ratio, turned.ratio_lo, turned.ratio_hi)
    steps = int(mine[0]["steps"])
    rows = [
        row(
            "share of wall time in training steps", share, unit="share", peer_name=PEER, steps=steps
        )
    ]
    for case in both[0][0]:
        pair = pair_of(*([times[case] for times in side] for side in both))
        rows.append(row(case, pair, unit="s", peer_name=PEER, steps=steps))
    return rows


def main() -> None:
    """Run ours and the peer in turn and write the table."""
    options = parser(__doc__)
    options.set_defaults(rounds=1)  # the peer's job takes minutes
    arguments = options.parse_args()
    frames, epochs = (100, 2) if arguments.quick else (1000, 50)
    mine: list[Times] = []
    theirs: list[Times] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_file = prepare(folder, frames, epochs)
        for number in range(arguments.rounds):
            here = folder / str(number)
            command = [CLOCKED, "train", str(run_file), "-o", str(here / "out")]
            mine.append(timed_job(command, here / "ours"))
            log.info("ours: %s", derived(mine[-1]))
            write_peer_config(run_file, here / "peer")
            command = ["-m", "nequip.scripts.train", "-cp", str(here / "peer"), "-cn", "peer"]
            theirs.append(timed_job(command, here / "peer"))
            log.info("peer: %s", derived(theirs[-1]))
    finish("job", rows_of(mine, theirs), arguments)


if __name__ == "__main__":
    main()
