"""Figures of reactivity, from the published tables: wide and narrow pages, runs without paths."""

from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from e3d.fields import Column as C
from study.figures import style
from study.reactivity import fields as f
from study.reactivity.guess import beside_guess
from study.stages import FIGURES, figure_module
from study.tables import read_tables

PUBLISHED = Path(__file__).parents[2] / "results" / "published" / "default"
NAMES = ("reactivity", "scans")
NARROW = style.Style(width=3.35, row_height=1.7, text=6.5, note=5.5, small_note=5.0, name=4.5)


def tables_of(name: str) -> dict[str, pd.DataFrame]:
    return read_tables([PUBLISHED], FIGURES[name].tables)


def drawn(name: str, tables: dict[str, pd.DataFrame]) -> Figure:
    figure: Figure = import_module(figure_module(name)).make(tables)
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("name", NAMES)
def test_it_fits_a_column_and_a_page(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = drawn(name, tables_of(name))
    monkeypatch.setattr(style, "STYLE", NARROW)
    narrow = drawn(name, tables_of(name))
    assert [figure.get_figwidth() for figure in (wide, narrow)] == [7.0, 3.35]
    assert len(narrow.axes) == len(wide.axes)
    for figure in (wide, narrow):
        for axes in figure.axes:
            box = axes.get_position().transformed(axes.get_figure().transSubfigure)
            assert min(box.size) / figure.dpi > 0.5, "a panel of less than half an inch"


@pytest.mark.parametrize("table", ["paths", "barriers"])
def test_nothing_to_show_draws(table: str) -> None:
    tables = tables_of("reactivity")
    tables[f"reactivity/{table}"] = tables[f"reactivity/{table}"][:0]
    figure = drawn("reactivity", tables)
    assert all(axes.lines for axes in figure.axes), "no empty panel"
    assert len(figure.axes) == {"paths": 2, "barriers": 6}[table]


def test_the_sentence_is_about_the_paired_difference_from_guessing() -> None:
    tables = tables_of("reactivity")
    figure = drawn("reactivity", tables)
    assert figure.get_suptitle().startswith("Guessing the mean predicts unimolecular")
    barriers = tables["reactivity/barriers"]
    better = barriers.assign(**{f.MODEL_EV: barriers[f.LABEL_EV] + 0.01})
    figure = drawn("reactivity", tables | {"reactivity/barriers": better})
    assert figure.get_suptitle().startswith("The model predicts unimolecular")


def test_a_guess_is_from_the_other_reactions_and_paired_by_barrier() -> None:
    labels = [1.0, 1.0, 3.0, 5.0]
    table = pd.DataFrame(
        {
            C.SEED: 0,
            f.REACTION: ["a", "a", "b", "c"],
            f.LABEL_EV: labels,
            f.MODEL_EV: [1.5, 0.5, 3.5, 4.5],
        }
    )
    guesses = [4.0, 4.0, 7 / 3, 5 / 3]
    gaps = [0.5 - abs(label - guess) for label, guess in zip(labels, guesses, strict=True)]
    assert beside_guess(table).value == pytest.approx(sum(gaps) / len(gaps))
    assert not beside_guess(table.iloc[:0]).has_interval


@pytest.mark.parametrize(
    ("shift", "words"),
    [(1.0, "higher by the model"), (-1.0, "lower by the model"), (None, "are not shown to end")],
)
def test_the_sentence_about_stretched_bonds_is_computed(shift: float | None, words: str) -> None:
    tables = tables_of("scans")
    scans = tables["reactivity/scans"]
    error = pd.factorize(scans[f.BOND])[0] % 2 - 0.5 if shift is None else shift
    rattled = error + 0.01 * pd.factorize(scans[f.BOND])[0]
    changed = scans.assign(**{f.ENERGY: scans[f.LABEL_ENERGY] + rattled})
    figure = drawn("scans", tables | {"reactivity/scans": changed})
    assert words in figure.get_suptitle()
    assert next(axes.get_title("left").split()[1] for axes in figure.axes) == "CH₃–H"
