"""A published study as an RO-Crate: read back by the library, against the files it describes."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rocrate.rocrate import ROCrate

from e3d.options import read_yaml
from study.crate import CRATE_FILE, WORKFLOW_FILE, crate_text, write_crate

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"
STUDIES = sorted(path.parent.name for path in PUBLISHED.glob("*/costs.csv"))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The published study of scale, without its models, in another place."""
    ignored = shutil.ignore_patterns("weights")
    return Path(shutil.copytree(PUBLISHED / "scale", tmp_path / "scale", ignore=ignored))


@pytest.mark.parametrize("name", STUDIES)
def test_every_published_study_is_described_as_it_is(name: str) -> None:
    """Where this fails after a change of files: e3d crate -o results/published/NAME."""
    folder = PUBLISHED / name
    assert crate_text(folder, name) == (folder / CRATE_FILE).read_text(encoding="utf-8")
    crate = ROCrate(folder)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    files = {one.id: one for one in crate.data_entities if one.type != "Dataset"}
    assert {*files} == there - {CRATE_FILE}
    for place, entity in files.items():
        content = (folder / place).read_bytes()
        assert entity["contentSize"] == str(len(content))
        assert entity["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", STUDIES)
def test_it_says_who_made_what_with_what_and_when(name: str) -> None:
    crate = ROCrate(PUBLISHED / name)
    cff = read_yaml(ROOT / "CITATION.cff")
    machine = json.loads((PUBLISHED / name / "machine.json").read_text())
    root, workflow = crate.root_dataset, crate.mainEntity
    assert name in root["name"]
    assert root["datePublished"] == machine["finished"]
    assert root["license"].id == f"https://spdx.org/licenses/{cff['license']}"
    assert root["creator"]["name"] == cff["authors"][0]["name"]
    cited = [one.id for one in root["citation"]]
    assert cited == [f"https://doi.org/{one['doi']}" for one in cff["references"]]
    assert workflow.id == WORKFLOW_FILE
    assert "ComputationalWorkflow" in workflow.type
    assert workflow["programmingLanguage"]["name"] == "Snakemake"
    software = {one["name"]: one["softwareVersion"] for one in workflow["softwareRequirements"]}
    assert machine["commit"] in software.pop("e3d")
    wanted = {key: value for key, value in machine["versions"].items() if key != "e3d"}
    assert software == wanted
    run = root["mentions"]
    assert run["instrument"] is workflow
    assert {one.id for one in run["result"]} == {
        one.id for one in crate.data_entities if one.type == "File"
    }


def test_the_same_study_has_the_same_bytes_anywhere(copied: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(copied, tmp_path / "elsewhere" / "scale"))
    for folder in (copied, other):
        write_crate(folder)
    assert (copied / CRATE_FILE).read_bytes() == (other / CRATE_FILE).read_bytes()
    (other / "answers" / "answers.csv").write_text("changed\n")
    write_crate(other)
    assert (copied / CRATE_FILE).read_bytes() != (other / CRATE_FILE).read_bytes()


def test_a_study_without_a_date_is_refused(copied: Path, input_error: Any) -> None:
    (copied / "machine.json").write_text('{"processor": "x", "cores": 1}')
    with input_error("machine.json: has no 'finished'", "Publish the study again"):
        write_crate(copied)
    (copied / "machine.json").unlink()
    with input_error("machine.json: no such file"):
        write_crate(copied)
