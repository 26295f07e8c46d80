"""A full disk: one line, exit code 2, nothing half-written; with space, the same bytes as ever."""

import math
from collections.abc import Callable
from pathlib import Path
from random import Random

from starving import MB, PAGE, Done, command, disk, fill, remount
from study_of_tests import RESULTS, Job, Undisturbed, moved, one_of_each, unlike

SEEDED = 12
"""Commands that are tried where not everything is."""
FULL = "No space left on device. Free some space"

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
        refused(command(words, undisturbed.folder, tmp_path / "terminal"), "no.ckpt: no such model")
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
