"""Rows of two numbers each, ours and a rival's, with intervals, and their paired difference."""

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from e3d.statistics import NO, YES, Estimate, verdict
from study.figures import style
from study.findings.wording import number
from study.runs import OverSeeds
from study.words import with_minus

_APART: Final = 0.15
"""Between both points of a row and its middle, in rows."""
_OURS: Final[dict[str, Any]] = {"marker": "o", "color": style.BLUE}
_THEIRS: Final[dict[str, Any]] = {"marker": "s", "color": style.GREY, "markerfacecolor": "white"}


def handles(ours: str, theirs: str) -> list[Line2D]:
    """Return the entries of a legend."""
    return [
        Line2D([], [], linestyle="none", label=label, **look)
        for label, look in ((ours, _OURS), (theirs, _THEIRS))
    ]


def draw_pair(
    axes: Axes, row: int, ours: OverSeeds, theirs: OverSeeds, difference: Estimate
) -> None:
    """Draw both numbers with intervals that have a width, and write their difference beside them.

    It is bold where its interval excludes zero: two intervals that overlap decide nothing.
    """
    for shift, found, look in ((-_APART, ours, _OURS), (_APART, theirs, _THEIRS)):
        if found.has_interval and found.lo < found.hi:
            width = style.STYLE.interval_line
            axes.hlines(row + shift, found.lo, found.hi, color=look["color"], linewidth=width)
        axes.plot(found.mean, row + shift, **look)
    decided = verdict(difference) in (YES, NO)
    axes.annotate(
        with_minus(number(difference, difference.value)), (1, row),
        xycoords=axes.get_yaxis_transform(), xytext=(style.STYLE.tick_length, 0),
        textcoords="offset points", va="center", fontsize=style.STYLE.note,
        fontweight="bold" if decided else "normal",
    )  # fmt: skip


def name_rows(axes: Axes, labels: Sequence[str], difference: str) -> None:
    """Name the rows, draw lines between them, and say above the differences what they are."""
    look = style.STYLE
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for edge in range(1, len(labels)):
        axes.axhline(edge - 0.5, color=style.GREY, linewidth=look.hair_line, alpha=look.faint_alpha)
    axes.set_xlim(left=0)
    axes.annotate(
        difference, (1, 1), xycoords="axes fraction", xytext=(look.tick_length, look.name_offset),
        textcoords="offset points", va="bottom", fontsize=look.note,
    )  # fmt: skip
