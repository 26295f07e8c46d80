"""docs/findings.md against the tables that it speaks of: no number without one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"
PAGE = ROOT / "docs" / "findings.md"
NUMBER = re.compile(r"(-?\d+\.\d\d)(?: eV)? \[(-?\d+\.\d\d), (-?\d+\.\d\d)\]")


def estimates(table: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Yield value and both ends of every estimate of a table, as the page writes them."""
    for name in table:
        if f"{name}_lo" in table:
            for row in table[[name, f"{name}_lo", f"{name}_hi"]].dropna().to_numpy():
                value, low, high = (f"{number:.2f}" for number in row)
                yield value, low, high


def test_every_number_with_an_interval_is_of_a_published_table() -> None:
    known = {
        number
        for name in ("answers", "cells", "types")
        for number in estimates(pd.read_csv(PUBLISHED / "scale" / "answers" / f"{name}.csv"))
    }
    for study in ("default", "spice2-medium"):
        text = (PUBLISHED / study / "figures" / "findings.md").read_text(encoding="utf-8")
        known |= set(NUMBER.findall(text))
    said = NUMBER.findall(" ".join(PAGE.read_text(encoding="utf-8").split()))
    assert len(said) > 8
    assert not [number for number in said if number not in known]


def test_every_answer_is_that_of_the_table() -> None:
    answers = pd.read_csv(PUBLISHED / "scale" / "answers" / "answers.csv")
    counted = answers[answers["primary"] == "yes"].set_index("question")["answer"]
    rows = re.findall(r"^\| (\d) \|.*\| \*\*(.+?)\*\*", PAGE.read_text(encoding="utf-8"), re.M)
    assert {int(number) for number, _ in rows} == set(range(1, 9))
    words = {"yes": "yes", "no": "no", "undetermined": "not determined"}
    for number, said in rows:
        assert said == words.get(counted.get(int(number), ""), "not asked")


def test_single_changes_change_the_slope_as_little_as_the_page_says() -> None:
    cells = pd.read_csv(PUBLISHED / "scale" / "answers" / "cells.csv")
    of_size = cells[cells["model"].str.startswith("m") & (cells["model"] != "m+authors")]
    for n_train, expected in ((4096, 5), (768, 3)):
        part = of_size[(of_size["n_train"] == n_train) & of_size["slope_on_de"].notna()]
        plain = part[(part["dataset"] == "small-gfn2") & (part["model"] == "m")]["slope_on_de"]
        assert len(part) >= expected
        assert (part["slope_on_de"] - plain.item()).abs().max() <= 0.05
