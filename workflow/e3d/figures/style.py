"""What all figures share: sizes, colours, markers, the reference run, and writing files.

Nothing is set globally: :func:`save` draws and writes inside ``matplotlib.rc_context(STYLE)``. Colours
are Okabe and Ito's (jfly.uni-koeln.de/color); markers or line styles always differ as well, so that
the figures also read in greyscale.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath
from matplotlib.ticker import NullFormatter, NullLocator
from matplotlib.typing import LineStyleType

from e3d.fields import LABELS
from e3d.fields import Column as C
from e3d.provenance import atomic

WIDTH: Final = 7.0
"""Double-column width in inches."""
SMALL: Final = 7.0
"""Size of notes and tick labels in points."""
N_PARAMETERS: Final = "n_parameters"

STYLE: Final[Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs everywhere
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.0,
    "pdf.fonttype": 42,  # TrueType: journals refuse Type 3
    "svg.fonttype": "path",
    "svg.hashsalt": "e3d",  # element ids would be random without it
}

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY: Final = "#767676"
_DIGITS: Final = 6
"""Of a share of the figure: a thousandth of a pixel."""
_MODEL_COLORS: Final = (BLUE, VERMILION, GREEN, PURPLE, BLACK, SKY, ORANGE)
_MODEL_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
_DODGE, _MAX_DODGE = 1.04, 1.25  # factors in N between neighbouring and between the outermost series
_DATASET_FILLS: Final = ("full", "none", "left", "bottom", "right", "top")


@dataclass(frozen=True)
class Order:
    """How bonds of one order look."""

    name: str
    color: str
    marker: str


ORDERS: Final = {
    "-": Order("single", BLUE, "o"),
    "=": Order("double", VERMILION, "s"),
    "#": Order("triple", BLACK, "^"),
    ":": Order("aromatic or resonant", GREEN, "D"),
}
"""Look of each bond order, by the sign in the bond type."""
_OTHER_ORDER: Final = Order("other", PURPLE, "v")


@dataclass(frozen=True)
class Series:
    """One model size of one dataset: what its curve looks like and is called."""

    dataset: str
    model: str
    label: str
    color: str
    marker: str
    fillstyle: Any
    dodge: float

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of ``table`` that belong to this series."""
        return table[(table[C.DATASET] == self.dataset) & (table[C.MODEL] == self.model)]

    def handle(self, label: str | None = None, linestyle: LineStyleType = "-") -> Line2D:
        """Return the entry of a legend."""
        look: dict[str, Any] = {"color": self.color, "marker": self.marker, "fillstyle": self.fillstyle}
        return Line2D([], [], linestyle=linestyle, label=label or self.label, **look)


@dataclass(frozen=True)
class OverSeeds:
    """A column over the seeds of a run: mean, extremes, and the widest of its 95 % intervals.

    ``lo`` is the smallest lower and ``hi`` the largest upper end; NaN where no seed has an interval.
    """

    mean: float
    lo: float
    hi: float
    seed_min: float
    seed_max: float
    n_seeds: int

    @property
    def has_interval(self) -> bool:
        """Say whether both ends of an interval are known."""
        return bool(np.isfinite(self.lo) and np.isfinite(self.hi))


def save(make: Callable[[], Figure], output: Path) -> None:
    """Draw a figure and write it beside ``output`` as PNG (200 dpi), SVG and PDF, the same bytes every time."""
    metadata: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with mpl.rc_context(STYLE):
        figure = make()
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once, so that the three files show the same
        # the layout's solver rounds by the order in memory, which is never the same
        for part in figure.subfigs:
            part.bbox_relative.p0 = np.round(part.bbox_relative.p0, _DIGITS)
            part.bbox_relative.p1 = np.round(part.bbox_relative.p1, _DIGITS)
        for axes in figure.axes:
            axes.set_position(np.round(axes.get_position(original=True).bounds, _DIGITS))
        for suffix, entries in metadata.items():
            with atomic(output.with_suffix(f".{suffix}")) as temporary:
                figure.savefig(temporary, format=suffix, dpi=200, metadata=entries)
                if suffix == "svg":
                    temporary.write_text(_number_clips(temporary.read_text(encoding="utf-8")), encoding="utf-8")


def _number_clips(svg: str) -> str:
    """Name the clip paths of an SVG by their order: matplotlib hashes their bounds to the last bit."""
    names = {name: f"clip{k}" for k, name in enumerate(re.findall(r'<clipPath id="([^"]+)"', svg))}
    return re.sub(r'(?<=url\(#)[^)]+|(?<=<clipPath id=")[^"]+', lambda found: names.get(found[0], found[0]), svg)


def order_sign(bond_type: str) -> str:
    """Return the sign of the bond order in a bond type (``=`` of ``C=O``)."""
    return next((letter for letter in bond_type if not letter.isalnum()), "")


def order_of(bond_type: str) -> Order:
    """Return the look of a bond type's order."""
    return ORDERS.get(order_sign(bond_type), _OTHER_ORDER)


def order_handles(bond_types: Sequence[str], *, markers: bool = True) -> list[Line2D]:
    """Return legend entries of the bond orders that occur."""
    found = [order for order in (*ORDERS.values(), _OTHER_ORDER) if order in {order_of(kind) for kind in bond_types}]
    look: dict[str, Any] = {"linestyle": "none"} if markers else {"linewidth": 4}
    return [
        Line2D([], [], color=order.color, marker=order.marker if markers else "none", label=order.name, **look)
        for order in found
    ]


def reference(summary: pd.DataFrame, dataset: str | None = None) -> tuple[str, str, int]:
    """Return dataset, model and number of training frames of the run to show.

    The largest number of training frames and, there, the model with most parameters; by default of the first
    of :func:`datasets`.
    """
    table = summary[summary[C.DATASET] == (datasets(summary)[0] if dataset is None else dataset)]
    best = table.sort_values([C.N_TRAIN, N_PARAMETERS], ascending=False, kind="stable").iloc[0]
    return str(best[C.DATASET]), str(best[C.MODEL]), int(best[C.N_TRAIN])


def datasets(summary: pd.DataFrame) -> list[str]:
    """Return the datasets, the one with most runs (the grid's) first."""
    runs = summary.groupby(C.DATASET, sort=False)[C.RUN].nunique()
    return [str(name) for name in runs.sort_values(ascending=False, kind="stable").index]


def name_run(figure: Figure, run: tuple[str, str, int]) -> None:
    """Write in the lower right corner which run a figure shows: with several datasets it shows one."""
    dataset, model, n_train = run
    label = f"{dataset}, $N$ = {n_train}, {model}"
    figure.text(0.995, 0.012, label, ha="right", va="bottom", fontsize=SMALL, color=GREY)


def at_run(table: pd.DataFrame, run: tuple[str, str, int]) -> pd.DataFrame:
    """Return the rows of ``table`` at ``run`` (dataset, model, number of training frames), all seeds."""
    dataset, model, n_train = run
    keep = (table[C.DATASET] == dataset) & (table[C.MODEL] == model) & (table[C.N_TRAIN] == n_train)
    return table[keep]


def over_seeds(part: pd.DataFrame, column: str) -> OverSeeds:
    """Summarise ``column`` of the rows in ``part``, one per seed, with ``<column>_lo`` and ``_hi`` if there."""
    values = part[column].dropna()
    lo, hi = (
        float(part[f"{column}_{end}"].agg(how)) if f"{column}_{end}" in part else float("nan")
        for end, how in (("lo", "min"), ("hi", "max"))
    )
    return OverSeeds(
        float(values.mean()), lo, hi, float(values.min()), float(values.max()), int(part[C.SEED].nunique())
    )


def sized_models(table: pd.DataFrame) -> dict[str, int]:
    """Return the models, smallest first, with their number of parameters (the largest over datasets)."""
    sizes = table.groupby(C.MODEL)[N_PARAMETERS].max()
    return {str(model): int(sizes[model]) for model in sorted(sizes.index, key=lambda name: (sizes[name], name))}


def all_series(table: pd.DataFrame) -> list[Series]:
    """Return one series per dataset and model size; colour and marker by model, fill by dataset."""
    datasets = list(dict.fromkeys(table[C.DATASET].astype(str)))
    models = list(sized_models(table))
    sizes = table.groupby([C.MODEL, C.DATASET])[N_PARAMETERS].max()
    keys = [(model, dataset) for model in models for dataset in datasets if (model, dataset) in sizes.index]
    # side by side, or the intervals would hide each other, but never near the next N
    step = min(_DODGE, _MAX_DODGE ** (1 / max(len(keys) - 1, 1)))
    return [
        Series(
            dataset,
            model,
            f"{f'{dataset}, ' if len(datasets) > 1 else ''}{model} ({int(sizes[model, dataset]):,} parameters)",
            _MODEL_COLORS[models.index(model) % len(_MODEL_COLORS)],
            _MODEL_MARKERS[models.index(model) % len(_MODEL_MARKERS)],
            _DATASET_FILLS[datasets.index(dataset) % len(_DATASET_FILLS)],
            step ** (index - (len(keys) - 1) / 2),
        )
        for index, (model, dataset) in enumerate(keys)
    ]


def draw_curve(axes: Axes, part: pd.DataFrame, column: str, series: Series, *, linestyle: LineStyleType = "-") -> None:
    """Draw ``column`` against N: seed means with the widest interval, and a small point per seed."""
    part = part[part[column].notna()]
    if part.empty:
        return
    sizes = sorted(part[C.N_TRAIN].unique())
    spread = [over_seeds(part[part[C.N_TRAIN] == n], column) for n in sizes]
    x = np.array(sizes, dtype=float) * series.dodge
    look: dict[str, Any] = {"color": series.color, "marker": series.marker, "fillstyle": series.fillstyle}
    axes.plot(x, [s.mean for s in spread], linestyle=linestyle, **look)
    for position, s in zip(x, spread, strict=True):
        if s.has_interval:
            axes.vlines(position, s.lo, s.hi, color=series.color, linewidth=0.7)
    axes.plot(
        part[C.N_TRAIN] * series.dodge, part[column], linestyle="none", color=series.color,
        marker=series.marker, markersize=2.2, alpha=0.6, markeredgewidth=0.4, fillstyle=series.fillstyle,
    )  # fmt: skip


def n_axis(axes: Axes, sizes: Sequence[int]) -> None:
    """Make x a logarithmic axis of training frames with ticks at (at most five of) ``sizes``."""
    ordered = sorted({int(n) for n in sizes})
    shown = ordered[:: -(-len(ordered) // 5)]
    axes.set_xscale("log")
    axes.set_xlim(ordered[0] / 1.35, ordered[-1] * 1.35)
    axes.set_xticks(shown, [f"{n:,}" for n in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(LABELS[C.N_TRAIN])


def letter(axes: Axes, index: int) -> None:
    """Write a bold panel letter above the left end of ``axes``."""
    axes.set_title(f"({chr(ord('a') + index)})", loc="left", fontweight="bold")


def text_size(text: str, size: float) -> tuple[float, float]:
    """Return width and height of ``text`` in points, without a renderer."""
    extents = TextPath((0, 0), text, size=size, prop=FontProperties(family=STYLE["font.family"])).get_extents()
    return float(extents.width), float(extents.height)
