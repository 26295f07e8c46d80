"""What the model sizes of the paper's study cost on one core: steps, memory, decomposition, files.

    python benchmarks/cost.py -o results/benchmarks/cost.csv

Frames stand for SPICE 2: drug-like molecules embedded by RDKit and held by springs, as labels
change no time; the sizes and the batch are those of ``config/paper.yaml``. Training is ``e3d
train`` itself, on the CPU, with the kernels that ``auto`` takes there, in a process of its own;
:mod:`clock` times its steps, the first left out, in seconds of one core's work, so that a busy
machine counts little. A batch of a quarter as many frames says whether time is linear in the batch.
``estimate.py`` makes an estimate of the study from the table.
"""

import functools
import json
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from clock import CLOCK, STARTED
from measure import Cost, Row, finish, growth_row, in_child, log, parser, point
from snakemake.utils import update_config
from springs import conformations

from e3d.fields import BONDS_FILE, VALIDATION
from e3d.options import read_yaml
from e3d.store.convert import write_store
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of
from e3d.theory import SPICE
from e3d.units import BOHR_ANG, HARTREE_EV, HARTREE_PER_BOHR_EV_PER_ANG
from study.config import Study, load_study, run_settings
from study.config_files import with_own_controls
from study.data.split import write_splits
from study.data.subset import write_subset
from study.run_settings import RunSettings, Training
from study.train.pack import pack

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "config" / "paper.yaml"
_BINDING_EV = -4.5  # of an atom, about
STEP, DECOMPOSITION = "training step", "decomposition"
R_MAX_ANG, N_TRAIN = 6.0, 64
CONFORMATIONS, QUICK_CONFORMATIONS = 40, 4
STEPS, QUICK_STEPS = {"xs": 30, "s": 12, "m": 6, "l": 4}, 2
"""Steps of a measured training by size, the first of them untimed."""
FRAMES, QUICK_FRAMES = {"xs": 2000, "s": 400, "m": 200, "l": 50}, 20
"""Frames decomposed, at most: of the smallest size all, for the size of the files."""
SHARE = 4
"""The smaller batch is this part of the study's."""
SPLIT = {"test_molecules": 0.1, "test_conformations": 0.1, "validation": 0.1}
MOLECULES = """
CC(C)Cc1ccc(C(C)C(=O)O)cc1 CN1CCC(CC1)=C1c2ccccc2CCc2ccccc21 COc1ccc2cc(ccc2c1)C(C)C(=O)O
CCN(CC)CC(=O)Nc1c(C)cccc1C CC(C)NCC(O)COc1ccc(CCOC)cc1 CNCCC(Oc1ccc(cc1)C(F)(F)F)c1ccccc1
Clc1ccc(cc1)C(c1ccccc1)N1CCNCC1 CC(C)(C)NCC(O)c1ccc(O)c(CO)c1 O=C1CN=C(c2ccccc2)c2cc(Cl)ccc2N1
Cc1ccc(cc1)S(=O)(=O)NC(=O)NN1CCCCC1 CN(C)CCCN1c2ccccc2Sc2ccccc21 NC(Cc1c[nH]c2ccccc12)C(=O)NCC(=O)N
CC(NC(=O)C(Cc1ccccc1)NC(C)=O)C(=O)NC CCOC(=O)C1=C(C)NC(C)=C(C1c1ccccc1Cl)C(=O)OC
Brc1ccc(cc1)C(=O)NCC1CCCO1 Ic1ccc(cc1)C(=O)N1CCOCC1 CCOP(=O)(OCC)OCc1ccccc1 C[Si](C)(C)OCCc1ccccc1
OB(O)c1ccc(cc1)CN1CCCC1 CS(=O)(=O)Nc1ccc(cc1)CC1CCNC1=O CC1CC(=O)NN=C1c1ccc(cc1)NC(=O)C
Cc1nc(C)c(s1)C(=O)Nc1ccc(F)cc1 COc1cc(CC2CCN(C)C2)cc(OC)c1OC O=C(O)CCCCCNC(=O)c1ccncc1
CC(C)C1CCC(C)CC1OC(=O)CN CCCCCCCC(=O)NCCO COC(=O)C1CCC2(CC1)OCCO2
Cc1cc(NC(=O)C2CCCN2C(=O)OC(C)(C)C)no1
""".split()  # noqa: SIM905 - one name a string would fill a page
"""36 atoms on average, as in SPICE 2; every element that SPICE has as a neutral atom."""


def write_dataset(path: Path, frames: int) -> None:
    """Write ``frames`` conformations of each molecule in the SPICE layout, held by springs."""
    from rdkit import Chem
    from rdkit.Chem import AllChem

    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for index, smiles in enumerate(MOLECULES):
            molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
            AllChem.EmbedMolecule(molecule, randomSeed=index + 1)
            AllChem.MMFFOptimizeMolecule(molecule)  # embedded bonds alone are off by 0.1 Å
            rest = molecule.GetConformer().GetPositions()
            positions, energy, gradient = conformations(rest, frames, rng)
            symbols = [atom.GetSymbol() for atom in molecule.GetAtoms()]
            atoms = sum(SPICE.isolated_atom_energy[symbol] for symbol in symbols)
            for atom in molecule.GetAtoms():
                atom.SetAtomMapNum(atom.GetIdx() + 1)
            group = file.create_group(f"molecule{index}")
            group["smiles"] = [Chem.MolToSmiles(molecule)]
            group["subset"] = ["SPICE PubChem Set 1 Single Points Dataset v1.3"]
            group["atomic_numbers"] = np.array(
                [atom.GetAtomicNum() for atom in molecule.GetAtoms()], dtype=np.int16
            )
            group["conformations"] = (positions / BOHR_ANG).astype(np.float32)
            bound = atoms + _BINDING_EV * len(symbols)
            group["dft_total_energy"] = (bound + energy) / HARTREE_EV
            gradient = gradient / HARTREE_PER_BOHR_EV_PER_ANG
            group["dft_total_gradient"] = gradient.astype(np.float32)


def prepare(folder: Path, conformations: int) -> Row:
    """Make store, splits and subset; return what the frames are like."""
    source, store, splits = folder / "source.hdf5", folder / "store.h5", folder / "splits.parquet"
    write_dataset(source, conformations)
    write_store(source, store)
    write_splits(store, splits, **SPLIT)
    write_subset(store, splits, folder / "subset.csv", n=N_TRAIN)
    with StoreReader(store) as reader:
        frames = np.arange(len(reader))
        packed = pack(reader, frames, R_MAX_ANG)
    bytes_per_frame = store.stat().st_size / len(frames)
    log.info("%d frames, %.1f atoms each", len(frames), len(packed.positions) / len(frames))
    return {
        "atoms_per_frame": len(packed.positions) / len(frames),
        "edges_per_frame": len(packed.centre) / len(frames),
        "store_bytes_per_frame": bytes_per_frame,
        "packed_bytes_per_frame": packed.nbytes / len(frames),
    }


def write_runs(
    folder: Path, runs: dict[str, RunSettings], training: Training, *, quick: bool
) -> None:
    """Write ``<size>-<batch>.yaml`` of short trainings at the study's batch and a part of it."""
    paths = {"store": "store.h5", "splits": "splits.parquet", "subset": "subset.csv"}
    files = {key: str(folder / name) for key, name in paths.items()}
    for name, run in runs.items():
        steps = QUICK_STEPS if quick else STEPS[name]
        for batch in (training.batch_size, training.batch_size // SHARE):
            short = replace(training, steps=steps, steps_per_epoch=steps, batch_size=batch)
            title = f"cost/n{N_TRAIN}/{name}/s{run.seed}"
            made = replace(run, run=title, dataset="cost", n_train=N_TRAIN, training=short, **files)
            made.write(folder / f"{name}-{batch}.yaml")


def train(run_file: Path, folder: Path) -> dict[str, Any]:
    """Train a run with the clock in it; return its times and the sizes of its checkpoints."""
    import torch

    from study.train import kernels
    from study.train import render as rendering
    from study.train import training as run

    torch.set_num_threads(1)
    render, save_plain = rendering.render, kernels.save_plain
    sizes: dict[str, float] = {}

    def with_clock(*arguments: Any) -> dict[str, Any]:
        config = render(*arguments)
        config["trainer"]["callbacks"].append({"_target_": "clock.Clock"})
        return config

    def looking(source: Path, target: Path, facts: Any) -> None:
        sizes["checkpoint_MB"] = source.with_name(f"{rendering.LAST}.ckpt").stat().st_size / 1e6
        save_plain(source, target, facts)

    vars(run).update(render=with_clock, save_plain=looking)
    clock = folder.with_suffix(".json")
    os.environ |= {STARTED: str(time.time()), CLOCK: str(clock)}
    run.train(run_file, folder, device="cpu", kernels="auto", compile_mode="eager")
    times: dict[str, Any] = json.loads(clock.read_text(encoding="utf-8"))
    return times | sizes | {"model_MB": (folder / run.MODEL_FILE).stat().st_size / 1e6}


def decompose(checkpoint: Path, store: Path, output: Path, frames: int) -> dict[str, Any]:
    """Decompose ``frames`` of a store, evenly spaced; return its seconds and what it found."""
    import torch

    from e3d.decomposition.tables import write_decomposition
    from e3d.models import load_model
    from e3d.structures import from_store

    torch.set_num_threads(1)
    model = load_model(checkpoint)
    run = {"run": "cost", "dataset": "cost", "n_train": 0, "model": "cost", "seed": 0}
    with StoreReader(store) as reader:
        chosen = np.linspace(0, len(reader) - 1, min(frames, len(reader))).astype(int)
        start = time.process_time()
        summary = write_decomposition(
            model, from_store(reader, chosen.tolist()), output, name="cost", run=run
        )
    return {**summary, "seconds": time.process_time() - start, "decomposed": len(chosen)}


def training_rows(name: str, folder: Path, batch: int, facts: Row) -> list[Row]:
    """Measure one size; return the rows of a step at both batches and of its growth."""
    times: dict[int, float] = {}
    rows: list[Row] = []
    n_validation = len(frames_of(folder / "splits.parquet", VALIDATION))
    for frames in (batch // SHARE, batch):
        output = folder / f"{name}-{frames}"
        cost: Cost = in_child(functools.partial(train, folder / f"{name}-{frames}.yaml", output))
        found = cost.result
        timed = found["each_step_cpu_s"][1:]
        times[frames] = statistics.median(timed)
        more = facts | {
            "steps": len(timed),
            "step_lo_s": min(timed),
            "step_hi_s": max(timed),
            "edges": frames * facts["edges_per_frame"],
            "validation_s_per_frame": found["validation_cpu_s"] / n_validation,
            "peak_MB": cost.peak_mb,
            "checkpoint_MB": found["checkpoint_MB"],
            "model_MB": found["model_MB"],
        }
        case = f"{STEP}, {name}, {frames} frames"
        rows.append(
            point(case, f"{STEP}, {name}", frames, times[frames], unit="s", model=name, **more)
        )
        log.info("%s: %.2f s, %.0f MB", case, times[frames], cost.peak_mb)
    sizes = sorted(times)
    growth = growth_row(
        f"{STEP}, {name}", sizes, [times[n] for n in sizes], of="time", against="frames of a batch"
    )
    return [*rows, growth | {"model": name}]


def decomposition_row(name: str, folder: Path, batch: int, frames: int, facts: Row) -> Row:
    """Measure the decomposition by one size; return its row, with the sizes of its files."""
    output = folder / f"{name}-decomposed"
    model = folder / f"{name}-{batch}" / "model.ckpt"
    cost: Cost = in_child(functools.partial(decompose, model, folder / "store.h5", output, frames))
    found = cost.result
    each = found["seconds"] / found["decomposed"]
    files = {path.name: path.stat().st_size for path in output.iterdir()}
    bonds = pd.read_parquet(output / BONDS_FILE, columns=["frame"])
    log.info("%s, %s: %.4f s/frame, %.0f MB", DECOMPOSITION, name, each, cost.peak_mb)
    more = facts | {
        "weights": found["n_parameters"],
        "frames": found["decomposed"],
        "peak_MB": cost.peak_mb,
        "bonds": len(bonds),
        "bonds_file_bytes": files.pop(BONDS_FILE),
        "other_files_bytes": sum(files.values()),
    }
    return point(
        f"{DECOMPOSITION}, {name}",
        DECOMPOSITION,
        found["decomposed"],
        each,
        unit="s/frame",
        model=name,
        **more,
    )


@functools.cache
def paper_study() -> Study:
    """Return the paper's study, read as Snakemake reads it."""
    values, overlay = read_yaml(ROOT / "config" / "config.yaml"), read_yaml(PAPER)
    update_config(values, overlay)
    return load_study(
        with_own_controls(values, [overlay]), read_yaml(ROOT / "config" / "datasets.yaml")
    )


def paper() -> dict[str, RunSettings]:
    """Return the settings of a run of every size of the paper's study."""
    study = paper_study()
    return {run["model"]: run_settings(study, run, "results") for run in study.runs()}


def main() -> None:
    """Measure every size of the paper's study and write the table."""
    arguments = parser(__doc__).parse_args()
    os.chdir(ROOT)
    runs = paper()
    if arguments.quick:
        runs = {"xs": runs["xs"]}
    training = next(iter(runs.values())).training
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        facts = prepare(folder, QUICK_CONFORMATIONS if arguments.quick else CONFORMATIONS)
        write_runs(folder, runs, training, quick=arguments.quick)
        for size in runs:
            rows += training_rows(size, folder, training.batch_size, facts)
            frames = QUICK_FRAMES if arguments.quick else FRAMES[size]
            rows.append(decomposition_row(size, folder, training.batch_size, frames, facts))
    finish("cost", rows, arguments)


if __name__ == "__main__":
    main()
