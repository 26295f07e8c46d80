"""Where a run of Snakemake is: what is done, what runs, and the time that is left."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from graphlib import TopologicalSorter

from study.progress.expected import Expected
from study.progress.jobs import Epoch, Job, last_epoch

_OVERDUE = 0.1
"""What is left of a job that takes longer than expected, as a share of what was expected."""
_LOOK_S = 3.0
"""How old what is known of a training's epochs may be: hundreds may run, on a slow file system."""


class State(Enum):
    """What became of a job."""

    WAITING = auto()
    RUNNING = auto()
    DONE = auto()
    FAILED = auto()


@dataclass
class Tracker:
    """The jobs of a run and their states; times are seconds since the epoch.

    Parameters
    ----------
    cores
        Jobs of one core that run at a time.
    """

    cores: int = 1
    jobs: dict[int, Job] = field(default_factory=dict)
    states: dict[int, State] = field(default_factory=dict)
    expected: Expected = field(default_factory=Expected)
    _started: dict[int, float] = field(default_factory=dict)
    _epochs: dict[int, tuple[Epoch, Epoch]] = field(default_factory=dict)
    """The first and the last epoch that was seen of a training that runs."""
    _looked: dict[int, float] = field(default_factory=dict)
    _order: list[Job] = field(default_factory=list)

    def plan(self, jobs: Iterable[Job]) -> None:
        """Take the jobs of a run, those that were done before among them."""
        for job in jobs:
            self.jobs[job.number] = job
            self.states[job.number] = State.DONE if job.done else State.WAITING
            if job.done and (seconds := job.measured_s()) is not None:
                self.expected.add(job, seconds)
        order = TopologicalSorter({job.number: job.after for job in self.jobs.values()})
        self._order = [self.jobs[n] for n in order.static_order() if n in self.jobs]

    def start(self, number: int, now: float) -> None:
        """Take note that a job starts, perhaps not for the first time."""
        self.states[number] = State.RUNNING
        self._started[number] = now
        self._epochs.pop(number, None)

    def finish(self, number: int, now: float) -> None:
        """Take note that a job is done; what it took is its benchmark's, which knows no queue."""
        self.states[number] = State.DONE
        started = self._started.get(number, now)
        if job := self.jobs.get(number):
            seconds = job.measured_s(since=started)
            self.expected.add(job, now - started if seconds is None else seconds)

    def fail(self, number: int) -> None:
        """Take note that a job failed."""
        self.states[number] = State.FAILED

    def numbers(self, state: State) -> list[int]:
        """Return the jobs in a state; of those that run, the earliest first."""
        found = [number for number, its in self.states.items() if its is state]
        return sorted(found, key=lambda number: self._started.get(number, 0.0))

    def epoch(self, number: int, now: float) -> Epoch | None:
        """Return how far a training that runs is; None before an epoch ends."""
        training = self.jobs[number].training if number in self.jobs else None
        if training and now - self._looked.get(number, 0.0) > _LOOK_S:
            self._looked[number] = now
            if found := last_epoch(training):
                first, _ = self._epochs.get(number, (found, found))
                self._epochs[number] = (min(first, found, key=lambda one: one.number), found)
        return self._epochs[number][1] if number in self._epochs else None

    def left_s(self, job: Job, now: float) -> float:
        """Return the seconds that are left of a job."""
        state = self.states[job.number]
        if state in (State.DONE, State.FAILED):
            return 0.0
        whole = self.expected.seconds(job)
        if state is State.WAITING:
            return whole
        if job.training and self.epoch(job.number, now):
            return self._of_epochs(job, job.training.epochs, now)
        return max(whole - (now - self._started[job.number]), _OVERDUE * whole)

    def _of_epochs(self, job: Job, epochs: int, now: float) -> float:
        """Return the seconds that are left of a training, by the time of its epochs in this run."""
        first, last = self._epochs[job.number]
        each = self.expected.seconds(job) / epochs
        if last.number > first.number:
            each = (last.at - first.at) / (last.number - first.number)
        return max((epochs - last.number) * each - max(now - last.at, 0.0), 0.5 * each)

    def left(self, now: float) -> tuple[float, float]:
        """Return the seconds that are left, and the share of all expected work that is done.

        The time left is at least the work over the cores, and at least that of the longest chain of
        jobs that wait for each other. Jobs that wait for one that failed are left out.
        """
        work = done = longest = 0.0
        ends: dict[int, float] = {}
        for job in self._order:
            before = [ends[n] for n in job.after if n in ends]
            if self.states[job.number] is State.FAILED or float("inf") in before:
                ends[job.number] = float("inf")
                continue
            left = self.left_s(job, now)
            ends[job.number] = max(before, default=0.0) + left
            longest = max(longest, ends[job.number])
            work += left * min(job.cores, self.cores)
            done += max(self.expected.seconds(job) - left, 0.0) * min(job.cores, self.cores)
        share = done / (done + work) if done + work else 0.0
        return max(work / self.cores, longest), share

    def trainings(self) -> tuple[int, int]:
        """Return how many trainings are done, and how many there are."""
        states = [self.states[job.number] for job in self.jobs.values() if job.training]
        return sum(state is State.DONE for state in states), len(states)
