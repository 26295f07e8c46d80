"""README and the other documents against published tables, workflow and command line."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from e3d.command_line import Command, _parser
from e3d.options import read_yaml
from study.answers.tables import write_tables
from study.cli import PARTS
from study.findings.sections import write_findings
from study.readme import fill_readme
from study.stages import FIGURES, NAMES, figures_made, names_of, tables_of

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published" / "default"
CONTROLS = ROOT / "results" / "published" / "controls"
SCALE = ROOT / "results" / "published" / "scale"
SECOND_SEEDS = ROOT / "results" / "published" / "scale-seeds"
GIVEN = ROOT / "results" / "published" / "spice2-medium"

TEXTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for pattern in ("*.md", "docs/**/*.md", "config/*.md", "resources/*.md")
    for path in sorted(ROOT.glob(pattern))
}
HISTORY = {"CHANGELOG.md"}
"""Speaks of what was once; its names need not exist."""
CURRENT = sorted({*TEXTS} - HISTORY)
README = TEXTS["README.md"]
RULES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow").rglob("*.smk"))
FOLDERS = "src|config|docs|envs|resources|workflow|tests|benchmarks|cluster|profiles"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_generated_parts_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert fill_readme(README, PUBLISHED.relative_to(ROOT)) == README


def test_the_findings_follow_from_the_published_tables(tmp_path: Path) -> None:
    write_findings([PUBLISHED], tmp_path / "findings.md")
    assert read(tmp_path / "findings.md") == read(PUBLISHED / "figures" / "findings.md")


def test_the_findings_of_the_controls_follow_from_their_tables(tmp_path: Path) -> None:
    write_findings([CONTROLS], tmp_path / "findings.md", ("gauge", "robustness"))
    assert read(tmp_path / "findings.md") == read(CONTROLS / "figures" / "findings.md")


@pytest.mark.parametrize("study", [SCALE, SECOND_SEEDS], ids=lambda path: path.name)
def test_the_findings_of_scale_follow_from_their_tables(study: Path, tmp_path: Path) -> None:
    write_findings([study], tmp_path / "findings.md", ("answers",))
    assert read(tmp_path / "findings.md") == read(study / "figures" / "findings.md")


def test_the_answers_follow_from_what_each_run_said(tmp_path: Path) -> None:
    """What is published of the runs gives the answers again, byte for byte."""
    published = SECOND_SEEDS / "answers"
    values = read_yaml(ROOT / "config" / "scale.yaml")["answers"]
    write_tables(
        published / "bonds.parquet",
        run_barriers=published / "barriers.parquet",
        dataset=values["dataset"],
        halves=values["halves"],
        barriers=values["barriers"],
        other_labels="",
        seed_sets=(),
        output=tmp_path / "answers.csv",
    )
    for name in ("answers", "cells", "types"):
        assert read(tmp_path / f"{name}.csv") == read(published / f"{name}.csv")


def test_the_findings_of_the_given_model_follow_from_their_tables(tmp_path: Path) -> None:
    write_findings([GIVEN], tmp_path / "findings.md")
    assert read(tmp_path / "findings.md") == read(GIVEN / "figures" / "findings.md")


def answers_of(name: str) -> str:
    """Return what a document says of results, in one line."""
    text = " ".join(TEXTS[name].split())
    return text.partition("## What the study answers")[2].partition(" ## ")[0] or text


@pytest.mark.parametrize("name", ["README.md", "docs/studies.md"])
def test_every_number_of_the_answers_is_in_the_findings(name: str) -> None:
    """Numbers with their interval, and counts of seeds and paths, in the same words."""
    answers = answers_of(name)
    studies = (PUBLISHED, GIVEN, SCALE, SECOND_SEEDS)
    findings = "".join(read(one / "figures" / "findings.md") for one in studies)
    numbers = re.findall(r"-?[\d.]+(?: eV)? \[.*?\]|\d+ (?:to|of) \d+", answers)
    answers = answers.replace("1.65 million", "")  # of config/models.yaml
    assert len(numbers) > 5
    missing = [number for number in numbers if number not in findings]
    assert not missing
    bare = [one for one in re.findall(r"\d+\.\d+", answers) if not any(one in n for n in numbers)]
    assert not bare


def test_the_published_study_is_whole() -> None:
    for name in figures_made(sets=1):
        figure = FIGURES[name]
        assert (PUBLISHED / "figures" / f"{name}.png").is_file()
        assert all((PUBLISHED / f"{table}.csv").is_file() for table in figure.tables)
    summary = pd.read_csv(PUBLISHED / "decompose" / "summary.csv")
    assert (summary["sum_rule_max_abs_eV"] <= 1e-8).all()
    said = TEXTS["docs/studies.md"].replace("Ten", "10")
    assert f"{len(summary['run'].unique())} models" in said
    # 8 minutes for the study itself, the rest for the controls; other jobs ran for a third of it
    assert pd.read_csv(PUBLISHED / "costs.csv").loc[0, "total_s"] < 16 * 60


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 900


def test_every_figure_is_in_the_list_of_figures() -> None:
    listed = re.findall(
        r"^\| (\d+) \| `(\w+)` \| (.*) \|$", TEXTS["docs/how-to/one-figure.md"], re.M
    )
    assert listed == [(str(one.number), one.name, one.shows) for one in FIGURES.values()]


@pytest.mark.parametrize("name", TEXTS)
def test_lines_end_at_100_characters(name: str) -> None:
    """But for a link, which cannot be broken."""
    lines = enumerate(TEXTS[name].splitlines(), 1)
    assert not [(n, line) for n, line in lines if len(line) > 100 and "](http" not in line]


@pytest.mark.parametrize("name", CURRENT)
def test_links_lead_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    text = re.sub(r"`[^`]*`", "", TEXTS[name])  # a SMILES may look like a link
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    assert not [link for link in links if "://" not in link and not (folder / link).exists()]


@pytest.mark.parametrize("name", CURRENT)
def test_paths_that_are_named_exist(name: str) -> None:
    paths = re.findall(rf"`((?:{FOLDERS})/[^`<>*{{}}$ ]*)`", TEXTS[name])
    assert not [path for path in paths if not (ROOT / path).exists()]


@pytest.mark.parametrize("name", CURRENT)
def test_rules_that_are_named_exist(name: str) -> None:
    named = set(
        re.findall(r"`([a-z_]+_(?:run|tables|collect|fits|fetch|read|label|sample))`", TEXTS[name])
    )
    assert not [rule for rule in named if not re.search(rf"^ *rule {rule}:", RULES, re.MULTILINE)]


def test_targets_that_are_named_exist() -> None:
    targets = re.search(r"Targets: `([^`]+)`", README)
    assert targets is not None
    named = {*targets[1].split()}
    default = {name for name in names_of(sets=1) if tables_of(name)}
    assert default <= named, "each stage with tables is one"
    for rule in named - {*NAMES} - {"all"}:
        assert re.search(rf"^rule {rule}:", RULES, flags=re.MULTILINE), rule


@pytest.mark.parametrize("name", CURRENT)
def test_make_targets_that_are_named_exist(name: str) -> None:
    makefile = read(ROOT / "Makefile")
    named = set(re.findall(r"(?:`| {4})make ([a-z-]+)\b", TEXTS[name]))
    assert not [one for one in named if not re.search(rf"^{one}:", makefile, re.MULTILINE)]


@pytest.mark.parametrize("name", CURRENT)
def test_commands_parse(name: str) -> None:
    """Whole ones stand on lines of their own; of others, the words exist."""
    text = TEXTS[name].replace("\\\n", "")
    for line in re.findall(r"^ {4,}(?:e3d|python -m (?:e3d|study)) (.*)$", text, re.MULTILINE):
        command = re.split(r"\s#", line)[0].replace("...", "")
        _parser("e3d", "", PARTS).parse_args(shlex.split(command))
    names = {part.name for part in PARTS if isinstance(part, Command)}
    groups = {name.split()[0] for name in names if " " in name}
    for first, second in re.findall(r"`e3d ([a-z-]+) ?([a-z-]*)", text):
        assert first in names or f"{first} {second}" in names or (first in groups and not second)
