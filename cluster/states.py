"""What Slurm says of jobs, as the executor plug-in expects it.

sacct calls a cancelled job ``CANCELLED by 1000``. snakemake-executor-plugin-slurm 2.8.0 knows the bare word only, takes
the job for a running one, and waits for it without end. ``profile.yaml`` calls :func:`mend` before it submits a job.
"""

import logging

import snakemake_executor_plugin_slurm as plugin

States = dict[str, str]
_ask = plugin.query_job_status


async def query_job_status(command: str, logger: logging.Logger) -> tuple[States | None, float | None]:
    """Return the state of each job in one word, and the seconds it took to ask; None twice if nobody answered."""
    states, seconds = await _ask(command, logger)
    return (None if states is None else {job: state.split()[0] for job, state in states.items()}), seconds


def mend() -> None:
    """Let the plug-in ask here."""
    plugin.query_job_status = query_job_status
