"""The figure of the gauge draws what a study has, and says how far D differs between seeds."""

from pathlib import Path

import pytest

from study.figures.drawing import settle
from study.gauge.figure_gauge import make
from study.stages import FIGURES
from study.tables import read_tables

PUBLISHED = Path(__file__).parents[2] / "results" / "published"


@pytest.mark.parametrize(("name", "count"), [("default", 2), ("controls", 3)])
def test_a_study_without_variants_has_no_panel_of_them(name: str, count: int) -> None:
    tables = read_tables([PUBLISHED / name], FIGURES["gauge"].tables)
    figure = make(tables)
    settle(figure)
    assert len(figure.axes) == count
    assert all(axes.lines for axes in figure.axes)
    assert figure.get_suptitle().startswith("From seed to seed, D of a named bond varies by 0.4")


def test_one_seed_and_nothing_else_is_a_sentence() -> None:
    tables = read_tables([PUBLISHED / "default"], FIGURES["gauge"].tables)
    tables["gauge/seeds"] = tables["gauge/seeds"].iloc[:0]
    assert len(make(tables).axes) == 1
    tables["gauge/rigidity"] = tables["gauge/rigidity"].iloc[:0]
    figure = make(tables)
    assert "With one seed" in figure.get_suptitle()
    assert not figure.axes
