"""What the logger plug-in shows of the records that Snakemake sends it."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from study.progress import handler as plugin
from study.progress.facts import PLAN
from study.progress.jobs import Job

Send = Callable[..., None]
ERROR = "WorkflowError: no input"
STOPPED = "Stopped: 0 of 1 job done; the same command resumes from here."


@pytest.fixture
def handlers() -> Iterator[list[plugin.LogHandler]]:
    found: list[plugin.LogHandler] = []
    yield found
    for one in found:
        one.close()


@pytest.fixture
def send(handlers: list[plugin.LogHandler]) -> Send:
    """Return what sends a record to a handler, made with the first one."""

    def one(message: str | None = None, level: int = logging.INFO, **attributes: Any) -> None:
        handlers or handlers.append(handler())
        record = logging.LogRecord("snakemake", level, __file__, 1, str(message), None, None)
        vars(record).update(attributes)
        handlers[0].handle(record)

    return one


def handler(quiet: set[Quietness] | None = None) -> plugin.LogHandler:
    names = ("printshellcmds", "debug_dag", "verbose", "show_failed_logs", "stdout", "dryrun")
    settings: Any = SimpleNamespace(**dict.fromkeys(names, False), nocolor=True, quiet=quiet)
    return plugin.LogHandler(settings, None)


def start(send: Send, number: int, message: str) -> None:
    send(event=LogEvent.JOB_INFO, jobid=number, rule_name="bde_run", rule_msg=message,
         reason="Missing output files: a", input=["x"] * 99)  # fmt: skip


def fail(send: Send, number: int, log: list[str], *, indent: bool = False) -> None:
    send(level=logging.ERROR, event=LogEvent.JOB_ERROR, jobid=number, rule_name="bde_run",
         log=log, indent=indent)  # fmt: skip


def test_snakemake_takes_it_for_a_logger_plug_in() -> None:
    registry = LoggerPluginRegistry()
    registry.register_plugin("study", plugin)
    assert registry.get_plugin("study").log_handler is plugin.LogHandler


def test_a_study_in_which_a_job_fails_once(
    send: Send,
    handlers: list[plugin.LogHandler],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    log = tmp_path / "a.log"
    log.write_text("at work\ne3d: error: no memory\n")
    send("Select jobs to execute...")
    send("Building DAG of jobs...")
    send("a warning", level=logging.WARNING)
    send("2 jobs", **{PLAN: [Job(1, "bde", 200.0), Job(2, "", 0.0, after=(1,))]})
    start(send, 1, "bond energies of a")
    fail(send, 1, [str(log)])
    send("RuleException: CalledProcessError in line 3", event=LogEvent.ERROR)
    send("Trying to restart job 1.")
    start(send, 1, "bond energies of a")
    send(event=LogEvent.JOB_FINISHED, job_id=1)
    start(send, 2, "all")
    send(event=LogEvent.JOB_FINISHED, job_id=2)
    handlers[0].close()
    handlers[0].close()  # as Python does once more at its end
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "a warning",
        "2 jobs: about 3 min",
        f"FAILED: bond energies of a (rule bde_run); log {log}, which ends:",
        "    at work",
        "    e3d: error: no memory",
        "    once more: bond energies of a",
        "Done in a few seconds.",
    ]


def test_of_a_group_the_jobs_that_failed_are_said(
    send: Send,
    handlers: list[plugin.LogHandler],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    fine, broken = tmp_path / "fine.log", tmp_path / "broken.log"
    fine.write_text("done\n")
    broken.write_text("e3d: error: no frames\n")
    send("2 jobs", **{PLAN: [Job(1, "bde", 9.0), Job(2, "bde", 9.0)]})
    start(send, 1, "bond energies of a")
    start(send, 2, "bond energies of b")
    send(level=logging.ERROR, event=LogEvent.GROUP_ERROR, groupid="g", aux_logs=[],
         job_error_info=[{}, {}])  # fmt: skip
    fail(send, 1, [str(fine)], indent=True)
    fail(send, 2, [str(broken)], indent=True)
    send("WorkflowError:\nAt least one job did not complete successfully.", event=LogEvent.ERROR)
    handlers[0].close()
    said = capsys.readouterr().err
    assert "FAILED: a group of 2 jobs\n" in said
    assert "FAILED: bond energies of b" in said
    assert "FAILED: bond energies of a" not in said
    assert "WorkflowError" not in said
    assert said.splitlines()[-1].startswith(
        "2 jobs failed (bond energies of a; bond energies of b)"
    )


@pytest.mark.parametrize(
    ("quiet", "shown"),
    [
        ({Quietness.ALL}, []),
        ({Quietness.PROGRESS, Quietness.RULES}, [ERROR]),
        (None, ["1 job: about 20 s", ERROR, STOPPED]),
    ],
)
def test_quiet_is_quiet_and_an_error_is_said(
    send: Send,
    handlers: list[plugin.LogHandler],
    capsys: pytest.CaptureFixture[str],
    quiet: set[Quietness] | None,
    shown: list[str],
) -> None:
    handlers.append(handler(quiet=quiet))
    send("1 job", **{PLAN: [Job(1, "bde", 20.0)]})
    start(send, 1, "bond energies of a")
    send(ERROR, level=logging.ERROR, event=LogEvent.ERROR)
    handlers[0].close()
    assert capsys.readouterr().err.splitlines() == shown
