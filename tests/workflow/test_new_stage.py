"""A new stage with one table and one figure is six files, all new but one: add and run it."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from planning import SMOKE, plan

DECLARATION = '''"""Stage ``tally``: how many bonds each run was decomposed on."""

from e3d.command_line import Command, argument
from study.arguments import RUN
from study.stage import Figure, Runs, Stage, of_runs

STAGE = Stage(
    "tally",
    tables=of_runs("tally", Runs.PLAIN, "bonds"),
    figures=(Figure("tally", 99, "bonds by type", ("tally/bonds",)),),
    commands=(
        Command(
            "tally",
            "study.tally.tables:write_table",
            "Count the named bonds of a run.",
            (argument("MEANS", "bond_means.csv"), RUN),
        ),
    ),
    groups={"tally_run": "analyse"},
)
'''
TABLES = '''"""Count bonds by type."""

from e3d import tables
from e3d.options import own_run


def write_table(means, run, output):
    """Write the number of bonds of each type."""
    found = tables.read(means)
    counts = found.groupby("bond_type").size().rename("n").reset_index()
    tables.write_of_run({"": counts}, output, run or own_run(means), inputs=[means])
'''
FIGURE = '''"""Bonds by type, over all runs."""

from matplotlib.figure import Figure


def make(tables):
    """Draw the numbers."""
    figure = Figure()
    counts = tables["tally/bonds"].groupby("bond_type")["n"].sum()
    figure.subplots().bar(counts.index, counts.to_numpy())
    return figure
'''
RULES = """rule tally_run:
    input:
        means=f"<results>/decompose/{RUN}/{NAMED_BONDS}/bond_means.csv",
        settings=f"<results>/train/{RUN}/run.yaml",
        code=code_of("tally"),
    output:
        **outputs("tally"),
    log:
        f"<logs>/tally/{RUN}.log",
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m study tally {input.means} --run {input.settings} -o {output.bonds} --log {log}"
"""


@pytest.fixture
def extended(project: Path) -> Path:
    """A copy of the project with one more stage."""
    study = project / "workflow" / "study"
    new = {
        study / "tally" / "__init__.py": DECLARATION,
        study / "tally" / "tables.py": TABLES,
        study / "tally" / "figure_tally.py": FIGURE,
        study / "tally" / "figure_tally.rst": "Bonds by type.\n",
        project / "workflow" / "rules" / "tally.smk": RULES,
    }
    for path, text in new.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    stages = study / "stages.py"
    text = stages.read_text()
    assert text.count('    "robustness",\n') == 1
    stages.write_text(text.replace('    "robustness",\n', '    "robustness",\n    "tally",\n'))
    return project


def study(project: Path, *arguments: str) -> str:
    """Run a command of the study of this copy and return what it printed."""
    paths = os.pathsep.join(str(project / name) for name in ("src", "workflow"))
    command = [sys.executable, "-m", "study", *arguments]
    environment = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "200"}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_table_figure_command_and_target_are_there(extended: Path) -> None:
    jobs = plan(extended, "tally", *SMOKE)
    assert jobs["tally_run"] == 4
    assert jobs["tables_collect"] == 1
    assert plan(extended, "figures", *SMOKE)["figures_tally"] == 1
    assert "Count the named bonds of a run." in study(extended, "--help")
    code = "from study.stages import groups; print(groups()['tally_run'])"
    paths = f"{extended / 'src'}{os.pathsep}{extended / 'workflow'}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "analyse\n"


def test_it_runs_from_a_run_to_its_figure(extended: Path) -> None:
    means = extended / "bond_means.csv"
    pd.DataFrame({"bond_type": ["C-H", "C-H", "C-C"]}).to_csv(means, index=False)
    results = extended / "made" / "tally"
    study(extended, "tally", str(means), "-o", str(results / "s0.csv"))
    assert pd.read_csv(results / "s0.csv")["n"].to_list() == [1, 2]
    study(extended, "collect", str(results / "s0.csv"), "-o", str(results / "bonds.csv"))
    study(
        extended,
        *("figures", str(results.parent), "--name", "tally", "-o", str(results / "tally.png")),
    )
    assert (results / "tally.png").stat().st_size > 5_000
