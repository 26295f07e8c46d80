"""The one exception a user is meant to read."""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_SHOWN: Final = 120
"""Characters of a value that an error shows."""


class InputError(ValueError):
    r"""Say in one line what was given, what is allowed, where, and how to mend it.

    The command line prints the message without a traceback and exits with code 2.

    >>> str(InputError("a" + chr(10) + "b.h5: no such file. Fix the path."))
    'a\\nb.h5: no such file. Fix the path.'
    """

    def __init__(self, message: str) -> None:
        """Take the message; what would break the line, a name with a line break, is written out."""
        super().__init__(printable(message))


def choices(given: object, allowed: Iterable[object]) -> str:
    """Describe the allowed values, the closest one to ``given`` first if there is one.

    >>> choices("spise", ["spice", "mptrj"])
    "did you mean 'spice'? known: spice, mptrj"
    """
    names = [str(name) for name in allowed]
    close = difflib.get_close_matches(str(given), names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(names) or 'none'}"


def absent(path: str | Path, what: str = "no such file") -> str:
    """Say why there is no file to read: it is not there, or it is a folder.

    >>> absent("none.h5"), absent(".")
    ('no such file', 'is a folder, and a file is expected')
    """
    return "is a folder, and a file is expected" if os.path.isdir(path) else what


def one_line(error: BaseException) -> str:
    """Return what an error of other code says, in one line of at most 200 characters.

    >>> one_line(KeyError()), one_line(OSError(f"no{chr(10)} space"))
    ('KeyError', 'no space')
    """
    return printable(" ".join(str(error).split()))[:200] or type(error).__name__


def printable(text: str) -> str:
    r"""Return a text in one line, with everything that a terminal would act upon written out.

    >>> printable("two" + chr(10) + "lines" + chr(27) + "[2J")
    'two\\nlines\\x1b[2J'
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def shown(value: object) -> str:
    """Return a value as an error shows it: its beginning, if it is long.

    >>> shown("H" * 200)[-8:], shown(2.5)
    ("HHHH...'", '2.5')
    """
    text = repr(value) if not isinstance(value, str) else repr(value[:_SHOWN])
    if isinstance(value, str):
        return text if len(value) <= _SHOWN else f"{text[:-1]}...{text[-1]}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
