"""The command ``site``: the study's page, and what Snakemake's report shows of it."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

import pandas as pd

from e3d.drawing.colors import ColorScale
from e3d.drawing.molecules import Molecule
from e3d.drawing.page import page
from e3d.drawing.skeleton import skeleton
from e3d.drawing.view import licences, scripts, view
from e3d.provenance import write_text
from e3d.report.charts import ORDERS
from study.site.about import citation_html, provenance_html, runs_words
from study.site.archive import archive, tables_html, to_json
from study.site.by_run import levels, molecules, parity, runs_of, scale_of
from study.site.cards import cards_html, cards_of
from study.site.gather import Material, gather
from study.site.report import findings_page, first_page
from study.site.sections import findings_html
from study.tables import read_tables

FINDINGS_FILE: Final = "findings.html"
FIRST_FILE: Final = "first.html"
_QUESTION: Final = "Do the energies on the edges of a potential become bond energies?"
_ABSTRACT: Final = """<p class="lead">An Allegro potential writes the energy of a molecule as a sum
over directed edges, and learns it from energies and forces alone. The two edges of a pair of atoms
give <b>D</b>, in eV and positive for a bond. Is D a bond energy? A number is followed by its 95 %
interval in square brackets; an answer that the interval leaves open is “not determined”.</p>"""
_GALLERY: Final = 12
"""Molecules that are drawn before all are asked for."""


_CHOOSE: Final = """The sliders choose the model, by training frames N, size and seed of its
weights; plot, molecule and drawings follow."""
_SLIDERS: Final = """<div class="controls sliders" id="sliders">
<label id="slider-dataset" hidden>Training set <select></select></label>
<label id="slider-n">N <input type="range" min="0" step="1"><output></output></label>
<label id="slider-model">Size <input type="range" min="0" step="1"><output></output></label>
<label id="slider-seed">Seed <input type="range" min="0" step="1"><output></output></label>
</div>"""
_PLOT: Final = """<figure class="parity"><div class="choices" id="references" role="group"
aria-label="Reference energy"></div><div id="parity"></div>
<figcaption class="note" id="parity-score" aria-live="polite"></figcaption></figure>"""


def write_site(files: Sequence[Path], *, study: str, citation: Path, output: Path) -> None:
    """Write the study's page, and beside it what the report shows: its findings and first page.

    Parameters
    ----------
    files
        Tables, figures (PNG) and findings of a finished study, or the one folder that holds them.
    study
        Its name; empty for that of the folder.
    citation
        ``CITATION.cff``.
    output
        The page. ``findings.html`` and ``first.html`` go beside it.

    Raises
    ------
    InputError
        If there are no tables, one cannot be read, or they are of different studies.
    """
    material = gather(files, study or files[0].resolve().name)
    read_tables(list(material.tables.values()), list(material.tables))  # of one study, or not
    runs = runs_of(material)
    texts = {
        output: site_page(material, runs, citation),
        output.with_name(FINDINGS_FILE): findings_page(material),
        output.with_name(FIRST_FILE): first_page(material, runs),
    }
    for path, text in texts.items():
        write_text(path, text)


def site_page(material: Material, runs: pd.DataFrame, citation: Path) -> str:
    """Return the page, section by section."""
    cards = cards_of(material)
    tables = archive(material.tables)
    sections = [("verdicts", "Verdicts", cards_html(cards))] if cards else []
    by_run = _by_run(material, runs)
    sections += [("bonds", "Bond by bond", by_run)] if by_run else []
    if material.findings or material.figures:
        sections.append(("findings", "Findings", findings_html(material)))
    sections += [
        ("tables", "Tables", tables_html(tables)),
        ("provenance", "Provenance", provenance_html(material, tables)),
        ("citation", "Citation", citation_html(citation, material)),
    ]
    links = "".join(f'<a href="#{key}">{title}</a>' for key, title, _ in sections)
    body = "\n".join(
        f'<section id="{key}"><h2>{title}</h2>\n{text}\n</section>' for key, title, text in sections
    )
    notices = licences() + "\n" + web_file("NOTICE.txt")
    return page(
        f"E3D study: {material.name}",
        f'<header><p class="kicker">E3D study · {escape(material.name)}</p><h1>{_QUESTION}</h1>'
        f'{_ABSTRACT}<p class="runs">{escape(runs_words(runs))}</p><nav>{links}</nav></header>\n'
        f"<main>\n{body}\n</main>\n<dialog id='enlarged'><img alt=''></dialog>"
        "<footer><details><summary>Licences of the scripts in this page</summary>"
        f"<pre>{escape(notices)}</pre></details></footer>\n"
        f"{scripts() if by_run else ''}{_own_scripts(plot=bool(by_run))}",
        styles=web_file("tabulator.css") + web_file("site.css"),
    )


def web_file(name: str) -> str:
    """Return the text of a file of the folder ``web``."""
    return files("study.site").joinpath("web", name).read_text(encoding="utf-8")


def _own_scripts(*, plot: bool) -> str:
    names = ["tabulator.js", "tables.js", *(["vega.js", "by_run.js"] if plot else [])]
    # each in a function of its own: names of one are not those of another
    return "".join(f"<script>(function () {{{web_file(name)}\n}})();</script>\n" for name in names)


def _by_run(material: Material, runs: pd.DataFrame) -> str:
    """Return plot, viewer and molecules that sliders of N, size and seed choose a run for."""
    points = parity(material)
    shown, d = molecules(material)
    if points is None and not shown:
        return ""
    names = [one.name for one in shown]
    scale = scale_of(d)
    known = {run for one in d for run in one} | {*(points or {"d": {}})["d"]}
    chosen = [one for one in levels(runs) if one["run"] in known]
    data = {
        "runs": chosen,
        "parity": points,
        "molecules": d,
        "orders": {sign: [words, color] for sign, (words, color, _) in ORDERS.items()},
    }
    parts = [
        "<p>Every point is a bond whose energy is known, every molecule a relaxed one.",
        _CHOOSE if len(chosen) > 1 else "",
        "</p>",
        _SLIDERS,
        '<div class="pair">',
        _PLOT if points is not None else "",
        f'<div class="solid">{view(shown, names, scale)}</div>' if shown else "",
        "</div>",
        _gallery(shown, scale) if shown else "",
        f'<script type="application/json" id="by-run-data">{to_json(data)}</script>',
    ]
    return "\n".join(parts)


def _gallery(shown: Sequence[Molecule], scale: ColorScale) -> str:
    cards = "".join(
        f'<figure class="card"{" hidden" if k >= _GALLERY else ""}><button type="button" '
        f'data-molecule="{k}" aria-label="Show {escape(one.name, quote=True)} in 3-D">'
        f"{skeleton(one, scale)}</button><figcaption>{escape(one.name)}</figcaption></figure>"
        for k, one in enumerate(shown)
    )
    more = (
        f'<button type="button" id="gallery-all">All {len(shown)} molecules</button>'
        if len(shown) > _GALLERY
        else ""
    )
    return f'<div class="cards gallery">{cards}</div>{more}'
