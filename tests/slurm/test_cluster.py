"""The smoke study by ``snakemake --profile cluster`` on a real Slurm, where much goes wrong.

One study, first cut by a SIGKILL of Snakemake, then run to its end while a job is cancelled, one
is too large for its memory, one too long for its time, and the controller is killed. It needs a
Slurm of its own: ``make test-cluster``.
"""

import csv
import filecmp
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml
from lab import VARIABLE, LabError, crash_controller, start, stop

from planning import BIN, copy_project

GPU_RULES = ("train_run", "evaluate_run", "decompose_run", "reactivity_run")
# Time grows with the attempt; untrained networks have little memory at first.
TOO_LITTLE = ("train_run:runtime=10*attempt", "null_untrained:mem_mb=300*5**(attempt-1)")
OVERLAY = {  # beside the smoke study's runs one that is still running when its time is cut
    "variants": {"slow": {"steps": 16000, "steps_per_epoch": 250}},
    "runtime": {"compile_mode": "eager"},
    "controls": [
        {"n_train": [32], "model": ["nano", "nano+r35"], "seed": [0, 1]},
        {"n_train": [8], "model": ["nano+slow"], "seed": [0]},
    ],
}
RESULTS = Path("results/smoke")
RUN, SLOW = "minispice/n8/nano/s0", "minispice/n8/nano+slow/s0"

pytestmark = pytest.mark.skipif(
    os.environ.get(VARIABLE) != "1",
    reason=f"starts a Slurm on this machine: make test-cluster {VARIABLE}=1",
)


@dataclass(frozen=True)
class Job:
    """A row of the accounting database."""

    number: str
    name: str  # of the Snakemake process that submitted it
    partition: str
    state: str
    gpus: int
    memory: str
    minutes: str
    what: str  # rule or group, with wildcards

    @property
    def rule(self) -> str:
        return self.what.removeprefix("rule_").partition("_wildcards_")[0]


@dataclass(frozen=True)
class Study:
    """A study that ran to its end, and what was seen on the way."""

    folder: Path
    log: str
    jobs: list[Job]  # of all
    killed: str  # the name of the jobs whose Snakemake was killed
    locked: str
    recovered: str
    cancelled: str  # the number of the job that was cancelled


def accounted() -> list[Job]:
    """Return every job of the accounting database."""
    fields = "JobID,JobName,Partition,State,AllocTRES,ReqMem,Timelimit,Comment"
    done = subprocess.run(
        ["sacct", "-X", "-n", "-P", "-a", "-S", "now-1days", f"--format={fields}"],
        capture_output=True,
        text=True,
        check=True,
    )
    jobs = []
    for line in done.stdout.splitlines():
        number, name, partition, state, tres, memory, minutes, what = line.split("|", 7)
        gpus = re.search(r"gres/gpu=(\d+)", tres)
        state = state.partition(" ")[0]  # CANCELLED by 0
        jobs.append(
            Job(number, name, partition, state, int(gpus[1]) if gpus else 0, memory, minutes, what)
        )
    return jobs


def in_queue(state: str = "R,PD", rule: str = "", wildcards: str = "") -> list[str]:
    """Return the numbers of jobs in a state, of one rule and some wildcards."""
    done = subprocess.run(
        ["squeue", "-h", "-t", state, "-o", "%i %k"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    rows = [line.split(" ", 1) for line in done.stdout.splitlines()]
    return [
        number
        for number, comment in rows
        if comment.startswith(f"rule_{rule}") and wildcards in comment
    ]


def until(what: str, ready: Callable[[], object], seconds: float = 900) -> None:
    """Wait for something; fail loudly if it does not come."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.5)


def environment() -> dict[str, str]:
    clean = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("PYTEST", "SLURM")) and k != "PYTHONPATH"
    }
    return clean | {"OMP_NUM_THREADS": "1", "PATH": f"{BIN}:{clean['PATH']}"}


def command(*arguments: str) -> list[str]:
    """Snakemake's command: the profile, quicker questions, and a stand-in GPU for GPU rules."""
    quick = (
        "--slurm-init-seconds-before-status-checks",
        "2",
        "--seconds-between-status-checks",
        "2",
    )
    given = (*(f"{rule}:gpu=1" for rule in GPU_RULES), *TOO_LITTLE)
    cores = ("--cores", str(max(2, os.cpu_count() or 2)))  # of the node
    files = ("--configfile", "config/smoke.yaml", "overlay.yaml")
    return [
        "snakemake",
        *arguments,
        "--profile",
        "cluster",
        *cores,
        *quick,
        *files,
        "--set-resources",
        *given,
    ]


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )


def project(folder: Path) -> Path:
    """Copy what a study needs, with the site of the Slurm of the tests and the overlay."""
    copy_project(folder)
    shutil.copy(Path(__file__).parent / "site.yaml", folder / "cluster" / "site.yaml")
    (folder / "overlay.yaml").write_text(yaml.safe_dump(OVERLAY))
    return folder


@pytest.fixture(scope="module")
def slurm() -> Iterator[None]:
    start()
    yield
    stop()


@pytest.fixture(scope="module")
def study(slurm: None, tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = project(tmp_path_factory.mktemp("cluster"))
    killed, locked, recovered = kill_snakemake(folder)
    with (folder / "snakemake.log").open("w") as log:
        process = subprocess.Popen(command(), cwd=folder, env=environment(), stdout=log, stderr=log)
        try:
            cancelled = disturb(folder, process)
            code = process.wait(timeout=1800)
        finally:
            process.kill()
    text = (folder / "snakemake.log").read_text()
    assert code == 0, text[-5000:]
    return Study(folder, text, accounted(), killed, locked, recovered, cancelled)


def disturb(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """Kill the controller for a while, cut a training's time, cancel a decomposition.

    Returns the number of the job that was cancelled.
    """
    until("a training runs", lambda: in_queue("R", "train_run") or process.poll() is not None)
    crash_controller()
    cut_time(folder, process)
    until(
        "a decomposition runs", lambda: in_queue("R", "decompose_run") or process.poll() is not None
    )
    (cancelled, *_) = in_queue("R", "decompose_run")
    subprocess.run(["scancel", cancelled], check=True)
    return cancelled


def cut_time(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Give the long training one minute in all, once this attempt has written a checkpoint."""
    checkpoints = folder / RESULTS / "train" / SLOW / "checkpoints"
    began = time.time()

    def saved() -> bool:
        times = [path.stat().st_mtime for path in checkpoints.rglob("*.ckpt")]
        return max(times, default=0.0) > began

    until("the long training writes a checkpoint", lambda: saved() or process.poll() is not None)
    (number,) = in_queue("R", "train_run", "nano+slow")
    subprocess.run(["scontrol", "update", f"JobId={number}", "TimeLimit=1"], check=True)


def kill_snakemake(folder: Path) -> tuple[str, str, str]:
    """Kill Snakemake; return its jobs' name, and the output of a second one and of recovering."""
    with (folder / "killed.log").open("w") as log:
        process = subprocess.Popen(command(), cwd=folder, env=environment(), stdout=log, stderr=log)
        until(
            "two trainings run",
            lambda: len(in_queue("R", "train_run")) >= 2 or process.poll() is not None,
        )
        process.send_signal(signal.SIGKILL)
        process.wait()
    name = subprocess.run(
        ["squeue", "-h", "-o", "%j"], capture_output=True, text=True, check=True
    ).stdout.split()
    locked = snakemake(folder)
    assert locked.returncode != 0
    done = subprocess.run(
        ["cluster/recover.sh", "--configfile", "config/smoke.yaml", "overlay.yaml"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert in_queue() == []
    return name[0], locked.stdout + locked.stderr, done.stdout


def attempts(study: Study, rule: str, wildcards: str = "") -> list[Job]:
    """Return the submissions of a job by the Snakemake that finished the study, in order."""
    return [
        job
        for job in study.jobs
        if job.name != study.killed and job.rule == rule and wildcards in job.what
    ]


def test_gpu_rules_have_one_gpu_on_the_gpu_partition_and_others_have_none(study: Study) -> None:
    for job in study.jobs:
        if job.state == "COMPLETED":
            on_gpu = job.rule in GPU_RULES
            assert (job.partition, job.gpus) == (("gpu", 1) if on_gpu else ("cpu", 0)), job
    assert {job.rule for job in study.jobs} >= {
        *GPU_RULES,
        "data_read",
        "null_fit",
        "gauge_rigidity",
    }


def test_short_jobs_go_in_groups(study: Study) -> None:
    submitted = {job.rule for job in study.jobs}
    assert not submitted & {
        "data_subset",
        "bde_run",
        "entropy_run",
        "tables_collect",
        "figures_parity",
    }
    assert (study.folder / RESULTS / "figures" / "parity.png").is_file()


def test_jobs_outlive_a_killed_snakemake_and_recovering_cancels_them(study: Study) -> None:
    assert "LockException" in study.locked
    assert "run the same snakemake command again" in study.recovered
    jobs = [job for job in study.jobs if job.name == study.killed]
    assert [job.state for job in jobs].count("CANCELLED") >= 2
    # untrained networks, short of memory, may have run before the kill
    others = {job.state for job in jobs if job.rule != "null_untrained"}
    assert others == {"CANCELLED", "COMPLETED"}


def test_a_cancelled_job_is_submitted_again(study: Study) -> None:
    (cancelled,) = (job for job in study.jobs if job.number == study.cancelled)
    assert cancelled.state == "CANCELLED"
    same = [job for job in attempts(study, "decompose_run") if job.what == cancelled.what]
    assert [job.state for job in same] == ["CANCELLED", "COMPLETED"]


def test_a_job_out_of_memory_gets_more(study: Study) -> None:
    first, second = attempts(study, "null_untrained")
    assert first.state in (
        "FAILED",
        "OUT_OF_MEMORY",
    )  # FAILED where memory is polled, without cgroups
    assert second.state == "COMPLETED"
    assert (first.memory, second.memory) == ("300M", "1500M")


def test_a_training_out_of_time_goes_on_from_its_checkpoint(study: Study) -> None:
    first, second, *more = attempts(study, "train_run", "nano+slow")
    assert [first.state, *(job.state for job in (second, *more))][-2:] == ["TIMEOUT", "COMPLETED"]
    assert (first.state, first.minutes, second.minutes) == ("TIMEOUT", "00:01:00", "00:20:00")
    logs = study.folder / RESULTS / "logs" / "train" / "run"
    assert "resuming from" in (logs / f"{SLOW}.log").read_text()
    assert list(logs.glob(f"{SLOW}.log.[0-9]")), "the log of the first attempt is gone"
    metrics = pd.read_csv(study.folder / RESULTS / "train" / SLOW / "metrics.csv")
    assert metrics["step"].tolist() == list(range(250, 16001, 250))


def test_a_killed_controller_loses_no_job(study: Study) -> None:
    jobs = [job for job in study.jobs if job.name != study.killed and job.number != study.cancelled]
    lost = [job for job in jobs if job.state != "COMPLETED"]
    assert {job.rule for job in lost} <= {
        "train_run",
        "null_untrained",
    }  # out of time and out of memory
    assert {job.state for job in lost} <= {"TIMEOUT", "FAILED", "OUT_OF_MEMORY"}


def test_each_submission_keeps_its_log(study: Study) -> None:
    logs = {path.stem for path in (study.folder / "slurm-logs").rglob("*.log")}
    assert {job.number for job in study.jobs if job.state != "CANCELLED"} <= logs


def test_the_efficiency_report_has_the_jobs(study: Study) -> None:
    (report,) = (study.folder / "slurm-logs" / "efficiency").glob("*.csv")
    with report.open() as file:
        rows = list(csv.DictReader(file))
    assert {"train_run", "evaluate_run"} <= {
        row["RuleName"].removeprefix("rule_").partition("_wildcards_")[0] for row in rows
    }


def test_a_training_on_slurm_gives_the_bytes_of_one_at_home(study: Study, tmp_path: Path) -> None:
    home = project(tmp_path)
    target = str(RESULTS / "train" / RUN / "metrics.csv")
    local = [
        "snakemake",
        target,
        "--cores",
        "2",
        "--configfile",
        "config/smoke.yaml",
        "overlay.yaml",
    ]
    subprocess.run(local, cwd=home, env=environment(), capture_output=True, check=True)
    assert filecmp.cmp(home / target, study.folder / target, shallow=False)


def test_a_gpu_rule_on_a_node_without_a_gpu_fails(study: Study, tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "overlay.yaml").write_text(yaml.safe_dump(OVERLAY | {"runtime": {"device": "cuda"}}))
    target = str(RESULTS / "train" / RUN / "metrics.csv")
    done = snakemake(folder, target, "--retries", "0")
    assert done.returncode != 0
    log = (folder / RESULTS / "logs" / "train" / "run" / f"{RUN}.log").read_text()
    assert "e3d: error: device 'cuda': this machine has 0 usable GPUs." in log
    assert not (folder / target).exists()


def test_a_training_on_two_devices_is_started_by_srun(study: Study, tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "overlay.yaml").write_text(
        yaml.safe_dump(OVERLAY | {"runtime": {"models": {"nano": {"devices": 2}}}})
    )
    target = str(RESULTS / "train" / RUN / "metrics.csv")
    done = snakemake(folder, target, "--retries", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    one, two = (pd.read_csv(path / target) for path in (study.folder, folder))
    assert one["step"].tolist() == two["step"].tolist()
    # sums in another order, float32; 60 steps like these agreed to 2e-7 (test_train_ranks.py)
    pd.testing.assert_frame_equal(one, two, rtol=1e-5, check_exact=False)


def test_the_lab_leaves_a_slurm_of_someone_else_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "slurm.conf").write_text("ClusterName=theirs\n")
    monkeypatch.setattr("lab.ETC", tmp_path)
    with pytest.raises(LabError, match=r"slurm\.conf is someone else's"):
        start()
    assert (tmp_path / "slurm.conf").read_text() == "ClusterName=theirs\n"
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(LabError, match=f"{VARIABLE}=1"):
        start()
