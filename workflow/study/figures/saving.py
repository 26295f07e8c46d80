"""Writing a figure in the study's style: PNG, SVG and PDF, the same bytes every time.

Nothing is set globally: a figure is drawn and written inside ``matplotlib.rc_context``.
"""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from e3d.provenance import atomic
from study.figures import style
from study.figures.drawing import settle


def save(make: Callable[[], Figure], output: Path) -> None:
    """Draw a figure and write it beside ``output`` as PNG, SVG and PDF."""
    metadata: dict[str, dict[str, Any]] = {
        "png": {},
        "svg": {"Date": None},
        "pdf": {"CreationDate": None},
    }
    with mpl.rc_context(style.STYLE.rc()):
        figure = make()
        settle(figure)
        for suffix, entries in metadata.items():
            drawn = io.BytesIO()  # in a file, Matplotlib stumbles over a disk that is full
            figure.savefig(drawn, format=suffix, dpi=style.STYLE.dpi, metadata=entries)
            content = drawn.getvalue()
            if suffix == "svg":
                content = _number_clips(content.decode()).encode()
            with atomic(output.with_suffix(f".{suffix}")) as temporary:
                temporary.write_bytes(content)


def _number_clips(svg: str) -> str:
    """Name the clip paths of an SVG by their order: matplotlib names them by their last bits."""
    names = {name: f"clip{k}" for k, name in enumerate(re.findall(r'<clipPath id="([^"]+)"', svg))}
    return re.sub(
        r'(?<=url\(#)[^)]+|(?<=<clipPath id=")[^"]+',
        lambda found: names.get(found[0], found[0]),
        svg,
    )
