"""A number of things in words, for sentences, pages and progress alike."""


def counted(n: int, thing: str) -> str:
    """Return a number of things.

    >>> counted(1, "seed"), counted(1200, "job")
    ('1 seed', '1,200 jobs')
    """
    return f"{n:,} {thing}{'' if n == 1 else 's'}"
