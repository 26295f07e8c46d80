"""What several figures draw alike: the page and its panels, curves over seeds, legends, labels."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from adjustText import adjust_text
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import NullFormatter, NullLocator
from matplotlib.transforms import Bbox
from matplotlib.typing import LineStyleType

from e3d.arrays import Floats
from e3d.fields import Column as C
from study.fields import LABELS, trained
from study.figures import style
from study.runs import Run, all_given, over_seeds, sized_models
from study.words import with_minus

_Outside = Literal["outside lower center", "outside upper center"]
_DIGITS: Final = 6
"""Digits kept of a share of the figure: a thousandth of a pixel."""
_BOLD: Final = 0.58
"""Width of a bold character as a share of its size, with room to spare."""
_DIGIT: Final = 0.7
"""Width of a digit as a share of its size, with room to spare."""
_BESIDE: Final = 0.5
"""Inches beside a panel that its y axis takes."""
_CHEMISTS: Final = str.maketrans({"#": "≡", "-": "–", ":": "∶"})
_LAYOUTS, _SETTLED = 12, 1e-4
"""At most so many layouts, until no panel moves by more than this share of the figure."""
_DODGE, _MAX_DODGE = 1.04, 1.25
"""Factors in N between neighbouring and between the outermost series."""
_OPEN: Final = 0.85
"""Share of a panel's width: points farther right have their labels to the left."""
_PUSHES: Final = 500
"""Rounds of pushing labels apart: with a time limit a figure would not come out the same twice."""


@dataclass(frozen=True)
class Series:
    """One model size of one dataset: what its curve looks like and is called.

    Beside curves of a grid a given model has a level: it was not trained on the frames that N
    counts.
    """

    dataset: str
    model: str
    label: str
    color: str
    marker: str
    fillstyle: Any
    dodge: float
    given: bool = False

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of ``table`` that belong to this series."""
        return table[(table[C.DATASET] == self.dataset) & (table[C.MODEL] == self.model)]

    def handle(self, label: str | None = None, linestyle: LineStyleType = "-") -> Line2D:
        """Return the entry of a legend."""
        if self.given:
            return Line2D([], [], label=label or self.label, **self.level_look)
        return Line2D([], [], linestyle=linestyle, label=label or self.label, **self.look)

    @property
    def look(self) -> style.Look:
        """Colour and marker, as matplotlib takes them."""
        return {"color": self.color, "marker": self.marker, "fillstyle": self.fillstyle}

    @property
    def level_look(self) -> style.Look:
        """The line of a given model."""
        return {"color": self.color, "linestyle": "-.", "linewidth": style.STYLE.guide_line}


def page(rows: float, lines: float = 0, *, names: int = 0, run: Run | None = None) -> Figure:
    """Return an empty figure of the style's width.

    Parameters
    ----------
    rows
        Rows of panels that its height has room for.
    lines
        Lines of text outside of the panels.
    names
        Rows of a panel whose y axis names things.
    run
        What is shown, to be named in the lower right corner, below everything else: with several
        datasets a figure shows one.
    """
    look = style.STYLE
    height = rows * look.row_height + names * look.category_height + lines * look.line_height
    figure = Figure(figsize=(look.width, height), layout="constrained")
    if run is not None:
        room = look.line_height / height
        figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0, room, 1, 1 - room)))
        name_run(figure, run)
    return figure


def fit(columns: int, wide: float = 1) -> int:
    """Return how many of ``columns`` the page has room for.

    Each is at least as wide as ``wide`` of the style's narrowest panels.
    """
    return max(1, min(columns, int(style.STYLE.width / (wide * style.STYLE.narrowest_panel))))


def panels(
    figure: Figure, count: int, columns: int, *, wide: float = 1, **options: Any
) -> list[Axes]:
    """Return ``count`` panels in rows of ``columns``, or of fewer where the page is too narrow.

    The height of the figure grows with the rows. ``wide`` is that of :func:`fit`, ``options`` are
    those of ``Figure.subplots``.
    """
    fitting = fit(columns, wide)
    if fitting < columns:
        for ratios in ("width_ratios", "height_ratios"):
            options.pop(ratios, None)
        planned, needed = -(-count // columns), -(-count // fitting)
        figure.set_figheight(figure.get_figheight() * needed / planned)
    grid = figure.subplots(-(-count // fitting), fitting, squeeze=False, **options).ravel()
    for spare in grid[count:]:
        spare.remove()
    return list(grid[:count])


def is_left(axes: Axes) -> bool:
    """Say whether no panel stands to the left."""
    place = axes.get_subplotspec()
    return place is None or place.is_first_col()


def settle(figure: Figure) -> None:
    """Lay the figure out for good, so that its files show the same, and labels find a place."""
    places: list[Any] = []
    # a layout changes how many ticks fit, so how wide their labels are, so the layout
    for _ in range(_LAYOUTS):
        last, places = places, [axes.get_position(original=True).bounds for axes in figure.axes]
        if last and np.allclose(last, places, rtol=0, atol=_SETTLED):
            break
        figure.draw_without_rendering()
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        for legend in figure.legends:  # off the name of the run
            legend.set_bbox_to_anchor(engine.get()["rect"], transform=figure.transFigure)
    figure.set_layout_engine("none")
    # the layout's solver rounds by the order in memory, which is never the same
    for part in figure.subfigs:
        part.bbox_relative.p0 = np.round(part.bbox_relative.p0, _DIGITS)
        part.bbox_relative.p1 = np.round(part.bbox_relative.p1, _DIGITS)
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position(original=True).bounds, _DIGITS))


def takeaway(figure: Figure, text: str) -> Text:
    """Write what a figure shows, a sentence of two lines at most, above everything else."""
    sizes = style.STYLE
    look: style.Look = {"fontsize": sizes.text, "fontweight": "bold", "ha": "left"}
    x = sizes.corner / (style.POINTS * figure.get_figwidth())
    characters = int(style.POINTS * figure.get_figwidth() / (_BOLD * sizes.text))
    return figure.suptitle(textwrap.fill(with_minus(text), characters), x=x, **look)


def bond_name(bond_type: str) -> str:
    """Return a bond type as chemists write it.

    >>> bond_name("C#N"), bond_name("C-H"), bond_name("C:C")
    ('C≡N', 'C–H', 'C∶C')
    """
    return bond_type.translate(_CHEMISTS)


def name_run(figure: Figure, run: Run) -> None:
    """Write in the lower right corner which run a figure shows."""
    dataset, model, n_train = run
    x, y = style.STYLE.corner / (style.POINTS * figure.get_size_inches())
    label = f"{dataset}, $N$ = {f'{n_train:,}' if n_train else 'not known'}, {model}"
    look: style.Look = {"fontsize": style.STYLE.note, "color": style.GREY}
    figure.text(1 - x, y, label, ha="right", va="bottom", **look)


def letter(axes: Axes, index: int) -> None:
    """Write a bold panel letter above the left end of ``axes``."""
    axes.set_title(f"({chr(ord('a') + index)})", loc="left", fontweight="bold")


def n_axis(axes: Axes, table: pd.DataFrame) -> None:
    """Make x a logarithmic axis of training frames with ticks at (at most five of) those of runs.

    Given models are at no place of it, but for those of a study without others; where their number
    of frames is not known, the axis has no ticks.
    """
    of_grid = trained(table)
    ordered = sorted({int(n) for n in (of_grid if len(of_grid) else table)[C.N_TRAIN]})
    if ordered[0] == 0:
        axes.set_xticks([])
        axes.set_xlabel(f"{LABELS[C.N_TRAIN]}: not known")
        return
    n_ticks(axes, ordered)


def n_ticks(axes: Axes, ordered: Sequence[int]) -> None:
    """Make x a logarithmic axis of training frames, ``ordered``, with ticks at five at most.

    There are fewer where numbers would touch: the panel has a share of the page's width.
    """
    place = axes.get_subplotspec()
    columns = 1 if place is None else place.get_gridspec().ncols
    room = (style.STYLE.width / columns - _BESIDE) * style.POINTS
    fitting = int(room / (_DIGIT * style.STYLE.note * len(f"{ordered[-1]:,}")))
    shown = ordered[:: -(-len(ordered) // min(max(fitting, 1), 5))]
    axes.set_xscale("log")
    axes.set_xlim(ordered[0] / 1.35, ordered[-1] * 1.35)
    axes.set_xticks(shown, [f"{n:,}" for n in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(LABELS[C.N_TRAIN])


def legend_outside(
    figure: Figure | SubFigure,
    handles: Sequence[Artist],
    columns: int,
    loc: _Outside = "outside lower center",
) -> None:
    """Put a legend beside all panels, in ``columns`` or in as many as fit on the page."""
    for ncols in range(columns, 0, -1):
        legend = figure.legend(handles=handles, loc=loc, ncols=ncols)
        if ncols == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def legend_above(axes: Axes, handles: Sequence[Line2D] | None = None, ncols: int = 1) -> None:
    """Put a small legend above the panel, beside its letter; by default of what is labelled."""
    entries = axes.get_legend_handles_labels()[0] if handles is None else handles
    axes.legend(
        handles=entries, loc="lower right", bbox_to_anchor=(1.02, 1.0), ncols=ncols,
        fontsize=style.STYLE.small_note, borderpad=0.1, columnspacing=0.8, labelspacing=0.2,
    )  # fmt: skip


def order_handles(bond_types: Sequence[str], *, markers: bool = True) -> list[Line2D]:
    """Return legend entries of the bond orders that occur."""
    found = {style.order_of(kind) for kind in bond_types}
    orders = [one for one in (*style.ORDERS.values(), style.OTHER_ORDER) if one in found]
    look: style.Look = {"linewidth": style.STYLE.swatch_line}
    if markers:
        look = {"linestyle": "none"}
    return [
        Line2D([], [], color=one.color, marker=one.marker if markers else "none", label=one.name,
               **look)
        for one in orders
    ]  # fmt: skip


def all_series(table: pd.DataFrame) -> list[Series]:
    """Return one series per dataset and model size, given models last.

    Colour and marker go by model, fill by dataset.
    """
    datasets = list(dict.fromkeys(table[C.DATASET].astype(str)))
    models = list(sized_models(table))
    sizes = table.groupby([C.MODEL, C.DATASET])[C.N_PARAMETERS].max()
    given = table.groupby([C.MODEL, C.DATASET])[C.RUN].agg(all_given)
    keys = [key for key in product(models, datasets) if key in sizes.index]
    keys.sort(key=lambda key: bool(given[key]))
    beside_others = not given.all()
    # side by side, or the intervals would hide each other, but never near the next N
    step = min(_DODGE, _MAX_DODGE ** (1 / max(len(keys) - 1, 1)))
    series = []
    for index, (model, dataset) in enumerate(keys):
        name = f"{dataset}, {model}" if len(datasets) > 1 else model
        label = f"{name} ({int(sizes[model, dataset]):,} parameters)"
        if given[model, dataset]:
            label = f"given: {label}"
        is_level = beside_others and bool(given[model, dataset])
        color, marker = style.series_look(models.index(model))
        fill = style.DATASET_FILLS[datasets.index(dataset) % len(style.DATASET_FILLS)]
        dodge = step ** (index - (len(keys) - 1) / 2)
        series.append(Series(dataset, model, label, color, marker, fill, dodge, is_level))
    return series


def geometries(series: Sequence[Series]) -> list[Series]:
    """Return one grey series per dataset, for what depends on its geometries alone."""
    of_grid = [one for one in series if not one.given]
    first = {one.dataset: replace(one, color=style.GREY, marker="*") for one in reversed(of_grid)}
    return list(first.values())


def draw_curve(
    axes: Axes, part: pd.DataFrame, column: str, series: Series, *, linestyle: LineStyleType = "-"
) -> None:
    """Draw ``column`` against N: means over seeds with their interval, a small point per seed."""
    part = part[part[column].notna()]
    if part.empty:
        return
    look = style.STYLE
    if series.given:
        level = over_seeds(part, column)
        axes.axhline(level.mean, zorder=1, **series.level_look)
        if level.has_interval:
            shade: style.Look = {"color": series.color, "alpha": look.band_alpha, "linewidth": 0}
            axes.axhspan(level.lo, level.hi, zorder=0, **shade)
        return
    sizes = sorted(part[C.N_TRAIN].unique())
    spread = [over_seeds(part[part[C.N_TRAIN] == n], column) for n in sizes]
    x = np.array(sizes, dtype=float) * series.dodge
    marker = series.look
    axes.plot(x, [s.mean for s in spread], linestyle=linestyle, **marker)
    for position, s in zip(x, spread, strict=True):
        if s.has_interval:
            axes.vlines(position, s.lo, s.hi, color=series.color, linewidth=look.interval_line)
    axes.plot(
        part[C.N_TRAIN] * series.dodge, part[column], linestyle="none", **marker,
        markersize=look.seed_marker, alpha=look.seed_alpha, markeredgewidth=look.seed_marker_edge,
    )  # fmt: skip


def name_points(axes: Axes, points: Floats, names: dict[str, tuple[float, float]]) -> None:
    """Write ``names`` beside their points, with a line to them, off all ``points`` (n, 2).

    The figure must be laid out (:func:`settle`), as labels are moved in pixels.
    """
    look = style.STYLE
    texts = [
        axes.text(x, y, name, ha=_open_side(axes, x), fontsize=look.name, zorder=4)
        for name, (x, y) in names.items()
    ]
    obstacles = boxes_around(axes, points, look.marker / 2 + look.name_offset)
    line = {"arrowstyle": "-", "color": style.GREY, "linewidth": look.hair_line, "zorder": 1}
    push_off(axes, texts, obstacles, arrowprops=line)


def _open_side(axes: Axes, x: float) -> Literal["left", "right"]:
    """Return which end of a label goes to ``x`` for the label to stay inside the panel."""
    low, high = axes.get_xlim()
    return "left" if x - low < _OPEN * (high - low) else "right"


def along_bars(x: Any, low: Any, high: Any) -> Floats:
    """Return points (n, 2) along vertical bars, for :func:`name_points` to keep off."""
    share = np.linspace(0, 1, 10)[:, None]
    y = np.asarray(low, dtype=float) * (1 - share) + np.asarray(high, dtype=float) * share
    return np.stack([np.broadcast_to(np.asarray(x, dtype=float), y.shape), y], axis=-1).reshape(
        -1, 2
    )


def boxes_around(axes: Axes, points: Floats, half: float) -> list[Bbox]:
    """Return boxes, in data units, around ``points`` (n, 2); ``half`` a side in points of type."""
    pixels = axes.transData.transform(points)
    reach = half * axes.figure.dpi / style.POINTS
    corners = (axes.transData.inverted().transform(pixels + shift) for shift in (-reach, reach))
    return [Bbox(ends) for ends in zip(*corners, strict=True)]


def push_off(axes: Axes, texts: Sequence[Text], obstacles: Sequence[Bbox], **options: Any) -> None:
    """Move ``texts`` off each other and off ``obstacles`` (data units), the same way every time."""
    adjust_text(
        list(texts), objects=list(obstacles), avoid_self=False, ax=axes, iter_lim=_PUSHES, **options
    )
