"""Snakemake itself is killed in the middle of a training, with all that it started."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from study_of_tests import RESULTS, Undisturbed, arguments, contents, prepare, run

from planning import BIN

RUN = "train/minispice/n8/nano/s0"
PATIENCE_S = 300


def test_snakemake_is_killed_and_the_study_resumes(
    undisturbed: Undisturbed,
    tmp_path: Path,
    everything: bool,
    tried: Callable[[str, int, str], None],
) -> None:
    """What docs/reliability.md says to do: unlock, and the same command with --rerun-incomplete."""
    study = tmp_path / "study"
    prepare(study, everything=everything)
    target = str(RESULTS / RUN / "metrics.csv")
    killed_in_training(study, target)
    again = run(study, target)
    assert again.returncode
    assert "--unlock" in again.stderr
    assert run(study, "--unlock").returncode == 0
    done = run(study, target, "--rerun-incomplete")
    assert done.returncode == 0, done.stderr
    assert (
        "resuming from" in (study / RESULTS / "logs" / "train" / f"run/{RUN[6:]}.log").read_text()
    )
    for name, digest in contents(study / RESULTS).items():
        assert undisturbed.contents[name] == digest, name
    tried("Snakemake killed with its jobs", 1, "resumed to the same bytes")


def killed_in_training(study: Path, target: str) -> None:
    """Start Snakemake, and kill all of it once the training has written a checkpoint."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"OMP_NUM_THREADS": "1", "PATH": f"{BIN}:{environment['PATH']}"}
    said = study / "said"
    with said.open("w") as output:
        process = subprocess.Popen(
            [str(BIN / "snakemake"), "--cores", "2", target, *arguments(study)],
            cwd=study, env=environment, start_new_session=True, stdout=output, stderr=output,
        )  # fmt: skip
    end = time.monotonic() + PATIENCE_S
    while not list(study.glob(str(RESULTS / RUN / "checkpoints" / "*" / "last.ckpt"))):
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < end
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
