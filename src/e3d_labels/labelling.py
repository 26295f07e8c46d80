"""Label every conformation of a file of geometries: processes side by side, resumable, SPICE layout out."""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from e3d import provenance
from e3d.errors import InputError
from e3d.theory import Theory
from e3d_labels.earlier_labels import take_over
from e3d_labels.geometries import Geometries, read_geometries, write_labels
from e3d_labels.journal import Journal
from e3d_labels.processes import LostProcessError, work
from e3d_labels.task import Label, Labeller, Task
from e3d_labels.theories import (
    check_installed,
    default_chunk,
    make_labeller,
    settings_of,
    theory_named,
)

log = logging.getLogger(__name__)

_PROGRESS_S = 60.0
_NAMED = 5
_labeller: Labeller | None = None


@dataclass
class Outcome:
    """Conformations labelled, not reached, and skipped by reason."""

    labelled: int = 0
    unfinished: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and strings, for JSON."""
        return {
            "labelled": self.labelled,
            "unfinished": self.unfinished,
            "failed": dict(self.failed),
        }


def label_file(
    source: Path,
    output: Path,
    *,
    theory: Theory,
    jobs: int = 1,
    chunk: int | None = None,
    max_hours: float | None = None,
    retry_failed: bool = False,
    known: Path | None = None,
) -> Outcome:
    """Label ``source`` (SPICE layout, no labels needed) and write ``output`` in the SPICE layout.

    Every finished conformation is kept at once in ``<output>.journal``, which stays: a second call
    goes on there, computes only what is new, and tries failures again only if asked to. Molecules
    take turns, so that what is finished is balanced whenever it stops.

    Parameters
    ----------
    jobs
        Processes, one thread each.
    chunk
        Conformations a process takes at a time; None: what suits the theory.
    max_hours
        Start nothing after this time and write what is finished; None: label everything.
    known
        A file labelled before at the same level of theory: its conformations are not computed again.
    retry_failed
        Compute again what failed in earlier calls.

    Raises
    ------
    InputError
        For geometries that cannot be read, a missing library, a journal in use or damaged, or when
        nothing could be labelled.
    """
    groups = read_geometries(source)
    with Journal(output.with_name(output.name + ".journal"), settings_of(theory)) as journal:
        if retry_failed:
            journal.forget_failures()
        if known is not None:
            log.info("%s: %d labels taken over", known, take_over(known, journal, theory))
        todo = [task for task in _turns(groups) if not journal.done(task)]
        log.info(
            "%s: %d conformations, %d of them not labelled yet",
            source,
            sum(map(len, groups)),
            len(todo),
        )
        if todo:
            check_installed(theory)
            journal.claim()
            _work(
                todo,
                journal,
                theory,
                jobs=jobs,
                chunk=chunk or default_chunk(theory),
                max_hours=max_hours,
            )
        outcome = _write(groups, journal, output, theory, source)
    provenance.write_json(output.with_name(output.name + ".report.json"), outcome.as_dict())
    provenance.record(
        output, inputs=[source] if known is None else [source, known], settings=settings_of(theory)
    )
    log.info("%s: %s", output, outcome.as_dict())
    return outcome


def _turns(groups: Sequence[Geometries]) -> Iterator[Task]:
    """First conformations of every molecule first, then the second ones, ..."""
    for rank in range(max(map(len, groups), default=0)):
        for group in groups:
            if rank < len(group):
                yield group.task(rank)


def _work(
    todo: Sequence[Task],
    journal: Journal,
    theory: Theory,
    *,
    jobs: int,
    chunk: int,
    max_hours: float | None,
) -> None:
    done, report_at = 0, time.monotonic() + _PROGRESS_S

    def keep(tasks: Sequence[Task], outcomes: Sequence[Label | str]) -> None:
        nonlocal done, report_at
        journal.put(zip(tasks, outcomes, strict=True))
        done += len(tasks)
        if time.monotonic() > report_at:
            log.info("%d of %d labelled", done, len(todo))
            report_at = time.monotonic() + _PROGRESS_S

    try:
        work(
            _label_chunk,
            (todo[first : first + chunk] for first in range(0, len(todo), chunk)),
            keep,
            jobs=jobs,
            start=_start,
            arguments=(theory,),
            deadline=np.inf if max_hours is None else time.monotonic() + 3600 * max_hours,
        )
    except LostProcessError as error:
        names = list(dict.fromkeys(task.group for tasks in error.items for task in tasks))
        raise InputError(
            f"a labelling process ended by itself after {done} of {len(todo)} conformations, at work on one of "
            f"{', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''}; most likely it lacked memory. "
            "What was finished is kept: run the same command again with fewer --jobs or more memory."
        ) from None


def compute(tasks: Sequence[Task], theory: Theory, *, jobs: int) -> list[Label | str]:
    """Compute tasks without a journal; return a label or a reason for each, in order.

    Raises
    ------
    InputError
        If a library is missing, or a process ends by itself.
    """
    check_installed(theory)
    found: dict[int, Label | str] = {}

    def keep(chunk: Sequence[tuple[int, Task]], outcomes: Sequence[Label | str]) -> None:
        found.update(zip((k for k, _ in chunk), outcomes, strict=True))

    chunks = ([(k, task)] for k, task in enumerate(tasks))
    try:
        work(_label_numbered, chunks, keep, jobs=jobs, start=_start, arguments=(theory,))
    except LostProcessError:
        raise InputError(
            f"a labelling process ended by itself after {len(found)} of {len(tasks)} conformations; most likely it "
            "lacked memory. Use fewer --jobs or more memory."
        ) from None
    return [found[k] for k in range(len(tasks))]


def _label_numbered(chunk: Sequence[tuple[int, Task]]) -> list[Label | str]:
    return _label_chunk([task for _, task in chunk])


def _start(theory: Theory) -> None:
    """Prepare one process: its BLAS kernel, then its labeller."""
    global _labeller
    features: dict[str, bool] = np._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    if features.get("AVX2") and features.get("FMA3"):
        # PySCF's wheel brings an OpenBLAS of 2018 that takes later processors for very old ones: half the speed
        os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
    _labeller = make_labeller(theory)


def _label_chunk(tasks: Sequence[Task]) -> list[Label | str]:
    assert _labeller is not None  # _start made it
    return [label_one(_labeller, task) for task in tasks]


def label_one(labeller: Labeller, task: Task) -> Label | str:
    """Return the label of one conformation, or in words why there is none: it is skipped, not fatal."""
    try:
        label = labeller.label(task)
    except (RuntimeError, ArithmeticError, np.linalg.LinAlgError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    if not (np.isfinite(label.energy) and np.isfinite(label.gradient).all()):
        return "energy or gradient is not a finite number"
    return label


def _write(
    groups: Sequence[Geometries], journal: Journal, output: Path, theory: Theory, source: Path
) -> Outcome:
    """Write what the journal holds, one molecule in memory at a time."""
    outcome = Outcome()

    def rows() -> Iterator[tuple[Geometries, dict[int, Label]]]:
        for group in groups:
            yield group, _finished(group, journal, outcome)
        if not outcome.labelled:
            raise InputError(
                f"{source}: no conformation was labelled ({dict(outcome.failed) or 'none was finished'}), at least "
                "one is needed. Check the geometries, charges and spins, or allow more time."
            )

    write_labels(rows(), output, theory)
    return outcome


def _finished(group: Geometries, journal: Journal, outcome: Outcome) -> dict[int, Label]:
    """Return the labels of a molecule by row, and count them."""
    labels: dict[int, Label] = {}
    for row in range(len(group)):
        found = journal.get(group.task(row))
        if isinstance(found, Label):
            labels[row] = found
        elif found is None:
            outcome.unfinished += 1
        else:
            outcome.failed[found] += 1
            log.warning(
                "%s conformation %d: %s; skipped", group.name, group.sample_index[row], found
            )
    outcome.labelled += len(labels)
    return labels


def label_geometries(geometries: Path, output: Path, theory: str, **options: Any) -> None:
    """Label a file of geometries; ``options`` are those of :func:`label_file`."""
    label_file(geometries, output, theory=theory_named(theory), **options)
