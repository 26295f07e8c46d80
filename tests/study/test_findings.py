"""Findings from small made-up tables: numbers, and verdicts no stronger than their intervals."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from e3d.fields import Column as C
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


def test_findings_give_numbers_with_interval_and_seeds() -> None:
    tables = study(**TWO)
    text = "\n".join(of_study(tables))
    assert "2 seeds" in text
    assert "yes in 2 of 2 seeds; C=C minus C-C 2.40 eV [1.90, 2.90] (seeds 2.40 to 2.40)" in text
    assert "BDE298 0.55 eV [0.40, 0.70] (seeds 0.50 to 0.60), that is 12.7 kcal/mol" in text
    assert "kcal/mol [9.2, 16.1], 6 bonds" in text
    assert "0.10 [-0.20, 0.40] (seeds 0.10 to 0.10), 9 pairs, zero not excluded" in text
    assert "[0.55, 0.65] (seeds 0.60 to 0.60): D explains more" in text
    assert "2.0e-12 eV over 360 decomposed frames in 12 runs" in text
    (scaling,) = findings(tables, ["scaling"])["scaling"]
    assert "with 4,000 parameters 0.70 [0.35, 1.40]" in scaling
    assert "50,000 parameters not identifiable: 2 values of N" in scaling


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ({0: "no", 1: "no"}, "no in 2 of 2 seeds"),
        ({0: "yes", 1: "undetermined"}, "yes in 1 of 2, undetermined in 1 of 2 seeds"),
        ({0: "yes"}, "yes in 1 of 2, undetermined in 1 of 2 seeds"),
    ],
)
def test_findings_follow_the_order_of_bonds(holds: dict[int, str], expected: str) -> None:
    tables = study(seeds=2)
    order = tables["bde/order"]
    second = order["lower"] == "C=C"
    order.loc[second, "holds"] = order.loc[second, C.SEED].map(holds)
    tables["bde/order"] = order[order["holds"].notna()]
    assert expected in of_study(tables)[2]


def test_findings_say_where_nothing_is_decided() -> None:
    tables = study(seeds=1)
    tables["entropy/decomposability"]["fraction_mm_hi"] = 0.95
    tables["bde/order"] = tables["bde/order"].iloc[:0]
    text = "\n".join(of_study(tables))
    assert "undetermined, the intervals overlap" in text
    assert "C#C minus C=C not in the tables" in text
    assert "(one seed)" in text
    assert "mean bond energy undetermined, 1 pair." in text


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
