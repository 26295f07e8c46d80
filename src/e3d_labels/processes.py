"""Work on many items in processes side by side that never outlive the one that started them."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 1  # items that wait in the queue, so that no process waits for this one
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class LostProcessError(RuntimeError):
    """A process ended by itself; ``items`` are those it may have been at work on."""

    def __init__(self, items: list[Any]) -> None:
        """Keep what was under way."""
        super().__init__(f"a process ended by itself with {len(items)} items under way")
        self.items = items


def work(
    call: Callable[[Item], Result],
    items: Iterable[Item],
    keep: Callable[[Item, Result], None],
    *,
    jobs: int,
    start: Callable[..., None] | None = None,
    arguments: tuple[Any, ...] = (),
    deadline: float = float("inf"),
) -> None:
    """Run ``call(item)`` in ``jobs`` processes, and ``keep(item, result)`` here as each one ends.

    Parameters
    ----------
    start
        Called once with ``arguments`` in every process, before its first item. Processes are
        spawned with one thread each; the terminal's Ctrl-C is left to this process.
    deadline
        On the clock of ``time.monotonic``: after it no item is handed out, those at work are
        finished.

    Raises
    ------
    LostProcessError
        If a process was killed or crashed. Whatever is raised, no process is left behind.
    """
    waiting, others = iter(items), set(multiprocessing.active_children())
    running: dict[Future[Result], Item] = {}
    pool = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(start, arguments)
    )
    try:
        with _one_thread():
            while True:
                if time.monotonic() < deadline:
                    for item in islice(waiting, jobs + _AHEAD - len(running)):
                        running[pool.submit(call, item)] = item
                else:
                    running = {
                        future: item for future, item in running.items() if not future.cancel()
                    }
                if not running:
                    break
                done = wait(running, _left(deadline), return_when=FIRST_COMPLETED).done
                for future in sorted(done, key=_failed):  # what is done is kept before one raises
                    result = future.result()
                    keep(running.pop(future), result)
    except BrokenProcessPool:
        raise LostProcessError(list(running.values())) from None
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _failed(future: Future[Any]) -> bool:
    return future.exception() is not None


def _left(deadline: float) -> float | None:
    """Return the seconds to a deadline ahead, None (no need to wake up) if there is none."""
    left = deadline - time.monotonic()
    return left if 0 < left < float("inf") else None


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let processes started in the block use one thread each; libraries read this at import."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin(start: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    """Prepare a process: signals are its parent's business, and it ends when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # this runs in a child
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
