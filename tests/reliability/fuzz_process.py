"""The process that tries cases: ``python fuzz_process.py FOLDER``, each named by a line.

``module:case seed`` is answered by how the case ended, ``module:case ready`` when the unmutated
inputs of the module are made.
"""

import importlib
import json
import logging
import os
import re
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import IO, Final

from fuzzing import GOOD, Try

MEMORY: Final = 12 << 30
"""Address space of the process, bytes: PyTorch itself maps several GB."""
IMPORTED: Final = ("e3d.models", "e3d.decomposition.tables", "e3d.evaluate", "study.cli")
"""What takes long to import: before the first case, not in it."""
ROOT: Final = Path(__file__).parents[2]


def serve(base: Path) -> None:
    """Do what every line of standard input says; answer each with a line."""
    answers = os.fdopen(os.dup(1), "w")
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for name in IMPORTED:
        importlib.import_module(name)
    for line in sys.stdin:
        kind, seed = line.split()
        module, _, function = kind.partition(":")
        loaded = importlib.import_module(module)
        inputs = base / module
        if seed == "ready":
            prepare(loaded, inputs)
            answer: object = "ready"
        else:
            answer = one(getattr(loaded, function), kind, int(seed), inputs)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def prepare(module: object, folder: Path) -> None:
    """Make the unmutated inputs of a module, once."""
    if not (folder / "ready").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        module.prepare(folder)  # type: ignore[attr-defined]
        (folder / "ready").touch()


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
        os.chdir(ROOT)
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


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
