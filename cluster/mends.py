"""Mends of snakemake-executor-plugin-slurm 2.8.0, put in by ``profile.yaml`` before it submits a job.

- sacct calls a cancelled job ``CANCELLED by 1000``. The plug-in knows the bare word only, takes the job for a running
  one, and waits for it without end. So it does for a job that was preempted, also where preempting means cancelling,
  and nothing starts the job again.
- A job that no partition of ``site.yaml`` can take goes to the default partition, GPUs or not. Here it is refused.
- The efficiency report asks sacct without a start, which means since midnight: a study of several days loses the rest.
- While the controller is down, ``sbatch`` fails, and a job uses up its attempts within a minute. ``submit.sh`` waits.
"""

import logging
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

import snakemake_executor_plugin_slurm as plugin
from snakemake_executor_plugin_slurm import efficiency_report
from snakemake_interface_common.exceptions import WorkflowError

States = dict[str, str]
_states, _partition, _submission = (
    plugin.query_job_status,
    plugin.get_best_partition,
    plugin.get_submit_command,
)
_REQUEUED_WITHIN_S = 600
"""A preempted job that Slurm requeues is pending again by then; one that is not was cancelled."""
_preempted: dict[str, float] = {}
_REPORTED = "JobID,JobName,Comment,Elapsed,TotalCPU,NNodes,NCPUS,MaxRSS,ReqMem"


def mend() -> None:
    """Let the plug-in call the functions of this module."""
    plugin.query_job_status = query_job_status
    plugin.get_best_partition = get_best_partition
    plugin.get_submit_command = get_submit_command
    efficiency_report.get_sacct_data = get_sacct_data


async def query_job_status(
    command: str, logger: logging.Logger
) -> tuple[States | None, float | None]:
    """Return the state of each job in one word, and the seconds it took to ask; None twice if nobody answered."""
    states, seconds = await _states(command, logger)
    return (
        None if states is None else {job: _word(job, state) for job, state in states.items()}
    ), seconds


def _word(job: str, state: str) -> str:
    word = state.partition(" ")[0]
    if word != "PREEMPTED":
        _preempted.pop(job, None)
        return word
    since = _preempted.setdefault(job, time.monotonic())
    return word if time.monotonic() - since < _REQUEUED_WITHIN_S else "CANCELLED"


def get_best_partition(partitions: Any, job: Any, logger: Any) -> str:
    """Return the partition that fits a job best.

    Raises
    ------
    WorkflowError
        If none does.
    """
    found: str | None = _partition(partitions, job, logger)
    if found is None:
        asked = {
            name: job.resources.get(name)
            for name in ("gpu", "gpu_model", "mem_mb", "runtime", "nodes")
        }
        what = ", ".join(f"{name} {value}" for name, value in asked.items() if value)
        raise WorkflowError(
            f"{job.name}: no partition of cluster/site.yaml takes a job with {job.threads} threads, {what}. "
            "Correct its limits, or add the partition."
        )
    return found


def get_submit_command(*arguments: Any, **options: Any) -> str:
    """Return the plug-in's command, with ``submit.sh`` for sbatch."""
    command: str = _submission(*arguments, **options)
    return command.replace(
        "sbatch", shlex.quote(str(Path(__file__).resolve().with_name("submit.sh"))), 1
    )


def get_sacct_data(run_uuid: str, logger: logging.Logger) -> list[str] | None:
    """Return sacct's lines on the jobs and steps of this Snakemake, of up to a year; None if it does not answer."""
    command = [
        "sacct",
        "--name",
        run_uuid,
        "--starttime",
        "now-365days",
        "--parsable2",
        "--noheader",
    ]
    done = subprocess.run(
        [*command, f"--format={_REPORTED}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        logger.error(f"no efficiency report of {run_uuid}: {done.stderr.strip()}")
        return None
    return done.stdout.strip().splitlines()
