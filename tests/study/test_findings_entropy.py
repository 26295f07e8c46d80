"""Sentences on entropies: verdicts follow the intervals of every seed."""

import numpy as np
import pytest

from study import runs
from study.entropy.figure_entropy import make
from study.entropy.findings import sentences
from study_tables import TWO, Tables, study

GAP = "binned_minus_knn_nats"


def found(tables: Tables) -> list[str]:
    return list(sentences(tables, runs.reference(tables["decompose/summary"])))


def test_verdicts_follow_the_intervals() -> None:
    text = found(study(**TWO))
    # 0.2 - 0.02 with 0.05 on each side, and 0.01 - 0.02
    assert "0.18 [0.13, 0.23] (seeds 0.18 to 0.18): D explains more" in text[0]
    assert "-0.01 [-0.06, 0.04] (seeds -0.01 to -0.01): undetermined" in text[1]
    assert "molecules never in the pool not in the tables: undetermined" in text[0]
    assert "too narrow for this sample, by all seeds" in text[2]
    assert "at 128: it falls" in text[3]
    assert "D of non-bonded pairs 1.95" in text[4]


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [
        ((0.1, 0.2), "too wide for this sample, by all seeds"),
        ((-0.1, 0.2), "no difference is seen"),
        ((np.nan, np.nan), "undetermined"),
    ],
)
def test_bins_against_neighbours(ends: tuple[float, float], verdict: str) -> None:
    tables = study(seeds=2)
    entropy = tables["entropy/entropy"]
    entropy[[f"{GAP}_lo", f"{GAP}_hi"]] = ends
    assert found(tables)[2].endswith(f"{verdict}.")
    entropy.loc[entropy["seed"] == 1, [f"{GAP}_lo", f"{GAP}_hi"]] = (-0.2, -0.1)
    assert found(tables)[2].endswith("they differ by the intervals of some seeds.")


def test_no_overlap_is_claimed_of_intervals_that_are_not_there() -> None:
    tables = study(**TWO)
    ends = ["differential_knn_nats_lo", "differential_knn_nats_hi"]
    tables["entropy/entropy"][ends] = np.nan
    assert found(tables)[3].endswith("undetermined, without two intervals.")


def test_one_seed_one_size_and_missing_rows() -> None:
    tables = study(seeds=1)
    for name in ("entropy/entropy", "entropy/decomposability", "entropy/sensitivity"):
        tables[name] = tables[name].iloc[:0]
    text = found(tables)
    assert all("not in the tables" in sentence for sentence in text)
    assert "explains more" not in " ".join(text)
    make(tables).draw_without_rendering()
    tables = study(seeds=1)
    tables = {
        name: table[table["n_train"] == 128] if "n_train" in table else table
        for name, table in tables.items()
    }
    assert "against training frames: not in the tables" in found(tables)[3]
    make(tables).draw_without_rendering()
