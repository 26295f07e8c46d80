"""cluster/recover.sh with stand-ins for Slurm and Snakemake: what it cancels, when it gives up."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "cluster" / "recover.sh"
SQUEUE = """test ! -e "$FAKE/no-controller" || exit 1
test "$*" = "--me --noheader --format=%i %Z"
cat "$FAKE/queue"
"""
SCANCEL = """echo "$*" >> "$FAKE/scancel"
test ! -e "$FAKE/goes-away" || touch "$FAKE/no-controller"
: > "$FAKE/queue"
"""
# nothing else is on the path, above all no real scancel
TOOLS = ("env", "bash", "awk", "cat", "sleep", "touch")
SNAKEMAKE = 'printf "%s|" "$@" > "$FAKE/snakemake"'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of stand-ins, beside a checkout whose path has spaces."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, text in {"squeue": SQUEUE, "scancel": SCANCEL, "snakemake": SNAKEMAKE}.items():
        (bin_ / name).write_text(f"#!/usr/bin/env bash\nset -e\n{text}\n")
        (bin_ / name).chmod(0o755)
    for tool in TOOLS:
        (bin_ / tool).symlink_to(shutil.which(tool) or tool)
    (tmp_path / "my study").mkdir()
    return tmp_path


def recover(
    site: Path, queue: str, folder: str = "my study", seconds: float = 30, **variables: str
) -> subprocess.CompletedProcess[str]:
    (site / "queue").write_text(queue)
    environment = {
        "PATH": str(site / "bin"),
        "FAKE": str(site),
        "PWD": str(site / folder),
        **variables,
    }
    return subprocess.run(
        [str(SCRIPT), "--configfile", "config/smoke.yaml"],
        cwd=site / folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def said(site: Path, command: str) -> str:
    file = site / command
    return file.read_text().strip() if file.exists() else ""


def test_jobs_of_this_folder_are_cancelled_and_no_others(site: Path) -> None:
    here = site / "my study"
    done = recover(
        site,
        f"11 {here}\n12 {here}/deeper\n13 {site}\n14 {here} 2\n15 {here}\n16 {here}\n",
        SLURM_JOB_ID="16",
    )
    assert done.returncode == 0, done.stderr
    assert said(site, "scancel") == "11 15"
    assert said(site, "snakemake") == "--profile|cluster|--configfile|config/smoke.yaml|--unlock|"


def test_a_folder_reached_by_a_link_is_the_folder(site: Path) -> None:
    (site / "link").symlink_to(site / "my study")
    done = recover(site, f"11 {os.path.realpath(site / 'my study')}\n", folder="link")
    assert done.returncode == 0, done.stderr
    assert said(site, "scancel") == "11"


def test_no_jobs_is_only_unlocking(site: Path) -> None:
    assert recover(site, "").returncode == 0
    assert (said(site, "scancel"), said(site, "snakemake") != "") == ("", True)


def test_a_queue_that_cannot_be_read_is_not_an_empty_one(site: Path) -> None:
    (site / "no-controller").touch()
    done = recover(site, "")
    assert done.returncode != 0
    assert "squeue failed" in done.stderr
    assert said(site, "snakemake") == "", "the folder stays locked"


@pytest.mark.parametrize("missing", ["squeue", "scancel", "snakemake"])
def test_a_command_that_is_missing_is_named(site: Path, missing: str) -> None:
    (site / "bin" / missing).unlink()
    done = recover(site, f"11 {site / 'my study'}\n")
    assert done.returncode != 0
    assert f"no {missing} on PATH" in done.stderr
    assert said(site, "scancel") == ""


def test_it_waits_for_a_controller_that_goes_away_meanwhile(site: Path) -> None:
    (site / "goes-away").touch()
    with pytest.raises(subprocess.TimeoutExpired):
        recover(site, f"11 {site / 'my study'}\n", seconds=4)
    assert said(site, "scancel") == "11"
    assert said(site, "snakemake") == ""
