# What all rules share: the study, its software, its runs, its tables, and the code they depend on.
import json
import re
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.common.configfile import load_configfile

ROOT = Path(str(workflow.current_basedir)).parents[1]
# Of the library and the labels, and of the study: imported from the checkout in every environment.
PACKAGES = [ROOT / "src", ROOT / "workflow"]
sys.path[:0] = map(str, PACKAGES)

from e3d.cli import COMMANDS as LIBRARY_COMMANDS
from e3d.command_line import Command
from e3d.failures import message_of
from e3d.fields import (
    BONDS_FILE,
    DECOMPOSED_FILES,
    MEANS_FILE,
    NAMED_BONDS,
    PAIRS_FILE,
    TEST_SPLITS,
)
from e3d.options import read_yaml
from e3d.provenance import digest
from study import stages
from study.cli import COMMANDS as STUDY_COMMANDS
from study.config import NAMED_BONDS_FILE, load_site, load_study, run_settings
from study.config_files import check_file, with_own_controls
from study.fields import GIVEN, VARIANT_SIGN, is_given
from study.import_graph import list_code
from study.stage import Runs

# --- the study; nothing else reads its configuration

try:
    # again: profiles/default, which checks them before Snakemake reads them, may not be in use
    for path in workflow.configfiles:
        check_file(Path(path))
    overlays = [load_configfile(path) for path in workflow.config_settings.configfiles]
    STUDY = load_study(
        with_own_controls(config, [*overlays, workflow.config_settings.config]),
        read_yaml(Path("config/datasets.yaml")),
        read_yaml(Path("config/models.yaml")),
    )
    SITE = load_site(Path("cluster/site.yaml"))
except Exception as error:  # whatever it is: no user reads a traceback
    sys.exit(message_of(error))

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

TRAINED = "{dataset}/n{n_train}/{model}/s{seed}"  # a run that is trained here
RUN = "{run}"  # any run; the id of a given model's is given/<name>
THIS_TRAINING, THIS_RUN = TRAINED.replace("{", "{wildcards."), "{wildcards.run}"  # in messages
RUNS = list(STUDY.runs())
GIVEN_RUNS = STUDY.given_runs()
SETS = len({run["dataset"] for run in RUNS})  # training sets; none where all models are given
TESTED_ON = {run["run"]: STUDY.tested_on(run) for run in (*RUNS, *GIVEN_RUNS)}
TEST_STORES = [f"<results>/data/{name}/store.h5" for name in SETTINGS["tests"]]


def alternatives(names):
    """A wildcard's constraint: one of these names; without names, nothing matches."""
    return "|".join(map(re.escape, names)) or "(?!)"


# by their parts: a study may have thousands of runs
_PARTS = {
    "dataset": alternatives(STUDY.datasets),
    "n_train": "[1-9][0-9]*",
    "model": alternatives(STUDY.used("model")),
    "seed": "[0-9]|[1-9][0-9]*",
}
_TRAINED = TRAINED.format(**{name: f"(?:{part})" for name, part in _PARTS.items()})


wildcard_constraints:
    **_PARTS,
    run=f"{_TRAINED}|{alternatives(run['run'] for run in GIVEN_RUNS)}",
    given=alternatives(SETTINGS["given"]),


def of_run(path):
    """A file of the dataset that a run is tested on, and of the subset of its null models."""
    return lambda wildcards: f"{RESULTS}/{path}".format(**TESTED_ON[wildcards.run])


def training_frames(wildcards):
    """The subset that a run was trained on; what a given model was trained on is not at hand."""
    subset = of_run("data/{dataset}/subsets/n{n_train}.csv")
    return [] if is_given(wildcards.run) else subset(wildcards)


def given_model(run):
    """What the registry says of the given model of a run."""
    return STUDY.models[run.removeprefix(f"{GIVEN}/")]


def model_of(wildcards):
    """The model of a run."""
    if is_given(wildcards.run):
        return given_model(wildcards.run).path
    return f"{RESULTS}/train/{wildcards.run}/model.ckpt"


def trained_by(wildcards):
    """What nequip was given to train the model of a run; a given model was trained elsewhere."""
    return [] if is_given(wildcards.run) else f"{RESULTS}/train/{wildcards.run}/nequip.yaml"


def laws_of_given(wildcards):
    """The laws of a given model, where a job may find nothing that it can work on."""
    return f"{RESULTS}/soundness/{wildcards.run}.csv" if is_given(wildcards.run) else []


# Of a given model that breaks a law a job leaves empty files, and collecting passes over them.
UNLESS_BROKEN = "if grep -qs ',no,[^,]*$' {input.laws} /dev/null; then touch {output}; exit; fi; "


def dataset_of(wildcards):
    """The dataset of a job: its own, or that its run is tested on."""
    return getattr(wildcards, "dataset", None) or TESTED_ON[wildcards.run]["dataset"]


def option(name, values):
    """An option of a command with a value or several; nothing without one."""
    several = [values] if isinstance(values, str) else values
    return shlex.join([f"--{name}", *map(str, several)]) if several else ""


def settings_of(wildcards):
    """The settings of a run that is trained here."""
    run = {
        "run": TRAINED.format(**wildcards),
        "dataset": wildcards.dataset,
        "n_train": int(wildcards.n_train),
        "model": wildcards.model,
        "seed": int(wildcards.seed),
    }
    return run_settings(STUDY, run, RESULTS)


def run_json(wildcards):
    """The settings of a run that is trained here, as the command `settings` takes them."""
    return json.dumps(settings_of(wildcards).as_dict(), sort_keys=True)


def settings_of_any_run(wildcards):
    """RUN.yaml of the first run of a dataset and model: all of them have its architecture."""
    same = {"dataset": wildcards.dataset, "model": wildcards.model}
    first = next(run["run"] for run in RUNS if same.items() <= run.items())
    return f"{RESULTS}/train/{first}/run.yaml"


def untrained_of_size(wildcards):
    """Untrained networks of a plain model size; variants and given models have none."""
    if is_given(wildcards.run) or VARIANT_SIGN in wildcards.run:
        return []
    dataset, _, model, _ = wildcards.run.split("/")
    return f"{RESULTS}/null/untrained/{dataset}/{model}.csv"


def decomposed(file, structures=STUDY.test_sets()):
    """A file of a run's decompositions, one for each set of structures."""
    return [f"<results>/decompose/{RUN}/{name}/{file}" for name in structures]


# --- tables


def outputs(stage, *names):
    """The tables of one run, or of the study, that a stage declares; all, or those named."""
    files = {}
    for table in stages.tables_of(stage):
        file = stages.TABLES[table].files[0] if table in stages.stacked() else f"{table}.csv"
        files[stages.TABLES[table].name] = f"<results>/{file}"
    return {name: files[name] for name in names or files}


def of_stage(stage):
    """The study's tables of a stage."""
    return [f"<results>/{table}.csv" for table in stages.tables_of(stage)]


def collected(wildcards):
    """The tables of single runs that a table of the study stacks."""
    table = stages.TABLES[wildcards.table]
    files = [
        f"{RESULTS}/{file}".format(**run | STUDY.tested_on(run), structures=structures)
        for run in STUDY.runs_with(table.runs)
        for file in table.files
        for structures in STUDY.test_sets()
    ]
    return list(dict.fromkeys(files))  # a file of a dataset serves many runs


def laws_of_collected(wildcards):
    """The laws of the runs that a table of the study stacks, if it leaves out those that break one."""
    if not stages.of_sound_runs(wildcards.table):
        return []
    runs = STUDY.runs_with(stages.TABLES[wildcards.table].runs)
    return [f"{RESULTS}/soundness/{run['run']}.csv" for run in runs]


def sound_runs_alone(wildcards):
    """How collecting leaves runs out; a table of the smallest run alone may lose it."""
    few = stages.TABLES[wildcards.table].runs is Runs.SMALLEST
    laws = f"--laws {RESULTS}/soundness" if stages.of_sound_runs(wildcards.table) else ""
    return f"{laws} --may-be-empty" if laws and few else laws


def has_table(table):
    """Whether the study has a table: one that was published may be older than a stage."""
    return not PUBLISHED or Path(f"{TABLES}/{table}.csv").is_file()


def figure_settings(figure):
    """The options that hand a figure its settings."""
    given = {name: SETTINGS["figures"][name] for name in figure.settings}
    return " ".join(f"--{name} {shlex.join(values)}" for name, values in given.items())


# --- code

MODULE_OF = {
    part.name: part.call.partition(":")[0]
    for part in (*LIBRARY_COMMANDS, *STUDY_COMMANDS)
    if isinstance(part, Command)
}


def code_of(command, *modules):
    """The list of the files a command runs: its module, others, and all they import.

    An edit of one changes the list, and the rule runs again. It goes where the results go.
    """
    name = "-".join([*command.split(), *(modules if len(modules) < 2 else [digest(modules)])])
    return str(list_code([MODULE_OF[command], *modules], Path(f"{RESULTS}/.code/{name}.sha256")))


@cache
def code_of_collecting(table):
    """The list of the files that collecting a table runs, its check among them."""
    check = stages.TABLES[table].check
    return code_of("collect", *([check.partition(":")[0]] if check else []))
