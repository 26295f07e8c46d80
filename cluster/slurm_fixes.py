"""Five faults of snakemake-executor-plugin-slurm 2.8.0, corrected before it submits a job.

``profile.yaml`` calls :func:`apply`.

- sacct calls a cancelled job ``CANCELLED by 1000``. The plug-in knows only the bare word: it takes
  the job for a running one and waits for it forever. The same happens to a job that was preempted,
  even where preempting means cancelling, and nothing starts it again.
- A job that fits no partition of ``site.yaml`` goes to the default partition, GPUs or not. Here it
  is refused.
- The efficiency report asks sacct without a start, which means since midnight: a study of several
  days loses the rest.
- While the controller is down, ``sbatch`` fails, and a job uses up its attempts within a minute.
  ``submit.sh`` waits.
- Inside a Slurm job it removes every variable that begins with SLURM_, also those that say where
  Slurm is. Then no command of Slurm finds its controller.
"""

import logging
import os
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

import snakemake_executor_plugin_slurm as plugin
from snakemake_executor_plugin_slurm import efficiency_report
from snakemake_interface_common.exceptions import WorkflowError

_REQUEUED_WITHIN_S = 600
"""A preempted job that Slurm requeues is pending again by then; any other was cancelled."""
_REPORTED = "JobID,JobName,Comment,Elapsed,TotalCPU,NNodes,NCPUS,MaxRSS,ReqMem"
_SUBMIT = shlex.quote(str(Path(__file__).resolve().with_name("submit.sh")))

_WHERE_SLURM_IS = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS")

_query_job_status = plugin.query_job_status
_get_best_partition = plugin.get_best_partition
_get_submit_command = plugin.get_submit_command
_delete_slurm_environment = plugin.delete_slurm_environment
_preempted_at: dict[str, float] = {}


def apply() -> None:
    """Let the plug-in call the functions of this module."""
    plugin.query_job_status = query_job_status
    plugin.get_best_partition = get_best_partition
    plugin.get_submit_command = get_submit_command
    plugin.delete_slurm_environment = delete_slurm_environment
    efficiency_report.get_sacct_data = get_sacct_data


async def query_job_status(
    command: str, logger: logging.Logger
) -> tuple[dict[str, str] | None, float | None]:
    """Return the state of each job in one word, and the seconds that asking took.

    Both are None if nobody answered.
    """
    states, seconds = await _query_job_status(command, logger)
    if states is not None:
        states = {job: _one_word(job, state) for job, state in states.items()}
    return states, seconds


def _one_word(job: str, state: str) -> str:
    word = state.partition(" ")[0]
    if word != "PREEMPTED":
        _preempted_at.pop(job, None)
        return word
    since = _preempted_at.setdefault(job, time.monotonic())
    return word if time.monotonic() - since < _REQUEUED_WITHIN_S else "CANCELLED"


def get_best_partition(partitions: Any, job: Any, logger: Any) -> str:
    """Return the partition that fits a job best.

    Raises
    ------
    WorkflowError
        If none does.
    """
    found: str | None = _get_best_partition(partitions, job, logger)
    if found is None:
        names = ("gpu", "gpu_model", "mem_mb", "runtime", "nodes")
        values = {name: job.resources.get(name) for name in names}
        asked = ", ".join(f"{name} {value}" for name, value in values.items() if value)
        raise WorkflowError(
            f"{job.name}: no partition of cluster/site.yaml takes a job with {job.threads} "
            f"threads, {asked}. Correct its limits, or add the partition."
        )
    return found


def get_submit_command(*arguments: Any, **options: Any) -> str:
    """Return the plug-in's command, with ``submit.sh`` for sbatch."""
    command: str = _get_submit_command(*arguments, **options)
    return command.replace("sbatch", _SUBMIT, 1)


def delete_slurm_environment() -> None:
    """Remove what a Slurm job has in its environment, but keep what says where Slurm is."""
    kept = {name: os.environ[name] for name in _WHERE_SLURM_IS if name in os.environ}
    _delete_slurm_environment()
    os.environ.update(kept)


def get_sacct_data(run_uuid: str, logger: logging.Logger) -> list[str] | None:
    """Return sacct's lines on the jobs and steps of this Snakemake, of up to a year.

    None if sacct does not answer.
    """
    command = ["sacct", "--name", run_uuid, "--starttime", "now-365days"]
    command += ["--parsable2", "--noheader", f"--format={_REPORTED}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        logger.error(f"no efficiency report of {run_uuid}: {done.stderr.strip()}")
        return None
    return done.stdout.strip().splitlines()
