"""How a command ends that did not do its work: one line, an exit code, and where a traceback is.

What a user can mend - the input, the disk, the memory - is said and ends with 2. Anything else is a
fault of the program: the line names the log, or a temporary file, that has the traceback.
"""

import contextlib
import errno
import logging
import os
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from e3d.errors import InputError, one_line, printable

log = logging.getLogger(__name__)

MENDABLE: Final = 2
"""Exit code for what the user can mend."""
FAULT: Final = 70
"""Exit code for a fault of the program, EX_SOFTWARE of sysexits.h."""

_FULL: Final = [os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]
_NO_MEMORY: Final = [
    *(os.strerror(errno.ENOMEM), "can't allocate memory", "bad_alloc"),
    "error return without exception set",  # Python 3.11 where a call finds no memory
]
_NOT_MAPPED: Final = "failed to map segment from shared object"
_STDOUT, _STDERR = 1, 2
_LONGEST, _END = 1500, 500
"""Characters of a line, and of its end, which says how to mend it."""


def report(error: Exception, streams: set[int], log: Path | None) -> int:
    """Write an error in one line to every stream; return the exit code.

    Parameters
    ----------
    error
        Any.
    streams
        Descriptors of the terminal and of the log.
    log
        Where standard error goes; None: to the terminal, where no traceback belongs.
    """
    text, code = _said(error), MENDABLE
    if text is None:
        text, code = _of_a_fault(error, log), FAULT
    line = f"e3d: error: {_short(text)}\n".encode()
    for stream in streams:
        with contextlib.suppress(OSError):  # nobody reads it any more
            os.write(stream, line)
    return code


def message_of(error: Exception) -> str:
    """Return an error as one line, for a caller that is not this program: Snakemake.

    >>> message_of(InputError("x: no such file. Fix the path."))
    'e3d: x: no such file. Fix the path.'
    """
    text = _said(error)
    return f"e3d: {_short(_of_a_fault(error, None) if text is None else text)}"


def _short(text: str) -> str:
    """Return a text in one printable line, its middle left out if it is long."""
    line = printable(text)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - _END]} ... {line[-_END:]}"


def _said(error: Exception) -> str | None:
    """Return what the user is to read of an error that can be mended; None for any other."""
    if isinstance(error, InputError):
        return str(error)
    cause: BaseException | None = error
    while cause is not None:  # a library may stumble over what it did not get
        if text := _starved(cause):
            return text
        cause = cause.__context__
    if isinstance(error, OSError):
        return (
            f"{error.filename or 'a file'}: {error.strerror or error}. "
            "Check the path, its permissions and the disk."
        )
    return None


def _starved(error: BaseException) -> str | None:
    """Return what to do about an error that is for want of memory or space; None for any other."""
    if _is_memory(error):
        return (
            f"the memory does not suffice ({one_line(error)}). Use a machine with more, ask for "
            "more where a scheduler limits it (`mem_mb` of a rule), or give less data at a time."
        )
    place = getattr(error, "filename", None) or "a file"
    reason = next((reason for reason in _FULL if reason in str(error)), None)
    if reason is None:
        return None
    return f"{place}: {reason}. Free some space, or write to another disk, and run again."


def _is_memory(error: BaseException) -> bool:
    """Say whether an error is that memory ran out; libraries have no class of their own for it."""
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or any(reason in text for reason in _NO_MEMORY)
        or text.rstrip(")").endswith(_NOT_MAPPED)  # else it says why not: no right to execute
    )


def _of_a_fault(error: Exception, log: Path | None) -> str:
    """Write the traceback down; return what the error is and where to find that."""
    lines = "".join(traceback.format_exception(error))
    place = str(log)
    if log is not None:
        sys.stderr.flush()
        with contextlib.suppress(OSError), open(_STDERR, "wb", closefd=False) as stream:
            stream.write(lines.encode(errors="backslashreplace"))
    else:
        place = _written(lines)
    return (
        f"{one_line(error)}: this is a fault of the program ({type(error).__name__}), not of what "
        f"was given. The traceback is in {place}: please report it."
    )


def _written(text: str) -> str:
    """Write a text to a new temporary file; return its path, or why there is none."""
    try:
        number, path = tempfile.mkstemp(prefix="e3d-fault-", suffix=".log", text=True)
        with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        return f"no file ({one_line(error)}; give --log)"
    return path


@contextlib.contextmanager
def ignored_in_a_line() -> Iterator[None]:
    """Say in one line what fails where nobody can be told: when HDF5 closes a file on a full disk.

    Python would print a traceback.
    """
    before = sys.unraisablehook

    def say(what: "sys.UnraisableHookArgs") -> None:
        error = what.exc_value
        log.warning("ignored: %s", what.exc_type.__name__ if error is None else one_line(error))

    sys.unraisablehook = say
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextlib.contextmanager
def readers_may_leave() -> Iterator[None]:
    """End the program quietly if nobody reads what it prints any more: ``e3d ... | head``.

    As for any program that SIGPIPE ends, the exit code is 141.
    """
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        if not nobody_reads():
            raise
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), _STDOUT)  # Python flushes once more when it ends
        raise SystemExit(128 + signal.SIGPIPE) from None


def nobody_reads() -> bool:
    """Say whether standard output is a pipe whose other end is closed."""
    poll = select.poll()
    poll.register(_STDOUT, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def open_standard_streams() -> None:
    """Open those of standard input, output and error that are closed (``2>&-``) to nowhere.

    Else the first file that is opened takes the number, and messages go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
