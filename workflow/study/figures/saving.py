"""Writing a figure in the study's style: PNG, SVG and PDF, the same bytes every time.

Nothing is set globally: a figure is drawn and written inside ``matplotlib.rc_context``.
"""

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
            with atomic(output.with_suffix(f".{suffix}")) as temporary:
                figure.savefig(temporary, format=suffix, dpi=style.STYLE.dpi, metadata=entries)
                if suffix == "svg":
                    temporary.write_text(
                        _number_clips(temporary.read_text(encoding="utf-8")), encoding="utf-8"
                    )


def _number_clips(svg: str) -> str:
    """Name the clip paths of an SVG by their order: matplotlib names them by their last bits."""
    names = {name: f"clip{k}" for k, name in enumerate(re.findall(r'<clipPath id="([^"]+)"', svg))}
    return re.sub(
        r'(?<=url\(#)[^)]+|(?<=<clipPath id=")[^"]+',
        lambda found: names.get(found[0], found[0]),
        svg,
    )
