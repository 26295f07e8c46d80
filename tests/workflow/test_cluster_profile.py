"""The cluster profile without a cluster: what jobs ask for, and a wrong site.yaml is one line."""

import asyncio
import json
import logging
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snakemake_executor_plugin_slurm as plugin
import yaml
import yte
from snakemake.resources import Resources
from snakemake_executor_plugin_slurm import efficiency_report
from snakemake_executor_plugin_slurm.job_status_query import query_job_status as original
from snakemake_interface_common.exceptions import WorkflowError

from planning import copy_project
from study.schema import rules_of
from study.stages import FIGURES

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
GPU_RULES = {"train_run", "evaluate_run", "decompose_run", "reactivity_run"}
SMOKE = ("--configfile", "config/smoke.yaml")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, whose site has neither conda nor a Slurm."""
    copy_project(tmp_path)
    set_site(tmp_path, software="none")
    return tmp_path


def set_site(project: Path, **values: Any) -> None:
    """Change values of a copy's cluster/site.yaml."""
    file = project / "cluster" / "site.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | values))


def profile(project: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the profile as Snakemake reads it."""
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with open("cluster/profile.yaml") as file:
        values: dict[str, Any] = yte.process_yaml(file, require_use_yte=True)
    return values


def snakemake(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake where no command of Slurm or conda is on the path."""
    environment = {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": str(project),
        "OMP_NUM_THREADS": "1",
        **variables,
    }
    return subprocess.run(
        [str(BIN / "snakemake"), *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_site_gives_account_software_and_gpu_model(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = profile(project, monkeypatch)
    assert "slurm_account" not in values["default-resources"]
    assert not {"set-resources", "software-deployment-method", "slurm-qos"} & values.keys()
    set_site(
        project,
        account="p123",
        qos="long",
        gpu_model="h100",
        software="conda",
        status_command="squeue",
    )
    values = profile(project, monkeypatch)
    assert values["default-resources"]["slurm_account"] == "'p123'"
    assert (values["slurm-qos"], values["slurm-status-command"]) == ("long", "squeue")
    assert values["software-deployment-method"] == "conda"
    assert "slurm-efficiency-report" not in values, "the report is made from sacct"
    set_site(project, software="apptainer")
    values = profile(project, monkeypatch)
    assert (values["software-deployment-method"], values["apptainer-args"]) == ("apptainer", "--nv")


def test_the_profile_leaves_alone_what_plans_jobs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = profile(project, monkeypatch)
    assert (
        not {"rerun-triggers", "configfile", "config", "forcerun", "slurm-array-jobs"}
        & values.keys()
    )
    assert "gpu_model" not in values["default-resources"], "it would give every job a GPU"


def test_groups_name_rules_of_the_workflow(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    rules = {
        *re.findall(r"^rule (\w+):", text, flags=re.MULTILINE),
        *(f"figures_{name}" for name in FIGURES),
        *(f"figures_{name}_given" for name in FIGURES if FIGURES[name].of_one_run),
    }
    values = profile(project, monkeypatch)
    assert values["groups"].keys() <= rules
    assert {f"figures_{name}" for name in FIGURES} <= values["groups"].keys()
    assert not GPU_RULES & values["groups"].keys(), (
        "jobs of a group would ask for their GPUs together"
    )
    assert values["group-components"].keys() <= set(values["groups"].values())


def test_a_cancelled_job_has_ended(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sacct = project / "sacct"
    sacct.write_text("#!/bin/sh\necho '1|CANCELLED by 1000'\necho '2|RUNNING'\n")
    sacct.chmod(0o755)
    monkeypatch.setattr(plugin, "query_job_status", original)  # afterwards too
    profile(project, monkeypatch)

    def asked(ask: Any) -> dict[str, str]:
        states: dict[str, str] = asyncio.run(ask(str(sacct), logging.getLogger()))[0]
        return states

    assert asked(original) == {"1": "CANCELLED by 1000", "2": "RUNNING"}, "no longer needed"
    assert asked(plugin.query_job_status) == {"1": "CANCELLED", "2": "RUNNING"}


def test_a_preempted_job_that_is_not_requeued_has_ended(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sacct, answer = project / "sacct", project / "answer"
    sacct.write_text(f"#!/bin/sh\ncat {answer}\n")
    sacct.chmod(0o755)
    monkeypatch.setattr(plugin, "query_job_status", original)
    profile(project, monkeypatch)
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)

    def asked(state: str, seconds: float) -> str:
        nonlocal now
        now = seconds
        answer.write_text(f"1|{state}\n")
        query = plugin.query_job_status
        wait = asyncio.new_event_loop()
        try:
            states: dict[str, str] = wait.run_until_complete(
                query(str(sacct), logging.getLogger())
            )[0]
        finally:
            wait.close()
        return states["1"]

    assert asked("PREEMPTED", 1) == "PREEMPTED"
    assert asked("RUNNING", 300) == "RUNNING", "Slurm requeued it"
    assert [asked("PREEMPTED", seconds) for seconds in (1000, 1500, 1601)] == [
        "PREEMPTED",
        "PREEMPTED",
        "CANCELLED",
    ]
    assert asked("", 1700) == ""


def test_submitting_waits_for_the_controller_and_for_nothing_else(tmp_path: Path) -> None:
    # sbatch works from its third try on, but for a wrong option; the controller from the second
    up, down = (f"echo 'Slurmctld(primary) at h is {state}'" for state in ("UP", "DOWN"))
    programs = {
        "sbatch": 'echo x >> tries; [ "$1" != --wrong ] && [ $(wc -l < tries) -ge 3 ] && echo 7',
        "scontrol": f"[ $(wc -l < tries) -ge 2 ] && {up} || {down}",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "E3D_SUBMIT_AGAIN": "0"}

    def submit(*options: str) -> tuple[int, str, int]:
        (tmp_path / "tries").write_text("")
        command = [str(ROOT / "cluster" / "submit.sh"), *options]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, len((tmp_path / "tries").read_text().splitlines())

    assert submit("--wrong") == (1, "", 2), "the second failure is not the controller's"
    (tmp_path / "scontrol").write_text(f"#!/bin/sh\n{down}\n")
    assert submit() == (0, "7\n", 3)
    lost = "echo 'scontrol: fatal: Could not establish a configuration source' >&2; exit 1"
    (tmp_path / "scontrol").write_text(f"#!/bin/sh\n{lost}\n")
    assert submit() == (1, "", 1), "a controller that is not known does not come back"


def test_snakemake_in_a_slurm_job_still_finds_slurm(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "delete_slurm_environment", plugin.delete_slurm_environment)
    profile(project, monkeypatch)
    monkeypatch.setenv("SLURM_CONF", "/opt/slurm.conf")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    plugin.delete_slurm_environment()
    left = {name for name in os.environ if name.startswith("SLURM_")}
    assert left == {"SLURM_CONF"}
    assert os.environ["SLURM_CONF"] == "/opt/slurm.conf"


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # the plug-in's own pandas
def test_the_efficiency_report_has_jobs_of_days_ago(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sacct = project / "sacct"
    jobs = (
        "7|u|rule_train_run|00:00:10|00:05.0|1|1||1000M\\n7.0|python||00:00:10|00:05.0|1|1|500000K|"
    )
    sacct.write_text(f"#!/bin/sh\ncase \"$*\" in *now-365days*) printf '{jobs}\\n';; esac\n")
    sacct.chmod(0o755)
    monkeypatch.setattr(
        efficiency_report, "get_sacct_data", efficiency_report.get_sacct_data
    )  # afterwards as before
    profile(project, monkeypatch)
    monkeypatch.setenv("PATH", f"{project}:/usr/bin:/bin")
    plugin.create_efficiency_report(0.8, "u", project / "report", logging.getLogger())
    assert "rule_train_run" in (project / "report" / "efficiency_report_u.csv").read_text()


def test_a_job_that_fits_nowhere_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        plugin, "get_best_partition", plugin.get_best_partition
    )  # afterwards as before
    profile(project, monkeypatch)
    partitions = plugin.read_partition_file(project / "cluster" / "site.yaml")

    def chosen(**resources: Any) -> str:
        job = SimpleNamespace(name="train_run", threads=1, resources=resources)
        found: str = plugin.get_best_partition(partitions, job, logging.getLogger())
        return found

    assert chosen(mem_mb=1000, runtime=10) == "cpu"
    assert chosen(mem_mb=1000, runtime=10, gpu=1) == "gpu"
    with pytest.raises(
        WorkflowError,
        match=r"train_run: no partition of cluster/site.yaml takes .* gpu 64, mem_mb 9",
    ):
        chosen(mem_mb=9, runtime=10, gpu=64)


def test_jobs_are_submitted_by_the_script_that_waits(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        plugin, "get_submit_command", plugin.get_submit_command
    )  # afterwards as before
    profile(project, monkeypatch)
    parameters = {
        "run_uuid": "u",
        "slurm_logfile": "l",
        "comment_str": "c",
        "account": "",
        "partition": "",
        "workdir": "w",
    }
    job = SimpleNamespace(threads=1, resources={})
    command = shlex.split(plugin.get_submit_command(job, parameters))
    assert Path(command[0]).is_absolute()
    assert command[0].endswith("/cluster/submit.sh")
    assert "--parsable" in command


def test_a_dry_run_needs_no_slurm(project: Path) -> None:
    done = snakemake(project, "-n", "--profile", "cluster", *SMOKE)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "train_run" in done.stdout


def planned(project: Path, *files: str, attempt: int = 1) -> list[dict[str, Any]]:
    """Return what each job and group of a plan asks for."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "planned_jobs.py"), str(attempt), *files],
        cwd=project,
        env={"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(project), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"rules"')]


def of_rule(jobs: list[dict[str, Any]], rule: str) -> list[dict[str, Any]]:
    found = [job for job in jobs if job["rules"] == [rule]]
    assert found, f"no job of {rule}"
    return found


def test_jobs_ask_for_gpus_where_the_device_is_one(project: Path) -> None:
    runtime = {"device": "cuda", "models": {"nano": {"devices": 2, "nodes": 2}}}
    (project / "gpu.yaml").write_text(
        yaml.safe_dump({"runtime": runtime, "training": {"batch_size": 16}})
    )
    set_site(project, gpu_model="h100")
    jobs = planned(project, "config/smoke.yaml", "gpu.yaml")
    several = {
        "gpu": 4,
        "mpi": "srun",
        "nodes": 2,
        "tasks_per_node": 2,
        "tasks_per_gpu": 0,
        "gpu_model": "h100",
    }
    for job in of_rule(jobs, "train_run"):
        # `--gpus=h100:4` on two nodes may be three and one
        assert job.items() >= {**several, "slurm_extra": "--gpus-per-node=h100:2"}.items()
    for rule in GPU_RULES - {"train_run"}:
        for job in of_rule(jobs, rule):
            assert job.items() >= {"gpu": 1, "gpu_model": "h100"}.items()
            assert not {"mpi", "nodes", "slurm_extra"} & job.keys()
            assert job["mem_mb"] >= 6000, "CUDA is in the host's memory too"
    for job in jobs:
        assert ("gpu" in job) == bool(GPU_RULES & {*job["rules"]}), job


def test_a_type_of_gpu_is_for_jobs_with_a_gpu(project: Path) -> None:
    set_site(project, gpu_model="h100")
    for job in planned(project, "config/smoke.yaml"):
        assert not job.get("gpu"), job
        assert "gpu_model" not in job, "the plug-in would ask for h100:0"


@pytest.mark.parametrize(("gpu_minutes", "gpu_mb"), [(300, 60000), (3000, 400000)])
def test_no_attempt_asks_for_more_than_the_partition_it_goes_to(
    project: Path, gpu_minutes: int, gpu_mb: int
) -> None:
    cpu = {"max_runtime": 1000, "max_mem_mb": 100000}
    gpu = {"max_runtime": gpu_minutes, "max_mem_mb": gpu_mb, "max_gpu": 8}
    set_site(project, partitions={"cpu": cpu, "gpu": gpu})
    for job in planned(project, "config/paper.yaml", attempt=4):
        if job["rules"] == ["data_fetch"]:
            continue  # beside Snakemake itself
        limits = gpu if job.get("gpu") else cpu
        assert job.get("mem_mb", 0) <= limits["max_mem_mb"], job
        assert job.get("runtime", 0) <= limits["max_runtime"], job
        assert job["cores"] <= 8


@pytest.mark.parametrize("account", ["0123", "12_3", "1e5", "min", "chem-1.prod"])
def test_an_account_is_taken_as_it_is_written(
    project: Path, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    set_site(project, account=account)
    text = profile(project, monkeypatch)["default-resources"]["slurm_account"]
    evaluated = Resources.parse([f"slurm_account={text}"], allow_expressions=True)["slurm_account"]
    values = {
        "wildcards": None,
        "input": None,
        "attempt": 1,
        "threads": 1,
        "rulename": "",
        "async_run": None,
    }
    assert evaluated.evaluate(**values).value == account


def test_another_folder_is_refused_in_one_line(project: Path) -> None:
    (project / "elsewhere").mkdir()
    command = (
        "-n",
        "--snakefile",
        str(project / "Snakefile"),
        "--profile",
        str(project / "cluster"),
    )
    done = snakemake(project / "elsewhere", *command)
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) <= 2, "at most Snakemake's own line on profiles besides"
    assert "e3d: this is not the project's folder" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("partitions: [", "cluster/site.yaml: not valid YAML"),
        ("", "cluster/site.yaml: holds nothing"),
        ("account: p123", "site: the top level lacks 'partitions'"),
        ("partitions: {}", "site: partitions = {}"),
        ("partitions: {cpu: {}}", "site: partitions.cpu lacks 'max_runtime'"),
        (
            "partitions: {cpu: {max_runtime: 24h}}",
            "site: partitions.cpu.max_runtime = '24h' - expected integer",
        ),
        ("partitions: {cpu: {max_runtime: 60}}\nacount: a", "did you mean 'account'"),
        (
            "partitions: {cpu: {max_runtime: 60}}\nmodules: [a; b]",
            "site: modules.0 = 'a; b' - must match",
        ),
    ],
)
def test_a_wrong_site_is_one_line(project: Path, text: str, message: str) -> None:
    (project / "cluster" / "site.yaml").write_text(text)
    done = snakemake(project, "-n", "--profile", "cluster", *SMOKE)
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) <= 2, "at most Snakemake's own line on profiles besides"
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("e3d: ")]
    assert message in line
    assert line.endswith(".")


def test_modules_are_loaded_in_jobs_alone(project: Path) -> None:
    set_site(project, modules=["gcc/13", "cuda/12.6"])
    target = "results/smoke/data/minispice/store.h5"
    function = {"BASH_FUNC_module%%": '() { echo "$@" >> modules.txt; }'}
    assert snakemake(project, target, "--cores", "1", *SMOKE, **function).returncode == 0
    assert not (project / "modules.txt").exists()
    (project / target).unlink()
    done = snakemake(project, target, "--cores", "1", *SMOKE, **function, SLURM_JOB_ID="1")
    assert done.returncode == 0, done.stderr
    assert (project / "modules.txt").read_text() == "load gcc/13 cuda/12.6\n"


def test_every_value_of_a_site_is_explained() -> None:
    text = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^- `([^`]+)`:", text, flags=re.MULTILINE))
    rules = rules_of("site")["properties"]
    of_partition = rules["partitions"]["additionalProperties"]["properties"]
    assert rules.keys() | {f"partitions.<name>.{key}" for key in of_partition} <= documented


def test_the_table_of_many_jobs_says_what_the_docs_say() -> None:
    names, values = (
        (ROOT / "results" / "published" / "benchmarks" / "slurm.csv").read_text().split()
    )
    row = dict(zip(names.split(","), values.split(","), strict=True))
    assert row["jobs"] == row["submitted"] == row["completed"] == row["files"] == "200"
    text = " ".join((ROOT / "docs" / "cluster.md").read_text(encoding="utf-8").split())
    took = f"{row['minutes']} minutes on {row['cpus']} cores"
    assert f"tests/slurm/scale.py {row['jobs']}`, {took}" in text
