"""Null models in the figure and in the findings: both follow the tables, and say no where the intervals do."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from e3d.fields import TEST_CONFORMATIONS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.statistics.agreement import MAE
from study import runs
from study.fields import NAMED_BONDS
from study.figures import saving, style
from study.null.compare import LABELS, RANKS
from study.null.figure_null import make
from study.null.findings import sentences
from study.null.names import COARSE, FINE, FITTED, NULL_MODEL, NULLS, UNTRAINED, column
from study.references import REFERENCES
from study_tables import interval

Tables = dict[str, pd.DataFrame]
RUN = {C.DATASET: "mini", C.N_TRAIN: 32, C.MODEL: "nano"}


def study(
    verdicts: tuple[str, ...] = ("worse", "worse"), *, difference: float = 0.2, known: bool = True
) -> Tables:
    """Tables of one run with a seed for each verdict."""
    compare, named, follow, summary = [], [], [], []
    for seed, word in enumerate(verdicts):
        run = {C.RUN: f"mini/n32/nano/s{seed}", **RUN, C.SEED: seed}
        summary.append({**run, C.STRUCTURES: NAMED_BONDS, "n_parameters": 4000})
        half = 0.1 if known else np.nan
        scored = [*product(["relaxed"], REFERENCES, NULLS, [MAE, *RANKS])]
        scored += [*product(TEST_SPLITS, [LABELS], FITTED, [C.ENERGY_MAE, C.FORCE_MAE])]
        for place, reference, null, score in scored:
            if null != UNTRAINED or score != MAE:
                compare.append(
                    {
                        **run, C.GEOMETRY: place, "reference": reference, NULL_MODEL: null, "score": str(score),
                        C.N: 20, **interval("e3d", 0.7, half), **interval("null_value", 0.7 - difference, half),
                        **interval("difference", difference, half), "verdict": word,
                    }
                )  # fmt: skip
        for index, kind in enumerate(("C-H", "C=C", "C#C")):
            row = {
                **run,
                C.GEOMETRY: "relaxed",
                "bond": kind,
                C.BOND_TYPE: kind,
                C.BOND_ENERGY: 4.0 + index,
            }
            named.append(row | {column(COARSE): 4.2 + index})
        follow += [
            {**run, C.STRUCTURES: TEST_CONFORMATIONS, NULL_MODEL: null, **interval("pearson", 0.9, half),
             **interval("within_types_pearson", np.nan if null == COARSE else 0.3, half)}
            for null in FITTED
        ]  # fmt: skip
    types = [
        {C.DATASET: "mini", C.N_TRAIN: 32, C.MODEL: null, C.BOND_TYPE: kind, "determined": word}
        for null, kind, word in [
            (COARSE, "C-H", "yes"),
            (FINE, "Csp3-H", "yes"),
            (FINE, "Csp2-H", "no"),
        ]
    ]
    return {
        "decompose/summary": pd.DataFrame(summary),
        "null/compare": pd.DataFrame(compare),
        "null/named": pd.DataFrame(named),
        "null/correlations": pd.DataFrame(follow),
        "null/types": pd.DataFrame(types),
    }


def found(tables: Tables) -> list[str]:
    return list(sentences(tables, runs.reference(tables["decompose/summary"])))


def test_the_headline_says_whether_additivity_is_beaten() -> None:
    text = found(study(("worse", "undetermined")))
    assert text[0].startswith("Is D closer to the reference energies than bond additivity")
    assert "BDE298: worse in 1 of 2, undetermined in 1 of 2 seeds, 0.70 against 0.50 eV" in text[0]
    assert "difference 0.20 eV [0.10, 0.30] (seeds 0.20 to 0.20), 20 bonds" in text[0]
    assert "De: worse" in text[0]
    assert "mean bond energy: worse" in text[0]
    assert "better" not in " ".join(text)
    better = found(study(("better",), difference=-0.2))
    assert (
        "BDE298: better in 1 of 1 seed, 0.70 against 0.90 eV, difference -0.20 eV [-0.30, -0.10] (one seed)"
        in better[0]
    )
    assert "of 2 types of bond additivity with hybridisation 1 are not determined" in text[-1]


def test_without_intervals_nothing_is_claimed() -> None:
    text = " ".join(found(study(("undetermined",), known=False)))
    assert "better" not in text
    assert "worse" not in text
    assert "[no interval]" in text


def test_what_is_not_in_the_tables_is_said() -> None:
    tables = study()
    tables["null/compare"] = tables["null/compare"].iloc[:0]
    tables["null/correlations"] = tables["null/correlations"].iloc[:0]
    assert "BDE298 not in the tables" in found(tables)[0]


@pytest.mark.parametrize(
    "tables", [study(), study(("undetermined",), known=False)], ids=["two seeds", "no intervals"]
)
def test_the_figure_draws(tables: Tables) -> None:
    figure = make(tables)
    figure.draw_without_rendering()
    assert len(figure.axes) == 4
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert sum("(eV)" in label for label in labels) == 3


def test_the_figure_is_the_same_bytes_and_changes_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        style, "STYLE", replace(style.STYLE, pdf_fonttype=3)
    )  # embedding whole fonts takes most of the time
    tables = study()
    for turn in ("first", "second"):
        saving.save(lambda: make(tables), tmp_path / turn / "null.png")
    for suffix in (".png", ".svg", ".pdf"):
        assert (tmp_path / "first" / f"null{suffix}").read_bytes() == (
            tmp_path / "second" / f"null{suffix}"
        ).read_bytes()
    for name, table in study().items():
        pd.testing.assert_frame_equal(table, tables[name])


def test_a_missing_null_leaves_its_row_empty() -> None:
    tables = study()
    compare = tables["null/compare"]
    tables["null/compare"] = compare[~compare[NULL_MODEL].isin(FITTED)]
    make(tables).draw_without_rendering()
