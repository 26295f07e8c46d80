"""Findings beside their figures."""

import base64
import re
import struct
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

from study.site.cards import typeset
from study.site.gather import Material
from study.stages import FIGURES, FINDINGS, STAGES, stage_of

_QUESTION: Final = re.compile(r"(?:\d+\. )?[A-Z][^?.:;]*\?")
_OF_CONFIG: Final = re.compile(r"\s+of\s+\{\{.*?\}\}(\s+eV)?", re.DOTALL)
"""A bin width that the report takes from the configuration; the page has the tables alone."""


def findings_html(material: Material) -> str:
    """Return every section of the findings, with the figures of its stage beside it."""
    stage_of_title = {one.title: name for name, one in FINDINGS.items()}
    shown: set[str] = set()
    parts = []
    for place, (title, sentences) in enumerate(material.findings.items(), 1):
        figures = [
            figure.name
            for stage in STAGES
            if stage.name == stage_of_title.get(title)
            for figure in stage.figures
            if figure.name in material.figures
        ]
        shown |= {*figures}
        parts.append(_section(f"finding-{place}", title, sentences, material, figures))
    others = [name for name in material.figures if name not in shown]
    if others:
        parts.append(_section("finding-others", "Further figures", [], material, others))
    return "\n".join(parts)


def _section(
    key: str, title: str, sentences: Sequence[str], material: Material, figures: Sequence[str]
) -> str:
    said = f"<ul>{''.join(f'<li>{sentence(one)}</li>' for one in sentences)}</ul>"
    plates = "".join(figure_html(name, material.figures[name]) for name in figures)
    beside = f'<div class="plates">{plates}</div>' if figures else ""
    kind = "finding plated" if sentences and figures else "finding"
    return (
        f'<section class="{kind}" id="{key}"><h3>{escape(title)} '
        f'<a class="here" href="#{key}" aria-label="Link to this section">¶</a></h3>'
        f"{said if sentences else ''}{beside}</section>"
    )


def sentence(text: str) -> str:
    """Return a sentence as HTML; the question that it may begin with stands out.

    >>> sentence("Is D < E? No.")
    '<b>Is D &lt; E?</b> No.'
    """
    asked = _QUESTION.match(text := typeset(text))
    question = f"<b>{escape(asked[0])}</b>" if asked else ""
    return question + escape(text[len(asked[0]) if asked else 0 :])


def figure_html(name: str, path: Path) -> str:
    """Return a figure with its caption; a click shows it in its full size."""
    figure = FIGURES[name]
    shows = escape(figure.shows[:1].upper() + figure.shows[1:])
    return (
        f'<figure class="plate" id="figure-{name}"><button type="button" class="enlarge" '
        f'aria-label="Enlarge figure {figure.number}"><img src="{picture(path)}" '
        f'{_size(path)} alt="{shows}" loading="lazy"></button>'
        f"<figcaption><b>Figure {figure.number}.</b> "
        f'{shows}. <a class="here" href="#figure-{name}" aria-label="Link to this figure">¶</a>'
        f"<details><summary>Caption</summary>{escape(caption(name))}</details></figcaption>"
        "</figure>"
    )


def figure_of(name: str, path: Path) -> str:
    """Return a figure alone, for a page without scripts and styles of ours."""
    return (
        f'<img src="{picture(path)}" alt="{escape(FIGURES[name].shows, quote=True)}">'
        f"<details><summary>Figure {FIGURES[name].number}: {escape(FIGURES[name].shows)}</summary>"
        f"{escape(caption(name))}</details>"
    )


def picture(path: Path) -> str:
    """Return a PNG as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _size(path: Path) -> str:
    """Return width and height of a PNG as attributes: the page keeps their place."""
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    return f'width="{width}" height="{height}"'


def caption(name: str) -> str:
    """Return the caption of a figure as plain text."""
    text = files(f"study.{stage_of(name)}").joinpath(f"figure_{name}.rst").read_text("utf-8")
    return " ".join(_OF_CONFIG.sub("", text).split())
