"""Numbers in words, for sentences, figures, pages and progress alike."""

import re


def counted(n: int, thing: str) -> str:
    """Return a number of things.

    >>> counted(1, "seed"), counted(1200, "job")
    ('1 seed', '1,200 jobs')
    """
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def with_minus(text: str) -> str:
    """Return a text whose negative numbers have a true minus sign.

    >>> with_minus("C-C: -0.2 [-1.0, 2.0]")
    'C-C: −0.2 [−1.0, 2.0]'
    """
    return re.sub(r"(?<![\w)\]])-(?=[\d.])", "−", text)
