"""One computation for each molecule of a list, in processes side by side, kept as it comes."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from e3d.errors import InputError
from e3d_labels.journal import Journal
from e3d_labels.molecule_list import Entry
from e3d_labels.processes import LostProcessError, work

log = logging.getLogger(__name__)

Result = TypeVar("Result")


def compute_each(
    call: Callable[[str], Result],
    entries: Sequence[Entry],
    journal: Journal[Entry, Result],
    *,
    jobs: int,
    named: str,
) -> None:
    """Put ``call(smiles)``, or the reason why there is none, of what a journal lacks into it.

    Parameters
    ----------
    call
        Can be sent to another process.
    entries
        The molecules.
    jobs
        Processes, one thread each.
    named
        What messages call such a process: a sampling process.

    Raises
    ------
    InputError
        If the journal is in use, or a process ends by itself.
    """
    todo = [entry for entry in entries if not journal.done(entry)]
    log.info("%d molecules, %d of them not done yet (%s)", len(entries), len(todo), named)
    if not todo:
        return
    journal.claim()
    done = 0

    def keep(entry: Entry, outcome: Result | str) -> None:
        nonlocal done
        journal.put([(entry, outcome)])
        done += 1
        log.info("%d of %d: %s", done, len(todo), entry.smiles)

    try:
        work(partial(_outcome, call), todo, keep, jobs=jobs)
    except LostProcessError as error:
        names = ", ".join(entry.smiles for entry in error.items)
        raise InputError(
            f"a {named} process ended by itself after {done} of {len(todo)} molecules, at work on "
            f"one of {names}; most likely it lacked memory. What was finished is kept: run the "
            "same command again with fewer --jobs."
        ) from None


def _outcome(call: Callable[[str], Result], entry: Entry) -> Result | str:
    try:
        return call(entry.smiles)
    except (InputError, RuntimeError, ArithmeticError, np.linalg.LinAlgError) as error:
        return " ".join(str(error).split()) or type(error).__name__
