"""The sentences that a running study says."""

import re
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from study.findings.text import read_findings
from study.progress.facts import Facts
from study.progress.tracker import State, Tracker
from study.stages import FINDINGS
from study.words import counted

_CLAIMS = FINDINGS["claims"].title
_SENTENCES = 5
_LAST_LINES = 5
_NAMED = 3  # failed jobs that the last line names


def duration(seconds: float) -> str:
    """Return a time as one says it.

    >>> [duration(s) for s in (2, 44, 80, 400, 7500, 400_000)]
    ['a few seconds', '40 s', '80 s', '7 min', '2 h 5 min', '5 days']
    """
    minutes = round(seconds / 60)
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"{10 * round(seconds / 10)} s"
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 36 * 60:
        hours, rest = divmod(minutes if minutes < 600 else 60 * round(minutes / 60), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{round(minutes / 1440)} days"


def start(tracker: Tracker, now: float) -> str:
    """Return what a run is about to do."""
    waiting = tracker.numbers(State.WAITING)
    done, trainings = tracker.trainings()
    before = len(tracker.numbers(State.DONE))
    parts = [counted(len(waiting), "job")]
    if trainings - done:
        parts.append(f"{counted(trainings - done, 'training')} among them")
    if before:
        parts.append(f"{before:,} done before")
    return f"{', '.join(parts)}: about {duration(tracker.left(now)[0])}"


def status(tracker: Tracker, names: dict[int, str], now: float, *, least: float = 0.0) -> str:
    """Return how far a run is: its share of the expected work, what runs, the time that is left.

    Parameters
    ----------
    names
        What jobs do, by their numbers.
    least
        Share that was said before: estimates change, but what is done stays done.
    """
    left, share = tracker.left(now)
    running = tracker.numbers(State.RUNNING)
    first = next((n for n in running if _trains(tracker, n)), running[0] if running else None)
    parts = [] if first is None else [_doing(tracker, names, first, now)]
    if len(running) > 1:
        parts.append(f"{counted(len(running) - 1, 'more job')}")
    parts.append(f"{duration(left)} left")
    return f"{int(100 * max(share, least)):3d} %  {', '.join(parts)}"


def _trains(tracker: Tracker, number: int) -> bool:
    return number in tracker.jobs and tracker.jobs[number].training is not None


def _doing(tracker: Tracker, names: dict[int, str], number: int, now: float) -> str:
    job = tracker.jobs.get(number)
    if job is None or job.training is None:
        return names.get(number, f"job {number}")
    done, trainings = tracker.trainings()
    text = f"training {done + 1}/{trainings} ({job.training.run})"
    if epoch := tracker.epoch(number, now):
        text += f", epoch {epoch.number}/{job.training.epochs}"
        text += f", force MAE {epoch.force_mae:.0f} meV/Å"
    return text


def failure(what: str, logs: Sequence[str], *, whole: bool = False) -> str:
    """Return what failed, its log, and the last lines of it, or all, indented."""
    read = {log: _last_lines(Path(log), None if whole else _LAST_LINES) for log in logs}
    log = next((log for log, lines in read.items() if lines), logs[0] if logs else "")
    lines = read.get(log, [])
    if not log:
        return f"FAILED: {what}"
    said = f"; log {log}" + (", which ends:" if lines else ", which is empty")
    return "\n".join([f"FAILED: {what}{said}", *(f"    {line[:400]}" for line in lines)])


def tells_why(failure: str) -> bool:
    """Say whether what is said of a failure has an error of its log."""
    return re.search(r"^ .*error", failure, re.IGNORECASE | re.MULTILINE) is not None


def _last_lines(path: Path, most: int | None) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return list(deque((line.rstrip() for line in file if line.strip()), most))
    except OSError:
        return []


def stopped(tracker: Tracker, names: dict[int, str]) -> str:
    """Return what became of a run that did not end well."""
    failed = [names.get(number, f"job {number}") for number in tracker.numbers(State.FAILED)]
    done = f"{len(tracker.numbers(State.DONE)):,} of {counted(len(tracker.jobs), 'job')} done"
    again = "the same command resumes from here"
    if not failed:
        return f"Stopped: {done}; {again}."
    more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    return (
        f"{counted(len(failed), 'job')} failed ({'; '.join(failed[:_NAMED])}{more}), {done}. "
        f"Mend the cause, then {again}."
    )


def sentences(findings: Path) -> list[str]:
    """Return the first sentences of a study's findings, those on the claims if it has some.

    A sentence is an item of a list: a question with its answer.
    """
    try:
        parts = read_findings(findings.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []
    return (parts.get(_CLAIMS) or [one for part in parts.values() for one in part])[:_SENTENCES]


def ending(facts: Facts, page: Path | None, log: str) -> Iterable[str]:
    """Yield the last lines of a study that is done: findings, paths, how to open the page."""
    found = sentences(facts.findings)
    if found:
        yield from ("", "What it found:", *(f"- {sentence}" for sentence in found), "")
        yield f"all findings  {facts.findings}"
        yield f"figures       {facts.figures}/"
    site = facts.results / "site" / "index.html"
    if site.is_file():
        yield f"page          {site}: open it in a browser, xdg-open {site} (macOS: open {site})"
    yield f"tables        {facts.results}/<stage>/"
    if log:
        yield f"log           {log}"
    if page is not None:
        yield f"report        {page}"
