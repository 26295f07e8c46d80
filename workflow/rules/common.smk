# Settings, names and helper functions of the workflow; the only place that reads the configuration.
import json
import os
import re
import shlex
import sys
from pathlib import Path

ROOT = Path(str(workflow.current_basedir)).parents[1]
PACKAGES = [
    ROOT / "src",
    ROOT / "workflow",
]  # of the library and the labels, of the study
sys.path[:0] = map(str, PACKAGES)

from e3d.cli import COMMANDS as LIBRARY_COMMANDS
from e3d.command_line import Command
from e3d.errors import InputError
from e3d.fields import DECOMPOSED_FILES, TEST_SPLITS
from e3d.options import read_yaml
from study import stages
from study.cli import COMMANDS as STUDY_COMMANDS
from study.config import load_site, load_study, run_settings
from study.data.entries import read_options
from study.data.labelled import geometries_file
from study.fields import NAMED_BONDS, STRUCTURES, VARIANT_SIGN
from study.import_graph import files_of
from study.reactivity import FILES as REACTIVITY_FILES
from study.stage import Runs

try:
    STUDY = load_study(config, read_yaml(Path("config/datasets.yaml")))
    SITE = load_site(Path("cluster/site.yaml"))
except InputError as error:
    sys.exit(f"e3d: {error}")

RESULTS = STUDY.values["pathvars"]["results"]
TABLES = (
    f"results/published/{STUDY.values['study']}"
    if STUDY.values["published"]
    else RESULTS
)
# Drawing published tables leaves the figures of one's own study alone.
FIGURES_FOLDER = (
    f"{RESULTS}/figures-published"
    if STUDY.values["published"]
    else f"{RESULTS}/figures"
)
RUN = "{dataset}/n{n_train}/{model}/s{seed}"
RUNS = list(STUDY.runs())
# Variants are there for the gauge, which needs their errors and D alone.
PLAIN_RUNS = [run for run in RUNS if VARIANT_SIGN not in run["model"]]


wildcard_constraints:
    dataset="|".join(STUDY.datasets),
    n_train="[1-9][0-9]*",
    model="|".join(map(re.escape, STUDY.used("model"))),
    seed="[0-9]|[1-9][0-9]*",


# All packages are imported from the checkout in every environment. Without conda or an image, `python` is the one that runs
# Snakemake, so that an environment need not be activated.
METHODS = {str(method) for method in workflow.deployment_settings.deployment_method}
IMAGE = STUDY.values["runtime"]["container"]
if "apptainer" in METHODS and not IMAGE:
    sys.exit(
        "e3d: --sdm apptainer without an image - runtime.container is empty. Set it to one that was published from "
        "Dockerfile, such as docker://user/e3d:0.1, or use --sdm conda."
    )
PYTHON = (
    ""
    if METHODS & {"conda", "apptainer"}
    else f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
)
# an image has its own software, and no modules
MODULES = (
    f"if printenv SLURM_JOB_ID > /dev/null; then module load {shlex.join(SITE['modules'])}; fi; "
    if SITE["modules"] and "apptainer" not in METHODS
    else ""
)
PYTHONPATH = shlex.quote(":".join(map(str, PACKAGES)))
shell.prefix(f"{MODULES}{PYTHON}export PYTHONPATH={PYTHONPATH}; ")


DECOMPOSED = [
    f"<results>/decompose/{RUN}/{name}/{file}"
    for name in STRUCTURES
    for file in DECOMPOSED_FILES
    if (name, file) != (NAMED_BONDS, "summary.json")  # named by the rule itself
]
SUBSET_OPTIONS = " ".join(
    f"--{key.replace('_', '-')} {shlex.join(map(str, value)) if isinstance(value, list) else value}"
    for key, value in STUDY.values["subset"].items()
)
DEVICE = STUDY.values["runtime"]["device"]
ON_GPU = DEVICE.startswith("cuda")
GPU = int(ON_GPU)  # of a rule that uses a model
TRAIN_ENV = f"../../envs/train-{'gpu' if ON_GPU else 'cpu'}.yaml"
BDE_REFERENCE = "resources/bde_298K.csv"
BOND_ENERGIES = "resources/bond_energies.csv"


def weights_of(model):
    """What the number of weights of a plain size grows with."""
    size = STUDY.values["models"][model]
    return size["num_layers"] * size["mlp_width"] * size["num_scalar_features"]


def largest(dataset):
    """The runs of a dataset with most training frames and, there, the largest plain model; all seeds."""
    plain = [
        run for run in RUNS if run["dataset"] == dataset and "+" not in run["model"]
    ]
    key = lambda run: (run["n_train"], weights_of(run["model"]))
    best = max(map(key, plain), default=None)
    return [run for run in plain if key(run) == best]


def smallest(runs):
    """The smallest plain model of each dataset at its largest number of frames, with its lowest seed."""
    rank = lambda run: (-run["n_train"], weights_of(run["model"]), run["seed"])
    plain = [run for run in runs if VARIANT_SIGN not in run["model"]]
    datasets = dict.fromkeys(run["dataset"] for run in plain)
    return [
        min((r for r in plain if r["dataset"] == name), key=rank) for name in datasets
    ]


RUNS_OF = {
    Runs.EVERY: RUNS,
    Runs.PLAIN: PLAIN_RUNS,
    Runs.LARGEST: [run for name in STUDY.used("dataset") for run in largest(name)],
    Runs.SMALLEST: smallest(PLAIN_RUNS),
}


SOURCES = {name: STUDY.datasets[name] for name in STUDY.sources()}
MIXTURES = STUDY.mixtures()

# Files that can be fetched: the settings they are fetched by.
FETCHED = {
    entry["path"]: {"dataset": name} | entry
    for name, entry in SOURCES.items()
    if "url" in entry
} | {
    entry["isolated_atoms"]: {"dataset": name, "url": entry["isolated_atoms_url"]}
    for name, entry in SOURCES.items()
    if "isolated_atoms_url" in entry
}

# Files that are made, and the conformations they are labelled from.
MADE = {entry["path"]: entry for entry in SOURCES.values() if "molecules" in entry}
SAMPLED = {geometries_file(path): entry for path, entry in MADE.items()}


def alternatives(names):
    """A wildcard's constraint: one of these names; of none, nothing matches."""
    return "|".join(map(re.escape, names)) or "(?!)"


def dataset_file(wildcards):
    return SOURCES[wildcards.dataset]["path"]


def bond_orders_file(wildcards):
    """The dataset's own file where its layout can hold bond orders."""
    entry = SOURCES.get(wildcards.dataset, {})
    return entry["path"] if entry.get("layout") == "spice" else []


def transition1x_file(wildcards):
    """Transition1x's file, which names the reactants, products and transition states, if that is the dataset."""
    entry = SOURCES.get(wildcards.dataset, {})
    return entry["path"] if entry.get("layout") == "transition1x" else []


def isolated_atoms_file(wildcards):
    return SOURCES[wildcards.dataset].get("isolated_atoms", [])


def options_of_reading(wildcards):
    return shlex.join(read_options(SOURCES[wildcards.dataset]))


def checksum(wildcards):
    return SOURCES[wildcards.dataset].get("sha256", "")


def parts_of(wildcards):
    return [
        f"{RESULTS}/data/{name}/store.h5"
        for name in STUDY.datasets[wildcards.dataset]["mix"]
    ]


def mix_options(wildcards):
    entry = STUDY.datasets[wildcards.dataset]
    shares = [f"{name}={share}" for name, share in entry["mix"].items()]
    residual = ["--apply-residual"] if entry["apply_residual"] else []
    return shlex.join(["--shares", *shares, *residual])


def of_file(key):
    """A setting of the dataset that is fetched into a file; empty where it has none."""
    return lambda wildcards: str(FETCHED[wildcards.file].get(key, ""))


def settings_of(wildcards):
    run = {
        "run": RUN.format(**wildcards),
        "dataset": wildcards.dataset,
        "n_train": int(wildcards.n_train),
        "model": wildcards.model,
        "seed": int(wildcards.seed),
    }
    return run_settings(STUDY, run, RESULTS)


def run_json(wildcards):
    return json.dumps(settings_of(wildcards).as_dict(), sort_keys=True)


def of_runs(patterns, runs=RUNS):
    """The files of every run, or of some; patterns with {run}, {dataset}, ..., one or several."""
    several = [patterns] if isinstance(patterns, str) else patterns
    found = [pattern.format(**run) for run in runs for pattern in several]
    return list(dict.fromkeys(found))  # a file of the dataset serves many runs


def of_stage(stage):
    """The study's tables of one stage."""
    return [f"{RESULTS}/{table}.csv" for table in stages.tables_of(stage)]


def outputs(stage):
    """The tables of one run that a stage declares, by their names."""
    tables = {name: table for name, table in stages.stacked().items()}
    return {
        table.name: f"<results>/{table.files[0]}".replace("{run}", RUN)
        for name, table in tables.items()
        if name.startswith(f"{stage}/")
    }


def of_datasets(pattern):
    return [pattern.format(dataset=name) for name in STUDY.used("dataset")]


def of_subsets(pattern):
    return sorted({pattern.format(**run) for run in RUNS})


def settings_of_any_run(wildcards):
    """The settings of the first run of a dataset and model: its architecture is that of all of them."""
    same = {"dataset": wildcards.dataset, "model": wildcards.model}
    first = next(run["run"] for run in RUNS if same.items() <= run.items())
    return f"{RESULTS}/train/{first}/run.yaml"


def untrained_of_size(wildcards):
    """Untrained networks of a plain model size; a variant has none of its own."""
    if VARIANT_SIGN in wildcards.model:
        return []
    return f"{RESULTS}/null/untrained/{wildcards.dataset}/{wildcards.model}.csv"


def collected(wildcards):
    table = stages.TABLES[wildcards.table]
    return of_runs([f"{RESULTS}/{file}" for file in table.files], RUNS_OF[table.runs])


def figure_settings(figure):
    """The options that hand a figure its settings."""
    given = {name: STUDY.values["figures"][name] for name in figure.settings}
    return " ".join(f"--{name} {shlex.join(values)}" for name, values in given.items())


def check_option(wildcards):
    return "--one-sample-size" if wildcards.table == "entropy/entropy" else ""


MODULE_OF = {
    part.name: part.call.partition(":")[0]
    for part in (*LIBRARY_COMMANDS, *STUDY_COMMANDS)
    if isinstance(part, Command)
}


def code_of(command, *modules):
    """Files of the module a command runs, and of all it imports: editing any of them reruns it."""
    return [
        os.path.relpath(file)  # a moved project is the same project
        for file in files_of([MODULE_OF[command], *modules])
    ]
