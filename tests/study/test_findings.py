"""Findings from small made-up tables: numbers, and verdicts no stronger than their intervals."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d.fields import Column as C
from e3d.statistics import t_quantile
from study import runs
from study.bde.findings import sentences
from study.findings.sections import findings, write_findings
from study.import_graph import files_of
from study.stages import FINDINGS, TABLES, findings_module
from study_tables import TWO, Tables, save_tables, study


def of_study(tables: Tables) -> list[str]:
    return list(sentences(tables, runs.reference(tables["decompose/summary"])))


def test_sections_become_lists_under_headings(tmp_path: Path) -> None:
    tables = study(**TWO)
    write_findings([save_tables(tables, tmp_path)], tmp_path / "findings.md", ["bde"])
    text = (tmp_path / "findings.md").read_text(encoding="utf-8")
    assert text == "**What D is**\n\n" + "".join(f"- {sentence}\n" for sentence in of_study(tables))


def test_a_section_that_is_none_is_named(tmp_path: Path, input_error: Any) -> None:
    with input_error("--sections 'bdee'", "did you mean 'bde'"):
        write_findings([tmp_path], tmp_path / "findings.md", ["bdee"])


def test_tables_of_other_runs_are_of_another_study(tmp_path: Path, input_error: Any) -> None:
    tables = study(**TWO)
    errors = tables["evaluate/errors"]
    others = errors.assign(run=errors["run"].str.replace("mini/", "other/"), dataset="other")
    folder = save_tables({**tables, "evaluate/errors": others}, tmp_path)
    with input_error("errors.csv: has rows of run other/", "summary.csv does not have"):
        write_findings([folder], tmp_path / "findings.md", ["scaling", "bde"])


def test_every_section_has_a_module_and_known_tables() -> None:
    for stage, section in FINDINGS.items():
        assert find_spec(findings_module(stage)) is not None
        assert set(section.tables) <= TABLES.keys()


def test_variants_are_no_reference_and_not_in_the_findings(tmp_path: Path) -> None:
    tables = study(**TWO)
    more = {
        name: table.assign(
            model=table["model"].replace("micro", "micro+r35"), n_parameters=10**6
        ).replace({"run": {"/micro/": "/micro+r35/"}}, regex=True)
        for name, table in study(models=("micro",), seeds=2).items()
    }
    both = {name: pd.concat([table, more[name]]) for name, table in tables.items()}
    write_findings([save_tables(both, tmp_path)], tmp_path / "with.md", ["bde"])
    write_findings([save_tables(tables, tmp_path)], tmp_path / "without.md", ["bde"])
    assert (tmp_path / "with.md").read_text() == (tmp_path / "without.md").read_text()


def test_findings_give_numbers_with_an_interval_over_molecules_and_seeds() -> None:
    tables = study(**TWO)
    text = "\n".join(of_study(tables))
    assert "the model with 50,000 weights and 128 training frames of mini (2 seeds)" in text
    assert "D rises from C-C to C=C, by 2.40 eV [1.90, 2.90]" in text
    # runs of 0.5 and 0.6 with 0.1 each: se 0.051 over molecules, 0.05 over seeds
    (errors,) = (one for one in of_study(tables) if one.startswith("At relaxed geometries"))
    half = t_quantile(np.hypot(0.1 / 1.96, 0.05) ** 4 / 0.05**4) * np.hypot(0.1 / 1.96, 0.05)
    assert f"BDE298 by 0.55 eV [{0.55 - half:.2f}, {0.55 + half:.2f}]" in errors
    assert all(len(sentence) <= 200 for sentence in of_study(tables))
    two = findings(tables, ["scaling"])["scaling"]
    assert two == ["A scaling exponent of the force errors is not identifiable: 2 values of N, the "
                   "form needs 4."]  # fmt: skip
    one = findings(study(models=("nano",), seeds=2), ["scaling"])["scaling"]
    assert one[0].endswith("fall with the number N of training frames (as N^-alpha with alpha = "
                           "0.70 [0.35, 1.40]).")  # fmt: skip


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((-2.0, -0.5), "D does not rise"),
        ((-0.5, 0.5), "D is not shown to rise"),
        ((0.5, 2.0), "D rises"),
    ],
)
def test_findings_follow_the_order_of_bonds(ends: tuple[float, float], expected: str) -> None:
    """One step that is reversed is enough; one that holds is not."""
    tables = study(seeds=2)
    order = tables["bde/order"]
    second = order["lower"] == "C=C"
    order.loc[second, "difference_eV"] = sum(ends) / 2
    order.loc[second, ["difference_eV_lo", "difference_eV_hi"]] = ends
    assert f"On both test sets {expected} from C-C to C=C" in of_study(tables)[2]


def test_seeds_that_disagree_decide_nothing() -> None:
    """Each of two runs is sure of its own step; they differ by more than their intervals."""
    tables = study(seeds=2)
    order = tables["bde/order"]
    second = (order["lower"] == "C=C") & (order[C.SEED] == 1)
    order.loc[second, ["difference_eV", "difference_eV_lo", "difference_eV_hi"]] = (-2, -2.1, -1.9)
    assert "D is not shown to rise" in of_study(tables)[2]


def test_findings_say_where_nothing_is_decided() -> None:
    tables = study(seeds=1)
    tables["bde/order"] = tables["bde/order"].iloc[:0]
    text = "\n".join(of_study(tables))
    assert "Whether D rises from C-C to C=C and to C#C on both test sets: not in" in text
    assert "(1 seed), with 95 % intervals over molecules." in text


def test_findings_name_the_dataset_where_there_are_several() -> None:
    found = findings(study(datasets=("mini", "large")), ["bde"])["bde"]
    assert (
        sum(sentence.startswith("large: ") for sentence in found)
        == sum(s.startswith("mini: ") for s in found)
        > 5
    )


def test_findings_need_nothing_of_the_figures() -> None:
    """An edit of the figures' style redraws figures and rewrites no findings."""
    read = files_of(["study.findings.sections", *map(findings_module, FINDINGS)])
    assert any(path.name == "runs.py" for path in read)
    drawn = [path for path in read if "figure" in f"{path.parent.name}/{path.name}"]
    assert not drawn
