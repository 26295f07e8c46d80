"""Label every conformation of a file of geometries: processes side by side, resumable, SPICE layout out."""

import logging
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from e3d import provenance
from e3d.data.label.geometries import Geometries, read_geometries, write_labels
from e3d.data.label.journal import Journal
from e3d.data.label.task import Label, Labeller, NotConvergedError, Task
from e3d.data.label.theories import make_labeller, settings_of
from e3d.data.theory import Theory
from e3d.errors import InputError

log = logging.getLogger(__name__)

_AHEAD = 4
_PROGRESS_S = 60.0
_labeller: Labeller | None = None


@dataclass(frozen=True)
class Outcome:
    """Counts of one call: conformations labelled, skipped (with reasons) and not reached."""

    labelled: int
    failed: Counter[str]
    unfinished: int


def label_file(
    source: Path, output: Path, *, theory: Theory, jobs: int = 1, chunk: int = 1, max_hours: float | None = None
) -> Outcome:
    """Label ``source`` (SPICE layout, no labels needed) and write ``output`` in the SPICE layout.

    Every finished conformation is kept at once in ``<output>.journal``; a second call goes on there.
    Molecules take turns, so that what is finished is balanced whenever it stops.

    Parameters
    ----------
    jobs
        Processes, one thread each.
    chunk
        Conformations a process takes at a time.
    max_hours
        Stop after this time and write what is finished; None: label everything.

    Raises
    ------
    InputError
        For geometries that cannot be read, a missing library, or when nothing could be labelled.
    """
    groups = read_geometries(source)
    journal_path = output.with_name(output.name + ".journal")
    with Journal(journal_path, settings_of(theory)) as journal:
        todo = [task for task in _turns(groups) if journal.get(task) is None]
        log.info("%s: %d conformations, %d of them not labelled yet", source, sum(map(len, groups)), len(todo))
        _work(todo, journal, theory, jobs=jobs, chunk=chunk, max_hours=max_hours)
        outcome = _write(groups, journal, output, theory, source)
    return outcome


def _turns(groups: Sequence[Geometries]) -> Iterator[Task]:
    """First conformations of every molecule first, then the second ones, ..."""
    for rank in range(max(map(len, groups), default=0)):
        for group in groups:
            if rank < len(group):
                yield group.task(rank)


def _work(
    todo: Sequence[Task], journal: Journal, theory: Theory, *, jobs: int, chunk: int, max_hours: float | None
) -> None:
    if not todo:
        return
    end = np.inf if max_hours is None else time.monotonic() + 3600 * max_hours
    chunks = (todo[start : start + chunk] for start in range(0, len(todo), chunk))
    done, report_at = 0, time.monotonic() + _PROGRESS_S
    with _pool(jobs, theory) as pool:
        running: dict[Future[list[Label | str]], Sequence[Task]] = {}
        try:
            while True:
                if time.monotonic() < end:
                    for tasks in islice(chunks, max(0, jobs + _AHEAD - len(running))):
                        running[pool.submit(_label_chunk, tasks)] = tasks
                else:
                    running = {future: tasks for future, tasks in running.items() if not future.cancel()}
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    for task, outcome in zip(running.pop(future), future.result(), strict=True):
                        journal.put(task, outcome)
                        done += 1
                if time.monotonic() > report_at:
                    log.info("%d of %d labelled", done, len(todo))
                    report_at = time.monotonic() + _PROGRESS_S
        except BrokenProcessPool:
            raise InputError(
                f"a labelling process ended by itself after {done} of {len(todo)} conformations, most likely for lack "
                "of memory. What was finished is kept: run the same command again with fewer --jobs or more memory."
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _pool(jobs: int, theory: Theory) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_start, initargs=(theory,)
    )


def _start(theory: Theory) -> None:
    """Prepare one process: its threads and BLAS kernel, then its labeller."""
    global _labeller
    os.environ["OMP_NUM_THREADS"] = "1"
    features: dict[str, bool] = np._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    if features.get("AVX2") and features.get("FMA3"):
        # PySCF's wheel brings an OpenBLAS of 2018 that takes later processors for very old ones: half the speed
        os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
    _labeller = make_labeller(theory)


def _label_chunk(tasks: Iterable[Task]) -> list[Label | str]:
    assert _labeller is not None  # the pool's initializer made it
    return [_label_one(_labeller, task) for task in tasks]


def _label_one(labeller: Labeller, task: Task) -> Label | str:
    try:
        return labeller.label(task)
    except NotConvergedError as error:
        return str(error)


def _write(groups: Sequence[Geometries], journal: Journal, output: Path, theory: Theory, source: Path) -> Outcome:
    labelled, failed, unfinished = 0, Counter[str](), 0
    rows: list[tuple[Geometries, dict[int, Label]]] = []
    for group in groups:
        labels: dict[int, Label] = {}
        for row in range(len(group)):
            outcome = journal.get(group.task(row))
            if isinstance(outcome, Label):
                labels[row] = outcome
            elif outcome is None:
                unfinished += 1
            else:
                failed[outcome] += 1
                log.warning("%s conformation %d: %s; skipped", group.name, group.sample_index[row], outcome)
        labelled += len(labels)
        rows.append((group, labels))
    if not labelled:
        raise InputError(
            f"{source}: no conformation was labelled ({dict(failed) or 'none was finished'}), at least one is needed. "
            "Check the geometries, charges and spins, or allow more time."
        )
    write_labels(rows, output, theory)
    report: dict[str, Any] = {"labelled": labelled, "failed": dict(failed), "unfinished": unfinished}
    provenance.write_json(output.with_name(output.name + ".report.json"), report)
    provenance.record(output, inputs=[source], settings=settings_of(theory))
    log.info("%s: %s", output, report)
    return Outcome(labelled, failed, unfinished)
