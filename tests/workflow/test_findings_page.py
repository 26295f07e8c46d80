"""docs/findings.md against the tables that it speaks of: no number without one."""

import re
from collections.abc import Iterator
from pathlib import Path

import h5py
import pandas as pd

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"
STUDIES = ("scale", "scale-seeds")
"""The first set of seeds, and the second."""
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
        for study in STUDIES
        for name in ("answers", "cells", "types")
        for number in estimates(pd.read_csv(PUBLISHED / study / "answers" / f"{name}.csv"))
    }
    for study in ("default", "spice2-medium"):
        text = (PUBLISHED / study / "figures" / "findings.md").read_text(encoding="utf-8")
        known |= set(NUMBER.findall(text))
    said = NUMBER.findall(" ".join(PAGE.read_text(encoding="utf-8").split()))
    assert len(said) > 8
    assert not [number for number in said if number not in known]


def test_every_answer_is_that_of_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \|[^|]*\| (.*) \| (.*) \|$", text, re.MULTILINE)
    assert {int(number) for number, *_ in rows} == set(range(1, 9))
    words = {"yes": "yes", "no": "no", "undetermined": "open"}
    for place, study in enumerate(STUDIES):
        answers = pd.read_csv(PUBLISHED / study / "answers" / "answers.csv")
        counted = answers[answers["primary"] == "yes"].set_index("question")
        for number, *said in rows:
            if int(number) not in counted.index:
                assert said[place] == "not asked"
                continue
            row = counted.loc[int(number)]
            answer, found = said[place].split(", ", 1)
            assert answer.strip("*") == words[row["answer"]]
            assert NUMBER.findall(found) == [
                tuple(f"{row[name]:.2f}" for name in ("value", "value_lo", "value_hi"))
            ]


def test_numbers_without_an_interval_are_of_tables_too() -> None:
    said = " ".join(PAGE.read_text(encoding="utf-8").split())
    tables = PUBLISHED / "scale" / "answers"
    cells, types = (pd.read_csv(tables / f"{name}.csv") for name in ("cells", "types"))
    corner = cells[(cells["dataset"] == "small-gfn2") & (cells["n_train"] == 65536)].iloc[0]
    length, of_d = corner["decomposability_of_length"], corner["decomposability"]
    assert f"{length:.2f} of its entropy, and D {of_d:.2f}, at N = 65,536" in said
    of_types = types[(types["dataset"] == "small-gfn2") & (types["n_train"] == 65536)]
    hydrogen = of_types[of_types["bond_type"] == "C-H"]["n_de"].item()
    n_bonds = (
        pd.read_csv(tables / "answers.csv").set_index("primary").loc["yes", "n_things"].iloc[0]
    )
    assert f"for C-H, {100 * hydrogen / n_bonds:.0f} % of the bonds" in said
    student = cells[cells["dataset"] == "small-student"]["mae_teacher_eV"].item()
    assert f"misses its teacher's D by {student:.2f} eV" in said
    paths = [ROOT / "resources" / f"enumerated_paths_{half}.hdf5" for half in ("first", "second")]
    assert f"**Reactions**: {sum(len(h5py.File(path)) for path in paths)} enumerated ones" in said


def test_single_changes_change_the_slope_as_little_as_the_page_says() -> None:
    cells = pd.read_csv(PUBLISHED / "scale" / "answers" / "cells.csv")
    of_size = cells[cells["model"].str.startswith("m") & (cells["model"] != "m+authors")]
    for n_train, expected in ((4096, 5), (768, 3)):
        part = of_size[(of_size["n_train"] == n_train) & of_size["slope_on_de"].notna()]
        plain = part[(part["dataset"] == "small-gfn2") & (part["model"] == "m")]["slope_on_de"]
        assert len(part) >= expected
        assert (part["slope_on_de"] - plain.item()).abs().max() <= 0.05
