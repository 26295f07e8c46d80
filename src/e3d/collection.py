"""Garbage collection that waits while many objects are made that all stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Look for unreachable objects after the block and not in it, unless collection is off anyway.

    Each full collection looks at all objects there are; importing libraries makes many of them and
    leaves none behind.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
