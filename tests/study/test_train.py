"""Training: what nequip is given, how batches are drawn, and that a killed run resumes."""

import errno
import fcntl
import os
import pickletools
import platform
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

from e3d import provenance
from e3d.errors import InputError
from e3d.models import load_model
from e3d.options import read_yaml
from e3d.theory import SPICE
from model_fixtures import Prepared
from planning import PYTHONPATH
from study.run_settings import RunSettings
from study.train.launch import nequip_train
from study.train.lock import LOCK_FILE, only_one
from study.train.render import render, statistics
from study.train.training import train

WORKFLOW = Path(__file__).parents[2] / "workflow"


def rendered(
    prepared: Prepared,
    runtime: dict[str, Any] | None = None,
    folder: Path = Path("folder"),
    **training: Any,
) -> dict[str, Any]:
    run = RunSettings.from_dict(read_yaml(prepared.run(**training)))
    stats = statistics(prepared.store, prepared.splits, run.architecture.r_max)
    return render(run, stats, folder, runtime or {})


def test_the_model_is_plain_allegro_with_isolated_atoms_and_no_pair_potential(
    prepared: Prepared,
) -> None:
    model = rendered(prepared, {"kernels": "shipped"})["training_module"]["model"]
    assert model["_target_"] == "allegro.model.AllegroModel"
    assert model["pair_potential"] is None
    assert model["type_names"] == ["H", "C", "N", "O", "F", "S", "Cl"]
    assert model["per_type_energy_shifts"] == {
        e: SPICE.isolated_atom_energy[e] for e in model["type_names"]
    }
    assert "e3d" not in yaml.safe_dump(model)  # so that the checkpoint loads without this package


def test_a_model_starts_the_same_whatever_n_train(prepared: Prepared) -> None:
    """Scale and Nbar come from the pool, not from the subset: N changes data and nothing else."""
    settings = read_yaml(prepared.run())
    another = {"run": "minispice/n3/tiny/s0", "n_train": 3, "subset": "elsewhere.csv"}
    other = RunSettings.from_dict({**settings, **another})
    stats = statistics(prepared.store, prepared.splits, other.architecture.r_max)
    assert (
        render(other, stats, Path("folder"), {})["training_module"]
        == rendered(prepared)["training_module"]
    )


def test_a_cutoff_without_an_edge_is_refused(prepared: Prepared) -> None:
    """With ``mean_neighbours`` given, such a training succeeded."""
    with pytest.raises(InputError, match=r"r_max = 0\.5 Å: no two atoms of the \d+ frames"):
        statistics(prepared.store, prepared.splits, 0.5)


def test_runtime_settings_change_no_number(prepared: Prepared) -> None:
    cpu = rendered(prepared, {"kernels": "shipped"})
    gpu = rendered(prepared, {"device": "cuda:1", "compile_mode": "compile", "kernels": "shipped"})
    assert gpu["trainer"]["accelerator"] == "gpu"
    assert gpu["trainer"]["devices"] == [1]
    assert gpu["training_module"]["model"].pop("compile_mode") == "compile"
    cpu["training_module"]["model"].pop("compile_mode")
    eight = rendered(
        prepared, {"device": "cuda", "devices": 4, "nodes": 2, "kernels": "shipped", "tf32": True}
    )
    assert (eight["trainer"]["devices"], eight["trainer"]["num_nodes"]) == (4, 2)
    assert eight["trainer"]["strategy"]["process_group_backend"] == "nccl"
    assert eight["trainer"]["callbacks"][0]["_target_"] == "study.train.callbacks.TF32"
    assert eight["data"] == cpu["data"]
    assert gpu["training_module"] == cpu["training_module"]
    assert gpu["data"] == cpu["data"]


def test_what_a_run_leaves(trained: Path) -> None:
    metrics = pd.read_csv(trained / "metrics.csv")
    assert list(metrics["epoch"]) == [0, 1, 2]
    assert list(metrics["step"]) == [20, 40, 60]
    assert metrics.filter(like="validation").notna().all(axis=None)
    assert set(metrics["run"]) == {"minispice/n16/tiny/s0"}
    assert not (trained / "checkpoints").exists()
    provenance = read_yaml(trained / "model.ckpt.provenance.json")
    assert {"nequip", "nequip-allegro", "torch"} <= set(provenance["versions"])


def test_the_best_checkpoint_is_kept(trained: Path) -> None:
    import torch

    saved = torch.load(trained / "model.ckpt", map_location="cpu", weights_only=False)
    metrics = pd.read_csv(trained / "metrics.csv")
    score = (
        metrics["validation_energy_mae_meV_per_atom"] + metrics["validation_force_mae_meV_per_ang"]
    )
    assert saved["epoch"] == score.idxmin()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
def test_a_stopped_run_goes_on_and_ends_where_an_uninterrupted_one_does(
    how: signal.Signals, prepared: Prepared, trained: Path, tmp_path: Path
) -> None:
    """Stopped after its first checkpoint, by surprise or politely: the same weights and metrics."""
    command = [sys.executable, "-m", "e3d", "train", str(prepared.run()), "-o", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("checkpoints/*/last.ckpt")):
        assert process.poll() is None, "the run ended before it could be stopped"
        assert time.monotonic() < deadline, "no checkpoint within two minutes"
        time.sleep(0.01)
    os.killpg(process.pid, how)
    assert process.wait() == (128 + how if how == signal.SIGTERM else -how)
    assert not (tmp_path / "model.ckpt").exists()
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "metrics.csv"), pd.read_csv(trained / "metrics.csv")
    )
    assert pickled(tmp_path / "model.ckpt") == pickled(trained / "model.ckpt")


def pickled(checkpoint: Path) -> list[tuple[str, object]]:
    """Return what a checkpoint holds as it is written, but for the name of its run's folder."""
    with zipfile.ZipFile(checkpoint) as file:
        (name,) = (name for name in file.namelist() if name.endswith("/data.pkl"))
        steps = pickletools.genops(file.read(name))
    return [
        (step.name, Path(value).name if "/checkpoints/" in str(value) else value)
        for step, value, _ in steps
    ]


def test_a_checkpoint_is_whole_or_the_one_before(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written beside its place: a machine's temporary files may be on another disk, or a full one.

    Moving it from there is copying it over the one before, in which a job may be killed.
    """
    import torch

    from study.train.callbacks import WholeCheckpoints

    plugins = rendered(prepared, folder=tmp_path)["trainer"]["plugins"]
    assert WholeCheckpoints.__name__ in [plugin["_target_"].split(".")[-1] for plugin in plugins]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"epoch": 1}, path)

    def killed(*_: object) -> None:
        assert {one.suffix for one in tmp_path.iterdir()} == {".ckpt", ".tmp"}
        raise SystemExit

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(SystemExit):
        WholeCheckpoints().save_checkpoint({"epoch": 2}, path)
    assert torch.load(path) == {"epoch": 1}


HOLDER = """
import sys
from pathlib import Path
from study.train.lock import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_training_in_a_folder_is_refused_while_the_first_lives(
    prepared: Prepared, tmp_path: Path, input_error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says who holds it, and changes nothing; a killed holder blocks nobody."""
    folder = tmp_path / "checkpoints"
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "SLURM_JOB_ID": "77"}
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        with input_error(
            "being trained at this moment by", f"process {holder.pid} on", "Slurm job 77"
        ):
            train(prepared.run(), tmp_path)
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        holder.kill()
    assert (folder / LOCK_FILE).is_file()
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with only_one(folder):
        assert (folder / LOCK_FILE).read_text() == f"process {os.getpid()} on {platform.node()}"
    assert not folder.exists()


def test_a_lock_that_was_removed_by_its_holder_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that wait for a file must not both train when its holder removes it: one has no file."""
    taken: list[Path] = []
    real = fcntl.flock

    def late(file: Any, how: int) -> None:
        if not taken:  # the holder removes the file between this process's opening and locking it
            (tmp_path / "checkpoints" / LOCK_FILE).unlink()
        taken.append(tmp_path)
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with only_one(tmp_path / "checkpoints"):
        assert len(taken) == 2
        assert (tmp_path / "checkpoints" / LOCK_FILE).is_file()


def test_a_file_system_without_locks_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with only_one(tmp_path / "checkpoints"):
        pass
    assert "nothing prevents a second training" in caplog.text


def test_a_library_that_fails_ends_in_one_line(
    prepared: Prepared, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What nequip says is part of the line; its traceback goes to the log."""
    caplog.set_level("INFO")
    with pytest.raises(
        InputError, match=r"nequip-train failed in .*AssertionError.*not found in the config"
    ) as caught:
        nequip_train({"run": ["train"]}, tmp_path)
    assert "\n" not in str(caught.value)
    assert "Traceback" in caplog.text


def test_training_that_diverges_is_an_error(
    prepared: Prepared, tmp_path: Path, input_error: Any
) -> None:
    """And leaves no model, nor a checkpoint of weights that are no numbers."""
    with input_error("training diverged", "after step 20", "training.learning_rate"):
        train(prepared.run(name="minispice/n16/diverged/s0", learning_rate=1e12), tmp_path)
    assert not list(tmp_path.glob("**/*.ckpt"))


class Trap:
    """An object whose unpickling makes a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._folder),)


def test_a_damaged_checkpoint_is_named(
    prepared: Prepared, tmp_path: Path, input_error: Any
) -> None:
    run = prepared.run(name="minispice/n16/damaged/s0", steps=4, steps_per_epoch=2)
    settings = RunSettings.from_dict(read_yaml(run))
    inputs = (settings.store, settings.splits, settings.subset)
    paths = zip(("store", "splits", "subset"), map(provenance.portable, inputs), strict=True)
    digests = [provenance.file_digest(Path(path)) for path in inputs]
    identity = provenance.digest([settings.as_dict() | dict(paths), digests])
    last = tmp_path / "checkpoints" / identity / "last.ckpt"
    last.parent.mkdir(parents=True)
    torch.save({"hyper_parameters": Trap(tmp_path / "made")}, tmp_path / "trap.ckpt")
    trap = (tmp_path / "trap.ckpt").read_bytes()  # the unpickler of nequip's resuming runs it
    for content in (b"", b"PK\x03\x04 half a file", trap):
        last.write_bytes(content)
        with input_error("last.ckpt: not a whole checkpoint", "Delete it"):
            train(run, tmp_path)
    assert not (tmp_path / "made").exists()


def test_tf32_is_on_in_every_epoch_of_a_run_that_began_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A resumed run starts in a later epoch than nequip's own callback waits for."""
    from nequip.train.callbacks import tf32_scheduler

    from study.train.callbacks import TF32

    asked = []
    monkeypatch.setattr(
        tf32_scheduler, "set_global_state", lambda allow_tf32: asked.append(allow_tf32)
    )
    TF32().on_train_start(None, None)  # type: ignore[arg-type]
    assert asked == [True]


def test_silenced_steps_change_no_metric(prepared: Prepared, tmp_path: Path) -> None:
    """The history is the same with every step logged."""
    histories = []
    for name in ("quiet", "talkative"):
        config = rendered(prepared, folder=tmp_path / name)
        callbacks = config["trainer"]["callbacks"]
        if name == "talkative":
            config["trainer"]["callbacks"] = [
                c for c in callbacks if not c["_target_"].endswith(".LogLastStep")
            ]
        assert len(config["trainer"]["callbacks"]) == (4 if name == "quiet" else 3)
        nequip_train(config, tmp_path / name)
        histories.append(pd.read_csv(tmp_path / name / "history.csv"))
    pd.testing.assert_frame_equal(*histories)
    assert {"train_loss_step/forces_mse", "val0_epoch/forces_mae"} <= set(histories[0])


def test_errors_are_one_line(prepared: Prepared, tmp_path: Path) -> None:
    settings = read_yaml(prepared.run())
    bad = tmp_path / "bad.yaml"
    cases = {
        "lacks 'seed'": {k: v for k, v in settings.items() if k != "seed"},
        "no such file": {**settings, "store": str(tmp_path / "none.h5")},
        "did you mean 'subset'": {**settings, "subsett": 1},
        "none.csv: no such": {**settings, "subset": str(tmp_path / "none.csv")},
    }
    for text, values in cases.items():
        bad.write_text(yaml.safe_dump(values))
        with pytest.raises(InputError, match=text) as caught:
            train(bad, tmp_path / "out")
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="0 usable GPUs"):
        train(prepared.run(), tmp_path / "out", device="cuda")
    with pytest.raises(InputError, match="kernels 'fast'"):
        train(prepared.run(), tmp_path / "out", kernels="fast")
    assert not list(tmp_path.glob("out/*"))


def test_nuclei_repel_each_other_where_it_is_asked_for(prepared: Prepared, tmp_path: Path) -> None:
    """ZBL is nequip's: beside the fast network it gives the same numbers as beside the shipped."""
    values = read_yaml(prepared.run(steps=20))
    assert "zbl" not in values["architecture"]  # such runs are what they were before
    values["architecture"]["zbl"] = True
    path = tmp_path / "zbl.yaml"
    path.write_text(yaml.safe_dump(values))
    metrics = {}
    for kernels, mode in (("shipped", "eager"), ("centre", "eager"), ("centre", "compile")):
        folder = tmp_path / f"{kernels}-{mode}"
        train(path, folder, kernels=kernels, compile_mode=mode)
        metrics[kernels, mode] = pd.read_csv(folder / "metrics.csv").filter(like="mae").to_numpy()
        assert load_model(folder / "model.ckpt").facts["pair_potentials"] == "ZBL"
    for found in metrics.values():
        assert found == pytest.approx(metrics["shipped", "eager"], rel=1e-3)
