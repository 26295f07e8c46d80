"""Pages in a headless Chromium: no request, no complaint, and what moves does."""

import io
from pathlib import Path

import numpy as np
import pytest

import e3d
from browser import Browser
from e3d.report.write import write_report
from report_fixtures import N_FRAMES, Springs, trajectory, write_springs, write_structures

LABELS = "e3dViews[0].viewer.labels.map((label) => label.text)"
VIEW = "e3dViews[0]"
ELEMENTS = ("H", "C", "N", "O")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a trajectory and a crystal."""
    folder = tmp_path_factory.mktemp("page")
    model = Springs(write_springs(folder, *ELEMENTS), ELEMENTS)
    write_report(model, list(write_structures(folder).values()), folder / "out")
    return folder / "out" / "report.html"


def n_colors(png: bytes) -> int:
    image = pytest.importorskip("matplotlib.image").imread(io.BytesIO(png))
    return len(np.unique(image.reshape(-1, image.shape[-1]), axis=0))


def test_it_asks_for_nothing_and_complains_of_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run("fetch('https://example.org/').catch(() => null)")  # a control: it is seen
    browser.until(f"{LABELS}.length > 0")
    asked = [url for url in browser.requests if not url.startswith(("data:", "blob:"))]
    assert asked[0] == page.as_uri()
    assert all("example.org" in url for url in asked[1:])
    assert any("example.org" in text for text in browser.complaints)
    assert all("example.org" in text for text in browser.complaints)


def test_the_view_shows_atoms_and_bonds(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert n_colors(browser.picture(".view-canvas canvas")) > 200
    browser.run(f"{VIEW}.viewer.clear(); {VIEW}.viewer.render(); 0")
    assert n_colors(browser.picture(".view-canvas canvas")) < 30  # a control: rounded corners


def test_labels_follow_the_slider(browser: Browser, page: Path) -> None:
    bonds = e3d.decompose(Springs(page, ELEMENTS), trajectory())
    expected = [
        [f"{d:.2f}" for d in np.round(part["bond_energy_eV"], 3)]
        for _, part in bonds.groupby("frame")
    ]
    browser.open(page)
    assert browser.run(LABELS) == expected[0]
    browser.run("document.querySelector('.view-frame').focus()")
    browser.press("ArrowRight")
    assert browser.run(LABELS) == expected[1]
    browser.press("End")
    assert browser.run(LABELS) == expected[-1]
    assert expected[0] != expected[1] != expected[-1]
    table = "Array.from(document.querySelector('.view-table').tBodies[0].rows, "
    shown = browser.run(table + "(row) => Number(row.cells[3].textContent).toFixed(2))")
    assert shown == expected[-1]
    name = browser.run("document.querySelector('.view-frame-name').textContent")
    assert name == f"frame {N_FRAMES - 1} ({N_FRAMES} of {N_FRAMES} shown)"


def test_it_plays_and_pauses(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run("document.querySelector('.view-play').click()")
    browser.until(f"{VIEW}.k > 1")
    browser.run("document.querySelector('.view-play').click()")
    assert not browser.run(f"Boolean({VIEW}.timer)")


def test_curves_are_chosen(browser: Browser, page: Path) -> None:
    browser.open(page)
    curves = "document.querySelectorAll('.view-plot path').length"
    assert browser.run(curves) == 6
    browser.run("document.querySelector('.chip[aria-pressed=false]').click()")
    assert browser.run(curves) == 7
    most = browser.run("document.querySelector('.chip').textContent.trim()")
    assert most == "C0–C1"  # the bond that is stretched


def test_a_crystal_has_its_cell_and_no_slider(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run(
        "(() => { const one = document.querySelector('.view-molecule'); one.value = 1;"
        "one.dispatchEvent(new Event('change')); })()"
    )
    assert len(browser.run(LABELS)) == 16
    assert browser.run("document.querySelector('.view-frame').parentElement.hidden")
    shapes = browser.run(f"{VIEW}.viewer.shapes.filter((shape) => shape).length")
    crossing = browser.run(f"{VIEW}.one.bonds.filter((b) => b[2] || b[3] || b[4]).length")
    assert crossing > 0
    assert shapes == 16 + crossing + 12  # a bond across a side is two halves; edges of the cell


def test_tables_are_sorted(browser: Browser, page: Path) -> None:
    browser.open(page)
    column = (
        "Array.from(document.querySelector('table[data-sortable]').tBodies[0].rows, "
        "(row) => row.cells[5].textContent)"
    )
    assert "–" in browser.run(column)
    for direction in (1, -1):
        browser.run("document.querySelectorAll('table[data-sortable] th button')[5].click()")
        texts = browser.run(column)
        values = [float(text) for text in texts if text != "–"]
        assert values == sorted(values)[::direction]
        assert texts[len(values) :] == ["–"] * (len(texts) - len(values))


def test_it_fits_the_window(browser: Browser, page: Path) -> None:
    browser.open(page)
    for width in (400, 800, 1400):
        browser.resize(width)
        assert browser.run("innerWidth") == width
        assert browser.run("document.documentElement.scrollWidth") <= width


def test_a_saved_drawing_is_a_page_of_its_own(browser: Browser, tmp_path: Path) -> None:
    e3d.draw(Springs(tmp_path, ELEMENTS), trajectory()).save(tmp_path / "drawing.html")
    browser.open(tmp_path / "drawing.html")
    assert len(browser.run(LABELS)) == 8
    assert browser.requests[0] == (tmp_path / "drawing.html").as_uri()
    assert all(url.startswith(("data:", "blob:")) for url in browser.requests[1:])
    assert not browser.complaints


def test_without_webgl_it_says_so_and_the_rest_works(browser: Browser, page: Path) -> None:
    script = browser.send(
        "Page.addScriptToEvaluateOnNewDocument",
        source="HTMLCanvasElement.prototype.getContext = () => null",
    )
    browser.open(page)
    browser.send("Page.removeScriptToEvaluateOnNewDocument", **script)
    assert browser.run("document.querySelector('.view-failed').checkVisibility()")
    assert not browser.run("document.querySelector('.view-canvas').checkVisibility()")
    browser.run("document.querySelector('.view-frame').focus()")
    browser.press("ArrowRight")
    shown = browser.run("document.querySelector('.view-frame-name').textContent")
    assert shown == f"frame 1 (2 of {N_FRAMES} shown)"
    assert not browser.complaints
