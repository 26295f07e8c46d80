"""The same training again and again, two at a time beside other work: always the same bytes."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch
from study_of_tests import Undisturbed, digest, moved

ONE_RUN = "n8/nano/s0"
WORK = """
import numpy as np
random = np.random.default_rng()
while True:
    side = int(random.integers(64, 1024))
    np.linalg.eigh(random.normal(size=(side, side)))
"""
"""Takes cores and memory from the trainings, never the same amount for long."""


def test_a_training_that_is_repeated_has_the_same_bytes(
    undisturbed: Undisturbed,
    tmp_path: Path,
    everything: bool,
    tried: Callable[[str, int, str], None],
) -> None:
    (job,) = (
        one for one in undisturbed.jobs if one.command == "train" and ONE_RUN in str(one.output)
    )

    def train(number: int) -> str:
        """Train in a process of its own: where things lie in memory differs from start to start."""
        folder = tmp_path / str(number)
        words = moved(job.words, folder, folder / "log")
        done = subprocess.run(
            [sys.executable, "-m", "study", *words],
            cwd=undisturbed.folder,
            env=os.environ | {"PYTHONPATH": "src:workflow"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return trained(folder / job.output.name)

    repeats = range(200 if everything else 4)
    with beside(WORK), ThreadPoolExecutor(2) as two:
        found = Counter(two.map(train, repeats))
    assert set(found) == {trained(undisturbed.folder / job.output)}, found
    tried("trainings repeated, two at a time beside other work", len(repeats), "all the same bytes")


def trained(folder: Path) -> str:
    """Return a hash of the weights and of the metrics; a checkpoint has its folder's name too."""
    found = hashlib.sha256(digest(folder / "metrics.csv").encode())
    state = torch.load(folder / "model.ckpt", weights_only=False)["state_dict"]
    for name, tensor in state.items():
        if isinstance(tensor, torch.Tensor):
            found.update(name.encode() + tensor.numpy().tobytes())
    return found.hexdigest()


@contextmanager
def beside(source: str) -> Iterator[None]:
    """Run Python code in a process of its own until the block ends."""
    work = subprocess.Popen([sys.executable, "-c", source])
    try:
        yield
        assert work.poll() is None, "it ended by itself"
    finally:
        work.kill()
        work.wait()
