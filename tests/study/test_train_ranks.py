"""Training in several processes: the same gradients as in one, and all of them end together.

Processes talk through gloo on the CPU, as they do through nccl on GPUs.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from e3d.errors import InputError
from e3d.fields import POOL
from e3d.options import read_yaml
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of
from model_fixtures import WORKFLOW, Prepared
from planning import PYTHONPATH
from study.run_settings import RunSettings
from study.train import ranks
from study.train.launch import nequip_train
from study.train.render import render, statistics
from study.train.training import train

BATCH = 4
OUTSIDE_SLURM = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
ENVIRONMENT = {**OUTSIDE_SLURM, "PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1"}
# Relative. One step: 5e-16 was seen; sums over thousands of edges may round a hundred times that.
# 60 steps of Adam in float32: 1e-6 was seen, and other machines sum in other orders.
FLOAT64, FLOAT32 = 1e-13, 1e-5


def one_step(prepared: Prepared, folder: Path, frames: list[int], **trainer: Any) -> dict[str, Any]:
    """Return the config of one step of gradient descent in float64 at a learning rate of 1."""
    run = RunSettings.from_dict(
        read_yaml(prepared.run(batch_size=BATCH, steps=1, steps_per_epoch=1))
    )
    stats = statistics(prepared.store, prepared.splits, run.architecture.r_max)
    config = render(run, stats, folder, trainer)
    module = config["training_module"]
    module["model"]["model_dtype"] = "float64"
    module["optimizer"] = {"_target_": "torch.optim.SGD", "lr": 1.0}
    del module["lr_scheduler"]
    subset = folder / "subset.csv"
    folder.mkdir(parents=True)
    pd.DataFrame({"frame": frames}).to_csv(subset, index=False)
    config["data"]["train_dataset"]["subset"] = str(subset)
    (folder / "nequip.yaml").write_text(yaml.safe_dump(config))
    return config


def weights(folder: Path) -> np.ndarray[Any, Any]:
    """Return all weights of the last checkpoint in a row."""
    import torch

    state = torch.load(folder / "last.ckpt", weights_only=False)["state_dict"]
    of_model = [
        value
        for name, value in state.items()
        if name.startswith("model.") and value.is_floating_point()
    ]
    return np.concatenate([value.numpy().ravel() for value in of_model])


@dataclass(frozen=True)
class Steps:
    """Folders of one step by one process, and by two that share the batch or take the same half."""

    start: np.ndarray[Any, Any]
    one: Path
    two: Path

    def gradients(self, name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return those of one process and of two."""
        alone = "equal" if name == "same" else name
        return self.start - weights(self.one / alone), self.start - weights(self.two / name)

    def validation(self, name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return the validation metrics of one process and of two after the step."""
        tables = [pd.read_csv(folder / name / "history.csv") for folder in (self.one, self.two)]
        found = [table.filter(like="val0").to_numpy() for table in tables]
        return found[0], found[1]


@pytest.fixture(scope="module")
def steps(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Steps:
    """Take one step of frames of equal and of mixed size, in one process and in two."""
    folder = tmp_path_factory.mktemp("steps")
    pool = frames_of(prepared.splits, POOL)
    with StoreReader(prepared.store) as reader:
        atoms = np.array([len(reader.frame(int(frame)).positions) for frame in pool])
    common = int(np.bincount(atoms).argmax())
    equal = [int(f) for f in pool[atoms == common][:BATCH]]
    order = np.argsort(atoms)
    mixed = [int(f) for f in pool[order[[0, 1, -1, -2]]]]
    frozen = one_step(prepared, folder / "start", equal)
    frozen["training_module"]["optimizer"]["lr"] = 0.0
    nequip_train(frozen, folder / "start")
    configs = []
    for name, frames in {"equal": equal, "mixed": mixed}.items():
        nequip_train(one_step(prepared, folder / "one" / name, frames), folder / "one" / name)
    for name, frames in {"equal": equal, "mixed": mixed, "same": equal}.items():
        one_step(prepared, folder / "two" / name, frames, devices=2)
        configs.append(str(folder / "two" / name / "nequip.yaml"))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    torchrun += [f"--log-dir={folder}"]
    worker = str(Path(__file__).parents[1] / "ranks_worker.py")
    subprocess.run([*torchrun, worker, *configs], env=ENVIRONMENT, check=True)
    return Steps(weights(folder / "start"), folder / "one", folder / "two")


@pytest.mark.parametrize("frames", ["equal", "mixed"])
def test_two_processes_have_the_gradients_of_one(frames: str, steps: Steps) -> None:
    """Frames of equal atom count: any sane average over ranks must agree, even a mean of means.

    For mixed ones a loss must sum errors and counts over the ranks before it divides, as nequip's.
    """
    alone, shared = steps.gradients(frames)
    scale = np.abs(alone).max()
    assert scale > 0
    error = np.abs(shared - alone).max() / scale
    assert error < FLOAT64, error


def test_gradients_differ_if_ranks_take_the_same_frames(steps: Steps) -> None:
    """The negative control of the test above."""
    alone, shared = steps.gradients("same")
    assert np.abs(shared - alone).max() / np.abs(alone).max() > 0.01


@pytest.mark.parametrize("frames", ["equal", "mixed"])
def test_two_processes_validate_as_one(frames: str, steps: Steps) -> None:
    """Errors of every frame once, for the model that the test above found to be the same."""
    alone, shared = steps.validation(frames)
    assert alone.size >= 9
    np.testing.assert_allclose(shared, alone, rtol=FLOAT64)


def start(run: Path, folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "e3d",
        "train",
        str(run),
        "-o",
        str(folder),
        "--log",
        str(folder) + ".log",
    ]
    return subprocess.Popen(
        [*command, *options], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )


def log_of(folder: Path) -> str:
    return Path(f"{folder}.log").read_text()


def until(
    what: Callable[[], Any], process: subprocess.Popen[str] | None = None, seconds: float = 300
) -> None:
    """Wait until ``what`` is true, as long as ``process`` runs."""
    deadline = time.monotonic() + seconds
    while not what():
        assert process is None or process.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def until_checkpoint(process: subprocess.Popen[str], folder: Path) -> Path:
    """Wait for the first checkpoint and return it."""
    until(lambda: list(folder.glob("checkpoints/*/last.ckpt")), process)
    return next(folder.glob("checkpoints/*/last.ckpt"))


def processes(folder: Path, *, of_ranks: bool = False) -> list[int]:
    """Return the processes that have ``folder`` in their command line, or the ranks among them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode().split("\0")
        except OSError:  # it has just ended
            continue
        rank = "study.train.ranks" in words and "torch.distributed.run" not in words
        if any(str(folder) in word for word in words) and (rank or not of_ranks):
            found.append(int(entry.parent.name))
    return found


def assert_trained_alike(folder: Path, reference: Path) -> None:
    """Compare a finished run with that of one process: metrics of every epoch, and the model."""
    import torch

    ours, theirs = (pd.read_csv(path / "metrics.csv") for path in (folder, reference))
    assert list(ours["step"]) == list(theirs["step"])
    pd.testing.assert_frame_equal(ours, theirs, check_exact=False, rtol=FLOAT32)
    ours, theirs = (
        torch.load(path / "model.ckpt", weights_only=False) for path in (folder, reference)
    )
    assert ours["epoch"] == theirs["epoch"]
    assert ours["loops"] == theirs["loops"]
    for name, weight in theirs["state_dict"].items():
        if torch.is_tensor(weight):
            assert torch.allclose(ours["state_dict"][name], weight, rtol=FLOAT32, atol=FLOAT32), (
                name
            )
    # the model does not tell how many processes trained it
    trainers = [
        str(content["hyper_parameters"]["info_dict"]["trainer"]) for content in (ours, theirs)
    ]
    names = [os.path.relpath(path) for path in (folder, reference)]
    assert trainers[0].replace(names[0], "") == trainers[1].replace(names[1], "")


def test_a_run_handed_from_two_processes_to_one_to_two(
    prepared: Prepared, trained: Path, tmp_path: Path
) -> None:
    """A rank is killed, which ends all; one process resumes and is killed; two finish."""
    folder = tmp_path / "run"
    process = start(prepared.run(), folder, "--devices", "2")
    last = until_checkpoint(process, folder)
    first, _ = processes(folder, of_ranks=True)
    os.kill(first, signal.SIGKILL)
    _, terminal = process.communicate(timeout=300)
    assert process.returncode == 2
    assert terminal.count("\n") == 1
    assert "training lost one of its processes" in terminal
    assert "starting 2 processes" in log_of(folder)
    assert processes(folder) == []
    written = last.stat().st_mtime_ns
    process = start(prepared.run(), folder)
    until(lambda: last.stat().st_mtime_ns > written, process)
    process.kill()
    process.communicate()
    assert "resuming from" in log_of(folder)
    two = start(prepared.run(), folder, "--devices", "2")
    _, terminal = two.communicate(timeout=300)
    assert two.returncode == 0, terminal
    assert "resuming from" in log_of(folder)
    assert_trained_alike(folder, trained)
    rendered = read_yaml(folder / "nequip.yaml")["trainer"]
    assert rendered["strategy"]["_target_"] == "nequip.train.SimpleDDPStrategy"
    assert rendered["use_distributed_sampler"] is False


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["terminated", "killed"])
def test_ranks_end_with_their_parent(
    how: signal.Signals, prepared: Prepared, tmp_path: Path
) -> None:
    """Only the parent gets the signal, early or in training; no rank stays and writes."""
    folder = tmp_path / "run"
    process = start(prepared.run(), folder, "--devices", "2")
    if how == signal.SIGTERM:
        until_checkpoint(process, folder)
    until(lambda: len(processes(folder, of_ranks=True)) == 2, process)
    process.send_signal(how)
    process.communicate(timeout=300)
    assert process.returncode == (128 + how if how == signal.SIGTERM else -how)
    until(lambda: not processes(folder))
    assert not (folder / "model.ckpt").exists()


def test_an_error_of_a_rank_is_the_one_line_of_the_parent(
    prepared: Prepared, tmp_path: Path
) -> None:
    run = prepared.run(
        name="minispice/n16/diverged/s0", learning_rate=1e12, steps=4, steps_per_epoch=2
    )
    process = start(run, tmp_path / "run", "--devices", "2")
    _, terminal = process.communicate(timeout=300)
    assert process.returncode == 2
    assert terminal.count("\n") == 1
    assert "training diverged: val0_epoch/weighted_sum is nan after step 2" in terminal
    assert not list(tmp_path.glob("run/**/*.ckpt"))


def test_the_others_blame_the_rank_that_said_nothing(tmp_path: Path) -> None:
    """A killed rank leaves no word; that its peers lost the connection is not the reason."""
    failure = tmp_path / ranks.FAILURE_FILE
    pair = "[/third_party/gloo/transport/tcp/pair.cc:534]"
    lost = f"RuntimeError: {pair} Connection closed by peer [127.0.0.1]:1234"
    ranks._say(failure, InputError(lost))
    assert "training lost one of its processes" in failure.read_text()
    failure.write_text("the first")
    ranks._say(failure, InputError("another"))
    assert failure.read_text() == "the first"


def test_in_a_slurm_job_srun_starts_the_ranks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "nequip.yaml"
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    command, environment = ranks._command(config, 4, 2)
    assert command[0] == "srun"
    assert {
        "--nodes=2",
        "--ntasks=8",
        "--ntasks-per-node=4",
        "--kill-on-bad-exit=1",
        "--input=all",
    } <= set(command)
    assert command[-4:] == [sys.executable, "-m", "study.train.ranks", str(config)]
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == str(WORKFLOW)
    assert environment["SLURM_NTASKS_PER_NODE"] == "4"  # Lightning compares it with its devices
    assert (
        "MASTER_ADDR" not in environment
    )  # it is the first of the job's nodes, which Lightning finds
    assert ranks._command(config, 4, 1)[1]["MASTER_ADDR"] == "127.0.0.1"


@pytest.mark.parametrize(("job", "srun"), [(None, "/usr/bin/srun"), ("7", None)])
def test_elsewhere_torchrun_starts_them(
    job: str | None, srun: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    if job:
        monkeypatch.setenv("SLURM_JOB_ID", job)
    monkeypatch.setattr(shutil, "which", lambda _: srun)
    command, _ = ranks._command(tmp_path / "nequip.yaml", 4, 1)
    assert command[1:3] == ["-m", "torch.distributed.run"]
    assert "--nproc-per-node=4" in command


@pytest.mark.parametrize(
    ("started_by", "plugin"),
    [("srun", "SLURMEnvironment"), ("torchrun", "TorchElasticEnvironment")],
)
def test_lightning_knows_who_started_a_rank(
    started_by: str, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if started_by == "torchrun":
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    trainer = {"accelerator": "cpu", "devices": 1, "plugins": [ranks.ALONE], "callbacks": []}
    rendered = ranks.for_ranks(trainer, {"devices": 2, "nodes": 3})
    rank = ranks.as_rank({"trainer": rendered})["trainer"]
    assert rank["plugins"][0]["_target_"].endswith(f".{plugin}")
    assert rank["num_nodes"] == 3
    assert ranks.without_ranks(rank) == ranks.without_ranks(rendered) == trainer


@pytest.mark.parametrize(
    ("runtime", "texts"),
    [
        ({"devices": 3}, ("3 processes", "training.batch_size = 4")),
        (
            {"devices": 2, "device": "cuda:1"},
            ("'cuda:1' is one GPU, and 2 are asked for", "runtime.device: cuda"),
        ),
        (
            {"devices": 2, "device": "cuda"},
            ("'cuda', 2 of them: this machine has 1 usable GPUs", "at most 1"),
        ),
        ({"device": "cuda:1"}, ("'cuda:1': this machine has 1 usable GPUs", "runtime.device: cpu")),
        ({"nodes": 2}, ("--nodes 2: several nodes need srun", "runtime.nodes: 1")),
        ({"tf32": True}, ("TF32 on the CPU", "--tf32")),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    runtime: dict[str, Any],
    texts: tuple[str, ...],
    prepared: Prepared,
    tmp_path: Path,
    input_error: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with input_error(*texts):
        train(prepared.run(batch_size=BATCH), tmp_path / "out", kernels="shipped", **runtime)
    assert not list(tmp_path.iterdir())
