"""What Snakemake plans: every target, and what a change of study, code or machine runs again."""

import json
from pathlib import Path

import pytest

from planning import SMOKE, edited, overlay, plan
from study.stages import FIGURES, figures_made


def drawn(*names: str) -> dict[str, int]:
    """Return the jobs of these figures."""
    return {f"figures_{name}": 1 for name in names}


ALL_DRAWN = drawn(*figures_made(sets=1), "findings")

# The smoke study: 6 runs, 4 of them of plain sizes; 3 subsets of one dataset.
DATA = {"data_read": 1, "data_split": 1, "data_subset": 3}
TRAIN = {**DATA, "train_settings": 6, "train_run": 6}
SOUND = {"soundness_run": 6}  # tables stack runs whose models obey all laws
DECOMPOSE = {**TRAIN, "decompose_run": 6}
EVALUATE = {**TRAIN, "evaluate_run": 6}
BDE = {**DECOMPOSE, "bde_run": 6}
OF_PLAIN = {**DATA, "train_settings": 4, "train_run": 4, "soundness_run": 4}
NULL = {"null_fit": 3, "null_untrained": 1, "null_run": 4}
GAUGE = {"gauge_rigidity": 1, "gauge_tables": 1}
STUDY = {
    **EVALUATE, **SOUND, **BDE, **NULL, **GAUGE, "label_theory_run": 4, "entropy_run": 4,
    "reactivity_run": 4, "scaling_fits": 1, "claims_tables": 1,
}  # fmt: skip

TARGETS = {
    "data": DATA,
    "train": {**TRAIN, "tables_collect": 1},
    "soundness": {**TRAIN, **SOUND, "tables_collect": 1},
    "evaluate": {**EVALUATE, **SOUND, "tables_collect": 1},
    "decompose": {**DECOMPOSE, **SOUND, "tables_collect": 2},
    "bde": {**BDE, **SOUND, "tables_collect": 4},
    "entropy": {**OF_PLAIN, "decompose_run": 4, "entropy_run": 4, "tables_collect": 4},
    "null": {
        **OF_PLAIN, **NULL, "decompose_run": 4, "evaluate_run": 4, "bde_run": 4, "tables_collect": 5
    },
    "gauge": {**BDE, **SOUND, "evaluate_run": 6, **GAUGE, "tables_collect": 4},
    "label_theory": {
        **OF_PLAIN, "decompose_run": 4, "bde_run": 4, "label_theory_run": 4, "tables_collect": 4,
    },
    "reactivity": {**OF_PLAIN, "reactivity_run": 4, "tables_collect": 6},
    "scaling": {**EVALUATE, **SOUND, "tables_collect": 1, "scaling_fits": 1},
    "claims": {
        **OF_PLAIN, **NULL, "decompose_run": 4, "evaluate_run": 4, "bde_run": 4,
        "label_theory_run": 4, "reactivity_run": 4, "tables_collect": 5, "claims_tables": 1,
    },
    "tables": {**STUDY, "tables_collect": 29},
    "figures": {**STUDY, "tables_collect": 23, **ALL_DRAWN},
    "all": {**STUDY, "tables_collect": 29, **ALL_DRAWN, "site": 1},
}  # fmt: skip

CONDA_INFO = json.dumps(
    {"conda_version": "25.5.0", "conda_prefix": "/none", "platform": "linux-64"}
)
CONDA_CONFIG = json.dumps({"get": {"channel_priority": "strict"}})


@pytest.fixture(scope="module")
def software(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ``conda`` and an ``apptainer`` that answer what Snakemake asks to plan."""
    folder = tmp_path_factory.mktemp("bin")
    answers = f"info) echo '{CONDA_INFO}';; config) echo '{CONDA_CONFIG}';; *) echo conda 25.5.0;;"
    conda = f"case $1 in {answers} esac"
    for name, text in (("conda", conda), ("apptainer", "echo apptainer version 1.3.4")):
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


# --- from nothing


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_plans_what_it_needs(fresh: Path, target: str) -> None:
    assert plan(fresh, target, *SMOKE) == {**TARGETS[target], target: 1}


@pytest.mark.parametrize(
    ("rule", "jobs"),
    [
        ("decompose_run", DECOMPOSE),
        ("bde_run", BDE),
        ("bde", {**BDE, **SOUND, "tables_collect": 4, "bde": 1}),
    ],
)
def test_until_stops_after_a_rule(fresh: Path, rule: str, jobs: dict[str, int]) -> None:
    assert plan(fresh, *SMOKE, "--until", rule) == jobs


# --- in a finished study


def test_a_finished_study_has_nothing_to_do(smoke: Path) -> None:
    assert plan(smoke, *SMOKE) == {}


@pytest.mark.parametrize("name", ["molecules", "parity"])
def test_a_figure_is_drawn_again_by_its_number(smoke: Path, name: str) -> None:
    pdf = f"results/smoke/figures/fig{FIGURES[name].number}.pdf"
    assert plan(smoke, pdf, "-f", *SMOKE) == {f"figures_{name}": 1}


def test_one_file_of_one_run(smoke: Path) -> None:
    assert plan(smoke, "results/smoke/bde/minispice/n8/nano/s0.csv", "-f", *SMOKE) == {"bde_run": 1}


DOWNSTREAM_OF_BDE = {
    "bde_run": 6, "label_theory_run": 4, "null_run": 4, "gauge_tables": 1, "claims_tables": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "jobs"),
    [
        ("figures_parity", {"figures_parity": 1}),
        ("site", {}),
        (
            "bde_run",
            {
                **DOWNSTREAM_OF_BDE,
                "tables_collect": 11,
                **drawn(
                    "molecules",
                    "parity",
                    "bonds",
                    "distributions",
                    "emergence",
                    "null",
                    "gauge",
                    "label_theory",
                    "findings",
                ),
            },
        ),
        (
            # all but data, trainings, errors, reactions and what is made from these alone
            "decompose_run",
            {
                **DOWNSTREAM_OF_BDE,
                "decompose_run": 6,
                "entropy_run": 4,
                "gauge_rigidity": 1,
                "tables_collect": 18,
                **drawn(*({*figures_made(sets=1)} - {"learning"}), "findings"),
            },
        ),
    ],
)
def test_a_rule_runs_again_with_what_follows_from_it(
    smoke: Path, rule: str, jobs: dict[str, int]
) -> None:
    assert plan(smoke, *SMOKE, "--forcerun", rule) == {**jobs, "site": 1, "all": 1}


NEW_RUN = {
    "train_settings": 1, "train_run": 1, "soundness_run": 1, "evaluate_run": 1,
    "decompose_run": 1, "bde_run": 1, "label_theory_run": 1, "entropy_run": 1,
    "null_run": 1, "reactivity_run": 1, "scaling_fits": 1,
    "gauge_tables": 1, "claims_tables": 1, **ALL_DRAWN, "site": 1, "all": 1,
}  # fmt: skip
"""One run more: its own jobs, and the study's tables, figures and page again."""


@pytest.mark.parametrize(
    ("more", "jobs"),
    [
        # not stacked again: fits of null models, which are there; the rigidity of the lowest seed
        (
            {"n_train": [32], "model": ["nano"], "seed": [2]},
            {"tables_collect": 26},
        ),
        ({"n_train": [16], "model": ["nano"], "seed": [1]}, {"tables_collect": 26}),
        # a new training set needs its null models
        (
            {"n_train": [12], "model": ["nano"]},
            {"data_subset": 1, "null_fit": 1, "tables_collect": 28},
        ),
    ],
    ids=["seed", "seed-of-a-smaller-set", "training-set"],
)
def test_one_run_more_is_one_training(
    smoke: Path, tmp_path: Path, more: dict[str, object], jobs: dict[str, int]
) -> None:
    shipped = {"n_train": [32], "model": ["nano", "nano+r35"], "seed": [0, 1]}
    assert plan(smoke, *overlay(tmp_path, controls=[shipped, more])) == {**NEW_RUN, **jobs}


def test_a_style_draws_figures_again_and_does_nothing_else(smoke: Path, tmp_path: Path) -> None:
    study = smoke / "workflow" / "study"
    with edited(study / "figures" / "style.py"):
        assert plan(smoke, *SMOKE) == {**drawn(*figures_made(sets=1)), "site": 1, "all": 1}
    with edited(study / "null" / "figure_parity.py"):
        assert plan(smoke, *SMOKE) == {"figures_parity": 1, "site": 1, "all": 1}
    molecules = overlay(tmp_path, figures={"molecules": ["CO"]})
    assert plan(smoke, *molecules) == {"figures_molecules": 1, "site": 1, "all": 1}


def test_code_of_training_plans_nothing(smoke: Path) -> None:
    study, rules = smoke / "workflow" / "study", smoke / "workflow" / "rules" / "train.smk"
    code = ("train/training.py", "train/feed.py", "data/split.py")
    with (
        edited(*(study / name for name in code)),
        edited(rules, old="python -m study train", new="python  -m study train"),
    ):
        assert plan(smoke, *SMOKE) == {}


OF_MODELS = {
    "evaluate_run", "decompose_run", "null_untrained", "reactivity_run", "gauge_rigidity",
    "soundness_run",
}  # fmt: skip
STUDY_TABLES = {name for name in STUDY if name.endswith(("_run", "_tables"))} - {"train_run"}


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        (
            "src/e3d/decomposition/totals.py",
            {"decompose_run", "null_fit", "null_untrained", "entropy_run"},
        ),
        ("src/e3d/graphs.py", {*OF_MODELS, "null_fit"}),
        ("src/e3d/fast/network.py", OF_MODELS),
        ("src/e3d/tables.py", {*STUDY_TABLES, "tables_collect"}),
        ("workflow/study/label_theory/bond_orders.py", {"label_theory_run"}),
        ("workflow/study/entropy/tables.py", {"entropy_run"}),
        ("workflow/study/gauge/findings.py", {"figures_findings"}),
        ("workflow/study/site/cards.py", {"site"}),
        ("workflow/study/soundness/laws.py", {"soundness_run", "tables_collect"}),
        ("workflow/study/soundness/verdicts.py", {"tables_collect", "figures_findings"}),
    ],
)
def test_an_edit_plans_every_rule_that_runs_it(smoke: Path, module: str, rules: set[str]) -> None:
    """The rules that stand first: those that follow from them are planned by their inputs."""
    with edited(smoke / module):
        jobs = set(plan(smoke, *SMOKE))
        assert rules <= jobs
        assert not jobs & {*DATA, "train_run"}


# --- how it is run is not what is run


def test_conda_and_containers_plan_nothing(smoke: Path, tmp_path: Path, software: Path) -> None:
    assert plan(smoke, *SMOKE, "--sdm", "conda", path=software) == {}
    image = overlay(tmp_path, runtime={"container": "docker://user/e3d:0.1"})
    assert plan(smoke, *image) == {}
    assert plan(smoke, *image, "--sdm", "apptainer", path=software) == {}


def test_a_cluster_and_its_values_plan_nothing(smoke: Path, software: Path) -> None:
    site = smoke / "cluster" / "site.yaml"
    with edited(site, old="max_runtime: 1440", new="max_runtime: 90"):
        assert plan(smoke, *SMOKE, "--profile", "cluster", path=software) == {}
    assert (
        plan(
            smoke,
            *SMOKE,
            "--set-resources",
            "train_run:mem_mb=64000",
            "--set-threads",
            "train_run=2",
        )
        == {}
    )


RUNTIME = {
    "device": "cuda", "devices": 2, "nodes": 2, "compile_mode": "compile", "kernels": "centre",
    "tf32": True, "models": {"nano": {"devices": 1, "tf32": False}},
}  # fmt: skip


def test_runtime_plans_nothing_and_what_identifies_a_run_does(smoke: Path, tmp_path: Path) -> None:
    assert plan(smoke, *overlay(tmp_path, runtime=RUNTIME)) == {}
    jobs = plan(smoke, *overlay(tmp_path, runtime=RUNTIME, models={"nano": {"mlp_width": 40}}))
    assert jobs["train_run"] == jobs["decompose_run"] == 6
    assert not set(DATA) & set(jobs)
