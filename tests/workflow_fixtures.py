"""Copies of the project to plan in and to run in, and the smoke study, run once for all tests."""

from pathlib import Path

import pytest

from planning import SMOKE, copy_project, snakemake


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project without results, of one's own."""
    return copy_project(tmp_path)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project without results, to plan in only."""
    return copy_project(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the smoke study and its report; to read and to plan in only."""
    folder = copy_project(tmp_path_factory.mktemp("smoke"))
    done = snakemake(
        folder, *SMOKE, "--show-failed-logs", "--report", "report.html", "--report-after-run"
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    (folder / "said.txt").write_text(done.stderr)
    return folder
