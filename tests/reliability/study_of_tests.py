"""A small study with every kind of job, what its jobs run, and how two of them are compared."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

import yaml

from planning import SMOKE, copy_project, snakemake

HERE = Path(__file__).parent
RESULTS = Path("results/smoke")
NAME_THEIR_FOLDER = {"nequip.yaml", "model.ckpt", "model.ckpt.provenance.json"}
"""Files that hold the path of their folder, and so differ where they are written elsewhere."""
SMALL = {"grid": {"n_train": [8]}, "controls": []}
"""One run of the smoke study: every kind of job, none twice but for tables."""


@dataclass(frozen=True)
class Job:
    """A job of the study: its log names it."""

    log: str
    command: str
    words: list[str]
    events: int
    seconds: float

    @property
    def output(self) -> Path:
        """Return the file or folder that it writes."""
        return Path(self.words[self.words.index("-o") + 1])

    def files(self, study: Path) -> list[Path]:
        """Return the files that it wrote in a study, but for what a training keeps to resume."""
        output = study / self.output
        if not output.is_dir():
            return [path for path in output.parent.glob(f"{output.stem}*") if path.is_file()]
        found = [path for path in output.rglob("*") if path.is_file()]
        return [path for path in found if "checkpoints" not in path.parts]


@dataclass(frozen=True)
class Undisturbed:
    """A study that nothing happened to."""

    folder: Path

    @property
    def arguments(self) -> tuple[str, ...]:
        """What Snakemake is called with."""
        return arguments(self.folder)

    @cached_property
    def jobs(self) -> list[Job]:
        """Its jobs, in order of their logs."""
        logs = self.folder / "killing" / "jobs"
        paths = sorted(path for path in logs.rglob("*") if path.is_file())
        return [
            Job(log=str(path.relative_to(logs)), **json.loads(path.read_text())) for path in paths
        ]

    @cached_property
    def contents(self) -> dict[str, str]:
        """What is in its results."""
        return contents(self.folder / RESULTS)


def arguments(folder: Path) -> tuple[str, ...]:
    """Return what Snakemake is called with in a folder that :func:`prepare` made."""
    more = folder / "small.yaml"
    return (*SMOKE, str(more)) if more.is_file() else SMOKE


def prepare(folder: Path, *, everything: bool) -> None:
    """Make a copy of the project whose jobs can be counted and killed."""
    folder.mkdir()
    copy_project(folder)
    shutil.copyfile(HERE / "killing.py", folder / "src" / "sitecustomize.py")
    (folder / "killing").mkdir()
    if not everything:
        (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))


def build(folder: Path, *, everything: bool) -> None:
    """Run a study to its end."""
    prepare(folder, everything=everything)
    done = run(folder, "--show-failed-logs")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder that :func:`prepare` made."""
    os.environ["E3D_KILLING"] = str(folder / "killing")
    try:
        return snakemake(folder, *options, *arguments(folder))
    finally:
        del os.environ["E3D_KILLING"]


def contents(results: Path, but: Iterable[str] = ("logs", "costs")) -> dict[str, str]:
    """Return a digest of every file but logs and costs; of provenance without the time it took."""
    found = {}
    for path in results.rglob("*"):
        name = path.relative_to(results)
        if path.is_file() and name.parts[0] not in but:
            found[str(name)] = digest(path)
    return found


def one_of_each(jobs: Iterable[Job], chance: Random) -> list[Job]:
    """Return one job of every kind."""
    kinds: dict[str, list[Job]] = {}
    for job in jobs:
        kinds.setdefault(job.command, []).append(job)
    return [chance.choice(kind) for kind in kinds.values()]


def moved(words: list[str], folder: Path, log: Path) -> list[str]:
    """Return a command that writes to ``folder``."""
    words = list(words)
    for option in ("-o", "--numbered"):
        if option in words:
            k = words.index(option) + 1
            words[k] = str(folder / Path(words[k]).name)
    words[words.index("--log") + 1] = str(log)
    return words


def unlike(found: Path, expected: Path) -> list[str]:
    """Return the files below ``found`` that are not as those below ``expected``.

    Left out are what a training keeps to resume from, and what fills the disk.
    """
    wrong = []
    for path in found.rglob("*"):
        name = path.relative_to(found)
        own = {"checkpoints", "others"} & set(name.parts) or name.name in NAME_THEIR_FOLDER
        if own or path.is_dir():
            continue
        if not (expected / name).is_file() or digest(path) != digest(expected / name):
            wrong.append(str(name))
    return wrong


def digest(path: Path) -> str:
    """Return the hash of a file; of provenance without what made it when."""
    content = path.read_bytes()
    if path.name.endswith(".provenance.json"):
        facts = json.loads(content)
        del facts["wall_time_s"], facts["commit"]
        content = json.dumps(facts).encode()
    return hashlib.sha256(content).hexdigest()
