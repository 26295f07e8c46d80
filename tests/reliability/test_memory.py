"""Too little memory: one line, exit code 2, nothing half-written; or enough, and the same bytes."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random

from starving import MB, command
from study_of_tests import Undisturbed, moved, one_of_each, unlike

SEEDED = 10
"""Commands that are tried where not everything is."""
MOST = 96 * MB
"""More than commands of the small study take beside what their process has imported."""
CRASHES = (-signal.SIGSEGV, -signal.SIGABRT, 127)
"""Arrow takes what it did not get for memory, C++ ends where nobody catches, ld.so ends by 127."""


def test_every_command_with_too_little_memory(
    undisturbed: Undisturbed,
    tmp_path: Path,
    chance: Random,
    everything: bool,
    tried: Callable[[str, int, str], None],
) -> None:
    jobs = one_of_each(undisturbed.jobs, chance)
    refusals = crashes = 0
    for job in jobs if everything else chance.sample(jobs, SEEDED):
        for _ in range(2):
            memory = round(MOST * chance.random() ** 3)
            folder = tmp_path / "folder"
            folder.mkdir()
            words = moved(job.words, folder, tmp_path / "log")
            done = command(words, undisturbed.folder, tmp_path / "terminal", memory=memory)
            what = f"{job.command} with {memory} bytes: {done}"
            assert done.code in (0, 2, *CRASHES), what
            if done.code == 2:
                (line,) = done.text.splitlines()
                assert line.startswith("e3d: error: "), what
                assert "emory" in line, what
                refusals += 1
            if done.code in CRASHES:
                crashes += 1
                for left in folder.rglob(".*.tmp"):  # as after a kill; the next write removes it
                    left.unlink()
            assert not unlike(folder, (undisturbed.folder / job.output).parent), what
            shutil.rmtree(folder)
    assert crashes <= refusals / 4, "most of what memory ends is said in a line"
    tried("commands whose memory did not suffice", refusals, "one line, nothing half-written")
    tried("commands that a library ended for want of memory", crashes, "nothing half-written")
