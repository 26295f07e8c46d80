"""Commands on mutated inputs, in a process of their own: a hang or a crash is that of one case.

A kind of input is a function ``module:case`` that is called with random numbers of the case's own,
the folder of unmutated inputs and an empty folder, and returns a :class:`Try`. The process says
how each one ended; its caller starts another one where it ends without a word.

``python tests/reliability/fuzzing.py KIND FIRST LAST`` tries these seeds by hand.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

HERE = Path(__file__).parent
LIMIT_S: Final = 30
"""Seconds that a case may take, twice: most take some 0.1 s, and a machine may be busy."""
START_S: Final = 600
"""Seconds that imports and the unmutated inputs may take."""
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


class Fuzzer:
    """Tries cases in a process that it starts, and starts again when it is gone."""

    def __init__(self, base: Path) -> None:
        """Take a folder for unmutated inputs."""
        self._base = base
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def fuzz(self, kind: str, seeds: Iterable[int]) -> Counts:
        """Try the cases of a kind."""
        counts = Counts()
        for seed in seeds:
            answer = self._ask(kind, seed)
            if answer == HANGS:
                answer = self._ask(kind, seed)
            how, what, text = answer
            counts.ended[how] += 1
            if how not in GOOD:
                counts.bad.append(f"{kind} {seed}: {how}: {what}: {text}")
        return counts

    def _ask(self, kind: str, seed: int) -> tuple[str, str, str]:
        """Return how a case ended, what was mutated, and what was said."""
        if self._process is None:
            self._start()
        if kind not in self._known:
            if not self._said(f"{kind} ready", START_S):
                text = (self._base / "errors").read_text()[-2000:]
                self._stop()
                return "no case", "the process does not start", text
            self._known.add(kind)
        line = self._said(f"{kind} {seed}", LIMIT_S)
        if line:
            how, what, text = json.loads(line)
            return how, what, text
        code = None if self._process is None else self._process.poll()
        self._stop()
        return HANGS if code is None else ("crash", f"exit code {code}", "")

    def _said(self, line: str, seconds: float) -> str:
        """Return the answer to a line, empty if none comes in time or the process is gone."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
        if not select.select([process.stdout], [], [], seconds)[0]:
            return ""
        answer = process.stdout.readline()
        if not answer:
            process.wait()
        return answer

    def _start(self) -> None:
        tests = HERE.parent
        paths = [tests.parent / "src", tests.parent / "workflow", tests, HERE]
        more = {"PYTHONPATH": ":".join(map(str, paths)), "OMP_NUM_THREADS": "1"}
        self._base.mkdir(parents=True, exist_ok=True)
        self._known: set[str] = set()
        with (self._base / "errors").open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "fuzz_process.py"), str(self._base)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | more,
                cwd=tests.parent,
            )

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._process = None


HANGS: Final = ("hang", f"more than {LIMIT_S} s, twice", "")


def _by_hand(kind: str, first: str, last: str) -> None:
    with tempfile.TemporaryDirectory() as base, Fuzzer(Path(base)) as fuzzer:
        counts = fuzzer.fuzz(kind, range(int(first), int(last)))
    sys.stdout.write("\n".join([*counts.bad, f"{kind}: {counts.cases} cases: {counts}", ""]))


if __name__ == "__main__":
    _by_hand(*sys.argv[1:])
