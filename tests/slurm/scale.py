"""Send many short jobs of the workflow through a Slurm on loopback, and count what became of each.

    E3D_SLURM_LAB=1 python tests/slurm/scale.py 200 -o results/published/benchmarks/slurm.csv

The jobs choose subsets, one Slurm job each, by the repository's profile without its groups. Not
part of the tests: it takes some seconds a job.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml
from lab import LabError, start, stop

ROOT = Path(__file__).parents[2]
PARTS = (
    *("Snakefile", "CITATION.cff", "src", "workflow", "config", "profiles", "resources", "envs"),
    "cluster",
)


def send(jobs: int, folder: Path) -> dict[str, int | float]:
    """Run ``jobs`` jobs; return how many were submitted, completed, left a file, and the time."""
    for name in PARTS:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
    shutil.copy(Path(__file__).parent / "site.yaml", folder / "cluster" / "site.yaml")
    profile = folder / "cluster" / "profile.yaml"
    profile.write_text(
        "".join(part for part in _sections(profile.read_text()) if not part.startswith("group"))
    )
    overlay = {
        "grid": {"n_train": list(range(1, jobs + 1))},
        "controls": [],
        "pathvars": {"results": "results"},
    }
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    started = time.monotonic()
    done = subprocess.run(
        ["snakemake", "data", "--profile", "cluster", "--configfile", "overlay.yaml"],
        cwd=folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        check=False,
    )
    seconds = time.monotonic() - started
    table = subprocess.run(
        ["sacct", "-X", "-n", "-P", "-S", "now-1days", "--format=State,Comment"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    of_subsets = [line.partition("|")[0] for line in table if "rule_data_subset_" in line]
    return {
        "jobs": jobs,
        "submitted": len(of_subsets),
        "completed": of_subsets.count("COMPLETED"),
        "files": len(list(folder.glob("results/data/minispice/subsets/n*[0-9].csv"))),
        "exit_code": done.returncode,
        "minutes": round(seconds / 60, 1),
        "cpus": os.cpu_count() or 0,
    }


def _sections(text: str) -> list[str]:
    """Split YAML before every line that begins a key of the top level."""
    parts: list[str] = []
    for line in text.splitlines(keepends=True):
        if line[0].isalpha() or not parts:
            parts.append("")
        parts[-1] += line
    return parts


def main() -> int:
    """Start the Slurm, send the jobs, write the table; return 0 if none was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=int)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        start()
    except LabError as error:
        sys.stderr.write(f"slurm lab: {error}\n")
        return 2
    try:
        with tempfile.TemporaryDirectory() as folder:
            counted = send(arguments.jobs, Path(folder))
    finally:
        stop()
    pd.DataFrame([counted]).to_csv(arguments.output, index=False)
    return int(
        not counted["jobs"] == counted["submitted"] == counted["completed"] == counted["files"]
    )


if __name__ == "__main__":
    sys.exit(main())
