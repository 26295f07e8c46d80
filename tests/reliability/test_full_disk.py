"""A full disk: one line, exit code 2, nothing half-written; with space, the same bytes as ever."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starving import MB, PAGE, Done, command, disk, fill, remount
from study_of_tests import RESULTS, Job, Undisturbed, moved, one_of_each, unlike

from e3d_labels.journal import Journal
from fetch_fixtures import CONTENT, Handler, Mirror
from study.cli import main as study_program

SEEDED = 12
"""Commands that are tried where not everything is."""
FULL = "No space left on device"

Tried = Callable[[str, int, str], None]


def refused(done: Done, reason: str) -> None:
    """Require one line with a reason and the exit code of what a user can mend."""
    assert done.code == 2, done.text
    (line,) = done.text.splitlines()
    assert line.startswith("e3d: error: "), line
    assert reason in line


def size(job: Job, undisturbed: Undisturbed) -> int:
    """Return the bytes that the files of a command take on a disk."""
    files = job.files(undisturbed.folder)
    return sum(PAGE * math.ceil(path.stat().st_size / PAGE) for path in files)


def test_every_command_on_a_full_disk(
    undisturbed: Undisturbed, tmp_path: Path, chance: Random, everything: bool, tried: Tried
) -> None:
    """The disk becomes full before or within what is written; the log is on another one."""
    jobs = one_of_each(undisturbed.jobs, chance)
    refusals = 0
    for job in jobs if everything else chance.sample(jobs, SEEDED):
        with disk(tmp_path / "disk", 64 * MB) as small:
            words = moved(job.words, small, tmp_path / "log")
            expected = (undisturbed.folder / job.output).parent
            fill(small, left=PAGE * round(chance.random() * size(job, undisturbed) / PAGE))
            done = command(words, undisturbed.folder, tmp_path / "terminal")
            wrong = unlike(small, expected)
            assert not wrong, f"{job.command}: {wrong} half-written; {done.text}"
            if done.code:
                refused(done, FULL)
                assert "Traceback" not in (tmp_path / "log").read_text() or job.command == "train"
                refusals += 1
            (small / "others").unlink()
            done = command(words, undisturbed.folder, tmp_path / "terminal")
            assert done.code == 0, done.text
            assert not unlike(small, expected)
    assert refusals
    tried("commands whose disk became full", refusals, "one line, nothing half-written, repeated")


def test_the_log_is_on_the_full_disk(
    undisturbed: Undisturbed, tmp_path: Path, chance: Random, tried: Tried
) -> None:
    """A lost log costs no result, and what went wrong is said at the terminal, too."""
    job = next(job for job in undisturbed.jobs if job.command == "decompose")
    with disk(tmp_path / "disk", MB) as small:
        fill(small)
        words = moved(job.words, tmp_path / "out", small / "log")
        (tmp_path / "out").mkdir()
        done = command(words, undisturbed.folder, tmp_path / "terminal")
        assert (done.code, done.text) == (0, "")
        assert not unlike(tmp_path / "out", (undisturbed.folder / job.output).parent)
        words[1] = "no.ckpt"
        refused(command(words, undisturbed.folder, tmp_path / "terminal"), "no.ckpt: no such file")
    tried("logs on a full disk", 2, "the results are whole, the error is at the terminal")


def test_publishing_to_a_full_disk(undisturbed: Undisturbed, tmp_path: Path, tried: Tried) -> None:
    """What was published before stays whole."""
    words = ["publish", str(RESULTS)]
    with disk(tmp_path / "disk", 64 * MB) as small:
        words = ["publish", str(RESULTS), "-o", str(small / "published")]
        assert command(words, undisturbed.folder, tmp_path / "terminal").code == 0
        before = {path: path.read_bytes() for path in small.rglob("*") if path.is_file()}
        others = fill(small, left=20 * PAGE)
        refused(command(words, undisturbed.folder, tmp_path / "terminal"), FULL)
        others.unlink()
        assert {path: path.read_bytes() for path in small.rglob("*") if path.is_file()} == before
    tried("publications to a full disk", 1, "one line, the earlier one whole")


def test_the_disk_becomes_full_during_a_download(
    mirror: Mirror, tmp_path: Path, capfd: pytest.CaptureFixture[str], tried: Tried
) -> None:
    """What has arrived is kept, and the rest is asked for when there is space."""
    with disk(tmp_path / "disk", MB) as small:
        part, target = small / ".set.hdf5.part", small / "set.hdf5"

        def half(handler: Handler) -> None:
            handler.head(200, {"Content-Length": str(len(CONTENT))})
            handler.wfile.write(CONTENT[:100_000])
            while not part.is_file() or not part.stat().st_size:
                time.sleep(0.01)
            fill(small)
            handler.wfile.write(CONTENT[100_000:])

        mirror.answers.append(half)
        words = ["data", "fetch", "set", "--url", mirror.url, "-o", str(target)]
        assert study_program(words) == 2
        line = capfd.readouterr().err.splitlines()[-1]
        assert line.startswith(f"e3d: error: {part}: {FULL}")
        arrived = part.stat().st_size
        assert 0 < arrived < len(CONTENT)
        (small / "others").unlink()
        assert study_program(words) == 0
        assert target.read_bytes() == CONTENT
        assert mirror.asked == [None, f"bytes={arrived}-"]
    tried("downloads whose disk became full", 1, "one line, resumed where it stopped")


@dataclass(frozen=True)
class Number:
    """What a journal keeps in the test."""

    value: NDArray[np.float64]


def test_the_disk_of_a_journal_becomes_full(tmp_path: Path, input_error: Any, tried: Tried) -> None:
    """What was put before stays, and the next is put when there is space."""
    numbers = {f"{k}": Number(np.full(2000, float(k))) for k in range(20)}
    with disk(tmp_path / "disk", MB) as small, Journal(small / "j", Number, str) as journal:
        fill(small, left=10 * PAGE)
        put: list[str] = []

        def put_all() -> None:
            for key, number in list(numbers.items())[len(put) :]:
                journal.put([(key, number)])
                put.append(key)

        with input_error("database or disk is full", "check permissions and the disk"):
            put_all()
        assert 0 < len(put) < len(numbers)
        assert journal.get(f"{len(put)}") is None
        (small / "others").unlink()
        put_all()
        for key, number in numbers.items():
            found = journal.get(key)
            assert isinstance(found, Number)
            np.testing.assert_array_equal(found.value, number.value)
    tried("journals whose disk became full", 1, "one line, nothing lost")


def test_a_disk_that_may_not_be_written(
    undisturbed: Undisturbed, tmp_path: Path, chance: Random, everything: bool, tried: Tried
) -> None:
    jobs = one_of_each(undisturbed.jobs, chance)
    jobs = jobs if everything else chance.sample(jobs, SEEDED // 2)
    for job in jobs:
        with disk(tmp_path / "disk", 64 * MB) as small:
            remount(small, "ro")
            words = moved(job.words, small, tmp_path / "log")
            done = command(words, undisturbed.folder, tmp_path / "terminal")
            refused(done, "Read-only file system")
            assert not list(small.iterdir())
    tried("commands whose disk is read-only", len(jobs), "one line")


def test_a_folder_of_somebody_else(
    undisturbed: Undisturbed, tmp_path: Path, chance: Random, everything: bool, tried: Tried
) -> None:
    jobs = one_of_each(undisturbed.jobs, chance)
    jobs = jobs if everything else chance.sample(jobs, SEEDED // 2)
    tmp_path.chmod(0o755)
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o555)
    (tmp_path / "terminal").touch(0o666)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs").chmod(0o777)
    for job in jobs:
        words = moved(job.words, folder, tmp_path / "logs" / "log")
        done = command(words, undisturbed.folder, tmp_path / "terminal", nobody=True)
        refused(done, "Permission denied")
        assert not list(folder.iterdir())
    tried("commands whose folder may not be written", len(jobs), "one line")
