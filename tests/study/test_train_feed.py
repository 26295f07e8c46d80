"""Feeding: batches equal nequip's own, whatever the frames; every frame is seen equally often."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator

from e3d.store.convert import write_store
from e3d.store.reader import StoreReader
from model_fixtures import Prepared
from planning import PYTHONPATH
from study.train.pack import neighbours, pack
from study.train.render import statistics

R_MAX = 4.0
ROOT = Path(__file__).parents[2]


def images() -> list[Atoms]:
    """Return crystals, slabs periodic in two directions, and molecules without a cell, shaken."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(3):
        slab = bulk("Cu", "fcc", a=3.6, cubic=True)
        slab.pbc = (True, True, False)
        atom = Atoms("Cu", positions=[(0.0, 0.0, 0.0)])  # no neighbours at all
        for atoms in (bulk("CuO", "rocksalt", a=4.2), slab, molecule("H2O"), atom):
            atoms.rattle(0.05, rng=rng)
            forces, stress = rng.normal(size=(len(atoms), 3)), rng.normal(size=6)
            forces *= 1e-3  # too small to say that they do not add up to nothing
            with_stress = {"stress": stress} if atoms.pbc.any() else {}
            atoms.calc = SinglePointCalculator(
                atoms, energy=float(rng.normal()), forces=forces, **with_stress
            )
            found.append(atoms)
    return found


@pytest.fixture(scope="module")
def periodic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store where some frames have a cell."""
    folder = tmp_path_factory.mktemp("periodic")
    ase.io.write(folder / "frames.xyz", images(), format="extxyz")
    atoms = {"H": 0.0, "O": 0.0, "Cu": -5.0}  # below any single atom of the file
    store = folder / "store.h5"
    source, layout = folder / "frames.xyz", "extxyz"
    write_store(source, store, layout=layout, theory="none", isolated_atom_energy=atoms)
    return store


def dataset_of(store: Path, folder: Path, frames: list[int]) -> Any:
    """Return the dataset of some frames of a store."""
    from e3d.chemistry import symbol
    from study.train.feed import StoreDataset

    pd.DataFrame({"frame": frames}).to_csv(folder / "subset.csv", index=False)
    with StoreReader(store) as reader:
        names = [symbol(z) for z in reader.elements]
    return StoreDataset(str(store), names, R_MAX, subset=str(folder / "subset.csv"))


def by_nequip(store: Path, frames: list[int]) -> Any:
    """Return a batch as nequip's transforms and collation make it."""
    from nequip.data import AtomicDataDict, from_dict
    from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform

    from e3d.chemistry import symbol

    made = []
    with StoreReader(store) as reader:
        steps = (
            ChemicalSpeciesToAtomTypeMapper([symbol(z) for z in reader.elements]),
            NeighborListTransform(r_max=R_MAX),
        )
        for frame in map(reader.frame, frames):
            values: dict[str, Any] = {
                AtomicDataDict.POSITIONS_KEY: frame.positions.astype(np.float64),
                AtomicDataDict.FORCE_KEY: frame.forces.astype(np.float64),
                AtomicDataDict.ATOMIC_NUMBERS_KEY: frame.atomic_numbers.astype(np.int64),
                AtomicDataDict.TOTAL_ENERGY_KEY: frame.energy,
            }
            if frame.cell is not None and frame.pbc is not None:
                values[AtomicDataDict.CELL_KEY] = frame.cell if frame.pbc.any() else np.eye(3)
                values[AtomicDataDict.PBC_KEY] = frame.pbc
            data = from_dict(values)
            for step in steps:
                data = step(data)
            made.append(data)
    return AtomicDataDict.batched_from_list(made)


def assert_same(ours: Any, theirs: Any) -> None:
    """Compare two batches in keys, dtypes, shapes and every value."""
    import torch

    assert set(ours) == set(theirs)
    for key, value in theirs.items():
        assert ours[key].dtype == value.dtype, key
        assert torch.equal(ours[key], value), key
        assert ours[key].is_contiguous()


@pytest.fixture(params=["memory", "stream"])
def from_where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let a dataset fit in memory, or not."""
    from study.train import feed

    if request.param == "stream":
        monkeypatch.setattr(feed, "MEMORY_BYTES", 0)
    return str(request.param)


@pytest.mark.parametrize("kind", ["molecules", "periodic"])
def test_batches_equal_those_of_nequip(
    kind: str, from_where: str, prepared: Prepared, periodic: Path, tmp_path: Path
) -> None:
    from nequip.utils.global_state import set_global_state

    set_global_state()
    store = prepared.store if kind == "molecules" else periodic
    with StoreReader(store) as reader:
        frames = np.random.default_rng(0).permutation(len(reader)).tolist()
    dataset = dataset_of(store, tmp_path, frames)
    assert dataset.in_memory == (from_where == "memory")
    for drawn in ([*range(8)], [7, 3, 3, 0], [5], [*range(len(frames))]):
        for size in (3, 100):
            batches = dataset.batches(np.array(drawn), size)
            parts = [drawn[start : start + size] for start in range(0, len(drawn), size)]
            for ours, part in zip(batches, parts, strict=True):
                assert_same(ours, by_nequip(store, [frames[k] for k in part]))
    assert_same(dataset[4], by_nequip(store, [frames[4]]))


@pytest.mark.parametrize("frames", [[0, 5000], [-1, 3], []])
def test_frames_of_another_store_are_refused(
    frames: list[int], prepared: Prepared, tmp_path: Path, input_error: Any
) -> None:
    with input_error("subset.csv", "allowed are whole numbers 0..1119", "store.h5"):
        dataset_of(prepared.store, tmp_path, frames)


def test_edges_are_sorted_by_centre_and_go_both_ways(prepared: Prepared, periodic: Path) -> None:
    for store in (prepared.store, periodic):
        with StoreReader(store) as reader:
            packed = pack(reader, np.arange(len(reader)), R_MAX)
        centre = packed.centre + np.repeat(packed.atom_ptr[:-1], np.diff(packed.edge_ptr))
        assert (np.diff(centre) >= 0).all()
        neighbour = packed.neighbour + np.repeat(packed.atom_ptr[:-1], np.diff(packed.edge_ptr))
        shift = np.zeros((len(centre), 3), int) if packed.shift is None else packed.shift
        there = {
            (i, j, *s)
            for i, j, s in zip(centre.tolist(), neighbour.tolist(), shift.tolist(), strict=True)
        }
        back = {
            (j, i, *(-s).tolist())
            for i, j, s in zip(centre.tolist(), neighbour.tolist(), shift, strict=True)
        }
        assert there == back
        assert len(there) == len(centre)


def test_neighbours_are_the_pairs_within_the_cutoff() -> None:
    """Against all distances of a molecule, and the 12 neighbours in an fcc crystal of one atom."""
    ethanol = molecule("CH3CH2OH")
    centre, neighbour, _ = neighbours(ethanol.positions.astype(np.float32), None, None, 2.0)
    expected = np.argwhere((ethanol.get_all_distances() < 2.0) & ~np.eye(len(ethanol), dtype=bool))
    np.testing.assert_array_equal(sorted(zip(centre, neighbour, strict=True)), expected)
    copper = bulk("Cu", "fcc", a=3.6)
    assert (
        len(neighbours(copper.positions.astype(np.float32), copper.cell.array, copper.pbc, 3.0)[0])
        == 12
    )


def test_statistics_of_the_pool(prepared: Prepared) -> None:
    splits = pd.read_parquet(prepared.splits)
    with StoreReader(prepared.store) as reader:
        frames = [reader.frame(int(f)) for f in splits.loc[splits["split"] == "pool", "frame"]]
    distances = [np.linalg.norm(f.positions[:, None] - f.positions[None], axis=-1) for f in frames]
    atoms = sum(len(f.positions) for f in frames)
    found = statistics(prepared.store, prepared.splits, R_MAX)
    assert found.mean_neighbours == sum(int((d < R_MAX).sum()) - len(d) for d in distances) / atoms
    forces = np.concatenate([f.forces.astype(float) for f in frames])
    assert found.force_rms_eV_per_ang == pytest.approx(np.sqrt((forces**2).mean()), rel=1e-12)


class Numbers:
    """A dataset of n frames whose batches are the frames' numbers."""

    in_memory = False

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def batches(self, indices: np.ndarray[Any, Any], size: int) -> list[list[int]]:
        return [indices[start : start + size].tolist() for start in range(0, len(indices), size)]


def loader_of(n: int, steps: int, batch: int, seed: int = 0) -> Any:
    import torch

    from study.train.feed import FixedStepLoader

    generator = torch.Generator().manual_seed(seed)
    return FixedStepLoader(Numbers(n), generator, batch, steps)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("n", "steps", "batch"),
    [(5, 6, 4), (24, 6, 4), (23, 2, 4), (100, 3, 7), (3, 1, 16), (50, 40, 2)],
)
def test_every_epoch_has_the_same_steps_and_frames_come_in_full_passes(
    n: int, steps: int, batch: int
) -> None:
    loader = loader_of(n, steps, batch)
    seen: list[int] = []
    for epoch in range(40):
        loader.set_epoch(epoch)
        batches = list(loader)
        assert len(batches) == len(loader) == steps
        assert {len(drawn) for drawn in batches} == {batch}
        seen += [frame for drawn in batches for frame in drawn]
        counts = np.bincount(seen, minlength=n)
        assert counts.max() - counts.min() <= 1
    passes = [tuple(seen[k : k + n]) for k in range(0, len(seen) - n, n)]
    assert all(sorted(order) == list(range(n)) for order in passes)
    assert len(set(passes)) > 1  # a fresh order each pass


def test_batches_depend_on_seed_and_epoch_alone() -> None:
    def epoch(number: int, seed: int = 0) -> list[list[int]]:
        loader = loader_of(50, 7, 4, seed)
        loader.set_epoch(number)
        return list(loader)

    assert epoch(3) == epoch(3)
    assert epoch(3) != epoch(4)
    assert epoch(3) != epoch(3, seed=1)


def test_validation_batches_are_all_frames_in_order_and_stay_as_they_are(
    from_where: str, prepared: Prepared, tmp_path: Path
) -> None:
    """A model that ran on them changed nothing, so that batches can be kept between epochs."""
    from nequip.utils.global_state import set_global_state

    from study.train.feed import InOrderLoader

    set_global_state()
    frames = list(range(0, 90, 2))
    loader = InOrderLoader(dataset_of(prepared.store, tmp_path, frames), batch_size=20)
    assert len(loader) == 3
    first = list(loader)
    expected = [by_nequip(prepared.store, frames[start : start + 20]) for start in (0, 20, 40)]
    model = untrained(prepared)
    for batch in first:
        assert "forces" in model(batch)
        batch["positions"] = batch["pos"] * 2  # what is done to the dictionary stays with it
    for ours, theirs in zip(loader, expected, strict=True):
        assert_same(ours, theirs)
        assert not ours["pos"].requires_grad


@pytest.mark.parametrize(("steps", "batch", "ranks"), [(6, 4, 2), (20, 6, 3), (40, 4, 4)])
def test_ranks_share_every_batch(
    steps: int, batch: int, ranks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the ranks take at a step are the frames that one process takes, each once."""
    whole = list(loader_of(23, steps, batch))
    shares = []
    for rank in range(ranks):
        monkeypatch.setattr("study.train.feed.rank_and_number", lambda rank=rank: (rank, ranks))
        loader = loader_of(23, steps, batch)
        shares.append(list(loader))
        assert len(shares[-1]) == len(loader) == steps
    for frames, *drawn in zip(whole, *shares, strict=True):
        assert {len(share) for share in drawn} == {batch // ranks}
        assert sorted(frame for share in drawn for frame in share) == sorted(frames)


@pytest.mark.parametrize(
    ("n", "batch", "ranks"), [(100, 64, 2), (65, 64, 3), (129, 64, 5), (4, 64, 4), (7, 3, 3)]
)
@pytest.mark.parametrize("in_memory", [True, False])
def test_ranks_validate_every_frame_once(
    n: int, batch: int, ranks: int, in_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first rank counts as many batches as one process; no rank is idle."""
    from study.train import feed

    monkeypatch.setattr(Numbers, "in_memory", in_memory)
    monkeypatch.setattr(feed, "dict", list, raising=False)  # these batches are lists
    seen: list[int] = []
    for rank in range(ranks):
        monkeypatch.setattr(feed, "rank_and_number", lambda rank=rank: (rank, ranks))
        loader = feed.InOrderLoader(Numbers(n), batch)  # type: ignore[arg-type]
        batches: Any = list(loader)
        assert len(batches) == len(loader) >= 1
        assert len(batches) == -(-n // batch) or rank > 0
        for k, drawn in enumerate(batches):
            assert drawn
            assert {frame // batch for frame in drawn} == {
                k
            }  # its part of the batch that one process would have
            seen += drawn
    assert sorted(seen) == list(range(n))


def test_ranks_that_cannot_share_are_refused(
    monkeypatch: pytest.MonkeyPatch, input_error: Any
) -> None:
    from study.train import feed

    monkeypatch.setattr(feed, "rank_and_number", lambda: (2, 3))
    with input_error("3 processes cannot share a batch of 4 frames", "training.batch_size"):
        list(loader_of(23, 2, 4))
    with input_error("3 processes cannot share 2 validation frames", "fewer devices"):
        len(feed.InOrderLoader(Numbers(2), 64))  # type: ignore[arg-type]


def untrained(prepared: Prepared) -> Any:
    """Return nequip's own model of the fixture's run."""
    from hydra.utils import instantiate

    from e3d.options import read_yaml
    from study.run_settings import RunSettings
    from study.train.render import render

    run = RunSettings.from_dict(read_yaml(prepared.run()))
    stats = statistics(prepared.store, prepared.splits, run.architecture.r_max)
    section = render(run, stats, Path("folder"), {})["training_module"]["model"]
    return instantiate(section, _recursive_=False, _convert_="all")


def test_the_job_benchmark_runs(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "job.py"),
        "--quick",
        "-o",
        str(tmp_path / "job.csv"),
    ]
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "job.csv").set_index("case")
    assert list(table.columns[:6]) == ["ours", "peer", "ratio", "ratio_lo", "ratio_hi", "unit"]
    phases = [name for name in table.index if name in PHASES]
    assert len(phases) == len(PHASES)
    for side in ("ours", "peer"):
        seconds = table[side]
        assert seconds[phases].sum() == pytest.approx(seconds["whole job"], rel=1e-6)
        assert seconds.min() > 0
        share = seconds["share of wall time in training steps"]
        assert share == pytest.approx(seconds["training steps"] / seconds["whole job"], rel=1e-6)


PHASES = {
    "start of the process to the first step",
    "training steps",
    "feeding and Lightning between the steps",
    "validation",
    "checkpoints",
    "end of the last epoch to the end of the process",
}
