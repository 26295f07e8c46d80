"""Label every conformation of a file of geometries: processes side by side, resumable."""

import hashlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from e3d import provenance
from e3d.errors import InputError
from e3d_labels.each_molecule import Progress
from e3d_labels.earlier_labels import read_labels
from e3d_labels.geometries import Geometries, read_geometries, write_labels
from e3d_labels.journal import Journal
from e3d_labels.processes import LostProcessError, work
from e3d_labels.programs import Program, program_of
from e3d_labels.task import BatchLabeller, Label, Labeller, Task

log = logging.getLogger(__name__)

_NAMED = 5
_labeller: Labeller | None = None

Keep = Callable[[Sequence[Task], Sequence[Label | str]], None]
"""Takes the labels of a few tasks, or the reasons why there are none."""


@dataclass
class Outcome:
    """Conformations labelled, not reached, and left out by reason."""

    labelled: int = 0
    unfinished: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and strings, for JSON."""
        return vars(self) | {"failed": dict(self.failed)}


def label_file(
    geometries: Path,
    output: Path,
    *,
    theory: str,
    jobs: int = 1,
    chunk: int | None = None,
    max_hours: float | None = None,
    retry_failed: bool = False,
    earlier_labels: Path | None = None,
) -> Outcome:
    """Label ``geometries`` (SPICE layout) and write ``output`` in the SPICE layout.

    Every finished conformation is kept at once in ``<output>.journal``, which stays: a second call
    resumes there, computes only what is new, and tries failures again only if asked to. Molecules
    take turns, so that what is finished is balanced whenever it stops.

    Parameters
    ----------
    theory
        Full or short name, see :mod:`e3d_labels.programs`.
    jobs
        Processes, one thread each.
    chunk
        Conformations a process takes at a time; None: what suits the theory.
    max_hours
        Start nothing after this time and write what is finished; None: label everything.
    retry_failed
        Compute again what failed in earlier calls.
    earlier_labels
        A labelled file of the same theory: its conformations are not computed again.

    Raises
    ------
    InputError
        For geometries that cannot be read, a missing program, a journal in use or damaged, or when
        nothing could be labelled.
    """
    program = program_of(theory)
    groups = read_geometries(geometries)
    with label_journal(output.with_name(output.name + ".journal"), program) as journal:
        if retry_failed:
            journal.forget_failures()
        if earlier_labels is not None:
            n = take_over(earlier_labels, journal, program.theory)
            log.info("%s: %d labels taken over", earlier_labels, n)
        todo = [task for task in _turns(groups) if not journal.done(task)]
        total = sum(map(len, groups))
        log.info("%s: %d conformations, %d not labelled yet", geometries, total, len(todo))
        if todo:
            program.require()
            journal.claim()
            keep = _keeping(journal, len(todo))
            deadline = np.inf if max_hours is None else time.monotonic() + 3600 * max_hours
            compute(todo, program, keep, jobs=jobs, chunk=chunk, deadline=deadline)
        outcome = _write(groups, journal, output, program.theory, geometries)
    provenance.write_json(output.with_name(output.name + ".report.json"), outcome.as_dict())
    inputs = [geometries] if earlier_labels is None else [geometries, earlier_labels]
    provenance.record(output, inputs=inputs, settings=program.settings)
    log.info("%s: %s", output, outcome.as_dict())
    return outcome


def label_journal(path: Path, program: Program) -> Journal[Task, Label]:
    """Open the labels that a program made, or make the journal."""
    settings = json.dumps(program.settings, sort_keys=True)
    return Journal(path, Label, lambda task: _key(settings, task))


def _key(settings: str, task: Task) -> str:
    numbers = task.numbers.tolist()
    parts = f"{settings} {task.charge} {task.multiplicity} {task.stretched} {numbers}"
    return hashlib.sha256(parts.encode() + task.positions.astype("<f8").tobytes()).hexdigest()


def take_over(path: Path, journal: Journal[Task, Label], theory: str) -> int:
    """Put the labels of a file into the journal where it has none yet; return how many.

    Bond orders that the file lacks become NaN.
    """
    fresh = [
        (task, found) for _, task, found in read_labels(path, theory) if not journal.done(task)
    ]
    journal.put(fresh)
    return len(fresh)


def _turns(groups: Sequence[Geometries]) -> Iterator[Task]:
    """First conformations of every molecule first, then the second ones, ..."""
    for rank in range(max(map(len, groups), default=0)):
        for group in groups:
            if rank < len(group):
                yield group.task(rank)


def _keeping(journal: Journal[Task, Label], total: int) -> Keep:
    """Return what puts labels into the journal and logs from time to time how many."""
    progress = Progress(f"%d of {total} labelled")

    def keep(tasks: Sequence[Task], outcomes: Sequence[Label | str]) -> None:
        journal.put(zip(tasks, outcomes, strict=True))
        progress.add(len(tasks))

    return keep


def compute(
    tasks: Sequence[Task],
    program: Program,
    keep: Keep,
    *,
    jobs: int,
    chunk: int | None = None,
    deadline: float = np.inf,
) -> None:
    """Label tasks in processes; ``keep`` takes what is finished, chunk by chunk.

    Raises
    ------
    InputError
        If a process ends by itself.
    """
    chunk = chunk or program.chunk
    done = 0

    def count(chunk_of_tasks: Sequence[Task], outcomes: Sequence[Label | str]) -> None:
        nonlocal done
        keep(chunk_of_tasks, outcomes)
        done += len(chunk_of_tasks)

    chunks = (tasks[first : first + chunk] for first in range(0, len(tasks), chunk))
    try:
        work(
            _label_chunk,
            chunks,
            count,
            jobs=jobs,
            start=_start,
            arguments=(program,),
            deadline=deadline,
        )
    except LostProcessError as error:
        names = list(dict.fromkeys(task.group for lost in error.items for task in lost))
        raise InputError(
            f"a labelling process ended by itself after {done} of {len(tasks)} conformations, at "
            f"work on one of {', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''}; "
            "most likely it lacked memory. Run the same command again with fewer --jobs or more "
            "memory: what a journal has is not computed again."
        ) from None


def _start(program: Program) -> None:
    """Prepare one process: its BLAS kernel, then its labeller."""
    global _labeller
    core = np._core._multiarray_umath  # type: ignore[attr-defined]
    features: dict[str, bool] = core.__cpu_features__
    if features.get("AVX2") and features.get("FMA3"):
        # the OpenBLAS of 2018 in PySCF's wheel takes later processors for old ones: half the speed
        os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
    _labeller = program.make_labeller()


def _label_chunk(tasks: Sequence[Task]) -> list[Label | str]:
    assert _labeller is not None  # _start made it
    if isinstance(_labeller, BatchLabeller):
        try:
            return [_usable(label) for label in _labeller.label_all(tasks)]
        except RuntimeError as error:
            log.debug("one by one: %s", error)  # finds the one that fails
    return [label_one(_labeller, task) for task in tasks]


def label_one(labeller: Labeller, task: Task) -> Label | str:
    """Return the label of one conformation, or why there is none: it is left out, not fatal."""
    try:
        label = labeller.label(task)
    except (RuntimeError, ArithmeticError, np.linalg.LinAlgError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return _usable(label)


def _usable(label: Label) -> Label | str:
    if not (np.isfinite(label.energy) and np.isfinite(label.gradient).all()):
        return "energy or gradient is not a finite number"
    return label


def _write(
    groups: Sequence[Geometries],
    journal: Journal[Task, Label],
    output: Path,
    theory: str,
    geometries: Path,
) -> Outcome:
    """Write what the journal holds, one molecule in memory at a time."""
    outcome = Outcome()

    def rows() -> Iterator[tuple[Geometries, dict[int, Label]]]:
        for group in groups:
            yield group, _finished(group, journal, outcome)
        if not outcome.labelled:
            raise InputError(
                f"{geometries}: no conformation was labelled "
                f"({dict(outcome.failed) or 'none was finished'}), at least one is needed. "
                "Check the geometries, charges and spins, or allow more time."
            )

    write_labels(rows(), output, theory)
    return outcome


def _finished(
    group: Geometries, journal: Journal[Task, Label], outcome: Outcome
) -> dict[int, Label]:
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
            index = group.sample_index[row]
            log.warning("%s conformation %d: %s; left out", group.name, index, found)
    outcome.labelled += len(labels)
    return labels
