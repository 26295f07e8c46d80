"""Names at the lines of a panel, instead of a legend, and plain numbers at logarithmic ticks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from e3d.arrays import Floats
from study.figures import style

Side = Literal["above", "below"]
End = Literal["center", "left", "right"]
_FEW_DECADES: Final = 2.0
"""Logarithmic axes shorter than this have ticks at 2 and 5 too."""
_STEPS: Final = 40
"""Points along a piece of a line that names keep off."""
_ENDS: Final[tuple[End, ...]] = ("center", "left", "right")
"""Which end of a name stands at its point."""


def plain_decades(axis: Axis) -> None:
    """Put ticks that are plain numbers on a logarithmic axis whose limits are set."""
    low, high = axis.get_view_interval()
    few = np.log10(high / low) < _FEW_DECADES
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


@dataclass(frozen=True)
class NamedLine:
    """A line and its name: points (n, 2) in data units, and the sides where the name may stand."""

    name: str
    points: Floats
    color: str
    sides: tuple[Side, ...] = ("above", "below")


def name_lines(axes: Axes, lines: Sequence[NamedLine], obstacles: Sequence[Floats] = ()) -> None:
    """Write the name of each line at one of its points, where it covers the least.

    The figure must be laid out (:func:`study.figures.drawing.settle`), as names are placed in
    pixels. They keep off all lines and off ``obstacles``, points (n, 2) along other lines.
    """
    drawn = [_pixels(axes, line.points) for line in lines]
    others = [_pixels(axes, points) for points in obstacles]
    placed: list[Bbox] = []
    for place, line in enumerate(lines):
        rest = np.concatenate([np.empty((0, 2)), *drawn[:place], *drawn[place + 1 :], *others])
        placed.append(_name_line(axes, line, drawn[place], rest, placed))


def _pixels(axes: Axes, points: Floats) -> Floats:
    """Return points (m, 2) in pixels, close together along a line through ``points``."""
    corners = axes.transData.transform(points)
    share = np.linspace(0, 1, _STEPS)[:, None, None]
    along = corners[:-1] * (1 - share) + corners[1:] * share
    return np.concatenate([corners, along.reshape(-1, 2)])


def _name_line(
    axes: Axes, line: NamedLine, own: Floats, others: Floats, placed: Sequence[Bbox]
) -> Bbox:
    """Write a name inside the panel, where it covers least and is far from all other lines."""
    window = axes.get_window_extent()
    best: tuple[tuple[float, float, float], Annotation, Bbox] | None = None
    for point, side, end in product(line.points, line.sides, _ENDS):
        text = _written(axes, line, point, side, end)
        box = text.get_window_extent()
        text.remove()
        outside = max(*np.subtract(window.min, box.min), *np.subtract(box.max, window.max))
        covered = float(_inside(box, own) + _inside(box, others))
        covered += sum(box.overlaps(other) for other in placed) * _STEPS
        score = (float(outside > 1), covered, -_distance(box, others))
        if best is None or score < best[0]:
            best = score, text, box
    assert best is not None
    axes.add_artist(best[1])
    return best[2]


def _written(axes: Axes, line: NamedLine, point: Floats, side: Side, end: End) -> Annotation:
    look = style.STYLE
    reach = look.name_offset + look.marker / 2
    aside = {"center": 0.0, "left": reach, "right": -reach}[end]
    shift = (aside, reach if side == "above" else -reach)
    return axes.annotate(
        line.name, (point[0], point[1]), xytext=shift, textcoords="offset points", ha=end,
        va="bottom" if side == "above" else "top", color=line.color, fontsize=look.small_note,
    )  # fmt: skip


def _inside(box: Bbox, pixels: Floats) -> int:
    return int(np.all((pixels >= box.min) & (pixels <= box.max), axis=1).sum())


def _distance(box: Bbox, pixels: Floats) -> float:
    """Return how far a box is from the nearest of ``pixels``, at most its width."""
    gaps = np.maximum(np.maximum(box.min - pixels, pixels - box.max), 0)
    return float(min(np.hypot(*gaps.T).min(initial=np.inf), box.width))
