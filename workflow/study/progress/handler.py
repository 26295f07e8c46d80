"""Snakemake's logger plug-in: what a study says while it runs.

What Snakemake says itself, reasons and lists of files among it, is in its log; ``-p``,
``--verbose`` and ``--debug-dag`` ask for it here too.
"""

import argparse
import logging
import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from study.progress import wording
from study.progress.facts import FACTS, PLAN, Facts
from study.progress.screen import Screen
from study.progress.tracker import State, Tracker
from study.words import counted

_TICK_S: Final = 1.0
_LINES_S: Final = (10.0, 600.0)
"""Between two lines of a log: at least, and at most."""
_LINE_SHARE: Final = 0.05
"""Progress that is worth a line of a log."""
_NOISE: Final = re.compile(
    r"host: |Assuming unrestricted|Building DAG|Using shell|Select jobs|Execute \d|Shutting down"
    r"|Conda environments: ignored|Singularity containers: ignored|Group jobs: inactive"
    r"|Config file .* is extended|Workflow has started|SLURM run ID|Job \d+ has been submitted"
    r"|Complete log|Elapsed time|Exiting because a job|This was a dry-run|Some jobs were triggered"
    r"|\d+ jobs have (missing|outdated)|Rules with|Creating report|Report created|Adding "
    r"|Downloading resources|Loading script|Job rate limit|Reasons:"
)
"""What Snakemake says that says nothing to a reader, or that is said here in other words."""
_AGAIN: Final = re.compile(r"Trying to restart job (\d+)")
_ENDED: Final = "Exiting because a job"
_FAILED_ELSEWHERE: Final = ("CalledProcessError", "At least one job did not complete")
"""Exceptions that only repeat that a job failed."""


class LogHandler(LogHandlerBase):
    """Shows records of Snakemake's logger as progress of a study."""

    def __post_init__(self) -> None:
        from snakemake.logging import DefaultFilter, DefaultFormatter
        from snakemake.settings.enums import Quietness

        settings: Any = self.common_settings
        quiet = settings.quiet or set()
        self._all_quiet = Quietness.ALL in quiet and not settings.dryrun
        self._progress = Quietness.PROGRESS not in quiet and not self._all_quiet
        self._details = settings.printshellcmds or settings.verbose or settings.debug_dag
        self._theirs = DefaultFilter(
            quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds
        )
        self._formatter = DefaultFormatter(quiet, settings.show_failed_logs)
        self._dry = settings.dryrun
        self._screen = Screen(sys.stdout if settings.stdout else sys.stderr)
        self._tracker = Tracker()
        self._names: dict[int, str] = {}
        self._facts: Facts | None = None
        self._page: Path | None = None
        self._work, self._table = 0.0, False
        self._last, self._log, self._ran, self._over = "", "", False, False
        self._began = time.time()
        self._said_at, self._said_share, self._best_share = 0.0, -1.0, 0.0
        self._ended = threading.Event()
        if self._progress and not self._dry:
            threading.Thread(target=self._tick, name="progress", daemon=True).start()

    @property
    def writes_to_stream(self) -> bool:
        """Whether this plug-in takes the place of Snakemake's own output."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Whether it writes to a file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Whether it chooses itself what to show."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Whether it words itself what it shows."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Whether Snakemake must make a graph of rules for it."""
        return False

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of a record, and show what is worth it."""
        try:
            self._note(record)
            if self._details and self._theirs.filter(record):
                text = self._formatter.format(record)
                if text not in ("", "None"):
                    self._screen.line(text)
            elif not (self._details or self._all_quiet or _is_told(record)):
                self._show(record)
        except Exception:  # noqa: BLE001 - what is shown must not stop what runs
            self.handleError(record)

    def close(self) -> None:
        """Say how it ended; Snakemake closes a handler last of all, after its report."""
        with self._held():
            if not self._over:
                self._over = True
                self._ended.set()
                self._screen.clear()
                if self._progress:
                    self._say_end()
        super().close()

    def _held(self) -> Any:
        """Return the lock of this handler, which holds it while it handles a record."""
        return self.lock or threading.RLock()

    def _note(self, record: Any) -> None:
        """Take note of what happens, whether it is shown or not."""
        event, text = getattr(record, "event", None), str(record.msg)
        if facts := getattr(record, FACTS, None):
            self._facts = facts
        if (jobs := getattr(record, PLAN, None)) is not None:
            self._tracker.plan(jobs)
            if self._progress:
                self._screen.line(wording.start(self._tracker, record.created))
        if event == LogEvent.RESOURCES_INFO:
            self._tracker.cores = getattr(record, "cores", getattr(record, "nodes", None)) or (
                self._tracker.cores
            )
        elif event == LogEvent.JOB_INFO:
            self._names[record.jobid] = record.rule_msg or record.rule_name
            if self._dry:
                self._work += self._expected(record)
            else:
                self._ran = True
                self._tracker.start(record.jobid, record.created)
        elif event == LogEvent.JOB_FINISHED:
            self._tracker.finish(record.job_id, record.created)
        elif event == LogEvent.JOB_ERROR:
            self._tracker.fail(record.jobid)
        elif text.startswith("Complete log"):
            self._log = os.path.relpath(text.partition(": ")[2])
        elif text == "Report created.":
            self._page = _page()

    def _expected(self, record: Any) -> float:
        """Return the seconds that a job of a dry run, which has no plan, is expected to take."""
        if self._facts is None:
            return 0.0
        job = self._facts.job(
            record.jobid,
            record.rule_name,
            record.benchmark,
            record.wildcards,
            makes=bool(record.output),
        )
        return job.expected_s

    def _show(self, record: Any) -> None:
        """Show a record, if a reader needs it."""
        event, text = getattr(record, "event", None), str(record.msg)
        whole = self.common_settings.show_failed_logs
        if event == LogEvent.JOB_ERROR:
            name = f"{self._names.get(record.jobid, record.rule_name)} (rule {record.rule_name})"
            said = wording.failure(name, list(record.log), whole=whole)
            if not record.indent or wording.tells_why(said):  # of a group, those that did fail
                self._screen.line(said)
        elif event == LogEvent.GROUP_ERROR:
            name = f"a group of {counted(len(record.job_error_info), 'job')}"
            self._screen.line(wording.failure(name, list(record.aux_logs), whole=whole))
        elif event == LogEvent.ERROR:
            if not any(part in text for part in _FAILED_ELSEWHERE):
                self._screen.line(text)
        elif event == LogEvent.RUN_INFO:
            if self._dry and self._progress and not self._table:
                self._table = True  # it comes again at the end
                self._screen.line(text)
        elif again := _AGAIN.match(text):
            self._screen.line(f"    once more: {self._names.get(int(again[1]), again[1])}")
        elif event is None and text not in ("", "None") and self._theirs.filter(record):
            usual = record.levelno < logging.WARNING or text.startswith(_ENDED)
            if not (usual and _NOISE.match(text.lstrip())) and text != self._last:
                self._last = text  # the scheduler says the same for every job that ends
                self._screen.line(text)

    def _tick(self) -> None:
        """Keep saying how far it is, until the end."""
        while not self._ended.wait(_TICK_S):
            try:
                with self._held():
                    if self._tracker.numbers(State.RUNNING):
                        self._say_status(time.time())
            except Exception:
                logging.getLogger(__name__).debug("no progress", exc_info=True)

    def _say_status(self, now: float) -> None:
        _, share = self._tracker.left(now)
        self._best_share = max(share, self._best_share)
        if not self._screen.live:
            least, most = _LINES_S
            since, grown = now - self._said_at, self._best_share - self._said_share
            if since < least or (grown < _LINE_SHARE and since < most):
                return
            self._said_at, self._said_share = now, self._best_share
        text = wording.status(self._tracker, self._names, now, least=self._best_share)
        if self._screen.live:
            self._screen.show(text)
        else:
            self._screen.line(f"{time.strftime('%H:%M:%S', time.localtime(now))} {text}")

    def _say_end(self) -> None:
        tracker = self._tracker
        if self._dry:
            if self._work:
                self._screen.line(
                    f"About {wording.duration(self._work)} of work on one core. Nothing was run "
                    "(-n); -p shows each job, its reason and its command."
                )
            return
        left = [s for s in (State.WAITING, State.RUNNING, State.FAILED) if tracker.numbers(s)]
        if self._ran and left:
            self._screen.line(wording.stopped(tracker, self._names))
        elif self._ran:
            self._screen.line(f"Done in {wording.duration(time.time() - self._began)}.")
        if self._facts and (self._page or (self._ran and not left)):
            for text in wording.ending(self._facts, self._page, self._log):
                self._screen.paragraph(text)


def _is_told(record: logging.LogRecord) -> bool:
    """Say whether a record is from the Snakefile, for this handler."""
    return hasattr(record, FACTS) or hasattr(record, PLAN)


def _page() -> Path | None:
    """Return the report that this call of Snakemake writes."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--report", nargs="?", const="report.html", type=Path)
    page: Path | None = parser.parse_known_args()[0].report
    return page
