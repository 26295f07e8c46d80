"""Molecules, bonds and reactions as chemists write them."""

import re


def formula(name: str) -> str:
    """Return a name with its numbers of atoms below the line, in matplotlib's own notation.

    >>> formula("H2CO -> H2 + CO"), formula("CH3-OH")
    ('H$_2$CO → H$_2$ + CO', 'CH$_3$–OH')
    """
    text = re.sub(r"(?<=[A-Za-z)])(\d+)", r"$_{\1}$", name.replace("->", "→"))
    return re.sub(r"(?<=[\w$)])-(?=[A-Z])", "–", re.sub(r"_\{(\d)\}", r"_\1", text))
