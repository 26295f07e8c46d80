"""The figure of training speed: frames a second of this project's network and of the shipped one.

    python benchmarks/figure.py results/benchmarks -o results/benchmarks/speed.png

Reads ``step.csv`` of a folder, and of it the models alone that one process trains on one thread.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from step import BATCH, GOALS

from e3d import tables
from study.figures import saving, style

MODES: Final = {
    "ours": ("this project, compiled", style.BLUE),
    "ours_eager_s": ("this project, eager", style.SKY),
    "compiled_s": ("nequip-allegro, compiled", style.GREY),
    "eager_s": ("nequip-allegro, eager", style.PALE),
}
"""Columns of seconds a step: what they are called and their colour."""
WIDTH, HEIGHT = 6.5, 3.4
_BAR: Final = 0.2


def make(table: pd.DataFrame) -> Figure:
    """Return the figure of a table of steps."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    table = table.assign(name=table["case"].str.removeprefix("step "))
    aimed = table["name"].isin(GOALS)
    shown = table[aimed] if aimed.any() else table.head(1)  # of a quick run
    place = np.arange(len(shown))
    for k, (column, (label, color)) in enumerate(MODES.items()):
        if column in shown:
            speed = BATCH / shown[column].to_numpy(dtype=float)
            bars = axes.bar(place + (k - 1.5) * _BAR, speed, _BAR, color=color, label=label)
            if k == 0:
                axes.bar_label(bars, [f"{one:,.0f}" for one in speed], fontsize=6, padding=1)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(y=0.12)
    axes.set_ylabel("frames a second, one core")
    axes.set_xticks(place, [_words(name) for name in shown["name"]])
    axes.tick_params(axis="x", length=0)
    axes.set_title("Training Allegro on a CPU: frames of 7 or 8 atoms", loc="left")
    axes.legend(loc="upper right", ncols=2)
    return figure


def _words(name: str) -> str:
    r"""Return what a model is called below its bars.

    >>> _words("2,3,64,16")
    'l_max 2\n3 layers\n64 scalars\n16 tensors'
    """
    l_max, layers, scalars, tensors = name.split(",")[:4]
    of_layers = "1 layer" if layers == "1" else f"{layers} layers"
    return f"l_max {l_max}\n{of_layers}\n{scalars} scalars\n{tensors} tensors"


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of benchmark tables")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="figure to write; PNG, SVG and PDF"
    )
    given = parser.parse_args(arguments)
    table = tables.read(given.folder / "step.csv", columns=["case", "ours", "eager_s"])
    saving.save(partial(make, table), given.output)


if __name__ == "__main__":
    main()
