"""Charts as SVG inside a page: its colours, light or dark, and its type are theirs too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np

from e3d.arrays import Floats
from e3d.drawing.axis import ticks

Range = tuple[float, float]
ORDERS: Final = {
    "-": ("single", "#0072B2", "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z"),
    "=": ("double", "#D55E00", "M-3.6 -3.6H3.6V3.6H-3.6Z"),
    "#": ("triple", "#7a7a7a", "M0 -4.6L4.4 3.4H-4.4Z"),
    ":": ("aromatic or resonant", "#009E73", "M0 -5L5 0L0 5L-5 0Z"),
    "~": ("order not known", "#CC79A7", "M-4 -4L4 4M4 -4L-4 4"),
}
"""Words, colour (Okabe and Ito's) and marker of each bond order, by the sign in the bond type."""
_BINS: Final = 70
_FEW: Final = 40
"""Up to this many values are drawn as a stroke each."""
_PARITY_PX, _RIDGES_PX, _ROW_PX = 330, 760, 34


@dataclass(frozen=True)
class Point:
    """A bond in a parity plot: reference and D in eV, bond type, and its name."""

    x: float
    y: float
    bond_type: str
    name: str


def sign_of(bond_type: str) -> str:
    """Return the sign of the bond order in a bond type.

    >>> sign_of("C=O")
    '='
    """
    return next((letter for letter in bond_type if letter in ORDERS), "~")


def parity(points: Sequence[Point], limits: Range, x_label: str) -> str:
    """Draw D against a reference on equal axes; ``limits`` in eV."""
    size, left, bottom, rim = _PARITY_PX, 46, 44, 10
    low, high = limits

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (size - left - rim)

    def y(value: float) -> float:
        return size - bottom - (value - low) / (high - low) * (size - bottom - rim)

    parts = [_line(x(low), y(low), x(high), y(high), "guide")]
    for tick in ticks(low, high, 5):
        parts += [
            _line(x(tick), y(low), x(tick), y(high), "grid"),
            _line(x(low), y(tick), x(high), y(tick), "grid"),
            _text(x(tick), y(low) + 17, f"{tick:g}"),
            _text(x(low) - 7, y(tick) + 4, f"{tick:g}", anchor="end"),
        ]
    parts += [_marker(x(one.x), y(one.y), one) for one in points]
    middle = (left + size - rim) / 2
    parts.append(_text(middle, size - 6, f"{x_label} (eV)"))
    at = (size - bottom + rim) / 2
    parts.append(_text(0, 0, "D (eV)", more=f' transform="translate(13 {at:.1f}) rotate(-90)"'))
    return _svg(size, size, f"D against {x_label} of {len(points)} bonds", parts)


def legend(bond_types: Sequence[str]) -> str:
    """Explain the markers of the bond orders that there are."""
    present = {sign_of(kind) for kind in bond_types}
    items = [
        f'<span><svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">'
        f"{_path(shape, color)}</svg> {words}</span>"
        for sign, (words, color, shape) in ORDERS.items()
        if sign in present
    ]
    return f'<div class="legend">{"".join(items)}</div>'


def ridges(rows: Sequence[tuple[str, Floats]]) -> str:
    """Draw how values in eV are distributed, a row for each name, with their median.

    Few values stand as strokes, more as a histogram that is as high as the row.
    """
    name_px, note_px, top, bottom = 110, 130, 6, 42
    width, height = _RIDGES_PX, top + bottom + _ROW_PX * len(rows)
    values = np.concatenate([one for _, one in rows])
    low, high = _padded(float(values.min()), float(values.max()))

    def x(value: float) -> float:
        return name_px + (value - low) / (high - low) * (width - name_px - note_px)

    parts = []
    for tick in ticks(low, high, 8):
        parts.append(_line(x(tick), top, x(tick), height - bottom, "grid"))
        parts.append(_text(x(tick), height - bottom + 18, f"{tick:g}"))
    parts.append(_text(x((low + high) / 2), height - 5, "D (eV)"))
    for k, (name, one) in enumerate(rows):
        base = top + _ROW_PX * (k + 1)
        median = float(np.median(one))
        parts += [
            _ridge(one, (low, high), x, base, ORDERS[sign_of(name)][1]),
            _line(name_px, base, width - note_px, base, "axis"),
            _line(x(median), base + 3, x(median), base - _ROW_PX + 7, "median"),
            _text(name_px - 8, base - 8, name, anchor="end"),
            _text(
                width - note_px + 8,
                base - 8,
                f"{median:.2f} eV, {len(one):,}",
                anchor="start",
                more=' class="soft"',
            ),
        ]
    return _svg(width, height, "Distribution of D by bond type", parts)


def _ridge(
    values: Floats, limits: Range, x: Callable[[float], float], base: int, color: str
) -> str:
    """Draw the values of a row on its base line; ``limits`` in eV, ``x`` turns eV into pixels."""
    if len(values) <= _FEW:
        strokes = "".join(f"M{x(v):.1f} {base}v-{_ROW_PX - 16}" for v in np.sort(values).tolist())
        return f'<path d="{strokes}" stroke="{color}" stroke-width="1.4"/>'
    low, high = limits
    edges = np.linspace(low, high, _BINS + 1)
    counts = np.histogram(values, edges)[0]
    tops = base - counts / counts.max() * (_ROW_PX - 7)
    steps = "".join(
        f"L{x(a):.1f} {t:.1f}L{x(b):.1f} {t:.1f}"
        for a, b, t in zip(edges[:-1], edges[1:], tops, strict=True)
    )
    shape = f"M{x(low):.1f} {base}{steps}L{x(high):.1f} {base}Z"
    return f'<path d="{shape}" fill="{color}" fill-opacity="0.75"/>'


def _padded(low: float, high: float) -> Range:
    room = max(0.04 * (high - low), 0.05)
    return low - room, high + room


def limits(*values: Floats) -> Range:
    """Return common limits of several arrays, with some room."""
    flat = np.concatenate(values)
    return _padded(float(flat.min()), float(flat.max()))


def _marker(x: float, y: float, point: Point) -> str:
    _, color, shape = ORDERS[sign_of(point.bond_type)]
    title = f"{point.name} ({point.bond_type}): D {point.y:.2f} eV, reference {point.x:.2f} eV"
    return (
        f'<g transform="translate({x:.1f} {y:.1f})">{_path(shape, color)}'
        f"<title>{escape(title)}</title></g>"
    )


def _path(shape: str, color: str) -> str:
    return (
        f'<path d="{shape}" fill="{color}" fill-opacity="0.65" stroke="{color}" stroke-width="1"/>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(title, quote=True)}">{"".join(parts)}</svg>'
    )
