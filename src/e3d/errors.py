"""The one exception a user is meant to read."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Say in one line what was given, what is allowed, where, and how to mend it.

    The command line prints the message without a traceback and exits with code 2.
    """


def choices(given: object, allowed: Iterable[object]) -> str:
    """Describe the allowed values, the closest one to ``given`` first if there is one.

    >>> choices("spise", ["spice", "mptrj"])
    "did you mean 'spice'? known: spice, mptrj"
    """
    names = [str(name) for name in allowed]
    close = difflib.get_close_matches(str(given), names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(names) or 'none'}"


def one_line(error: BaseException) -> str:
    """Return what an error of other code says, in one line of at most 200 characters.

    >>> one_line(KeyError()), one_line(OSError(f"no{chr(10)} space"))
    ('KeyError', 'no space')
    """
    return " ".join(str(error).split())[:200] or type(error).__name__
