"""Start-up: help of every command, what each stage imports, planning of up to 1,000 runs.

    python benchmarks/startup.py -o results/benchmarks/startup.csv

Peers: an interpreter that does nothing; ``nequip-compile --help``; importing the library a stage
rests on; and for a dry run, plain Snakemake with as many jobs, of one input and one output file
each and no code of ours. Every time is that of a whole process.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import yaml
from measure import Row, compare, finish, growth_row, log, parser, row

import study.cli
from e3d.command_line import Command

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PARTS = (
    "Snakefile",
    "CITATION.cff",
    "src",
    "workflow",
    "config",
    "profiles",
    "resources",
    "envs",
    "cluster",
)
PYTHONPATH = os.pathsep.join(str(ROOT / name) for name in ("src", "workflow"))
COMMANDS = tuple(part.name for part in study.cli.PARTS if isinstance(part, Command))
IMPORTS = {  # module of a stage: the library without which it cannot do its work
    "e3d": "sys",
    "study.config": "jsonschema",
    "e3d.store.convert": "h5py",
    "study.data.split": "pandas",
    "e3d.tables": "pandas",
    "study.bde.tables": "pandas",
    "study.entropy.tables": "pandas",
    "study.scaling.fits": "scipy.optimize",
    "study.figures.style": "matplotlib.figure",
    "e3d.models": "nequip.model",
}
HELP_GOAL_S, PLAN_GOAL_S, PLAN_GOAL_JOBS = 0.3, 30.0, 5000
RULES = 6
"""Jobs of one run: settings, training, errors, decomposition, bond energies, entropy."""
SIZES, MODELS, SEEDS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192), 5, (2, 6, 20)

PLAIN = """
rule all:
    input: expand("{{run}}.{last}", run=range({runs}))

rule first:
    output: "{{run}}.0"
    shell: "touch {{output}}"
"""
PLAIN_STEP = """
rule step{step}:
    input: "{{run}}.{before}"
    output: "{{run}}.{step}"
    shell: "touch {{output}}"
"""


def run(*command: str, folder: Path = ROOT) -> str:
    """Run a command to its end, with the package on its path; return what it wrote.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    environment = os.environ | {"PYTHONPATH": PYTHONPATH, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)}: exit code {done.returncode}: {done.stderr[-2000:]}"
        )
    return done.stdout + done.stderr


def python(*arguments: str) -> partial[str]:
    """Return a run of this interpreter."""
    return partial(run, sys.executable, *arguments)


def help_rows(commands: list[str], rounds: int) -> list[Row]:
    """Return the rows of ``--help``."""
    nothing = python("-c", "pass")
    rows = []
    for name in ["", *commands]:
        pair = compare(python("-m", "study", *name.split(), "--help"), nothing, rounds=rounds)
        case = " ".join(f"e3d {name} --help".split())
        rows.append(row(case, pair, unit="s", peer_name="python -c pass", goal_ours=HELP_GOAL_S))
        log.info("%s: %.3f s", case, pair.ours)
    return rows


def library_help_row(rounds: int) -> Row:
    """Return the row of ``--help`` against that of a command of nequip."""
    theirs = partial(run, str(BIN / "nequip-compile"), "--help")
    pair = compare(python("-m", "study", "--help"), theirs, rounds=rounds)
    return row(
        "e3d --help, nequip's help",
        pair,
        unit="s",
        peer_name="nequip-compile --help",
        goal_ours=HELP_GOAL_S,
    )


def import_rows(modules: list[str], rounds: int) -> list[Row]:
    """Return the rows of what stages import."""
    rows = []
    for name in modules:
        library = IMPORTS[name]
        pair = compare(
            python("-c", f"import {name}"), python("-c", f"import {library}"), rounds=rounds
        )
        rows.append(row(f"import {name}", pair, unit="s", peer_name=f"import {library}"))
        log.info("%s: %.3f s, %s %.3f s", rows[-1]["case"], pair.ours, library, pair.peer)
    return rows


def write_study(folder: Path, sizes: tuple[int, ...], seeds: int) -> Path:
    """Copy the project, with a study of ``len(sizes)`` x 5 x ``seeds`` runs; return its folder."""
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    known = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["models"]
    models = {f"size{index}": dict(known["nano"]) for index in range(MODELS)}
    grid = {"n_train": list(sizes), "model": list(models), "seed": list(range(seeds))}
    (folder / "grid.yaml").write_text(
        yaml.safe_dump({"models": models, "grid": grid}), encoding="utf-8"
    )
    return folder


def plain(folder: Path, runs: int) -> Path:
    """Write a Snakefile of a chain of ``RULES`` plain rules for every run; return its folder."""
    folder.mkdir()
    steps = [PLAIN_STEP.format(step=step, before=step - 1) for step in range(1, RULES)]
    text = PLAIN.format(last=RULES - 1, runs=runs) + "".join(steps)
    (folder / "Snakefile").write_text(text, encoding="utf-8")
    return folder


def plan(folder: Path, *options: str) -> int:
    """Plan a study by a dry run; return the number of its jobs."""
    snakemake = (str(BIN / "snakemake"), "--dry-run", "--quiet", "rules", "--cores", "1", *options)
    found = re.search(r"^total +(\d+)$", run(*snakemake, folder=folder), flags=re.MULTILINE)
    if found is None:
        raise RuntimeError(
            f"{folder}: Snakemake's output has no total of jobs. Was its format changed?"
        )
    return int(found[1])


def plan_rows(sizes: tuple[int, ...], seeds: tuple[int, ...], rounds: int) -> list[Row]:
    """Return the rows of dry runs and how their time grows with the number of jobs."""
    rows: list[Row] = []
    for count in seeds:
        runs = len(sizes) * MODELS * count
        with tempfile.TemporaryDirectory() as name:
            ours, peer = (
                write_study(Path(name) / "ours", sizes, count),
                plain(Path(name) / "peer", runs),
            )
            jobs = plan(ours, "--configfile", "grid.yaml")
            planning = partial(plan, ours, "--configfile", "grid.yaml")
            pair = compare(planning, partial(plan, peer), rounds=rounds, warmup=0)
        goal: Row = {"goal_ours": PLAN_GOAL_S} if jobs > PLAN_GOAL_JOBS else {}
        facts: Row = {
            "unit": "s",
            "peer_name": f"snakemake, {RULES * runs + 1} plain jobs",
            "series": "dry run",
            "size": jobs,
        }
        rows.append(row(f"dry run of {runs} runs, {jobs} jobs", pair, **facts, **goal))
        log.info("%s: %.1f s, plain %.1f s", rows[-1]["case"], pair.ours, pair.peer)
    jobs_of, times = ([line[key] for line in rows] for key in ("size", "ours"))
    if len(rows) > 1:
        rows.append(growth_row("dry run against jobs", jobs_of, times, of="time", against="jobs"))
    return rows


def main() -> None:
    """Measure and write the table."""
    arguments = parser(__doc__).parse_args()
    if arguments.quick:
        rows = help_rows(["data read"], 1) + import_rows(["e3d", "study.config"], 1)
        rows += plan_rows(SIZES[:1], (1,), 1)
    else:
        rounds = arguments.rounds
        rows = [
            library_help_row(rounds),
            *help_rows(list(COMMANDS), rounds),
            *import_rows(list(IMPORTS), rounds),
        ]
        rows += plan_rows(SIZES, SEEDS, max(2, rounds // 2))
    finish("startup", rows, arguments)


if __name__ == "__main__":
    main()
