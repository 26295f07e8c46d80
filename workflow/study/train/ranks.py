"""Training in several processes (ranks), one for each device: they start and end together.

The parent prepares and finishes; a rank runs nequip-train and nothing else. ``srun`` starts the
ranks in a Slurm job, else ``torchrun``. They read from the parent's end of a pipe: when the parent
ends, for whatever reason, so do they. The first rank that fails leaves its one line in a file, and
the parent raises it; what libraries say is in the log.
"""

import contextlib
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e3d.device import require_device
from e3d.errors import InputError
from e3d.options import read_yaml
from study.train.launch import nequip_train

log = logging.getLogger(__name__)

FAILURE_FILE = "failure.txt"
_PATIENCE_S = 20  # for ranks to end after their parent said so
_PLUGINS = "lightning.pytorch.plugins.environments."
_END = {"_target_": "study.train.callbacks.EndOnSigterm"}
ALONE = {"_target_": f"{_PLUGINS}LightningEnvironment"}
WHOLE = {"_target_": "study.train.callbacks.WholeCheckpoints"}
_SAMPLER = "use_distributed_sampler"
_LOST = re.compile(r"gloo/transport|\bNCCL\b|Connection (closed|reset|refused)|Broken pipe")


def number(runtime: Mapping[str, Any]) -> int:
    """Return how many processes train."""
    return int(runtime.get("devices", 1)) * int(runtime.get("nodes", 1))


def for_ranks(trainer: Mapping[str, Any], runtime: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of Lightning's trainer of one process as those of several.

    Ranks sum their gradients by nequip's strategy. The loaders give each its share, so that
    Lightning must not.
    """
    backend = "nccl" if trainer["accelerator"] == "gpu" else "gloo"
    return {
        **trainer,
        "devices": int(runtime["devices"]),
        "num_nodes": int(runtime.get("nodes", 1)),
        "strategy": {
            "_target_": "nequip.train.SimpleDDPStrategy",
            "process_group_backend": backend,
        },
        _SAMPLER: False,
    }


def without_ranks(trainer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a trainer's settings as those of one process, whatever number trained the model."""
    if "strategy" not in trainer:
        return trainer
    of_ranks = ("num_nodes", "strategy", _SAMPLER)
    kept = {key: value for key, value in trainer.items() if key not in of_ranks}
    callbacks = [callback for callback in kept["callbacks"] if callback != _END]
    return {**kept, "devices": 1, "plugins": [ALONE, *kept["plugins"][1:]], "callbacks": callbacks}


def require_ranks(runtime: Mapping[str, Any], batch_size: int) -> None:
    """Refuse before any work what several processes cannot do.

    Raises
    ------
    InputError
        If they cannot share a batch evenly, are sent to a single GPU, or would need several nodes
        without Slurm.
    """
    n, nodes = number(runtime), int(runtime.get("nodes", 1))
    device = str(runtime.get("device", "cpu"))
    if n > 1 and ":" in device:
        raise InputError(
            f"device {device!r} is one GPU, and {n} are asked for. Set `runtime.device: cuda`."
        )
    if batch_size % n:
        raise InputError(
            f"{n} processes (--devices times --nodes) do not divide training.batch_size = "
            f"{batch_size}, which is the batch of all of them together. Change one of them."
        )
    if nodes > 1 and not _in_slurm():
        raise InputError(
            f"--nodes {nodes}: several nodes need srun and a Slurm job, and this is none. Run "
            "inside a job (snakemake --profile cluster), or set `runtime.nodes: 1`."
        )


def _in_slurm() -> bool:
    return "SLURM_JOB_ID" in os.environ and shutil.which("srun") is not None


def train_on_ranks(config_file: Path, devices: int, nodes: int) -> None:
    """Train the rendered config in ``devices`` processes on each of ``nodes``, to their end.

    Raises
    ------
    InputError
        The error of the first rank that failed, or if one was lost.
    """
    failure = config_file.with_name(FAILURE_FILE)
    failure.unlink(missing_ok=True)
    command, environment = _command(config_file, devices, nodes)
    log.info("starting %d processes: %s", devices * nodes, " ".join(command))
    # a session of its own: signals to the parent's process group reach the ranks through it alone
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=2, env=environment, start_new_session=True
    )
    try:
        code = process.wait()
    finally:
        _end(process)
    if code:
        reason = failure.read_text(encoding="utf-8") if failure.is_file() else ""
        ended = f"{Path(command[0]).name} ended with exit code {code}"
        raise InputError(reason or _lost(config_file.parent, ended))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe, which ends the ranks and then what started them; insist if it does not."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _lost(work: Path, what: str) -> str:
    return (
        f"{work}: training lost one of its processes ({what}): killed, out of memory, or its node "
        "is gone. The log has the details. Run again: training resumes from the last checkpoint."
    )


def _command(config_file: Path, devices: int, nodes: int) -> tuple[list[str], dict[str, str]]:
    """Return the command that starts the ranks, and its environment."""
    package = str(Path(__file__).parents[2])  # where the parent found this package, a rank does
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    module = ["-m", "study.train.ranks", str(config_file)]
    if not _in_slurm():
        torchrun = [sys.executable, "-m", "torch.distributed.run"]
        torchrun += ["--standalone", "--local-addr=127.0.0.1"]
        # it leaves an empty folder for logs behind, which is removed with the checkpoints there
        torchrun += [f"--nproc-per-node={devices}", f"--log-dir={config_file.parent}"]
        return [*torchrun, *module], environment
    # Lightning needs the first, and would take a port from the job's number, which others may share
    environment |= {"SLURM_NTASKS_PER_NODE": str(devices), "MASTER_PORT": str(_free_port())}
    if nodes == 1:
        environment["MASTER_ADDR"] = "127.0.0.1"
    srun = ["srun", f"--nodes={nodes}", f"--ntasks={devices * nodes}"]
    srun += [f"--ntasks-per-node={devices}"]
    # every task reads the pipe, may use all the job has, and ends the others when it fails
    srun += ["--input=all", "--overlap", "--cpu-bind=none", "--kill-on-bad-exit=1"]
    return [*srun, sys.executable, *module], environment


def _free_port() -> int:
    """Return a port nobody listens at; the first rank runs on the parent's node."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def main(arguments: Sequence[str]) -> int:
    """Be one rank of the training that a rendered config describes; return the exit code."""
    config_file = Path(arguments[0])
    _end_with_parent()
    rank = os.environ.get("RANK") or os.environ.get("SLURM_PROCID")
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s rank {rank} %(name)s: %(message)s")
    try:
        config = as_rank(read_yaml(config_file))
        trainer = config["trainer"]
        require_device("cuda" if trainer["accelerator"] == "gpu" else "cpu", trainer["devices"])
        nequip_train(config, config_file.parent)
        _wait_for_all()
    except InputError as error:
        _say(config_file.with_name(FAILURE_FILE), error)
        return 2
    return 0


def as_rank(config: Mapping[str, Any]) -> dict[str, Any]:
    """Let Lightning know who started this process, and end it on SIGTERM."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        plugin: dict[str, Any] = {"_target_": f"{_PLUGINS}TorchElasticEnvironment"}
    else:  # Snakemake decides about another attempt
        plugin = {"_target_": f"{_PLUGINS}SLURMEnvironment", "auto_requeue": False}
    trainer = config["trainer"]
    callbacks = [*trainer["callbacks"], _END]
    return {
        **config,
        "trainer": {
            **trainer,
            "plugins": [plugin, *trainer["plugins"][1:]],
            "callbacks": callbacks,
        },
    }


def _end_with_parent() -> None:
    """End this process when standard input does: the parent is gone."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _wait_for_all() -> None:
    """Leave together: the others talk through what the first rank keeps."""
    import torch

    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def _say(failure: Path, error: InputError) -> None:
    """Leave the error for the parent, unless another rank did: its failure made this one fail."""
    text = str(error)
    if _LOST.search(text):  # the one that is missing said nothing
        text = _lost(failure.parent, "the others cannot reach it")
    with contextlib.suppress(FileExistsError), failure.open("x", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
