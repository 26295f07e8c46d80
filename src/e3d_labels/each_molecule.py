"""One computation for each molecule or reaction of a list, side by side, kept as it comes."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

import numpy as np

from e3d.errors import InputError
from e3d_labels.journal import Journal
from e3d_labels.processes import LostProcessError, work

log = logging.getLogger(__name__)

FIRST_S: Final = 3.0
"""When work says for the first time how far it is."""
Item = TypeVar("Item")
Result = TypeVar("Result")


class Progress:
    """Logs from time to time how many items are done: after 3 s, then every ``every_s``."""

    def __init__(self, text: str, *, every_s: float = 60.0) -> None:
        """Take the line, with ``%d`` for the number that is done."""
        self._text, self._every_s = text, every_s
        self._done, self._report_at = 0, time.monotonic() + FIRST_S

    def add(self, n: int = 1) -> None:
        """Count ``n`` more."""
        self._done += n
        if time.monotonic() >= self._report_at:
            log.info(self._text, self._done)
            self._report_at = time.monotonic() + self._every_s

    def of(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield items, each counted when the next is asked for."""
        for item in items:
            yield item
            self.add()


def compute_each(
    call: Callable[[Item], Result],
    items: Sequence[Item],
    journal: Journal[Item, Result],
    *,
    jobs: int,
    named: str,
) -> None:
    """Put ``call(item)``, or the reason why there is none, of what a journal lacks into it.

    Parameters
    ----------
    call
        Can be sent to another process.
    items
        Molecules or reactions; messages name them by ``str``.
    jobs
        Processes, one thread each.
    named
        What messages call such a process: a sampling process.

    Raises
    ------
    InputError
        If the journal is in use, or a process ends by itself.
    """
    todo = [item for item in items if not journal.done(item)]
    log.info("%d in the list, %d of them not done yet (%s)", len(items), len(todo), named)
    if not todo:
        return
    journal.claim()
    done = 0

    def keep(item: Item, outcome: Result | str) -> None:
        nonlocal done
        journal.put([(item, outcome)])
        done += 1
        log.info("%d of %d: %s", done, len(todo), item)

    try:
        work(partial(_outcome, call), todo, keep, jobs=jobs)
    except LostProcessError as error:
        names = ", ".join(str(item) for item in error.items)
        raise InputError(
            f"a {named} process ended by itself after {done} of {len(todo)}, at work on "
            f"one of {names}; most likely it lacked memory. What was finished is kept: run the "
            "same command again with fewer --jobs."
        ) from None


def _outcome(call: Callable[[Item], Result], item: Item) -> Result | str:
    try:
        return call(item)
    except (InputError, RuntimeError, ArithmeticError, np.linalg.LinAlgError) as error:
        return " ".join(str(error).split()) or type(error).__name__
