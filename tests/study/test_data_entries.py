"""Entries of datasets.yaml: what is refused before anything runs, and mixtures in the workflow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from e3d.fields import Store as F
from e3d.options import read_yaml
from e3d.store.reader import StoreReader
from planning import copy_project, dry_run, planned, snakemake
from study.data.entries import check_entries, frames_of, sources
from study.schema import validate

FILE = {"path": "resources/minispice.hdf5", "layout": "spice", "theory": "wB97M-D3(BJ)/def2-TZVPPD"}
FACTS = {"source": "x", "licence": "x"}


@pytest.fixture
def check(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Check entries as a study does, in the repository's folder."""
    monkeypatch.chdir(root)

    def call(names: list[str], need_files: bool = True, **entries: dict[str, Any]) -> None:
        known = validate({name: {**entry, **FACTS} for name, entry in entries.items()}, "datasets")
        check_entries(names, known, need_files=need_files)

    return call


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("small-aimnet2", True),
        ("small-taught", True),
        ("small-gfn2-50", False),
        ("small-paths-first", False),
        ("hybrid-small", False),
        ("enumerated-aimnet2", False),
    ],
)
def test_the_same_frames_are_known_where_the_registry_tells(
    root: Path, other: str, same: bool
) -> None:
    known = validate(read_yaml(root / "config" / "datasets.yaml"), "datasets")
    mine, theirs = (frames_of(name, known) for name in ("small-gfn2", other))
    assert all(theirs[key] == mine[key] for key in mine if key in theirs) == same


def test_mixtures_resolve_to_the_datasets_they_are_mixed_from() -> None:
    known = {
        "a": {},
        "b": {},
        "c": {},
        "ab": {"mix": {"a": 1, "b": 1}},
        "bc": {"mix": {"b": 1, "c": 2}},
        "few": {"same_as": "bc"},
    }
    assert sources(["ab", "bc", "a"], known) == ["a", "b", "c"]
    assert sources(["few"], known) == ["b", "c"]


@pytest.mark.parametrize(
    ("entries", "messages"),
    [
        (
            {"x": {"path": "none.hdf5", "layout": "spice", "theory": "t"}},
            ("none.hdf5 is not there", "no `url`"),
        ),
        ({"x": {"path": "resources/minispice.hdf5"}}, ("lacks 'layout'",)),
        (
            {"x": {**FILE, "isolated_atoms": "none.json"}},
            ("none.json is not there", "isolated_atoms_url"),
        ),
        ({"x": {"mix": {"y": 1, "z": 1}}, "y": FILE}, ("mix has 'z'", "known: y")),
        ({"x": {"mix": {"y": 1, "x": 1}}, "y": FILE}, ("mix has 'x'", "known: y")),
        (
            {"x": {"mix": {"y": 1, "z": 1}, "include_ionic": True}, "y": FILE, "z": FILE},
            ("has 'include_ionic'",),
        ),
        (
            {"x": {"mix": {"y": 1, "z": 1}, "theory": "t"}, "y": FILE, "z": FILE},
            ("has 'theory'", "remove `mix`"),
        ),
        (
            {"x": {"mix": {"y": 1, "z": 1}}, "y": FILE, "z": {"same_as": "y"}},
            ("mix has 'z'", "known: y"),
        ),
        ({"x": {"same_as": "z"}, "y": FILE}, ("same_as is 'z'", "known: y")),
        ({"x": {"same_as": "y", **FILE}, "y": FILE}, ("has `same_as` and 'path'",)),
        (
            {"x": {"same_as": "y", "training_molecules": [5, 5]}, "y": FILE},
            ("training_molecules is [5, 5]", "the first fifty"),
        ),
        ({"x": {**FILE, "teacher": "a.pair.yaml"}}, ("'teacher'", "with `same_as`", "train on")),
        ({"x": {**FILE, "training_molecules": [0, 5]}}, ("'training_molecules'", "`same_as`")),
        ({"x": {**FILE, "apply_residual": True}}, ("apply_residual is for a mixture", "Remove")),
        (
            {"x": {**FILE, "isolated_atoms": "a.json", "isolated_atom_energy_eV": {"H": -13.6}}},
            ("isolated_atoms and isolated_atom_energy_eV", "one of the two"),
        ),
        (
            {"x": {**FILE, "isolated_atoms_url": "https://example.org/a.json"}},
            ("`isolated_atoms` is fetched from", "Name the file"),
        ),
        ({"x": {**FILE, "exclude_elements": ["Li", "na"]}}, ("exclude_elements", "'na'")),
        ({"x": {**FILE, "isolated_atom_energy_eV": {"h": -13.6}}}, ("isolated_atom_ener", "'h'")),
    ],
)
def test_entries_that_cannot_be_used(
    entries: dict[str, Any], messages: tuple[str, ...], check: Callable[..., None], input_error: Any
) -> None:
    with input_error("dataset 'x'", *messages):
        check(["x"], **entries)


def test_one_path_is_one_file(check: Callable[..., None], input_error: Any) -> None:
    """A copied entry whose path was forgotten: the file of one would be read for both."""
    check(["x", "y"], x=FILE, y={**FILE, "path": f"./{FILE['path']}"})
    for change in ({"url": "https://example.org/x.hdf5"}, {"theory": "GFN2-xTB"}):
        with input_error("dataset 'y'", "has the `path` of 'x'"):
            check(["x", "y"], x=FILE, y={**FILE, **change})


def test_a_dataset_may_be_all_of_another(check: Callable[..., None]) -> None:
    check(["x"], x={"same_as": "y"}, y=FILE)


def test_shares_are_positive(check: Callable[..., None], input_error: Any) -> None:
    with input_error("x.mix.y = 0", "more than 0"):
        check(["x"], x={"mix": {"y": 0, "z": 1}}, y=FILE, z=FILE)


def test_a_missing_file_is_no_error_where_it_can_be_fetched_or_is_not_needed(
    check: Callable[..., None],
) -> None:
    missing = {"path": "none.hdf5", "layout": "spice", "theory": "t"}
    check(["x"], x={**missing, "url": "https://example.org/none.hdf5"})
    check(["x"], need_files=False, x=missing)


def test_the_papers_study_is_planned_whole_without_its_data(root: Path) -> None:
    done = dry_run(root, "-p", "--configfile", "config/paper.yaml")
    jobs = planned(done.text)
    runs = 2 * 5 * 4 * 3
    assert jobs["train_run"] == jobs["decompose_run"] == jobs["entropy_run"] == runs
    assert jobs["data_fetch"] == jobs["data_read"] == 2
    assert jobs["data_mix"] == 1
    assert "data/SPICE-2.0.1.hdf5" in done.text
    assert not (root / "data" / "SPICE-2.0.1.hdf5").exists()


def test_a_mixture_is_made_by_the_workflow(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    entries = read_yaml(project / "config" / "datasets.yaml")
    entries["again"] = entries["minispice"]
    entries["both"] = {"mix": {"minispice": 3, "again": 1}, **FACTS}
    entries["few"] = {"same_as": "both", "training_molecules": [0, 5], **FACTS}
    (project / "config" / "datasets.yaml").write_text(yaml.safe_dump(entries, sort_keys=False))
    (project / "my.yaml").write_text(
        yaml.safe_dump({"grid": {"dataset": ["both", "few"], "n_train": [16, 32]}, "controls": []})
    )
    done = snakemake(project, "data", "--configfile", "my.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    folder = project / "results" / "data" / "both"
    alignment = pd.read_csv(folder / "store.h5.alignment.csv")
    assert alignment["residual_eV_per_atom"].dropna().abs().max() < 1e-9, "the same labels twice"
    with StoreReader(folder / "store.h5") as reader:
        part = reader[F.PART]
        for n in (16, 32):
            frames = pd.read_csv(folder / "subsets" / f"n{n}.csv")["frame"]
            assert (part[frames] == 1).sum() == n // 4
    few = folder.with_name("few")
    for name in ("store.h5", "splits.parquet"):
        assert (few / name).read_bytes() == (folder / name).read_bytes(), "the same test sets"
    chosen = pd.read_csv(few / "subsets" / "n32.csv")
    assert chosen["molecule"].nunique() <= 5
