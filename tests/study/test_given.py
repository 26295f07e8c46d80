"""Given models as runs: their place in a study, in figures and in findings."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from e3d.errors import InputError
from e3d.fields import Column as C
from e3d.options import read_yaml
from study import runs
from study.claims import fields
from study.claims.findings import sentences
from study.config import Study, load_study
from study.figures.draw import draw
from study.figures.drawing import all_series
from study.findings.sections import write_findings
from study.stage import Runs
from study.stages import figures_made, sections_made, tables_made
from study_tables import Tables, interval, maker, save_tables, study

OTHERS = {
    "path": "models/theirs.ckpt",
    "format": "checkpoint",
    "dataset": "elsewhere",
    "theory": "wB97M-D3(BJ)/def2-TZVPPD",
    "training_set": "frames of others",
    "source": "others",
    "licence": "theirs",
    "url": "https://others.example/theirs.ckpt",
}
NOWHERE = {key: value for key, value in OTHERS.items() if key != "url"}
THEIRS = {
    "theirs": OTHERS,
    "known": OTHERS | {"path": "models/known.ckpt", "n_train": 1000, "seed": 3},
    "same-file": OTHERS | {"path": "models/./theirs.ckpt"},
    "micro": OTHERS | {"path": "models/theirs-micro.ckpt"},
    "nowhere": NOWHERE | {"path": "models/nowhere.ckpt"},
}


@pytest.fixture
def load(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load the default study with changes of its configuration."""
    monkeypatch.chdir(root)
    config, datasets = (
        read_yaml(root / "config" / f"{name}.yaml") for name in ("config", "datasets")
    )
    named = ("named_bonds", "a-b", "a_b", "given")
    datasets |= dict.fromkeys(named, datasets["spice2-real"])
    datasets["again"] = datasets["minispice"] | {"path": "./resources/minispice.hdf5"}

    def loaded(grid: dict[str, Any] | None = None, **changes: Any) -> Study:
        values = config | changes
        return load_study(values | {"grid": config["grid"] | (grid or {})}, datasets, THEIRS)

    return loaded


def test_a_given_model_is_a_run_beside_the_grid(load: Any) -> None:
    found = load(given=["theirs", "known"])
    theirs, known = found.given_runs()
    assert theirs == {
        "run": "given/theirs", "dataset": "elsewhere", "n_train": 0, "model": "theirs", "seed": 0,
    }  # fmt: skip
    assert (known["n_train"], known["seed"]) == (1000, 3)
    assert found.tested_on(theirs) == {"dataset": "minispice", "n_train": 512}
    trained = list(found.runs())
    assert found.tested_on(trained[0]) == {"dataset": "minispice", "n_train": 32}
    for table in (Runs.EVERY, Runs.PLAIN):
        assert found.runs_with(table)[-2:] == [theirs, known]
    assert found.runs_with(Runs.TRAINED) == trained
    assert theirs not in found.runs_with(Runs.SMALLEST)


def test_a_study_of_given_models_alone(load: Any) -> None:
    found = load({"model": []}, controls=[], given=["theirs"])
    assert not list(found.runs())
    assert [run["run"] for run in found.runs_with(Runs.EVERY)] == ["given/theirs"]
    left_out = {*figures_made(sets=2)} - {*figures_made(sets=0)}
    assert left_out == {"learning", "emergence", "gauge", "robustness"}
    assert not {"train/metrics", "gauge/seeds", "scaling/fits"} & set(tables_made(sets=0))
    assert "gauge" not in sections_made(sets=0)


def test_tests_are_sets_of_structures(load: Any) -> None:
    found = load(tests=["spice2-real"])
    assert found.test_sets() == [
        "test-conformations", "test-molecules", "spice2-real", "named-bonds",
    ]  # fmt: skip
    assert "spice2-real" in found.sources()


@pytest.mark.parametrize(
    ("grid", "changes", "text"),
    [
        ({}, {"given": ["thiers"]}, "did you mean 'theirs'"),
        ({}, {"tests": ["minispice"]}, "frames that runs are trained on"),
        ({}, {"tests": ["again"]}, "trained on, those of 'minispice'"),
        ({"dataset": ["hybrid-small"]}, {"tests": ["minispice"]}, "frames that runs are trained"),
        ({}, {"tests": ["hybrid-small"]}, "is a mixture"),
        (
            {},
            {"tests": ["gfn2-other"]},
            "labels of GFN2-xTB, and runs are trained on those of wB97M",
        ),
        ({}, {"tests": ["spice-real"]}, "did you mean 'spice2-real'"),
        ({"model": []}, {"controls": []}, "the study has no run"),
        ({}, {"given": ["theirs", "same-file"]}, "have the same `path`"),
        ({}, {"given": ["micro"]}, "the name of a size"),
        ({}, {"given": ["nowhere"]}, "models/nowhere.ckpt is not there, and it has no `url`"),
        ({}, {"tests": ["named_bonds"]}, "would be called named-bonds"),
        ({}, {"tests": ["a-b", "a_b"]}, "would be called a-b"),
        ({"dataset": ["given"]}, {"controls": []}, "Rename the dataset"),
    ],
)
def test_what_cannot_be_given_is_one_line(
    load: Any, grid: dict[str, Any], changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(InputError, match=text) as caught:
        load(grid, **changes)
    assert "\n" not in str(caught.value)


# --- figures and findings


@pytest.fixture
def both() -> Tables:
    """Tables of a small grid, and of a given model beside it."""
    tables = study(("nano", "micro"), 2)
    theirs = study(("nano",), 1)
    for name, table in theirs.items():
        if C.RUN in table and name != "scaling/fits":
            part = table[table[C.N_TRAIN] == table[C.N_TRAIN].max()]
            columns = {
                C.RUN: "given/theirs", C.DATASET: "elsewhere", C.MODEL: "theirs", C.N_TRAIN: 0,
            }  # fmt: skip
            given = part.assign(**{str(key): value for key, value in columns.items()})
            tables[name] = pd.concat([tables[name], given], ignore_index=True)
    return tables


def test_the_reference_run_is_one_of_the_grid(both: Tables) -> None:
    summary = both["decompose/summary"]
    assert runs.datasets(summary) == ["mini", "elsewhere"]
    assert runs.reference(summary)[0] == "mini"
    assert runs.reference(summary, "elsewhere") == ("elsewhere", "theirs", 0)


def test_given_models_are_levels_in_figures_against_n(both: Tables) -> None:
    given = [one for one in all_series(both["decompose/summary"]) if one.given]
    assert [one.model for one in given] == ["theirs"]
    assert given[0].label.startswith("given: ")
    figure = maker("emergence", both)()
    for axes in figure.axes:
        assert axes.get_xlim()[0] > 1, "N = 0 of the given model is no place of the axis"
    levels = [line for line in figure.axes[0].lines if line.get_linestyle() == "-."]
    assert len(levels) == 1
    assert len(set(levels[0].get_ydata())) == 1


def test_findings_end_with_the_given_model(both: Tables, tmp_path: Path) -> None:
    run = ("elsewhere", "theirs", 0)
    row = {
        C.DATASET: run[0], C.MODEL: run[1], C.N_TRAIN: run[2], fields.CLAIM: fields.DISSOCIATION,
        fields.ABOUT: "de", fields.UNIT: "eV", **interval("value", 0.4, 0.3), fields.FIRST: 0.9,
        fields.SECOND: 0.5, "n": 6, fields.ANSWER: "no",
    }  # fmt: skip
    (sentence,) = sentences({"claims/claims": pd.DataFrame([row]).rename(columns=str)}, run)
    assert sentence.endswith("(MAE 0.50 and 0.90 eV; difference 0.40 eV [0.10, 0.70]).")
    write_findings([save_tables(both, tmp_path)], tmp_path / "findings.md", ["bde"])
    assert "theirs" not in (tmp_path / "findings.md").read_text(encoding="utf-8")


def test_a_given_model_of_the_grids_dataset_is_not_the_run_to_show(both: Tables) -> None:
    summary = both["decompose/summary"].copy()
    before = runs.reference(summary)
    given = summary[C.RUN] == "given/theirs"
    summary.loc[given, [C.DATASET, C.N_TRAIN]] = [before[0], 10**6]
    assert runs.reference(summary) == before
    assert runs.reference(summary[given])[1] == "theirs"


@pytest.mark.parametrize(
    ("name", "run", "text"),
    [
        ("parity", "given/thiers", "did you mean 'given/theirs'"),
        ("learning", "given/theirs", "shows many runs"),
    ],
)
def test_a_run_that_a_figure_cannot_show_is_one_line(
    both: Tables, name: str, run: str, text: str, tmp_path: Path
) -> None:
    results = save_tables(both, tmp_path / "results")
    with pytest.raises(InputError, match=text) as caught:
        draw(name, [results], tmp_path / "figure.png", run=run)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("figure.*"))
