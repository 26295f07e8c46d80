"""Null models in the figure and in the findings: both claim what the intervals allow."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from e3d.fields import NAMED_BONDS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES
from e3d.statistics.agreement import MAE
from study import runs
from study.figures import saving, style
from study.null.compare import LABELS
from study.null.figure_null import make
from study.null.findings import sentences
from study.null.names import FITTED, NULL_MODEL, NULL_MODELS
from study_tables import interval

Tables = dict[str, pd.DataFrame]
RUN = {C.DATASET: "mini", C.N_TRAIN: 32, C.MODEL: "nano"}


def study(*, difference: float = 0.2, known: bool = True) -> Tables:
    """Tables of one run of two seeds."""
    compare, summary = [], []
    for seed in range(2):
        run = {C.RUN: f"mini/n32/nano/s{seed}", **RUN, C.SEED: seed}
        summary.append({**run, C.STRUCTURES: NAMED_BONDS, "n_parameters": 4000})
        half = 0.1 if known else np.nan
        values = {
            **interval("e3d", 0.7, half),
            **interval("null_value", 0.7 - difference, half),
            **interval("difference", difference, half),
        }
        scored = [
            ("relaxed", reference, null, score)
            for reference, null in product(REFERENCES, NULL_MODELS.values())
            for score in null.scores
        ]
        scored += product(TEST_SPLITS, [LABELS], FITTED, [C.ENERGY_MAE, C.FORCE_MAE])
        for place, reference, null, score in scored:
            about = {C.GEOMETRY: place, "reference": reference, NULL_MODEL: null.name}
            compare.append({**run, **about, "score": score, C.N: 20, **values})
    return {
        "decompose/summary": pd.DataFrame(summary),
        "null/compare": pd.DataFrame(compare),
    }


def found(tables: Tables) -> list[str]:
    return list(sentences(tables, runs.reference(tables["decompose/summary"])))


def test_the_bonds_of_a_molecule_are_told_apart_only_by_an_interval() -> None:
    (better,) = found(study(difference=-0.2))
    assert better.startswith("D tells the bonds of a molecule apart (MAE against BDE298")
    assert "0.70 and 0.90 eV; difference -0.20 eV [-0.30, -0.10]" in better
    (worse,) = found(study(difference=0.2))
    assert worse.startswith("D takes the bonds of a molecule for each other")
    for tables in (study(difference=0.05), study(known=False)):
        (open_,) = found(tables)
        assert open_.startswith("D is not shown to tell")


def test_a_difference_that_chance_makes_too_is_none() -> None:
    """The interval excludes zero, and D lies among the middle 95 % of its own shuffles."""
    tables = study(difference=-0.2)
    compare = tables["null/compare"]
    compare[["null_value_lo", "null_value_hi"]] = (0.6, 1.2)
    assert found(tables)[0].startswith("D is not shown to tell")


def test_what_is_not_in_the_tables_is_said() -> None:
    tables = study()
    tables["null/compare"] = tables["null/compare"].iloc[:0]
    assert "not in the tables" in found(tables)[0]


@pytest.mark.parametrize("tables", [study(), study(known=False)], ids=["two seeds", "no intervals"])
def test_the_figure_draws(tables: Tables) -> None:
    figure = make(tables)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert "(eV)" in axes.get_xlabel()
    scored = [null.label for null in NULL_MODELS.values() if MAE in null.scores]
    assert [label.get_text() for label in axes.get_yticklabels()] == scored


@pytest.mark.parametrize(
    ("difference", "known", "words", "bold"),
    [
        (
            0.3,
            True,
            "Counting bonds predicts BDE298 better than D does: MAE differs by 0.30 eV [0.2",
            True,
        ),
        (
            -0.3,
            True,
            "D predicts BDE298 better than counting bonds does: MAE differs by −0.30 eV",
            True,
        ),
        (0.01, True, "D is not shown to predict BDE298 better or worse", False),
        (0.3, False, "D is not shown to predict BDE298 better or worse", False),
    ],
)
def test_the_interval_decides_the_sentence_above_the_figure(
    difference: float, known: bool, words: str, bold: bool
) -> None:
    figure = make(study(difference=difference, known=known))
    assert words in figure.get_suptitle().replace("\n", " ")
    numbers = [text for text in figure.axes[0].texts if "[" in text.get_text()]
    assert {text.get_fontweight() for text in numbers} == {"bold" if bold else "normal"}


def test_the_figure_is_the_same_bytes_and_changes_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # embedding whole fonts takes most of the time
    monkeypatch.setattr(style, "STYLE", replace(style.STYLE, pdf_fonttype=3))
    tables = study()
    for turn in ("first", "second"):
        saving.save(lambda: make(tables), tmp_path / turn / "null.png")
    for suffix in (".png", ".svg", ".pdf"):
        assert (tmp_path / "first" / f"null{suffix}").read_bytes() == (
            tmp_path / "second" / f"null{suffix}"
        ).read_bytes()
    for name, table in study().items():
        pd.testing.assert_frame_equal(table, tables[name])


def test_a_missing_null_has_no_row() -> None:
    tables = study()
    compare = tables["null/compare"]
    tables["null/compare"] = compare[~compare[NULL_MODEL].isin([null.name for null in FITTED])]
    rows = make(tables).axes[0].get_yticklabels()
    assert [row.get_text().split("\n")[0] for row in rows] == ["$D$ shuffled", "$D$ shuffled"]
