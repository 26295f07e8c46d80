"""Figures of reactivity, from the published tables: wide and narrow pages, runs without paths."""

from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from study.figures import style
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
    assert drawn("reactivity", tables).axes
