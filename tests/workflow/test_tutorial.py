"""The tutorial's commands do what it says, in a copy of the smoke study."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd

from planning import BIN, ROOT

_DONE = (
    "git clone <this repository> e3d && cd e3d",
    "make smoke",
    ". .venv/bin/activate",
    "pip install --constraint requirements.lock --editable '.[labels]'",
)
"""Commands that the tests themselves began with."""


def commands() -> list[str]:
    """Return the lines of the tutorial's blocks of commands."""
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    return re.findall(r"^ {4}(.*)$", page, re.MULTILINE)


def test_the_tutorial(smoke: Path, tmp_path: Path) -> None:
    folder = tmp_path / "e3d"
    shutil.copytree(smoke, folder)
    lines = commands()
    assert {*_DONE} < {*lines}
    script = "\n".join(line for line in lines if line not in _DONE)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=os.environ
        | {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder / 'workflow'}",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    assert "bond_type,r_ang,bond_energy_eV" in done.stdout
    assert done.stderr.count("Nothing to be done") == 1, "bde of the smoke study is there"
    assert (folder / "report" / "report.html").is_file()
    summary = pd.read_csv(folder / "results" / "mine" / "bde" / "summary.csv")
    assert set(summary["run"]) == {"mine/n32/nano/s0"}
