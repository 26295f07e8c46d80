"""Commands as data, and what all of them share: logs, exit codes, errors of one line.

A command is declared once, beside what it runs; a program is a list of commands. Nothing but the
declaration is imported before its command is called, so that ``--help`` is instant.
"""

import argparse
import atexit
import contextlib
import gc
import glob
import itertools
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

from e3d import __version__
from e3d.collection import paused
from e3d.errors import InputError, printable
from e3d.failures import (
    MENDABLE,
    ignored_in_a_line,
    nobody_reads,
    open_standard_streams,
    readers_may_leave,
    report,
)

_LOGS: Final = ("", ".log", ".txt")
"""Ends of names of logs, which another log may replace."""


@dataclass(frozen=True)
class Argument:
    """What a command takes.

    Parameters
    ----------
    name
        A position (``STORE``; ``FOLDER+`` for several, ``FOLDER*`` for any number) or an option
        (``--n``).
    help
        What ``--help`` says of it.
    settings
        Those of :meth:`argparse.ArgumentParser.add_argument`; a path unless they name another type,
        choices or an action.
    read
        Turns what was given into what the command takes, where that may fail with an
        :class:`~e3d.errors.InputError`.
    writes
        Whether the command writes this path; any other is of a file or folder that must be there.
    """

    name: str
    help: str
    settings: dict[str, Any]
    read: Callable[[Any], Any] | None = None
    writes: bool = False

    @property
    def key(self) -> str:
        """Return the name under which the command gets it.

        >>> argument("--max-hours").key, argument("STRUCTURES+").key
        ('max_hours', 'structures')
        """
        return self.name.strip("-+*").replace("-", "_").lower()

    def require_there(self, value: Any) -> None:
        """Refuse paths of which there is neither file nor folder, before anything is imported.

        Raises
        ------
        InputError
            Naming the first one.
        """
        if self.writes or value == self.settings.get("default"):
            return  # a default is looked for where it is read
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, Path) and not os.path.exists(one):
                raise InputError(
                    f"{one}: no such file or folder, given as {self.name.rstrip('+*')}. Fix the "
                    "path, or make the file first."
                )


@dataclass(frozen=True)
class Command:
    """One command, ``"decompose"``, or one verb of a group, ``"data read"``.

    Parameters
    ----------
    name
        What is typed.
    call
        A function, ``"e3d.evaluate:write_errors"``. It is called with every argument by its name in
        lower case, and with ``output``, the path after ``-o``.
    summary
        What ``--help`` says of it.
    arguments
        What it takes besides.
    default_output
        What is written without ``-o``; where empty, ``-o`` is required.
    makes_folder
        Whether ``output`` is a folder.
    """

    name: str
    call: str
    summary: str
    arguments: tuple[Argument, ...] = ()
    default_output: str = ""
    makes_folder: bool = False

    def run(self, values: dict[str, Any]) -> None:
        """Import the function and call it with ``values``, the arguments by key."""
        for one in self.arguments:
            one.require_there(values[one.key])
            if one.read is not None and values[one.key] is not None:
                values[one.key] = one.read(values[one.key])
        module, _, function = self.call.partition(":")
        with paused():
            called = getattr(import_module(module), function)
        called(**values)


def argument(
    name: str,
    text: str = "",
    *,
    read: Callable[[Any], Any] | None = None,
    writes: bool = False,
    **settings: Any,
) -> Argument:
    """Return an :class:`Argument`: ``argument("--seed", "of it", type=natural, default=0)``."""
    return Argument(name, text, settings, read, writes)


@dataclass(frozen=True)
class Group:
    """What the help says of a group of commands: ``data`` of ``data read`` and ``data split``."""

    name: str
    summary: str


def run_program(
    name: str, summary: str, parts: Sequence[Command | Group], argv: Sequence[str] | None = None
) -> int:
    """Run one command of a program.

    Parameters
    ----------
    name, summary
        Of the program, for its help.
    parts
        Its commands, and the groups that they are in.
    argv
        What was typed, by default the arguments of the process.

    Returns
    -------
    int
        The exit code: 0, 2 for what the user can mend, 70 for a fault of the program.
    """
    atexit.register(gc.freeze)  # else the interpreter looks at every object before it leaves
    open_standard_streams()
    signal.signal(signal.SIGTERM, _end_in_order)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the shell ignores it
        signal.signal(signal.SIGINT, _end_in_order)
    try:
        with readers_may_leave(), ignored_in_a_line():
            arguments = vars(_parser(name, summary, parts).parse_args(_with_values(argv)))
            return _run(arguments.pop("command"), arguments.pop("log"), arguments)
    except Exception as error:  # noqa: BLE001 - of the log that cannot be written, or of a parser
        return report(error, {2}, None)


def _with_values(argv: Sequence[str] | None) -> list[str]:
    """Return what was typed; ``--seed=--`` names no value, of which argparse makes a list."""
    words = sys.argv[1:] if argv is None else list(argv)
    return [word.removesuffix("=--") if word.startswith("--") else word for word in words]


def _run(command: Command, log: Path | None, arguments: dict[str, Any]) -> int:
    """Run a command, its errors in one line to the terminal and the log; return the exit code."""
    if log is not None and (what := _lost_to_log(log, arguments)):
        lost = InputError(f"{log}: is {what} and would be lost. Give another --log.")
        return report(lost, {2}, None)
    with _logging_to(log) as terminal:
        try:
            _check_output(arguments, makes_folder=command.makes_folder)
            command.run(arguments)
            _forget_attempt(log)
        except Exception as error:
            if isinstance(error, BrokenPipeError) and nobody_reads():
                raise  # no failure of the command
            return report(error, {2, 2 if terminal is None else terminal}, log)
    return 0


def _lost_to_log(log: Path, arguments: Mapping[str, Any]) -> str:
    """Say what a file for the log would take the place of; nothing for an earlier log.

    A file that a command reads may be named inside of another one, as a run's settings name its
    store: what is no log by its name stays.
    """
    output = arguments["output"]
    if output is not None and log.resolve() == Path(output).resolve():
        return "the output of this command"
    if not log.is_file() or not log.stat().st_size:
        return ""
    if _is_input(log, arguments):
        return "an input of this command"
    return "" if log.suffix in _LOGS else f"a file that does not end in {' or '.join(_LOGS[1:])}"


def _is_input(file: Path, arguments: Mapping[str, Any]) -> bool:
    """Say whether a file is one of those that the command reads, under whatever name."""
    for key, value in arguments.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            with contextlib.suppress(OSError, ValueError):  # a text that is no name of a file
                if key != "output" and isinstance(one, str | Path) and file.samefile(one):
                    return True
    return False


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as everything else does; ``--help`` has the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(MENDABLE, f"{self.prog}: error: {printable(message)}. See {self.prog} --help.\n")


def _parser(name: str, summary: str, parts: Sequence[Command | Group]) -> argparse.ArgumentParser:
    parser = _Parser(prog=name, description=summary)
    parser.add_argument("--version", action="version", version=f"e3d {__version__}")
    style: dict[str, Any] = {"title": "commands", "required": True, "metavar": "COMMAND"}
    top = parser.add_subparsers(**style)
    summaries = {part.name: part.summary for part in parts if isinstance(part, Group)}
    verbs: dict[str, Any] = {}
    for command in (part for part in parts if isinstance(part, Command)):
        group, _, verb = command.name.rpartition(" ")
        if group and group not in verbs:
            verbs[group] = top.add_parser(group, help=summaries[group]).add_subparsers(**style)
        _add_command(verbs[group] if group else top, verb, command)
    return parser


def _add_command(parsers: Any, name: str, command: Command) -> None:
    parser = parsers.add_parser(name, help=command.summary, description=command.summary)
    for one in command.arguments:
        settings = dict(one.settings)
        if not {"type", "choices", "action"} & settings.keys():
            settings["type"] = Path
        if one.name.startswith("-"):
            parser.add_argument(one.name, help=one.help, **settings)
        else:
            many = {"nargs": one.name[-1]} if one.name.endswith(("+", "*")) else {}
            label = one.name.rstrip("+*")
            parser.add_argument(one.key, metavar=label, help=one.help, **many, **settings)
    output = command.default_output or "file or folder to write"
    parser.add_argument(
        "-o", "--output", type=Path, required=not command.default_output, help=output
    )
    parser.add_argument("--log", type=Path, help="write the log here instead of to the terminal")
    parser.set_defaults(command=command)


def _check_output(arguments: Mapping[str, Any], *, makes_folder: bool) -> None:
    """Refuse before any work an output that cannot be written, or that is one of the inputs."""
    output: Path | None = arguments["output"]
    if output is None:  # the command has its own default
        return
    if output.exists() and not (output.is_file() or output.is_dir()):
        raise InputError(
            f"{output}: is a device or a pipe, and what this command writes takes the place of "
            "what is there. Give a file's or folder's name after -o."
        )
    if output.is_file() and _is_input(output, arguments):
        raise InputError(
            f"{output}: is an input of this command and would be lost. Give another -o."
        )
    if makes_folder and output.exists() and not output.is_dir():
        raise InputError(f"{output}: is a file, and this command writes a folder. Give another -o.")
    if not makes_folder and output.is_dir():
        raise InputError(
            f"{output}: is a folder, and this command writes a file. Give the file's name after -o."
        )


def _end_in_order(number: int, _: object) -> None:
    """Turn SIGTERM and Ctrl-C into an exit that removes temporary files and child processes."""
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _logging_to(log: Path | None) -> Iterator[int | None]:
    """Send standard error, also of child processes, to ``log``; yield the terminal's descriptor.

    Until the command has done its work the log has a second name, ``<log>.1`` or the next that is
    free. Snakemake removes the first one before another attempt; what this one, out of memory or
    time, had to say stays.
    """
    terminal = None
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        device = log.exists() and not log.is_file()  # /dev/null
        if not device:
            log.unlink(missing_ok=True)  # not emptied: it may be an earlier attempt's second name
        sys.stderr.flush()
        terminal = os.dup(2)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(target, 2)
        os.close(target)
        attempts = (log.with_name(f"{log.name}.{k}") for k in itertools.count(1))
        if not device:
            with contextlib.suppress(OSError):  # a file system without links
                os.link(log, next(path for path in attempts if not path.exists()))
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(name)s: %(message)s",
        force=True,
    )
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # else a hundred lines for a PDF
    try:
        yield terminal
    finally:
        sys.stderr.flush()
        if terminal is not None:
            os.dup2(terminal, 2)
            os.close(terminal)


def _forget_attempt(log: Path | None) -> None:
    """Remove the second name of the log of a command that has done its work."""
    if log is not None and log.is_file():
        for path in log.parent.glob(f"{glob.escape(log.name)}.*"):
            if path.samefile(log):
                path.unlink()
