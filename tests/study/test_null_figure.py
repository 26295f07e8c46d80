"""Null models in the figure and in the findings: both claim what the intervals allow."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from e3d.fields import NAMED_BONDS, TEST_CONFORMATIONS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES
from study import runs
from study.figures import saving, style
from study.null.compare import LABELS
from study.null.figure_null import make
from study.null.findings import sentences
from study.null.names import COARSE, FINE, FITTED, NULL_MODEL, NULL_MODELS
from study_tables import interval

Tables = dict[str, pd.DataFrame]
RUN = {C.DATASET: "mini", C.N_TRAIN: 32, C.MODEL: "nano"}


def study(
    verdicts: tuple[str, ...] = ("worse", "worse"), *, difference: float = 0.2, known: bool = True
) -> Tables:
    """Tables of one run with a seed for each verdict."""
    compare, named, correlations, summary = [], [], [], []
    for seed, word in enumerate(verdicts):
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
            compare.append({**run, **about, "score": score, C.N: 20, **values, "verdict": word})
        for index, kind in enumerate(("C-H", "C=C", "C#C")):
            energies = {C.BOND_ENERGY: 4.0 + index, COARSE.column: 4.2 + index}
            named.append(
                {**run, C.GEOMETRY: "relaxed", "bond": kind, C.BOND_TYPE: kind, **energies}
            )
        for null in FITTED:
            within = np.nan if null == COARSE else 0.3
            correlation = {
                **interval("pearson", 0.9, half),
                **interval("within_types_pearson", within, half),
            }
            about = {C.STRUCTURES: TEST_CONFORMATIONS, NULL_MODEL: null.name}
            correlations.append({**run, **about, **correlation})
    known_types = (COARSE, "C-H", "yes"), (FINE, "Csp3-H", "yes"), (FINE, "Csp2-H", "no")
    types = [
        {
            C.DATASET: "mini",
            C.N_TRAIN: 32,
            C.MODEL: null.name,
            C.BOND_TYPE: kind,
            "determined": word,
        }
        for null, kind, word in known_types
    ]
    return {
        "decompose/summary": pd.DataFrame(summary),
        "null/compare": pd.DataFrame(compare),
        "null/named": pd.DataFrame(named),
        "null/correlations": pd.DataFrame(correlations),
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
    assert "BDE298: better in 1 of 1 seed, 0.70 against 0.90 eV, difference -0.20 eV" in better[0]
    assert "[-0.30, -0.10] (one seed)" in better[0]
    assert "0 of 1 of bond additivity; 1 of 2 of bond additivity with hybridisation" in text[-1]


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


def test_a_missing_null_leaves_its_row_empty() -> None:
    tables = study()
    compare = tables["null/compare"]
    tables["null/compare"] = compare[~compare[NULL_MODEL].isin([null.name for null in FITTED])]
    make(tables).draw_without_rendering()
