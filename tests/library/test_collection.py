"""Garbage collection: it waits while libraries are imported, and has no part in leaving."""

import gc
import subprocess
import sys

import pytest

from e3d.collection import paused
from planning import PYTHONPATH

# asked for first, so it runs after all that the program asked for
AT_THE_END = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 1000))
from e3d.cli import main
try:
    main(["--version"])
except SystemExit:
    pass
"""


def test_collection_waits_and_goes_on_as_before() -> None:
    with paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), paused():
        raise ZeroDivisionError
    assert gc.isenabled()
    gc.disable()
    try:
        with paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_program_leaves_without_looking_at_all_objects() -> None:
    """A second of a process that has imported nequip."""
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END],
        env={"PYTHONPATH": PYTHONPATH},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "True"
