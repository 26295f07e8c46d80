"""Print what every job and group of a plan asks for: `planned_jobs.py ATTEMPT CONFIGFILE...`.

The output is JSON lines. A dry run does not show the resources of rules that have a message. Groups
are counted as they are submitted, not as they would run on this machine.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yte
from snakemake.api import SnakemakeApi
from snakemake.dag import DAG
from snakemake.jobs import GroupJob
from snakemake.resources import GroupResources
from snakemake.settings.types import (
    ConfigSettings,
    GroupSettings,
    OutputSettings,
    Quietness,
    ResourceSettings,
)

# of a group, what Slurm is asked for: the sum or the largest of its jobs
NAMES = (
    "gpu",
    "gpu_model",
    "mem_mb",
    "mpi",
    "nodes",
    "runtime",
    "slurm_extra",
    "tasks",
    "tasks_per_gpu",
    "tasks_per_node",
)


def show(rules: list[str], resources: Any, cores: int) -> None:
    asked = {name: resources.get(name) for name in NAMES if resources.get(name) is not None}
    sys.stdout.write(json.dumps({"rules": sorted(rules), "cores": cores, **asked}) + "\n")


def show_all(dag: DAG, attempt: int) -> None:
    """Print the jobs of a plan, and each group once."""
    groups = {id(jobs): jobs for jobs in dag._group.values()}
    for job in dag.needrun_jobs():
        job.attempt = attempt
    for job in dag.needrun_jobs():
        if job not in dag._group:
            show([job.rule.name], job.resources, job.threads)
    for jobs in groups.values():
        group: GroupJob = dag.group_job_factory.new("group", jobs, dag.workflow.global_resources)
        group.finalize()
        asked = GroupResources.basic_layered(
            group.toposorted,
            dag.workflow.global_resources,
            run_local=False,
            additive_resources=["runtime"],
        )
        show([job.rule.name for job in jobs], asked, int(asked["_cores"]))


def main(attempt: int, files: list[str]) -> None:
    with Path("cluster/profile.yaml").open() as file:
        profile = yte.process_yaml(file, require_use_yte=True)
    stats = DAG.stats

    def stats_and_resources(dag: DAG) -> Any:
        show_all(dag, attempt)
        return stats(dag)

    DAG.stats = stats_and_resources
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=profile["cores"], nodes=profile["jobs"]),
            config_settings=ConfigSettings(configfiles=[Path(name) for name in files]),
            snakefile=Path("Snakefile"),
        )
        groups = GroupSettings(
            overwrite_groups=profile["groups"], group_components=profile["group-components"]
        )
        workflow.dag().execute_workflow(executor="dryrun", group_settings=groups)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
