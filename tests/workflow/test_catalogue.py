"""What the Snakemake workflow catalogue asks of a repository for its standardised usage."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
USAGE: dict[str, Any] = yaml.safe_load(
    (ROOT / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8")
)["usage"]
DEPLOYMENT = {"conda", "apptainer", "apptainer+conda", "report"}


def test_the_settings_are_those_that_the_catalogue_reads() -> None:
    assert {*USAGE} == {"mandatory-flags", "software-stack-deployment", "report"}
    assert {*USAGE["mandatory-flags"]} == {"desc", "flags"}
    assert {*USAGE["software-stack-deployment"]} == DEPLOYMENT
    assert USAGE["software-stack-deployment"]["report"] is USAGE["report"] is True


@pytest.mark.parametrize("name", ["workflow/Snakefile", "config/README.md", "config/config.yaml"])
def test_what_it_shows_is_where_it_looks(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").strip()


def test_it_is_found_by_its_readme() -> None:
    words = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in words
    assert "workflow" in words
    rules = [path.suffix for path in (ROOT / "workflow" / "rules").iterdir() if path.is_file()]
    assert ".smk" in rules


def test_what_it_says_of_deployment_and_report_is_so() -> None:
    """Environments for conda, a report; an image is nothing that the default study names."""
    snakefile = (ROOT / "workflow" / "Snakefile").read_text(encoding="utf-8")
    assert "\nreport:" in snakefile
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    stack = USAGE["software-stack-deployment"]
    assert stack["conda"] is True
    assert any((ROOT / "envs").glob("*.yaml"))
    assert stack["apptainer"] is stack["apptainer+conda"] is bool(config["runtime"]["container"])
