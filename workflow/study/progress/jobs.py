"""A job as progress sees it, and how far a training is."""

import csv
from dataclasses import dataclass
from pathlib import Path

from e3d.units import EV_MEV
from study.train.fields import CHECKPOINTS, FORCE_MAE, HISTORY_FILE


@dataclass(frozen=True)
class Training:
    """A training: its run, its epochs, and the folder that it writes."""

    run: str
    epochs: int
    folder: Path


@dataclass(frozen=True)
class Job:
    """One job of a plan.

    Parameters
    ----------
    number
        Snakemake's own.
    kind
        Row of a table of costs (:mod:`study.costs`); jobs of one kind take a similar time.
    expected_s
        Seconds, before anything is measured.
    cores
        How many it takes.
    benchmark
        File that says what it took, once it is done.
    after
        Numbers of the jobs that it waits for.
    done
        Whether it was done before this call of Snakemake.
    training
        What it trains, if it does.
    """

    number: int
    kind: str
    expected_s: float
    cores: int = 1
    benchmark: Path | None = None
    after: tuple[int, ...] = ()
    done: bool = False
    training: Training | None = None

    def measured_s(self, since: float = 0.0) -> float | None:
        """Return the seconds of the benchmark file; None where it is not as new as ``since``."""
        try:
            if self.benchmark is None or self.benchmark.stat().st_mtime < since:
                return None
            with self.benchmark.open(encoding="utf-8") as file:
                return float(next(csv.DictReader(file, delimiter="\t"))["s"])
        except (OSError, ValueError, KeyError, StopIteration):
            return None


@dataclass(frozen=True)
class Epoch:
    """The last epoch that a training finished, when, and its validation force MAE in meV/Å."""

    number: int
    at: float
    force_mae: float


def last_epoch(training: Training) -> Epoch | None:
    """Return how far a training is; None before its first epoch ends."""
    try:
        files = (training.folder / CHECKPOINTS).rglob(HISTORY_FILE)
        at, path = max((path.stat().st_mtime, path) for path in files)
        with path.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return Epoch(len(rows), at, float(rows[-1][FORCE_MAE]) * EV_MEV)
    except (OSError, ValueError, KeyError, IndexError):  # none yet, or it is being replaced
        return None
