"""Figure and findings of the dynamics, from series in which it is known what announces a break."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dynamics_fixtures import RUN, announced
from e3d import tables
from e3d.fields import Column as C
from study.dynamics import figure_dynamics as figure
from study.dynamics import findings
from study.dynamics.command import dynamics_tables
from study.dynamics.series import Outcome, Series
from study.figures import saving, style
from study.findings.wording import Run

PLACE: Run = ("a", "b", 1)
Tables = dict[str, pd.DataFrame]


def made(series: list[Series], seeds: int = 1) -> Tables:
    """The tables of runs that differ in their seed's number alone."""
    one = {name or ".dynamics": table for name, table in dynamics_tables(series, 5).items()}
    runs = [RUN | {"seed": seed} for seed in range(seeds)]
    found = {
        f"dynamics/{name[1:]}": pd.concat([tables.with_run(t, run) for run in runs])
        for name, t in one.items()
    }
    found["decompose/summary"] = pd.DataFrame([run | {"n_parameters": 10} for run in runs])
    return found


@pytest.fixture(scope="module")
def by_d() -> Tables:
    return made(announced("D", replicas=6, molecules=4), seeds=2)


@pytest.fixture(scope="module")
def nothing() -> Tables:
    """No replica breaks, and none is followed long enough for a spectrum."""
    series = announced("D", replicas=3, molecules=2)
    calm = {
        "outcome": np.full(3, Outcome.INTACT, dtype=object),
        "broken": np.full(3, -1),
        "stopped": np.full(3, 20),
    }
    return made([Series(**{**vars(one), **calm}) for one in series])


def test_it_draws_the_same_bytes_and_changes_nothing(by_d: Tables, tmp_path: Path) -> None:
    before = {name: table.copy() for name, table in by_d.items()}
    for turn in ("first", "second"):
        saving.save(lambda: figure.make(by_d), tmp_path / turn / "dynamics.png")
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name
    for name, table in before.items():
        pd.testing.assert_frame_equal(table, by_d[name])


def test_it_shows_the_scores_of_the_table(by_d: Tables) -> None:
    axes = next(
        one for one in figure.make(by_d).axes if one.get_xlabel() == "time before the break (fs)"
    )
    drawn = {
        line.get_color(): line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 4
    }  # type: ignore[arg-type]
    assert min(drawn[style.BLUE]) > 0.95
    assert max(drawn[style.VERMILION]) < 0.9


def test_nothing_to_show_draws(nothing: Tables) -> None:
    made_of = figure.make(nothing)
    made_of.draw_without_rendering()
    assert "no bond broke" in {axes.get_title() for axes in made_of.axes}


def test_findings_say_no_more_than_the_intervals(by_d: Tables, nothing: Tables) -> None:
    text = "\n".join(findings.sentences(by_d, PLACE))
    assert "D against chance: better" in text
    assert "48 breaks" in text
    split = by_d | {"dynamics/breaking": by_d["dynamics/breaking"].copy()}
    first = split["dynamics/breaking"][C.SEED] == 0
    split["dynamics/breaking"].loc[first, "beats_chance"] = "undetermined"
    assert "D against chance: undetermined" in "\n".join(findings.sentences(split, PLACE)), (
        "one seed disagrees"
    )
    empty = "\n".join(findings.sentences(nothing, PLACE))
    assert empty.count("undetermined, no break was followed") == 2
    assert "Spectrum of D: undetermined" in empty


def test_no_holes_are_claimed_where_no_break_was_downhill(by_d: Tables, nothing: Tables) -> None:
    for below in (0, 1):
        tables_ = by_d | {
            "dynamics/dynamics": by_d["dynamics/dynamics"].assign(n_broken_below_start=below)
        }
        text = " ".join(findings.sentences(tables_, PLACE))
        assert ("holes" in text) == bool(below)
    text = " ".join(findings.sentences(nothing, PLACE))
    assert "holes" not in text
    assert "Among the 0 broken" not in text
