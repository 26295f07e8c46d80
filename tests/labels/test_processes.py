"""Processes side by side: one thread each, lost ones noticed, errors passed on."""

import os
import signal
import time
from collections.abc import Iterable
from concurrent.futures import Future, wait
from types import SimpleNamespace

import pytest

from e3d.errors import InputError
from e3d_labels import processes
from e3d_labels.processes import LostProcessError, work


def die(item: int) -> int:
    """End this process as the kernel ends one that takes too much memory."""
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_a_lost_process_is_noticed() -> None:
    kept: list[int] = []
    with pytest.raises(LostProcessError) as caught:
        work(die, [0, 1], lambda _, result: kept.append(result), jobs=1)
    assert kept == [0]
    assert caught.value.items == [1]


def test_a_result_is_kept_that_comes_together_with_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    # a busy machine wakes this process late: both are done, the lost one first
    def late(futures: Iterable[Future[int]], *_: object, **__: object) -> SimpleNamespace:
        done = wait(futures).done
        return SimpleNamespace(done=sorted(done, key=lambda one: one.exception() is None))

    monkeypatch.setattr(processes, "wait", late)
    kept: list[int] = []
    with pytest.raises(LostProcessError) as caught:
        work(die, [0, 1], lambda _, result: kept.append(result), jobs=1)
    assert kept == [0]
    assert caught.value.items == [1]


def threads(_: int) -> str:
    return os.environ["OMP_NUM_THREADS"]


def test_processes_use_one_thread_each_and_this_one_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    kept: list[str] = []
    work(threads, [0], lambda _, result: kept.append(result), jobs=1)
    assert kept == ["1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_after_the_deadline_nothing_is_handed_out() -> None:
    kept: list[str] = []
    work(threads, [0], lambda _, result: kept.append(result), jobs=1, deadline=time.monotonic() - 1)
    assert not kept


def test_input_errors_of_a_process_reach_the_user() -> None:
    with pytest.raises(InputError, match="from a process"):
        work(refuse, [0], lambda *_: None, jobs=1)


def refuse(_: int) -> None:
    raise InputError("from a process.")
