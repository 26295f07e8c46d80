"""What is tried, how much of it, and the counts at the end.

make test-reliability                      # everything, an hour
make test-reliability RELIABILITY=seeded   # a part of it, as CI does, in minutes
E3D_RELIABILITY_SEED=7 make test-reliability    # other moments, other sizes
"""

import fcntl
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fuzzing import Fuzzer
from study_of_tests import Undisturbed, build

_COUNTS = "reliability"


@pytest.fixture(scope="session")
def everything() -> bool:
    """Whether all cases are tried, not a seeded part of them."""
    return os.environ.get("E3D_RELIABILITY", "seeded") == "all"


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """Random numbers of a test, the same for a seed."""
    return Random(f"{os.environ.get('E3D_RELIABILITY_SEED', '0')} {request.node.nodeid}")


@pytest.fixture
def tried(record_property: Callable[[str, object], None]) -> Callable[[str, int, str], None]:
    """Count cases: ``tried("jobs killed", 36, "ended with the same bytes")``."""

    def count(what: str, cases: int, survived: str) -> None:
        record_property(_COUNTS, f"{what}|{cases}|{survived}")

    return count


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, everything: bool, worker_id: str
) -> Undisturbed:
    """A finished study, the same for all processes of the tests; to read only."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "undisturbed"
    with _locked(folder.with_suffix(".lock")):
        if not (folder / "done").is_file():
            build(folder, everything=everything)
            (folder / "done").touch()
    return Undisturbed(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was tried, and write it to the file that E3D_RELIABILITY_COUNTS names."""
    counts: Counter[tuple[str, str]] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == _COUNTS and report.passed and report.when == "call":
                    what, cases, survived = str(value).split("|")
                    counts[what, survived] += int(cases)
    if counts:
        terminalreporter.section("tried")
    for (what, survived), cases in sorted(counts.items()):
        terminalreporter.write_line(f"{what}: {cases}, {survived}")


@pytest.fixture(scope="session")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzer]:
    """A process that tries cases of fuzzing."""
    with Fuzzer(tmp_path_factory.mktemp("unmutated")) as started:
        yield started


@pytest.fixture
def fuzzed(
    fuzzer: Fuzzer, everything: bool, tried: Callable[[str, int, str], None]
) -> Callable[[str, int], None]:
    """Try cases of a kind; of all of them, ten times as many. E3D_FUZZ_CASES is another number."""

    def check(kind: str, cases: int) -> None:
        number = int(os.environ.get("E3D_FUZZ_CASES", 10 * cases if everything else cases))
        first = 1_000_000 * int(os.environ.get("E3D_RELIABILITY_SEED", "0"))
        counts = fuzzer.fuzz(kind, range(first, first + number))
        assert not counts.bad, "\n".join([*counts.bad, str(counts)])
        tried(f"mutated inputs, {kind.partition(':')[2]}", counts.cases, str(counts))

    return check
