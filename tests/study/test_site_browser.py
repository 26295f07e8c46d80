"""The study's page in a headless Chromium, as wide as a desk and as a phone."""

from pathlib import Path

import pandas as pd
import pytest

from browser import Browser
from study.site.page import write_site

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published" / "default"
WIDTHS = (390, 1280)
READY = "document.documentElement.dataset.ready === 'yes'"
TABLE = "document.getElementById('table').dataset.shows"
POINTS = "#parity .mark-symbol.role-mark path"
VIEW = "e3dViews[0]"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site") / "index.html"
    write_site([PUBLISHED], study="", citation=ROOT / "CITATION.cff", output=path)
    return path


@pytest.fixture(scope="module", params=WIDTHS)
def opened(browser: Browser, page: Path, request: pytest.FixtureRequest) -> Browser:
    """The page at one width, for all tests: it is large, and opening it takes longest."""
    browser.open(page)
    browser.resize(request.param)
    browser.until(f"{READY} && {TABLE}")
    return browser


@pytest.fixture
def shown(opened: Browser) -> Browser:
    """The page as it is when it was opened."""
    opened.run("location.hash = ''; location.hash = '#bonds/minispice/n512/micro/mean'")
    opened.run("document.querySelector('#references button').click()")
    runs_shown(opened, *(f"minispice/n512/micro/s{k}" for k in range(3)))
    return opened


def named() -> pd.DataFrame:
    """D of the named bonds, relaxed."""
    table = pd.read_csv(PUBLISHED / "bde" / "named.csv", keep_default_na=False, na_values=[""])
    return table[table["geometry"] == "relaxed"]


def words(shown: Browser, name: str) -> str:
    return str(shown.run(f"document.querySelector('#slider-{name} output').textContent"))


def left(shown: Browser, name: str) -> None:
    """Move a slider one step to the left, by its key."""
    shown.run(f"document.querySelector('#slider-{name} input').focus()")
    shown.press("ArrowLeft")


def runs_shown(shown: Browser, *runs: str) -> None:
    """Wait until the plot shows these runs."""
    shown.until(f"document.getElementById('parity').dataset.runs === '{' '.join(runs)}'")


def tooltip(shown: Browser) -> dict[str, str]:
    """What the tooltip says, by its first column."""
    shown.until("document.querySelector('#vg-tooltip-element.visible') !== null")
    rows = shown.run(
        "Array.from(document.querySelectorAll('#vg-tooltip-element tr'), "
        "(row) => [row.cells[0].textContent, row.cells[1].textContent])"
    )
    return {key.rstrip(":"): value for key, value in rows}


def hover(shown: Browser, k: int) -> dict[str, str]:
    shown.mouse_over("document.querySelector('h1')")
    shown.run("document.querySelector('#vg-tooltip-element')?.classList.remove('visible')")
    shown.mouse_over(f"document.querySelectorAll('{POINTS}')[{k}]")
    return tooltip(shown)


def test_it_fits_the_window(shown: Browser) -> None:
    width = shown.run("innerWidth")
    assert width in WIDTHS
    shown.until("document.documentElement.scrollWidth <= innerWidth")  # the plot is drawn anew
    box = shown.run("(() => { const b = document.querySelector('#parity svg')"
                    ".getBoundingClientRect(); return [b.left, b.right]; })()")  # fmt: skip
    assert 0 <= box[0] < box[1] <= width


def test_a_point_says_its_bond_molecule_and_seeds(shown: Browser) -> None:
    table = named()
    table = table[(table["n_train"] == 512) & (table["model"] == "micro")]
    bonds = list(table[table["bde298_eV"].notna()]["bond"].drop_duplicates())
    assert shown.run(f"document.querySelectorAll('{POINTS}').length") == len(bonds)
    said = hover(shown, 0)
    part = table[table["bond"] == said["bond"]]
    d = part["bond_energy_eV"].round(3)
    assert said["molecule"] == part["molecule"].iloc[0]
    assert said["D (eV)"].replace("−", "-") == f"{d.mean():.2f}"
    assert said["over seeds (eV)"] == f"{d.min():.2f} to {d.max():.2f} (3 seeds)"
    assert said["reference (eV)"] == f"{part['bde298_eV'].iloc[0]:.2f}"


def test_a_reference_is_chosen(shown: Browser) -> None:
    assert "0.79 eV [0.55, 1.03]" in shown.run(
        "document.getElementById('parity-score').textContent"
    )
    shown.run("document.querySelectorAll('#references button')[1].click()")
    shown.until(f"document.querySelectorAll('{POINTS}').length === 16")
    score = shown.run("document.getElementById('parity-score').textContent")
    assert "against De: 1.28 eV [0.69, 1.88]" in score


def test_sliders_choose_the_run_for_plot_view_and_drawings(shown: Browser) -> None:
    assert words(shown, "seed") == "mean of 3"
    before = shown.run(f"{VIEW}.one.d[0]")
    left(shown, "seed")
    runs_shown(shown, "minispice/n512/micro/s2")
    left(shown, "n")
    assert words(shown, "n") == "200"
    left(shown, "model")
    assert words(shown, "model").startswith("nano, ")
    runs_shown(shown, "minispice/n200/nano/s0")
    assert hover(shown, 0)["over seeds (eV)"] == "one seed"

    means = pd.read_csv(PUBLISHED / "decompose" / "bond_means.csv")
    name = shown.run(f"{VIEW}.molecule.selectedOptions[0].text")
    chosen = means[(means["run"] == "minispice/n200/nano/s0") & (means["molecule"] == name)]
    after = shown.run(f"{VIEW}.one.d[0]")
    assert sorted(after) == sorted(chosen["bond_energy_eV"].round(3))
    assert after != before
    labels = shown.run(f"{VIEW}.viewer.labels.map((label) => Number(label.text))")
    assert labels == [float(f"{d:.2f}") for d in after]
    place = shown.run(f"{VIEW}.molecule.selectedIndex")
    drawn = shown.run(
        f"Array.from(document.querySelectorAll('[data-molecule=\"{place}\"] [data-bond] > text'), "
        "(text) => Number(text.textContent))"
    )
    assert sorted(drawn) == sorted(labels)


def test_a_drawing_is_shown_in_3d(shown: Browser) -> None:
    shown.run("document.querySelector('[data-molecule=\"3\"]').click()")
    assert shown.run(f"{VIEW}.molecule.selectedIndex") == 3
    assert shown.run(f"{VIEW}.one === {VIEW}.data.molecules[3]")


def test_all_molecules_are_drawn_on_request(shown: Browser) -> None:
    count = (
        "Array.from(document.querySelectorAll('.gallery .card')).filter((c) => !c.hidden).length"
    )
    assert shown.run(count) == 12
    shown.run("document.getElementById('gallery-all').click()")
    assert shown.run(count) == shown.run(f"{VIEW}.data.molecules.length") > 12


def column(shown: Browser, field: str) -> list[str]:
    """The cells of a column that are in sight, from above."""
    cells = shown.run(
        f"Array.from(document.querySelectorAll('#table .tabulator-cell[tabulator-field={field}]'), "
        "(cell) => cell.textContent)"
    )
    return [str(cell).replace("\xa0", "") for cell in cells]


def test_tables_are_sorted_by_a_click(shown: Browser) -> None:
    table = pd.read_csv(PUBLISHED / "bde" / "named.csv")
    assert shown.run(TABLE) == "bde/named"
    assert column(shown, "run")[0] == table["run"].iloc[0]
    for name in ("bde298_eV", "bond"):
        head = f".tabulator-col[tabulator-field={name}] .tabulator-col-content"
        for ascending in (True, False):
            order = "ascending" if ascending else "descending"
            shown.run(f"document.querySelector('{head}').click()")
            shown.until(
                f"document.querySelector('.tabulator-col[tabulator-field={name}]')"
                f".getAttribute('aria-sort') === '{order}'"
            )
            expected = table[name].sort_values(
                ascending=ascending, key=None if name != "bond" else lambda one: one.str.lower()
            )
            first = column(shown, name)[:5]
            if name == "bond":
                assert first == list(expected[:5])
            else:
                assert [float(one) for one in first] == list(expected[:5])


def test_a_table_is_chosen_and_saved_whole(shown: Browser) -> None:
    shown.run(
        "(() => { const one = document.getElementById('table-choice');"
        "one.value = 'bde/order'; one.dispatchEvent(new Event('change')); })()"
    )
    shown.until(f"{TABLE} === 'bde/order'")
    shown.run(
        "(() => { window.saved = null; const make = URL.createObjectURL;"
        "URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; });"
        "return make(blob); }; HTMLAnchorElement.prototype.click = function () {"
        "window.savedAs = this.download; };"
        "document.getElementById('table-save').click(); })()"
    )
    shown.until("window.saved !== null")
    assert shown.run("window.saved") == (PUBLISHED / "bde" / "order.csv").read_text()
    assert shown.run("window.savedAs") == "bde-order.csv"


def test_figures_are_enlarged(shown: Browser) -> None:
    shown.run("document.querySelector('#figure-parity .enlarge').click()")
    assert shown.run("document.getElementById('enlarged').open")
    shown.run("document.getElementById('enlarged').click()")
    assert not shown.run("document.getElementById('enlarged').open")


def test_addresses_lead_to_a_run_and_a_table(shown: Browser) -> None:
    shown.run("location.hash = '#bonds/minispice/n80/nano/s0'")
    runs_shown(shown, "minispice/n80/nano/s0")
    left(shown, "n")
    assert shown.run("location.hash") == "#bonds/minispice/n32/nano/s0"
    shown.run("location.hash = '#tables/null/types'")
    shown.until(f"{TABLE} === 'null/types'")


def test_nothing_was_asked_for_and_nothing_complained_of(shown: Browser, page: Path) -> None:
    """After all that the tests above did with it."""
    assert not shown.complaints
    assert shown.requests[0] == page.as_uri()
    assert all(url.startswith(("data:", "blob:")) for url in shown.requests[1:])
    shown.run("fetch('https://example.org/').catch(() => null)")  # a control: it is seen
    shown.until("true")
    assert shown.complaints
