"""Sentences on what D says of the bond type: verdicts follow intervals over molecules and seeds."""

import numpy as np

from study import runs
from study.entropy import figure_estimators
from study.entropy.figure_entropy import make
from study.entropy.findings import sentences
from study_tables import TWO, Tables, study

DIFFERENCE = "I(D/sd; type) - I(r; type)"


def found(tables: Tables) -> list[str]:
    return list(sentences(tables, runs.reference(tables["decompose/summary"])))


def test_verdicts_follow_the_intervals() -> None:
    text = found(study(**TWO))
    # 0.2 - 0.02 with 0.05 on each side; seeds do not differ
    assert "D says more of the type of a bond than its length does" in text[0]
    assert "0.78 and 0.58; difference 0.18 [0.13, 0.23])." in text[0]
    assert text[1].endswith("on molecules never in the pool: not in the tables.")


def test_seeds_that_differ_widen_the_interval() -> None:
    """Each run alone is sure, and says the opposite of the other: together they say nothing."""
    tables = study(**TWO)
    shares = tables["entropy/decomposability"]
    second = (shares["seed"] == 1) & (shares["measure"] == DIFFERENCE)
    shares.loc[second, [f"fraction_knn{end}" for end in ("", "_lo", "_hi")]] = (-0.2, -0.25, -0.15)
    assert "is not shown to say more or less" in found(tables)[0]
    shares.loc[second, ["fraction_knn_lo", "fraction_knn_hi"]] = np.nan
    assert "[no interval]" in found(tables)[0]


def test_one_seed_one_size_and_missing_rows() -> None:
    tables = study(seeds=1)
    for name in ("entropy/entropy", "entropy/decomposability", "entropy/sensitivity"):
        tables[name] = tables[name].iloc[:0]
    text = found(tables)
    assert all("not in the tables" in sentence for sentence in text)
    make(tables).draw_without_rendering()
    tables = study(seeds=1)
    tables = {
        name: table[table["n_train"] == 128] if "n_train" in table else table
        for name, table in tables.items()
    }
    make(tables).draw_without_rendering()


def test_the_figure_says_what_the_findings_say() -> None:
    tables = study(**TWO)
    above = " ".join(make(tables).get_suptitle().split())
    assert found(tables)[0].endswith(f"{above}.")


def test_estimates_that_are_apart_are_called_so() -> None:
    tables = study(**TWO)
    assert "an entropy 0.00 nats" in figure_estimators.make(tables).get_suptitle()
    part = tables["entropy/sensitivity"]
    part.loc[part["estimator"] == "Miller-Madow", "differential_nats"] -= 0.3
    above = " ".join(figure_estimators.make(tables).get_suptitle().split())
    assert "Bins of 0.05 eV give an entropy 0.30 nats lower than nearest neighbours do" in above
    tables["entropy/sensitivity"] = part.iloc[:0]
    empty = figure_estimators.make(tables)
    assert not empty.get_suptitle()
    empty.draw_without_rendering()
