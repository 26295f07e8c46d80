"""How long jobs take: by earlier studies, corrected by what this one has measured."""

from collections import defaultdict

from study.progress.jobs import Job

UNKNOWN_S = 3.0
"""Of a job that nothing is known of."""
_KNOWN_S = 10.0
"""Expected seconds of finished jobs from which on they say how fast this machine is."""
_FASTEST, _SLOWEST = 0.1, 10.0


class Expected:
    """Expected seconds of jobs.

    What finished jobs of a kind took over what was expected of them corrects the others of that
    kind; that of all finished jobs corrects the kinds of which none has finished.
    """

    def __init__(self) -> None:
        self._measured: dict[str, float] = defaultdict(float)
        self._expected: dict[str, float] = defaultdict(float)

    def add(self, job: Job, seconds: float) -> None:
        """Take note of what a job took."""
        self._measured[job.kind] += seconds
        self._expected[job.kind] += job.expected_s

    def seconds(self, job: Job) -> float:
        """Return what a job is expected to take."""
        expected = self._expected.get(job.kind, 0.0)
        if expected > 0:
            return job.expected_s * self._measured[job.kind] / expected
        return job.expected_s * self._speed()

    def _speed(self) -> float:
        """Return what finished jobs took over what was expected of them; 1 while too few have."""
        expected = sum(self._expected.values())
        if expected < _KNOWN_S:
            return 1.0
        return min(max(sum(self._measured.values()) / expected, _FASTEST), _SLOWEST)
