"""One figure of what the benchmarks measured: ratios against the peers, growth, start-up.

    python benchmarks/figure.py results/benchmarks -o results/benchmarks/speed.png

Reads the tables of a folder, as many as are there. Ratios are peer over ours, with the lowest and
the highest round; a green tick is what was aimed at, where there was an aim (``goal_ratio``,
``goal_ours``).
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from measure import COLUMNS, LINEAR

from e3d import tables
from e3d.errors import InputError
from study.figures import drawing, saving, style

RATIOS = ("step", "job", "decompose", "store")
STARTUP, GROWTH = "startup", "growth"
FRAMES, ATOMS = "frames", "atoms per frame"
COLORS = (
    style.BLUE,
    style.VERMILION,
    style.GREEN,
    style.PURPLE,
    style.ORANGE,
    style.SKY,
    style.BLACK,
)
LABEL = 62
"""Characters of a case that are shown."""
WIDTH, ROW = 11.0, 0.17


def read_all(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the benchmark tables of a folder by name.

    Raises
    ------
    InputError
        If there is none.
    """
    names = (*RATIOS, STARTUP, GROWTH)
    found = {name: folder / f"{name}.csv" for name in names if (folder / f"{name}.csv").is_file()}
    if not found:
        raise InputError(
            f"{folder}: has none of {', '.join(f'{name}.csv' for name in names)}. "
            "Run make bench first."
        )
    columns = [
        name for name in COLUMNS if not name.startswith("ratio_")
    ]  # older tables have no spread
    return {name: tables.read(path, columns=columns) for name, path in found.items()}


def make(found: dict[str, pd.DataFrame]) -> Figure:
    """Return the figure of the tables by name."""
    compared = {name: _compared(found[name]) for name in RATIOS if name in found}
    rows = sum(len(table) + 1 for table in compared.values())
    figure = Figure(figsize=(WIDTH, max(5.5, ROW * rows + 0.8)), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=(1.4, 1.0, 1.0))
    places = (grid[:, 0], grid[0, 1], grid[0, 2], grid[1, 1], grid[1, 2])
    ratios, frames, atoms, model, startup = (figure.add_subplot(place) for place in places)
    _ratios(ratios, compared)
    growth = found.get(GROWTH, pd.DataFrame(columns=["series", "against", "size"]))
    points = growth[growth["series"].notna()]
    sized = points["against"].isin([FRAMES, ATOMS])
    _growth(frames, points[points["against"] == FRAMES])
    frames.set_xlabel(FRAMES)
    _growth(atoms, points[points["against"] == ATOMS])
    atoms.set_xlabel(ATOMS)
    models = points[~sized]
    _growth(
        model,
        models.assign(size=models["size"] / models.groupby("series")["size"].transform("first")),
    )
    model.set_xlabel("size of the model / smallest of the series")
    _startup(startup, found.get(STARTUP))
    for index, axes in enumerate((ratios, frames, atoms, model, startup)):
        drawing.letter(axes, index)
    return figure


def _compared(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have a peer."""
    kept = table[(table["peer_name"] != LINEAR) & table["ratio"].notna() & (table["ratio"] > 0)]
    return kept.assign(**{name: kept.get(name, kept["ratio"]) for name in ("ratio_lo", "ratio_hi")})


def _ratios(axes: Axes, compared: dict[str, pd.DataFrame]) -> None:
    """Draw a row for every case, the tables below each other."""
    y, labels = 0, {}
    for color, (name, table) in zip(COLORS, compared.items(), strict=False):
        axes.text(
            0.0,
            y,
            name,
            transform=axes.get_yaxis_transform(),
            color=color,
            fontweight="bold",
            va="center",
        )
        y += 1
        for _, line in table.iterrows():
            axes.plot(
                [line["ratio_lo"], line["ratio_hi"]], [y, y], color=color, linewidth=2, alpha=0.4
            )
            axes.plot(line["ratio"], y, "o", color=color)
            if pd.notna(line.get("goal_ratio")):
                axes.plot(
                    line["goal_ratio"], y, "|", color=style.GREEN, markersize=9, markeredgewidth=2
                )
            labels[y] = _label(line, name, twice=(table["case"] == line["case"]).sum() > 1)
            y += 1
    axes.axvline(1.0, color=style.GREY, linewidth=0.8, linestyle="--")
    axes.set_xscale("log")
    _plain_numbers(axes)
    axes.set_yticks(list(labels), list(labels.values()))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(y, 1) - 0.4, -0.6)
    axes.set_xlabel("peer / ours  (right of the line: ours is better)")


def _label(line: "pd.Series[Any]", table: str, *, twice: bool) -> str:
    """Return a case without the name of its table, with its peer where two rows share the case."""
    case = str(line["case"]).removeprefix(f"{table} ")
    if twice:
        case = f"{case}: {line['peer_name'].split(',')[0]}"
    return case if len(case) <= LABEL else f"{case[: LABEL - 1]}…"


def _plain_numbers(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_major_locator(
        LogLocator(subs=(1.0, 3.0) if np.divide(*axes.get_xlim()[::-1]) < 100 else (1.0,))
    )
    axes.xaxis.set_minor_formatter(NullFormatter())


def _growth(axes: Axes, part: pd.DataFrame) -> None:
    """Draw time against size for every series, and a line of slope 1 to compare with."""
    if part.empty:
        return
    for color, (name, points) in zip(COLORS, part.groupby("series", sort=False), strict=False):
        sizes, times = points["size"].to_numpy(), points["ours"].to_numpy()
        axes.plot(sizes, times, "o-", color=color, label=_legend(str(name), points))
        axes.plot(sizes, times[-1] * sizes / sizes[-1], color=color, linewidth=0.7, linestyle=":")
    axes.set_xscale("log")
    axes.set_yscale("log")
    if part["size"].max() < 1000:
        _plain_numbers(axes)
    axes.set_ylabel("seconds (dotted: linear)")
    low, high = axes.get_ylim()
    axes.set_ylim(
        low, high * (high / low) ** (0.12 * part["series"].nunique())
    )  # room for the names
    axes.legend(loc="upper left", borderaxespad=0.1, handlelength=1.2)


def _legend(name: str, points: pd.DataFrame) -> str:
    """Return the name of a series, with what is counted where the axis does not say."""
    against = points["against"].iloc[0]
    kind = name.removeprefix("training step, ")
    if against in (FRAMES, ATOMS):
        return name
    return f"step, {kind}" if kind == against else f"step, {kind}: {against}"


def _startup(axes: Axes, table: pd.DataFrame | None) -> None:
    """Draw seconds of what has a limit: of the helps the slowest, and every dry run."""
    if table is None:
        return
    helps = table[table["case"].str.endswith("--help")]
    plans = table[table["case"].str.startswith("dry run of")]
    shown = pd.concat([helps.nlargest(1, "ours"), plans], ignore_index=True)
    for y, (_, line) in enumerate(shown.iterrows()):
        axes.plot([line["peer"]], [y], "o", color=style.GREY, markerfacecolor="none")
        axes.plot([line["ours"]], [y], "o", color=style.BLUE)
        if pd.notna(line.get("goal_ours")):
            axes.plot(
                [line["goal_ours"]], [y], "|", color=style.GREEN, markersize=9, markeredgewidth=2
            )
    axes.set_xscale("log")
    _plain_numbers(axes)
    names = [
        "slowest --help",
        *(f"{line['size']:,.0f} jobs planned" for _, line in plans.iterrows()),
    ]
    axes.set_yticks(range(len(shown)), names[-len(shown) :])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlabel("seconds (ring: peer, tick: aim)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of benchmark tables")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="figure to write; PNG, SVG and PDF"
    )
    given = parser.parse_args(arguments)
    saving.save(partial(make, read_all(given.folder)), given.output)


if __name__ == "__main__":
    main()
