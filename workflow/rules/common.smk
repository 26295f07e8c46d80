# What all rules share: the study, its software, its runs, its tables, and the code they depend on.
import json
import os
import re
import shlex
import sys
from pathlib import Path

ROOT = Path(str(workflow.current_basedir)).parents[1]
# Of the library and the labels, and of the study: imported from the checkout in every environment.
PACKAGES = [ROOT / "src", ROOT / "workflow"]
sys.path[:0] = map(str, PACKAGES)

from e3d.cli import COMMANDS as LIBRARY_COMMANDS
from e3d.command_line import Command
from e3d.errors import InputError
from e3d.fields import (
    BONDS_FILE,
    DECOMPOSED_FILES,
    MEANS_FILE,
    NAMED_BONDS,
    PAIRS_FILE,
    TEST_SPLITS,
)
from e3d.options import read_yaml
from study import stages
from study.cli import COMMANDS as STUDY_COMMANDS
from study.config import NAMED_BONDS_FILE, load_site, load_study, run_settings
from study.fields import STRUCTURES, VARIANT_SIGN
from study.import_graph import files_of
from study.stage import Runs

# --- the study; nothing else reads its configuration

try:
    STUDY = load_study(config, read_yaml(Path("config/datasets.yaml")))
    SITE = load_site(Path("cluster/site.yaml"))
except InputError as error:
    sys.exit(f"e3d: {error}")

SETTINGS = STUDY.values
PUBLISHED = SETTINGS["published"]
RESULTS = SETTINGS["pathvars"]["results"]
TABLES = f"results/published/{SETTINGS['study']}" if PUBLISHED else RESULTS
# Drawing published tables leaves the figures of one's own study alone.
FIGURES_FOLDER = f"{RESULTS}/figures-published" if PUBLISHED else f"{RESULTS}/figures"

BDE_REFERENCE = "src/e3d/named_bonds/bde_298K.csv"
BOND_ENERGIES = "src/e3d/named_bonds/bond_energies.csv"

# --- software

DEVICE = SETTINGS["runtime"]["device"]
GPU = int(DEVICE.startswith("cuda"))  # of a rule that uses a model
TRAIN_ENV = f"../../envs/train-{'gpu' if GPU else 'cpu'}.yaml"
IMAGE = SETTINGS["runtime"]["container"]
METHODS = {str(method) for method in workflow.deployment_settings.deployment_method}
if "apptainer" in METHODS and not IMAGE:
    sys.exit(
        "e3d: --sdm apptainer without an image - runtime.container is empty. Set it to one that "
        "was published from Dockerfile, such as docker://user/e3d:0.1, or use --sdm conda."
    )
BEFORE_COMMANDS = [f"export PYTHONPATH={shlex.quote(':'.join(map(str, PACKAGES)))}; "]
if not METHODS & {"conda", "apptainer"}:
    # `python` is the one that runs Snakemake: its environment need not be activated
    folder = shlex.quote(str(Path(sys.executable).parent))
    BEFORE_COMMANDS.append(f"export PATH={folder}:$PATH; ")
if SITE["modules"] and "apptainer" not in METHODS:  # an image has its own software
    load = f"module load {shlex.join(SITE['modules'])}"
    BEFORE_COMMANDS.insert(0, f"if printenv SLURM_JOB_ID > /dev/null; then {load}; fi; ")
shell.prefix("".join(BEFORE_COMMANDS))

# --- runs

RUN = "{dataset}/n{n_train}/{model}/s{seed}"
THIS_RUN = RUN.replace("{", "{wildcards.")  # in messages
RUNS = list(STUDY.runs())


wildcard_constraints:
    dataset="|".join(STUDY.datasets),
    n_train="[1-9][0-9]*",
    model="|".join(map(re.escape, STUDY.used("model"))),
    seed="[0-9]|[1-9][0-9]*",


def settings_of(wildcards):
    """The settings of a run."""
    run = {
        "run": RUN.format(**wildcards),
        "dataset": wildcards.dataset,
        "n_train": int(wildcards.n_train),
        "model": wildcards.model,
        "seed": int(wildcards.seed),
    }
    return run_settings(STUDY, run, RESULTS)


def run_json(wildcards):
    """The settings of a run, as the command `settings` takes them."""
    return json.dumps(settings_of(wildcards).as_dict(), sort_keys=True)


def settings_of_any_run(wildcards):
    """RUN.yaml of the first run of a dataset and model: all of them have its architecture."""
    same = {"dataset": wildcards.dataset, "model": wildcards.model}
    first = next(run["run"] for run in RUNS if same.items() <= run.items())
    return f"{RESULTS}/train/{first}/run.yaml"


def untrained_of_size(wildcards):
    """Untrained networks of a plain model size; a variant has none of its own."""
    if VARIANT_SIGN in wildcards.model:
        return []
    return f"{RESULTS}/null/untrained/{wildcards.dataset}/{wildcards.model}.csv"


def decomposed(file, structures=STRUCTURES):
    """A file of a run's decompositions, one for each set of structures."""
    return [f"<results>/decompose/{RUN}/{name}/{file}" for name in structures]


# --- tables


def outputs(stage, *names):
    """The tables of one run, or of the study, that a stage declares; all, or those named."""
    files = {}
    for table in stages.tables_of(stage):
        file = stages.TABLES[table].files[0] if table in stages.stacked() else f"{table}.csv"
        files[stages.TABLES[table].name] = f"<results>/{file}".replace("{run}", RUN)
    return {name: files[name] for name in names or files}


def of_stage(stage):
    """The study's tables of a stage."""
    return [f"<results>/{table}.csv" for table in stages.tables_of(stage)]


def collected(wildcards):
    """The tables of single runs that a table of the study stacks."""
    table = stages.TABLES[wildcards.table]
    runs = STUDY.runs_with(table.runs)
    files = [f"{RESULTS}/{file.format(**run)}" for run in runs for file in table.files]
    return list(dict.fromkeys(files))  # a file of a dataset serves many runs


def figure_settings(figure):
    """The options that hand a figure its settings."""
    given = {name: SETTINGS["figures"][name] for name in figure.settings}
    return " ".join(f"--{name} {shlex.join(values)}" for name, values in given.items())


def alternatives(names):
    """A wildcard's constraint: one of these names; without names, nothing matches."""
    return "|".join(map(re.escape, names)) or "(?!)"


# --- code

MODULE_OF = {
    part.name: part.call.partition(":")[0]
    for part in (*LIBRARY_COMMANDS, *STUDY_COMMANDS)
    if isinstance(part, Command)
}


def code_of(command, *modules):
    """The files a command runs: its module, others, and all they import. An edit reruns it."""
    files = files_of([MODULE_OF[command], *modules])
    return [os.path.relpath(file) for file in files]  # a moved project is the same project


def code_of_collecting(wildcards):
    """The files that collecting a table runs, its check among them."""
    check = stages.TABLES[wildcards.table].check
    return code_of("collect", *([check.partition(":")[0]] if check else []))
