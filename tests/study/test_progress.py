"""Progress by expected time: what is known of jobs, the time that is left, and what is said."""

import io
import os
import time
from pathlib import Path

import pytest

from study.progress import wording
from study.progress.expected import UNKNOWN_S, Expected
from study.progress.facts import Facts, earlier_means
from study.progress.jobs import Epoch, Job, Training, last_epoch
from study.progress.screen import Screen
from study.progress.tracker import State, Tracker
from study.train.fields import CHECKPOINTS, FORCE_MAE, HISTORY_FILE


def benchmark(path: Path, seconds: float) -> Path:
    """Write what Snakemake writes of a job that is done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t100.0\n")
    return path


def history(folder: Path, errors: list[float], at: float) -> None:
    """Write what a training has after so many epochs, at a time."""
    file = folder / CHECKPOINTS / "abc" / HISTORY_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{k},{100 * (k + 1)},{error}" for k, error in enumerate(errors)]
    file.write_text("\n".join([f"epoch,step,{FORCE_MAE}", *rows]) + "\n")
    os.utime(file, (at, at))


def tracker_of(*jobs: Job, cores: int = 1) -> Tracker:
    tracker = Tracker(cores)
    tracker.plan(jobs)
    return tracker


def test_finished_jobs_correct_what_is_expected_of_their_kind_and_then_of_others() -> None:
    expected = Expected()
    bde, null = Job(1, "bde", 20.0), Job(2, "null", 5.0)
    assert (expected.seconds(bde), expected.seconds(null)) == (20.0, 5.0)
    expected.add(bde, 60.0)  # a machine of a third of the speed
    assert expected.seconds(Job(3, "bde", 10.0)) == pytest.approx(30.0)
    assert expected.seconds(null) == pytest.approx(15.0)
    expected.add(null, 5.0)
    assert expected.seconds(null) == pytest.approx(5.0)
    assert expected.seconds(bde) == pytest.approx(60.0)


def test_one_short_job_says_nothing_of_the_machine() -> None:
    expected = Expected()
    expected.add(Job(1, "train/settings", 0.2), 4.0)
    assert expected.seconds(Job(2, "train/run", 100.0)) == 100.0


def test_the_time_left_is_the_work_over_the_cores_or_the_longest_chain() -> None:
    side_by_side = [Job(k, "bde", 10.0) for k in range(4)]
    assert tracker_of(*side_by_side, cores=2).left(0.0) == (20.0, 0.0)
    chain = [Job(k, "bde", 10.0, after=(k - 1,) if k else ()) for k in range(4)]
    assert tracker_of(*chain, cores=2).left(0.0) == (40.0, 0.0)


def test_the_share_is_of_expected_time_and_not_of_jobs() -> None:
    small = [Job(k, "settings", 0.5) for k in range(16)]
    tracker = tracker_of(*small, Job(99, "train/run", 92.0))
    for job in small:
        tracker.start(job.number, 0.0)
        tracker.finish(job.number, 0.5)
    assert tracker.left(0.5)[1] == pytest.approx(0.08)  # 16 of 17 jobs


def test_what_was_done_before_counts_and_says_how_fast_this_machine_is(tmp_path: Path) -> None:
    before = Job(1, "bde", 10.0, benchmark=benchmark(tmp_path / "1.tsv", 30.0), done=True)
    left, share = tracker_of(before, Job(2, "bde", 10.0)).left(0.0)
    assert left == pytest.approx(30.0)
    assert share == pytest.approx(0.5)


def test_a_job_takes_what_its_benchmark_says_and_not_the_time_in_a_queue(tmp_path: Path) -> None:
    path = benchmark(tmp_path / "1.tsv", 4.0)
    tracker = tracker_of(Job(1, "bde", 20.0, benchmark=path), Job(2, "bde", 20.0))
    now = time.time()
    tracker.start(1, now - 1000.0)
    tracker.finish(1, now)
    assert tracker.left(now)[0] == pytest.approx(4.0)
    os.utime(path, (now - 5000.0, now - 5000.0))  # of an earlier run
    again = tracker_of(Job(1, "bde", 20.0, benchmark=path), Job(2, "bde", 20.0))
    again.start(1, now - 1000.0)
    again.finish(1, now)
    assert again.left(now)[0] == pytest.approx(1000.0)


def test_a_job_that_takes_longer_than_expected_is_never_done_before_it_is() -> None:
    tracker = tracker_of(Job(1, "bde", 10.0))
    tracker.start(1, 0.0)
    left = [tracker.left(now)[0] for now in (0.0, 4.0, 50.0)]
    assert left == [10.0, 6.0, 1.0]


def test_what_waits_for_a_failed_job_is_not_waited_for() -> None:
    tracker = tracker_of(Job(1, "a", 10.0), Job(2, "b", 50.0, after=(1,)), Job(3, "c", 5.0))
    tracker.start(1, 0.0)
    tracker.fail(1)
    assert tracker.left(0.0)[0] == pytest.approx(5.0)
    tracker.start(1, 1.0)  # a further attempt
    assert tracker.left(1.0)[0] == pytest.approx(65.0)


def test_a_training_goes_by_its_epochs(tmp_path: Path) -> None:
    run = "minispice/n8/nano/s0"
    training = Training(run, 10, tmp_path / run)
    assert last_epoch(training) is None
    tracker = tracker_of(Job(7, "train/run", 30.0, training=training))
    tracker.start(7, 1000.0)
    assert tracker.left(1000.0)[0] == pytest.approx(30.0)
    history(training.folder, [0.5], 1020.0)
    assert last_epoch(training) == Epoch(1, 1020.0, 500.0)
    assert tracker.left(1020.0)[0] == pytest.approx(27.0)  # 9 epochs of what was expected
    history(training.folder, [0.5, 0.4, 0.212], 1060.0)
    left, share = tracker.left(1060.0)
    assert left == pytest.approx(7 * 20.0)  # as fast as two epochs were
    said = wording.status(tracker, {7: f"training {run}"}, 1060.0, least=share)
    assert said.endswith(f"training 1/1 ({run}), epoch 3/10, force MAE 212 meV/Å, 2 min left")


def test_jobs_of_the_graph_have_the_costs_of_an_earlier_study(tmp_path: Path) -> None:
    (tmp_path / "costs.csv").write_text(
        "rule,jobs,total_s,mean_s,max_rss_MB\nstudy,3,9.0,,\nbde,2,9.0,4.5,\n"
    )
    means = earlier_means([tmp_path / "none", tmp_path])
    assert means == {"bde": 4.5}
    folder = Path("results")

    def training(wildcards: object) -> tuple[Training, float]:
        return Training(str(wildcards), 2, folder), 77.0

    facts = Facts(folder, folder / "costs", folder, folder / "f.md", means, training)
    jobs = [
        facts.job(1, "bde_run", "results/costs/bde/a/n8.tsv", {}, makes=True),
        facts.job(2, "gauge_run", "results/costs/gauge/a.tsv", {}, makes=True),
        facts.job(3, "figures", None, {}, makes=False),
        facts.job(4, "own", None, {}, makes=True),
        facts.job(5, "train_run", "results/costs/train/run/a.tsv", {"seed": "0"}, makes=True),
    ]
    assert [(job.kind, job.expected_s) for job in jobs] == [
        ("bde", 4.5), ("gauge", UNKNOWN_S), ("figures", 0.0), ("own", UNKNOWN_S),
        ("train/run", 77.0),
    ]  # fmt: skip


def test_a_failure_has_the_last_lines_of_the_log_that_has_some(tmp_path: Path) -> None:
    full, empty = tmp_path / "full.log", tmp_path / "empty.log"
    full.write_text("".join(f"line {k}\n\n" for k in range(9)))
    empty.touch()
    first, *lines = wording.failure("training a", [str(empty), str(full)]).splitlines()
    assert first == f"FAILED: training a; log {full}, which ends:"
    assert lines == [f"    line {k}" for k in range(4, 9)]
    assert wording.failure("a", [str(empty)]) == f"FAILED: a; log {empty}, which is empty"
    assert wording.failure("a", []) == "FAILED: a"


def test_what_failed_is_said_again_at_the_end() -> None:
    tracker = tracker_of(Job(1, "a", 1.0, done=True), Job(2, "b", 1.0), Job(3, "c", 1.0))
    assert wording.stopped(tracker, {}).startswith("Stopped: 1 of 3 jobs done; the same command")
    tracker.fail(2)
    assert wording.stopped(tracker, {2: "training a"}).startswith(
        "1 job failed (training a), 1 of 3 jobs done. Mend the cause"
    )
    assert tracker.numbers(State.WAITING) == [3]


def test_the_first_findings_are_those_on_the_claims(tmp_path: Path) -> None:
    file = tmp_path / "findings.md"
    claims = "".join(f"- Claim {k}? Yes.\n" for k in range(7))
    title = "What the paper claims, and what the tables say"
    file.write_text(f"**Laws**\n\n- Obeyed.\n\n**{title}**\n\n{claims}\n**D**\n\n- More.\n")
    assert wording.sentences(file) == [f"Claim {k}? Yes." for k in range(5)]
    file.write_text("**Laws**\n\n- Obeyed.\n")
    assert wording.sentences(file) == ["Obeyed."]
    assert wording.sentences(tmp_path / "none") == []


class Terminal(io.TextIOWrapper):
    """A terminal that knows no letters but those of ASCII."""

    def __init__(self) -> None:
        self.written = io.BytesIO()
        super().__init__(self.written, encoding="ascii")

    def isatty(self) -> bool:
        return True


def test_a_live_line_is_one_line_and_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "24")
    stream = Terminal()
    screen = Screen(stream)
    assert screen.live
    screen.show("force MAE 212 meV/Å, 6 min left")
    screen.line("FAILED")
    text = stream.written.getvalue().decode()
    assert text == "\r\x1b[Kforce MAE 212 meV/?, 6?\r\r\x1b[KFAILED\n"
    monkeypatch.setenv("TERM", "dumb")
    assert not Screen(stream).live
