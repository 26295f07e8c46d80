"""Mutations of files: of bytes, of texts, of values."""

from random import Random
from typing import Any, Final

NASTY: Final = (
    *(
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e999",
        "-0",
        "0",
        "-1",
        "1e-320",
        "1e30",
        "99999999999999999999",
    ),
    *(
        "",
        " ",
        "\t",
        "\0",
        "\x1b[2J",
        "é",
        "Ω",
        "\u202e",
        "\ufeff",
        "١",
        "'",
        '"',
        "{x}",
        "*",
        "None",
    ),
    *("true", "no", "1,2", "1;2", "0x10", "1_000", "1d0", "--", "../..", "H" * 300, "\udcff"),
)
"""Texts that are no number, nearly one, or one that nobody means."""


def of_bytes(content: bytes, rng: Random) -> tuple[str, bytes]:
    """Return what was done, and the bytes that are left."""
    if not content:
        return "nothing to mutate", content
    place = rng.randrange(len(content))
    changed = bytearray(content)
    kind = rng.choice(("flip", "flip", "flip", "flips", "set", "cut", "zeros", "copy", "more"))
    if kind in ("flip", "flips"):
        places = [place, *(rng.randrange(len(content)) for _ in range(7 * (kind == "flips")))]
        for one in places:
            changed[one] ^= 1 << rng.randrange(8)
        return f"bits flipped at {places}", bytes(changed)
    if kind == "set":
        changed[place] = rng.choice((0, 255, 127, 128, rng.randrange(256)))
        return f"byte {place} set to {changed[place]}", bytes(changed)
    if kind == "cut":
        return f"cut after {place} bytes", content[:place]
    length = min(rng.choice((4, 16, 512)), len(content) - place)
    if kind == "zeros":
        changed[place : place + length] = bytes(length)
        return f"{length} zeros at {place}", bytes(changed)
    if kind == "copy":
        other = rng.randrange(len(content) - length + 1)
        changed[place : place + length] = content[other : other + length]
        return f"{length} bytes of {other} copied to {place}", bytes(changed)
    return "bytes appended", content + rng.randbytes(length)


def of_text(text: str, rng: Random, separators: str = " ,\t") -> tuple[str, str]:
    """Return what was done, and a text with a line or a word changed."""
    lines = text.splitlines(keepends=True)
    if not lines:
        return "nothing to mutate", text
    kind = rng.choice(
        ("word", "word", "word", "word", "drop", "twice", "swap", "cut", "blank", "end")
    )
    k = rng.randrange(len(lines))
    if kind == "word":
        lines[k], what = _other_word(lines[k], rng, separators)
        return f"line {k + 1}: {what}", "".join(lines)
    if kind == "drop":
        dropped = lines.pop(k)
        return f"line {k + 1} dropped: {dropped[:60]!r}", "".join(lines)
    if kind == "twice":
        lines.insert(k, lines[k])
        return f"line {k + 1} twice", "".join(lines)
    if kind == "swap":
        j = rng.randrange(len(lines))
        lines[k], lines[j] = lines[j], lines[k]
        return f"lines {j + 1} and {k + 1} swapped", "".join(lines)
    if kind == "blank":
        lines.insert(k, rng.choice(("\n", "  \n", "\r\n", "\x0c\n", "#\n")))
        return f"blank line before {k + 1}", "".join(lines)
    if kind == "end":
        return "line breaks of Windows", text.replace("\n", rng.choice(("\r\n", "\r")))
    place = rng.randrange(len(text))
    return f"cut after {place} characters", text[:place]


def _other_word(line: str, rng: Random, separators: str) -> tuple[str, str]:
    words, start = [], 0
    for place, letter in enumerate(line + separators[0]):
        if letter in separators or letter == "\n":
            if place > start:
                words.append((start, place))
            start = place + 1
    if not words:
        return line, "nothing to mutate"
    start, stop = rng.choice(words)
    word = line[start:stop]
    new = rng.choice((rng.choice(NASTY), word[:-1], word + word, f"-{word}", word + "e3"))
    new = new.encode("utf-8", "replace").decode()
    return line[:start] + new + line[stop:], f"{word[:60]!r} becomes {new[:60]!r}"


def of_value(value: Any, rng: Random) -> Any:
    """Return another value for a value of JSON or YAML, of any type."""
    simple = [None, True, False, 0, 1, -1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e-320, 1e308]
    several: list[Any] = [[], {}, [value], {"a": value}, [[]], [None], {"": 1}, [value, value]]
    return rng.choice([*simple, *several, float("nan"), float("inf"), *NASTY])


def of_tree(tree: Any, rng: Random) -> str:
    """Change one value, name or entry somewhere in nested dictionaries and lists; say which."""
    path, place = "", tree
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return f"{path or 'top'} is empty"
        key = rng.choice(keys)
        inner = place[key]
        path = f"{path}.{key}".lstrip(".")
        if not (isinstance(inner, dict | list) and inner) or rng.random() < 0.15:
            break
        place = inner
    kind = rng.choice(("value", "value", "value", "drop", "rename"))
    if kind == "drop":
        del place[key]
        return f"{path} dropped"
    if kind == "rename" and isinstance(place, dict):
        new = rng.choice([f"{key}x", str(key).upper(), "", f"{key} ", f"{key}\n", *NASTY[:8]])
        place[new] = place.pop(key)
        return f"{path} renamed to {new!r}"
    new = of_value(inner, rng)
    place[key] = new
    return f"{path} = {str(new)[:80]!r}"
