"""Every kind of job of a study is killed at some moment, and the study ends with the same bytes."""

from collections.abc import Callable
from pathlib import Path
from random import Random

from study_of_tests import RESULTS, Job, Undisturbed, contents, one_of_each, prepare, run

MOST_RUNS = 20
"""Jobs wait for each other: after some are killed, others of the same run are not reached."""


def moments(jobs: list[Job], chance: Random, everything: bool) -> dict[str, str]:
    """Return when jobs are killed: one of each kind, or all."""
    if not everything:
        jobs = one_of_each(jobs, chance)
    found = {}
    for job in jobs:
        if chance.random() < 0.5:  # between two changes of the disk, or anywhere
            found[job.log] = f"event {chance.randint(1, job.events)}"
        else:
            found[job.log] = f"second {chance.uniform(0.1, 0.9) * job.seconds:.2f}"
    return found


def test_killed_jobs_run_again_to_the_same_bytes(
    undisturbed: Undisturbed,
    tmp_path: Path,
    chance: Random,
    everything: bool,
    tried: Callable[[str, int, str], None],
) -> None:
    """What Snakemake removes of a failed job is looked at first: a file is whole or not there."""
    study = tmp_path / "study"
    prepare(study, everything=everything)
    planned = moments(undisturbed.jobs, chance, everything)
    assert len({job.command for job in undisturbed.jobs}) >= 34, "a kind of job is missing"
    for log, moment in planned.items():
        path = study / "killing" / "moments" / log
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(moment)
    options = ("--keep-going", "--keep-incomplete", "--rerun-incomplete")
    for _ in range(MOST_RUNS):
        before = killed(study)
        done = run(study, *options)
        found = contents(study / RESULTS)
        final = {name: one for name, one in found.items() if is_final(name)}
        half = {name for name, one in final.items() if undisturbed.contents.get(name) != one}
        assert not half, f"not whole after {sorted(set(killed(study)) - set(before))}"
        if done.returncode == 0:
            break
        assert len(killed(study)) > len(before), done.stderr[-5000:]
        for job in undisturbed.jobs:
            if job.log in killed(study) and job.log not in before:
                remove_results(study, job)
    assert set(killed(study)) == set(planned)
    assert done.returncode == 0
    assert found == undisturbed.contents, "files that nobody wrote, or not again"
    tried("jobs killed by SIGKILL", len(planned), "all ended with the same bytes")


def remove_results(study: Path, job: Job) -> None:
    """Remove what Snakemake removes of a job that failed: neither notes nor hidden files."""
    for path in job.files(study):
        if not path.name.endswith(".provenance.json") and path.name != "run.yaml":
            path.unlink()


def killed(study: Path) -> dict[str, str]:
    """Return the jobs that were killed, and when."""
    folder = study / "killing" / "killed"
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


def is_final(name: str) -> bool:
    """Say whether a file is a result, not what a training or a writer has under way."""
    parts = Path(name).parts
    return "checkpoints" not in parts and not any(part.startswith(".") for part in parts)
