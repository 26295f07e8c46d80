"""The block of README that is written from a published study, and how blocks are written."""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from e3d.errors import InputError
from study.costs import COSTS_FILE, MACHINE_FILE, STUDY


def fill_readme(text: str, published: Path) -> str:
    """Return README's ``text`` with its block ``time`` written from ``published``.

    Raises
    ------
    InputError
        If the block is not there exactly once.
    """
    cost = pd.read_csv(published / COSTS_FILE).set_index("rule")
    total, mean = cost["total_s"] / 60, cost["mean_s"] / 60
    on = json.loads((published / MACHINE_FILE).read_text(encoding="utf-8"))
    time = (
        f"On {on['cores']} cores ({on['processor']}, no GPU) the study took {total[STUDY]:.0f} "
        "minutes after installation, two jobs at a time; a training takes "
        f"{mean['train/run']:.1f} minutes on average "
        f"([`costs.csv`]({published.as_posix()}/{COSTS_FILE}))."
    )
    filled = textwrap.fill(time, 100, break_long_words=False, break_on_hyphens=False)
    return fill_blocks(text, {"time": filled}, "README")


def fill_blocks(text: str, blocks: Mapping[str, str], document: str) -> str:
    """Return ``text`` with every ``<!-- name:start -->`` block replaced.

    Raises
    ------
    InputError
        If a block is not there exactly once, naming the ``document``.
    """
    for name, content in blocks.items():
        start, end = f"<!-- {name}:start -->\n", f"<!-- {name}:end -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise InputError(
                f"{document}: the markers of the block `{name}` are not there once each. "
                "Restore them."
            )
        before, rest = text.split(start)
        text = f"{before}{start}{content}\n{end}{rest.split(end)[1]}"
    return text
