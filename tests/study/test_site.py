"""The study's page: verdicts, runs and tables are those of the study, the page needs nothing."""

import base64
import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from e3d.errors import InputError
from e3d.statistics import NO, UNDETERMINED, YES, Estimate
from study.answers.questions import QUESTIONS, START, STUDENTS
from study.site import archive
from study.site.about import runs_words
from study.site.by_run import levels, molecules, parity, runs_of
from study.site.cards import Card, cards_html, cards_of
from study.site.gather import Material, gather
from study.site.page import write_site
from study.site.sections import caption
from study.stages import FIGURES

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"
CITATION = ROOT / "CITATION.cff"


@pytest.fixture(scope="module")
def default() -> Material:
    return gather([PUBLISHED / "default"], "default")


def data_of(page: str, name: str) -> Any:
    (text,) = re.findall(rf'<script type="application/json" id="{name}">(.*?)</script>', page)
    return json.loads(text)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in PUBLISHED.glob("*/costs.csv")))
def test_every_published_study_has_a_page_that_holds_its_tables(name: str, tmp_path: Path) -> None:
    write_site([PUBLISHED / name], study="", citation=CITATION, output=tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert len(page) < 8e6
    assert "default-src 'none'" in page
    for table in data_of(page, "tables-data"):
        text = gzip.decompress(base64.b64decode(table["data"]))
        assert text == (PUBLISHED / name / f"{table['name']}.csv").read_bytes()
        assert table["rows"] == text.count(b"\n") - 1
    for figure in (PUBLISHED / name / "figures").glob("*.png"):
        assert f'id="figure-{figure.stem}"' in page
    written = (PUBLISHED / name / "figures" / "findings.md").read_text(encoding="utf-8")
    titles = re.findall(r"\*\*(.+)\*\*", written)
    shown = (tmp_path / "findings.html").read_text(encoding="utf-8")
    assert re.findall("<h2>(.+)</h2>", shown.replace("</section>", "\n")) == titles
    assert page.count("<li>") >= written.count("\n- ")


def test_the_same_tables_make_the_same_page(tmp_path: Path) -> None:
    for name in ("first", "second"):
        output = tmp_path / name / "index.html"
        write_site([PUBLISHED / "controls"], study="", citation=CITATION, output=output)
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("first", "second"))
    assert [one.read_bytes() for one in first] == [one.read_bytes() for one in second]


def test_files_and_their_folder_make_the_same_page(tmp_path: Path) -> None:
    folder = PUBLISHED / "controls"
    files = [path for path in folder.rglob("*") if path.suffix in {".csv", ".png", ".md", ".json"}]
    for given, name in ((files, "files"), ([folder], "folder")):
        write_site(given, study="x", citation=CITATION, output=tmp_path / name / "index.html")
    pages = [(tmp_path / name / "index.html").read_text() for name in ("files", "folder")]
    assert pages[0] == pages[1]


def test_a_folder_without_tables_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no table of a study"):
        gather([tmp_path], "")


def test_tables_of_two_studies_are_one_line(tmp_path: Path, input_error: Any) -> None:
    for study, table in (("default", "decompose/summary"), ("spice2-medium", "bde/summary")):
        (tmp_path / table).parent.mkdir()
        shutil.copy(PUBLISHED / study / f"{table}.csv", tmp_path / f"{table}.csv")
    with input_error("bde/summary.csv", "has rows of run given/spice2-medium"):
        write_site([tmp_path], study="", citation=CITATION, output=tmp_path / "a.html")
    assert not list(tmp_path.glob("*.html"))


def test_what_is_no_figure_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "parity.png").write_bytes(b"no")
    table = PUBLISHED / "default" / "bde" / "named.csv"
    with pytest.raises(InputError, match="is no PNG"):
        gather([table, tmp_path / "parity.png"], "")


# --- verdicts


def test_the_default_study_has_the_verdicts_of_its_claims(default: Material) -> None:
    cards = cards_of(default)
    (section,) = (part for title, part in default.findings.items() if title.startswith("What the"))
    assert [card.detail for card in cards] == section
    assert {card.answer for card in cards} == {YES, NO, UNDETERMINED}
    assert len({card.question for card in cards}) == len(cards)
    for card in cards:
        assert f"[{card.value.lo:.2f}, {card.value.hi:.2f}]" in card.detail
        decided = not card.value.lo <= 0 <= card.value.hi
        assert decided == (card.answer != UNDETERMINED)


def test_a_given_model_has_them_too_and_a_study_without_claims_has_none() -> None:
    assert len(cards_of(gather([PUBLISHED / "spice2-medium"], "x"))) > 3
    assert cards_of(gather([PUBLISHED / "controls"], "x")) == []


def answers_table() -> pd.DataFrame:
    rows = [
        {
            "question": one.number, "text": one.text, "about": "small, m, N = 8",
            "quantity": one.quantity, "unit": one.unit, "primary": primary, "value": 0.5,
            "value_lo": 0.25, "value_hi": 0.75, "p": 0.1, "p_holm": 0.1, "answer": answer,
            "things": "bonds", "n_things": 12, "n_molecules": 4, "n_seeds": 3,
            "answers_without_a_seed": "yes, no, yes" if primary == "yes" else "",
        }
        for one, primary, answer in (
            (QUESTIONS[0], "yes", NO), (QUESTIONS[0], "no", YES), (QUESTIONS[3], "yes", YES),
            (STUDENTS, "no", UNDETERMINED), (START, "no", NO), (START, "no", YES),
        )
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_study_of_scale_has_the_verdicts_of_its_table(tmp_path: Path) -> None:
    path = tmp_path / "answers" / "answers.csv"
    path.parent.mkdir()
    answers_table().to_csv(path, index=False)
    cards = cards_of(gather([tmp_path], "scale"))
    assert [card.answer for card in cards] == [NO, YES, UNDETERMINED, NO, YES]
    levels = [QUESTIONS[0].no, QUESTIONS[3].yes, STUDENTS.yes, START.no, START.yes]
    assert [card.level for card in cards] == levels
    assert START.no != START.yes
    write_site([tmp_path], study="scale", citation=CITATION, output=tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert page.count("<article") == 5
    assert page.count("12 bonds of 4 molecules, 3 seeds.") == 5
    assert page.count("Without each seed in turn: yes, no, yes.") == 2
    assert "0.50</b> [0.25, 0.75]" in page


# --- runs


def test_the_page_has_d_of_every_run_and_bond(default: Material) -> None:
    shown, named = parity(default), default.read("bde/named")
    assert shown is not None
    named = named[named["geometry"] == "relaxed"]
    for row in named.to_dict("records"):
        place = next(k for k, bond in enumerate(shown["bonds"]) if bond[0] == row["bond"])
        assert shown["d"][row["run"]][place] == pytest.approx(row["bond_energy_eV"], abs=6e-4)
    assert sum(d is not None for run in shown["d"].values() for d in run) == len(named)


def test_molecules_have_d_of_every_run_on_the_same_bonds(default: Material) -> None:
    means = default.read("decompose/bond_means")
    shown, by_run = molecules(default)
    assert len(shown) == means["smiles"].nunique()
    rows = means.set_index(["run", "smiles", "i", "j"])["bond_energy_eV"]
    n = 0
    for molecule, values in zip(shown, by_run, strict=True):
        for run, d in values.items():
            for (i, j, *_), one in zip(molecule.bonds, d, strict=True):
                assert one == pytest.approx(rows[run, molecule.mapped_smiles, i, j], abs=6e-4)
                n += 1
        assert molecule.positions.shape == (1, len(molecule.symbols), 3)
    assert n == len(means)


def test_sliders_go_from_few_frames_and_small_models_up(default: Material) -> None:
    found = list(levels(runs_of(default)))
    assert len(found) == 10
    order = [(one["n"], one["weights"], one["seed"]) for one in found]
    assert order == sorted(order)


def test_the_words_count_runs_frames_sizes_and_seeds(default: Material) -> None:
    assert runs_words(runs_of(default)) == (
        "10 models trained on minispice: 32 to 512 training frames, sizes nano and micro, 1 to 3 "
        "seeds of each."
    )
    cells = pd.read_csv(PUBLISHED / "scale" / "answers" / "cells.csv")
    scale = runs_of(gather([PUBLISHED / "scale"], "x"))
    assert len(scale) == scale["run"].nunique() == cells["n_seeds"].sum()
    assert runs_words(scale).startswith(f"{len(scale)} models trained on small-gfn2")
    given = runs_words(runs_of(gather([PUBLISHED / "spice2-medium"], "x")))
    assert given == "1 model that others trained, spice2-medium."


# --- tables and captions


def test_the_largest_tables_are_left_out_and_named(
    default: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_MOST_BYTES", 20_000)
    tables = archive.archive(default.tables)
    kept = [one for one in tables if one["data"]]
    assert 0 < len(kept) < len(tables)
    assert sum(len(one["data"]) for one in kept) <= 20_000
    html = archive.tables_html(tables)
    assert all((f'value="{one["name"]}"' in html) == bool(one["data"]) for one in tables)
    assert all(one["name"] in html for one in tables)


def test_columns_are_numbers_where_all_their_values_are(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b,c,d\n1,x,True,\n,2,False,3.5\n")
    (table,) = archive.archive({"x": path})
    assert dict(table["columns"]) == {"a": True, "b": False, "c": False, "d": True}


@pytest.mark.parametrize("name", FIGURES)
def test_captions_are_text(name: str) -> None:
    assert not re.search(r"[{}]", caption(name))


def test_what_decides_stands_at_its_place_beside_the_interval() -> None:
    html = cards_html([Card("Is D so?", YES, Estimate(2.0, 1.0, 3.0), "eV", -0.5, "It is.")])
    (level, _), (lo, hi) = (
        re.findall(rf'class="{kind}" x1="([\d.]+)"(?: x2="([\d.]+)")?', html)[0]
        for kind in ("level", "range")
    )
    level, lo, hi = float(level), float(lo), float(hi)
    assert (level - lo) / (hi - lo) == pytest.approx(-0.75, abs=0.01)
    assert ">−0.5</p>" in html
