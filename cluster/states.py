"""What Slurm says of jobs, as the executor plug-in expects it.

sacct calls a cancelled job ``CANCELLED by 1000``. snakemake-executor-plugin-slurm 2.8.0 knows the bare word only, takes
the job for a running one, and waits for it without end. So it does for a job that was preempted, also where preempting
means cancelling, and nothing starts the job again. ``profile.yaml`` calls :func:`mend` before it submits a job.
"""

import logging
import time

import snakemake_executor_plugin_slurm as plugin

States = dict[str, str]
_ask = plugin.query_job_status
_REQUEUED_WITHIN_S = 600
"""A preempted job that Slurm requeues is pending again by then; one that is not was cancelled."""
_preempted: dict[str, float] = {}


async def query_job_status(command: str, logger: logging.Logger) -> tuple[States | None, float | None]:
    """Return the state of each job in one word, and the seconds it took to ask; None twice if nobody answered."""
    states, seconds = await _ask(command, logger)
    return (None if states is None else {job: _word(job, state) for job, state in states.items()}), seconds


def _word(job: str, state: str) -> str:
    word = state.partition(" ")[0]
    if word != "PREEMPTED":
        _preempted.pop(job, None)
        return word
    since = _preempted.setdefault(job, time.monotonic())
    return word if time.monotonic() - since < _REQUEUED_WITHIN_S else "CANCELLED"


def mend() -> None:
    """Let the plug-in ask here."""
    plugin.query_job_status = query_job_status
