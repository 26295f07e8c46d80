"""What Snakemake's report shows: the findings, and a first page with verdicts and a figure."""

from html import escape
from typing import Final

import pandas as pd

from e3d.drawing.page import page
from study.findings.wording import number
from study.site.about import runs_words
from study.site.cards import WORDS, Card, cards_of, typeset
from study.site.gather import Material
from study.site.sections import figure_of, sentence
from study.stages import FIGURES

_FIRST: Final = ("answers", "parity")
"""Figures that the first page shows, the first of them that there is."""
_STYLES: Final = """<style>
.first-page { max-width: 58rem; color: #26241f; }
.first-page table { width: 100%; border-collapse: collapse; margin: 1rem 0; }
.first-page td { border-top: 1px solid #d8d2c4; padding: 0.4rem 0.8rem 0.4rem 0;
  vertical-align: top; }
.first-page td.said { font-weight: 600; white-space: nowrap; }
.first-page td.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
.first-page img { width: 100%; margin: 0.5rem 0; }
/* text above the drawing of the workflow, over the whole width */
div:has(> div > .prose) { flex-wrap: wrap; align-content: flex-start; }
div:has(> .prose) { width: 100%; }
.prose:has(.first-page) { max-width: none; }
.h-screen:has(.first-page) { align-items: flex-start; }
</style>"""


def findings_page(material: Material) -> str:
    """Return all findings as a page of its own."""
    parts = [
        f"<section><h2>{escape(title)}</h2><ul>"
        f"{''.join(f'<li>{sentence(one)}</li>' for one in sentences)}</ul></section>"
        for title, sentences in material.findings.items()
    ]
    return page(
        f"Findings of the study {material.name}",
        f"<h1>Findings of the study “{escape(material.name)}”</h1>{''.join(parts)}",
        styles="li { max-width: 50rem; margin: 0.5rem 0; }",
    )


def first_page(material: Material, runs: pd.DataFrame) -> str:
    """Return the HTML that the report's first page begins with."""
    rows = "".join(map(_row, cards_of(material)))
    figure = next((name for name in (*_FIRST, *FIGURES) if name in material.figures), None)
    return (
        f'{_STYLES}<div class="first-page"><p>{escape(runs_words(runs))}</p>'
        f"{f'<table>{rows}</table>' if rows else ''}"
        f"{figure_of(figure, material.figures[figure]) if figure else ''}</div>\n"
    )


def _row(card: Card) -> str:
    text = number(card.value, card.value.value, f" {card.unit}" if card.unit else "")
    return (
        f"<tr><td>{escape(typeset(card.question))}</td><td class='said'>{WORDS[card.answer]}</td>"
        f"<td class='number'>{escape(typeset(text))}</td></tr>"
    )
