"""Datasets that the workflow labels: what an entry may say, and what Snakemake plans for it."""

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml

from e3d.options import read_yaml
from e3d.theory import SPICE
from planning import copy_project
from study.data.entries import check_entries, check_labelled, geometries_of
from study.schema import validate

Expect = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def entry(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(root)
    made: dict[str, Any] = validate(read_yaml(root / "config" / "datasets.yaml"), "datasets")[
        "minispice-gfn2"
    ]
    return made


def test_the_entry_of_the_repository_can_be_labelled(entry: dict[str, Any]) -> None:
    check_labelled("minispice-gfn2", entry)
    assert geometries_of(entry) == "data/minispice-gfn2.geometries.hdf5"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"molecules": None}, "conformations is for datasets that are sampled here"),
        ({"url": "https://example.org/x"}, "has `molecules` and `url`"),
        ({"geometries": "data/minispice-gfn2.hdf5"}, "has one file as `path` and `geometries`"),
        ({"path": "data/x.h5"}, "data/x.h5 in layout spice"),
        ({"layout": "extxyz"}, "in layout extxyz"),
        ({"conformations": 3}, "conformations = 3 - must be even"),
        ({"molecules": "none.smi"}, "none.smi is not there"),
        ({"theory": "GFN-xTB"}, "did you mean 'GFN2-xTB'?"),
        ({"theory": "spice"}, f"Write {SPICE.name}"),
    ],
)
def test_an_entry_that_cannot_be_labelled_is_one_line(
    entry: dict[str, Any], change: dict[str, Any], message: str, input_error: Expect
) -> None:
    changed = {key: value for key, value in (entry | change).items() if value is not None}
    with input_error("dataset 'mine'", message):
        check_labelled("mine", changed)


def test_two_theories_can_have_one_sampling_and_only_the_same_one(
    entry: dict[str, Any], input_error: Expect
) -> None:
    first = entry | {"geometries": "data/both.geometries.hdf5"}
    second = first | {"path": "data/second.hdf5", "theory": SPICE.name}
    check_entries(["first", "second"], {"first": first, "second": second}, need_files=True)
    assert geometries_of(first) == geometries_of(second) == "data/both.geometries.hdf5"
    other = second | {"seed": 1}
    with input_error("dataset 'second'", "has the `geometries` of 'first'", "made otherwise"):
        check_entries(["first", "second"], {"first": first, "second": other}, need_files=True)


def test_the_workflow_plans_sampling_labelling_and_reading(tmp_path: Path) -> None:
    copy_project(tmp_path)
    (tmp_path / "my.yaml").write_text(
        yaml.safe_dump({"grid": {"dataset": ["minispice-gfn2"], "n_train": [16]}, "controls": []})
    )
    snakemake = str(Path(sys.executable).parent / "snakemake")
    done = subprocess.run(
        [snakemake, "--cores", "2", "-n", "data", "--configfile", "config/smoke.yaml", "my.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    jobs = dict(re.findall(r"^(data_\w+) +(\d+)$", done.stdout, flags=re.MULTILINE))
    assert jobs == dict.fromkeys(
        ["data_sample", "data_label", "data_read", "data_split", "data_subset"], "1"
    )
