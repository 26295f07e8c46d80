# Settings, names and helper functions of the workflow; the only place that reads the configuration.
import json
import os
import re
import shlex
import sys
from pathlib import Path

PACKAGES = Path(str(workflow.current_basedir)).parent  # holds the package e3d
sys.path.insert(0, str(PACKAGES))

from e3d.config import load_site, load_study, read_yaml, run_settings
from e3d.data.made import geometries_file
from e3d.errors import InputError
from e3d.fields import DECOMPOSED_FILES, NAMED_BONDS, TEST_SPLITS, VARIANT_SIGN
from e3d.figures import FIGURES, number
from e3d.findings import SECTIONS, needed_tables
from e3d.import_graph import files_of

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
OF_PLAIN_SIZES = ("entropy", "null", "level", "reactivity")
STRUCTURES = [*TEST_SPLITS, NAMED_BONDS]
DYNAMICS = ("dynamics", "spectrum", "breaking", "trajectory")


wildcard_constraints:
    dataset="|".join(STUDY.datasets),
    n_train="[1-9][0-9]*",
    model="|".join(map(re.escape, STUDY.used("model"))),
    seed="[0-9]|[1-9][0-9]*",


# e3d is imported from the checkout in every environment. Without conda or an image, `python` is the one that runs
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
shell.prefix(f"{MODULES}{PYTHON}export PYTHONPATH={shlex.quote(str(PACKAGES))}; ")


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
REACTIVITY = ("barriers", "summary", "scans", "scan_errors", "paths", "path_changes")
REACTIVITY_FILES = {
    "paths": "resources/reactions_geometries.hdf5",
    "path-labels": "resources/reactions.hdf5",
    "scans": "resources/scans_geometries.hdf5",
    "scan-labels": "resources/scans.hdf5",
    "references": "resources/references.hdf5",
}

# The study's tables, each stacked from one table per run: what figures and findings are made from.
COLLECTED = {
    "train/metrics": f"{RESULTS}/train/{{run}}/metrics.csv",
    "evaluate/errors": f"{RESULTS}/evaluate/{{run}}.csv",
    "decompose/summary": [
        f"{RESULTS}/decompose/{{run}}/{name}/summary.json" for name in STRUCTURES
    ],
    "decompose/bond_means": f"{RESULTS}/decompose/{{run}}/{NAMED_BONDS}/bond_means.csv",
    "bde/types": f"{RESULTS}/bde/{{run}}.csv",
    "bde/named": f"{RESULTS}/bde/{{run}}.named.csv",
    "bde/summary": f"{RESULTS}/bde/{{run}}.summary.csv",
    "bde/order": f"{RESULTS}/bde/{{run}}.order.csv",
    "level/bonds": f"{RESULTS}/level/{{run}}.csv",
    **{
        f"level/{table}": f"{RESULTS}/level/{{run}}.{table}.csv"
        for table in ("summary", "separation", "orders")
    },
    "entropy/entropy": f"{RESULTS}/entropy/{{run}}.csv",
    "entropy/decomposability": f"{RESULTS}/entropy/{{run}}.decomposability.csv",
    "entropy/histogram": f"{RESULTS}/entropy/{{run}}.histogram.csv",
    "entropy/sensitivity": f"{RESULTS}/entropy/{{run}}.sensitivity.csv",
    "reactivity/barriers": f"{RESULTS}/reactivity/{{run}}.csv",
    **{
        f"reactivity/{table}": f"{RESULTS}/reactivity/{{run}}.{table}.csv"
        for table in REACTIVITY
        if table != "barriers"
    },
    "null/compare": f"{RESULTS}/null/{{run}}.csv",
    "null/named": f"{RESULTS}/null/{{run}}.named.csv",
    "null/follows": f"{RESULTS}/null/{{run}}.follows.csv",
    "null/fits": f"{RESULTS}/null/fit/{{dataset}}/n{{n_train}}.csv",
    "null/types": f"{RESULTS}/null/fit/{{dataset}}/n{{n_train}}.types.csv",
}


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


# Tables that not every run has: the runs they are made of.
SOME_RUNS = {
    f"reactivity/{table}": [
        run for dataset in STUDY.used("dataset") for run in largest(dataset)
    ]
    for table in DYNAMICS
}
# The rigidity of D: the smallest plain size at the largest training set of each dataset, lowest seed.
SOME_RUNS["gauge/rigidity"] = smallest(RUNS)
COLLECTED["gauge/rigidity"] = f"{RESULTS}/gauge/{{run}}.rigidity.csv"
COLLECTED |= {
    table: f"{RESULTS}/reactivity/{{run}}.{table.removeprefix('reactivity/')}.csv"
    for table in SOME_RUNS
    if table.startswith("reactivity/")
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


def read_options(wildcards):
    """What shapes a store; its checksum and where the file came from do not plan a reading again."""
    entry = SOURCES[wildcards.dataset]
    names = (
        "layout",
        "theory",
        "isolated_atom_energy_eV",
        "isolated_atoms",
        "exclude_elements",
        "include_ionic",
    )
    return json.dumps(
        {key: entry[key] for key in names if entry.get(key)}
        | ({"exclude_elements": []} if entry.get("exclude_elements") == [] else {}),
        sort_keys=True,
    )


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
    return [
        f"{RESULTS}/{table}.csv" for table in COLLECTED if table.startswith(f"{stage}/")
    ]


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
    table = wildcards.table
    of_stage = PLAIN_RUNS if table.split("/")[0] in OF_PLAIN_SIZES else RUNS
    return of_runs(COLLECTED[table], SOME_RUNS.get(table, of_stage))


def figure_molecules(figure):
    """The option that names the molecules to draw."""
    if figure != "molecules":
        return ""
    return f"--molecules {shlex.join(STUDY.values['figures']['molecules'])}"


def check_option(wildcards):
    return "--one-sample-size" if wildcards.table == "entropy/entropy" else ""


def code_of(*names):
    """Files of the modules a rule runs and of all they import, so that editing any of them reruns it."""
    here = Path(
        os.path.relpath(PACKAGES)
    )  # relative: a moved project is the same project
    files = files_of(f"e3d.{name}" for name in names)
    return [str(here / file.relative_to(PACKAGES.resolve())) for file in files]
