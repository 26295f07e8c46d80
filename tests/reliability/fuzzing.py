"""Commands on mutated inputs, in a process of their own: a hang or a crash is that of one case.

A kind of input is a function ``module:case`` that is called with random numbers of the case's own,
the folder of unmutated inputs and an empty folder, and returns a :class:`Try`. The process says
how each one ended; its caller starts another one where it ends without a word.

``python tests/reliability/fuzzing.py KIND FIRST LAST`` tries these seeds by hand.
"""

import contextlib
import importlib
import json
import logging
import os
import re
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import IO, Final

HERE = Path(__file__).parent
LIMIT_S: Final = 30
"""Seconds that a case may take; most take some 0.1 s."""
MEMORY: Final = 12 << 30
"""Address space of the process, bytes: PyTorch itself maps several GB."""
IMPORTED: Final = ("e3d.models", "e3d.decomposition.tables", "e3d.evaluate", "study.cli")
"""What takes long to import: before the first case, not in it."""
GOOD: Final = ("the same", "another", "refused")


@dataclass(frozen=True)
class Try:
    """A command on a mutated input.

    Parameters
    ----------
    what
        The mutation, in words.
    argv
        The command.
    wrong
        Called where it ends with 0: how the result is the same as that of the unmutated input,
        another one that the mutation accounts for, or what is wrong with it.
    """

    what: str
    argv: Sequence[str]
    wrong: Callable[[], str]


@dataclass
class Counts:
    """How the cases of a kind ended."""

    ended: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        """Their number."""
        return sum(self.ended.values())

    def __str__(self) -> str:
        return ", ".join(f"{count} {how}" for how, count in sorted(self.ended.items()))


# --- the caller


def fuzz(kind: str, seeds: Iterable[int], base: Path) -> Counts:
    """Try the cases of a kind; ``base`` is a folder for its unmutated inputs."""
    counts = Counts()
    left = list(seeds)
    while left:
        with _process(kind, base) as process:
            if not _ready(process):
                said = base.with_name(f"{base.name}.errors").read_text()
                counts.bad.append(f"{kind}: the process does not start: {said[-2000:]}")
                return counts
            left = _try_all(process, kind, left, counts)
    return counts


def _try_all(process: subprocess.Popen[str], kind: str, seeds: list[int], counts: Counts) -> list:
    """Try cases until the process hangs or is gone; return those that are left."""
    for position, seed in enumerate(seeds):
        assert process.stdin is not None
        process.stdin.write(f"{seed}\n")
        process.stdin.flush()
        line = _line(process, LIMIT_S)
        if line:
            how, what, text = json.loads(line)
        elif process.poll() is None:
            how, what, text = "hang", f"more than {LIMIT_S} s", ""
        else:
            how, what, text = "crash", f"exit code {process.returncode}", ""
        counts.ended[how] += 1
        if how not in GOOD:
            counts.bad.append(f"{kind} {seed}: {how}: {what}: {text}")
        if not line:
            return seeds[position + 1 :]
    return []


@contextlib.contextmanager
def _process(kind: str, base: Path) -> Iterator[subprocess.Popen[str]]:
    tests = HERE.parent
    paths = [tests.parent / "src", tests.parent / "workflow", tests, HERE]
    environment = os.environ | {
        "PYTHONPATH": ":".join(map(str, paths)),
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }
    process = subprocess.Popen(
        [sys.executable, str(HERE / "fuzzing.py"), "--serve", kind, str(base)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(base.parent / f"{base.name}.errors").open("w"),
        text=True,
        env=environment,
        cwd=tests.parent,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def _ready(process: subprocess.Popen[str]) -> bool:
    """Wait until all is imported and the unmutated inputs are made."""
    return _line(process, 20 * LIMIT_S) == "ready\n"


def _line(process: subprocess.Popen[str], seconds: float) -> str:
    """Return the next line, empty if none comes in time or the process is gone."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], seconds)[0]:
        return ""
    line = process.stdout.readline()
    if not line:
        process.wait()
    return line


# --- the process


def serve(kind: str, base: Path) -> None:
    """Try every seed that a line of standard input names; answer each with a line."""
    answers = os.fdopen(os.dup(1), "w")
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for name in IMPORTED:
        importlib.import_module(name)
    module, _, function = kind.partition(":")
    loaded = importlib.import_module(module)
    case = getattr(loaded, function)
    if not (base / "ready").is_file():
        base.mkdir(parents=True, exist_ok=True)
        loaded.prepare(base)
        (base / "ready").touch()
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        answers.write(json.dumps(one(case, kind, int(line), base)) + "\n")
        answers.flush()


def one(
    case: Callable[[Random, Path, Path], Try], kind: str, seed: int, base: Path
) -> tuple[str, str, str]:
    """Return how a case ended, what was mutated, and what it said."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        warnings.simplefilter("ignore")
        tried = case(Random(f"{kind} {seed}"), base, folder)
        with (folder / "stderr").open("w+") as errors:
            code = _run(tried.argv, errors, folder)
            errors.seek(0)
            said = errors.read()
        return _ending(tried, code, said, folder)
    except Exception:  # noqa: BLE001 - of the test itself, which is told like any other
        return "no case", "the test itself fails", traceback.format_exc()[-2000:]
    finally:
        os.chdir(HERE.parents[1])
        shutil.rmtree(folder, ignore_errors=True)


def _run(argv: Sequence[str], errors: IO[str], folder: Path) -> int | str:
    """Call the program in this process; return its exit code, or what it raised."""
    from study.cli import main

    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    terminal = os.dup(2)
    os.dup2(errors.fileno(), 2)
    kept, sys.stderr = sys.stderr, errors  # type: ignore[assignment]
    try:
        return main(list(argv))
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else str(ending.code)
    except BaseException as error:  # noqa: BLE001 - which is what must not happen
        return f"{type(error).__name__}: {error}"
    finally:
        errors.flush()
        logging.disable(logging.NOTSET)
        sys.stderr = kept
        os.dup2(terminal, 2)
        os.close(terminal)
        tempfile.tempdir = before


def _ending(tried: Try, code: int | str, said: str, folder: Path) -> tuple[str, str, str]:
    lines = [line for line in said.splitlines() if re.match(r"e3d[\w -]*: error: ", line)]
    line = lines[0] if lines else said[-300:]
    if code == 70:
        faults = [path.read_text() for path in folder.glob("e3d-fault-*.log")]
        return "fault", tried.what, f"{line[:300]} {''.join(faults)[-1500:]}"
    if code not in (0, 2):
        return "wrong ending", tried.what, f"{code}: {said[-1500:]}"
    if "Traceback (most recent" in said:
        return "traceback", tried.what, said[-1500:]
    if code == 2 and len(lines) != 1:
        return "not one line", tried.what, said[-1500:]
    if code == 2:
        return "refused", tried.what, line[:300]
    if lines:
        return "error and exit code 0", tried.what, line
    how = tried.wrong()
    return (how, tried.what, "") if how in GOOD else ("wrong number", tried.what, how)


def _by_hand(kind: str, first: str, last: str) -> None:
    with tempfile.TemporaryDirectory() as base:
        counts = fuzz(kind, range(int(first), int(last)), Path(base))
    sys.stdout.write("\n".join([*counts.bad, f"{kind}: {counts.cases} cases: {counts}", ""]))


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2], Path(sys.argv[3]))
    else:
        _by_hand(*sys.argv[1:])
