"""What is required and installed: two distributions, the lock, environments, the image."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import standin_packages
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from standin_project import Project, make_project

ROOT = Path(__file__).parents[2]
ENVS = ("analysis", "data", "figures", "label", "train-cpu", "train-gpu")
CONDA_SPEC = re.compile(r"([a-z0-9-]+) =(\d+(?:\.\d+)*)")
HEAD_ONLY = {
    "snakemake",
    "snakemake-executor-plugin-slurm",
    "snakemake-executor-plugin-slurm-jobstep",
    "pygments",
    "rocrate",
}
"""What runs Snakemake itself, or publishes what it made; no rule imports it."""
UNDER_NEQUIP = {"e3nn"}
"""In the environments of training although only nequip imports it: its 3j symbols are in D."""
Versions = dict[str, Version]


def project(folder: str) -> dict[str, Any]:
    """The metadata of the library, ``"."``, or of the study, ``"workflow"``."""
    found: dict[str, Any] = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
    return found


LIBRARY, STUDY = project("."), project("workflow")
EXTRAS: dict[str, list[str]] = LIBRARY["optional-dependencies"]


def required(*extras: str) -> dict[str, Requirement]:
    """What library and study require, and some extras, by canonical name."""
    texts = [*LIBRARY["dependencies"], *STUDY["dependencies"]]
    texts += [text for name in extras for text in EXTRAS[name]]
    found = {canonicalize_name(item.name): item for item in map(Requirement, texts)}
    return {name: item for name, item in found.items() if name != "e3d"}


def pins(texts: Iterable[str]) -> Versions:
    """Versions by canonical name; every text must pin exactly one."""
    found = {}
    for requirement in map(Requirement, texts):
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", requirement
        found[canonicalize_name(requirement.name)] = Version(specifier.version)
    return found


def lock() -> Versions:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return pins(line for line in lines if not line.startswith("#"))


def specs(env: str) -> tuple[list[str], list[str]]:
    """The conda specs and the pip lines of an environment."""
    items = yaml.safe_load((ROOT / "envs" / f"{env}.yaml").read_text())["dependencies"]
    pip = [line for item in items if isinstance(item, dict) for line in item["pip"]]
    return [item for item in items if isinstance(item, str)], pip


def contents(env: str) -> Versions:
    """Versions of an environment's packages by PyPI's name, without python and pip."""
    conda, pip = specs(env)
    found = pins(pip)
    for spec in conda:
        match = CONDA_SPEC.fullmatch(spec)
        assert match, f"{env}: {spec!r} is not exact"
        name = standin_packages.pypi_name(match[1])
        assert name not in found, f"{env}: {name} twice"
        found[name] = Version(match[2])
    return {name: version for name, version in found.items() if name not in standin_packages.BASE}


def rules() -> dict[str, str]:
    """The text of every rule that runs a command."""
    found = {}
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for i, text in enumerate(re.split(r"^ *rule\b", path.read_text(), flags=re.MULTILINE)[1:]):
            if "shell:" in text:
                found[f"{path.name} {i} {text.split(':')[0].strip()}"] = text
    return found


def test_no_other_environment_and_no_pin_file() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "envs"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    tracked = listed.split() or [f"envs/{path.name}" for path in (ROOT / "envs").glob("*.yaml")]
    assert {name for name in tracked if not name.endswith(".py")} == {
        f"envs/{env}.yaml" for env in ENVS
    }


@pytest.mark.parametrize("env", ENVS)
def test_versions_are_those_of_the_lock(env: str) -> None:
    found = contents(env)
    assert found
    assert found.items() <= (lock() | pins(EXTRAS["gpu"])).items()
    text = (ROOT / "envs" / f"{env}.yaml").read_text()
    assert yaml.safe_load(text)["channels"] == ["conda-forge", "nodefaults"]


def test_the_lock_is_within_the_ranges_of_library_and_study() -> None:
    locked = lock()
    outside = [
        str(item)
        for name, item in required("labels", "test").items()
        if name not in locked or locked[name] not in item.specifier
    ]
    assert not outside
    assert all(item.specifier for item in required(*EXTRAS).values())


def test_every_package_of_the_project_is_in_some_environment() -> None:
    needed = {*required("labels", "gpu")} - HEAD_ONLY
    assert {name for env in ENVS for name in contents(env)} == needed | UNDER_NEQUIP


def test_the_gpu_environment_is_the_other_one_with_the_kernels() -> None:
    assert contents("train-gpu") == contents("train-cpu") | pins(EXTRAS["gpu"])
    for name in ("analysis", "data", "figures"):
        assert not {"torch", "nequip", "lightning"} & {*contents(name)}
    assert not {"nequip", "lightning"} & {*contents("label")}


def test_figures_and_findings_need_what_their_environment_has() -> None:
    """Without every package of the others. Whole rules run in test_environments_run.py."""
    others = {name for env in ENVS for name in contents(env)} - {*contents("figures")}
    hidden = sorted({"yaml" if name == "pyyaml" else name.replace("-", "_") for name in others})
    code = (
        f"import sys; sys.modules |= dict.fromkeys({hidden})\n"
        "from importlib import import_module\n"
        "from study.stages import FIGURES, FINDINGS, figure_module, findings_module\n"
        "for name in (*map(figure_module, FIGURES), *map(findings_module, FINDINGS)):\n"
        "    import_module(name)\n"
    )
    path = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'workflow'}"}
    done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_rule_has_its_environment() -> None:
    found = rules()
    assert len(found) > 20
    used = set()
    for rule, text in found.items():
        match = re.search(r"^ +conda:\n +(\S+)$", text, flags=re.MULTILINE)
        assert match, f"{rule} has no environment"
        used.add(match[1])
    expected = {f'"../../envs/{env}.yaml"' for env in ENVS if env != "train-gpu"}
    assert used == expected | {"TRAIN_ENV"}
    common = (ROOT / "workflow" / "rules" / "common.smk").read_text()
    assert """TRAIN_ENV = f"../../envs/train-{'gpu' if GPU else 'cpu'}.yaml\"""" in common


def test_one_python() -> None:
    """Environments, image and the stand-in's channel have the same, which the project allows."""
    found = {spec for env in ENVS for spec in specs(env)[0] if spec.startswith("python ")}
    assert found == {f"python ={standin_packages.BASE['python']}"}
    assert LIBRARY["requires-python"] == STUDY["requires-python"]
    assert standin_packages.BASE["python"] in SpecifierSet(LIBRARY["requires-python"])
    base = re.search(
        r"^FROM python:([\d.]+)-slim", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE
    )
    assert base
    assert base[1] == standin_packages.BASE["python"]
    assert all(("pip =26.0" in conda) == bool(pip) for conda, pip in map(specs, ENVS))


def test_the_lock_holds_everything_that_is_installed_for_the_project() -> None:
    """Every package, test extra included, at the versions that these tests run with."""
    needed = standin_packages.closure(required("labels", "test").values())
    installed = {name: Version(standin_packages.installed()[name].version) for name in needed}
    cuda = {name for name in needed if re.match("nvidia|cuda|triton", name)}
    locked = lock()
    assert {name: locked.get(name) for name in needed - cuda} == {
        name: Version(version.public) for name, version in installed.items() if name not in cuda
    }
    assert not [name for name in locked if re.match("nvidia|cuda|triton|cuequivariance|e3d", name)]


def test_make_installs_under_the_lock() -> None:
    makefile = (ROOT / "Makefile").read_text()
    files = "pyproject.toml workflow/pyproject.toml requirements.lock"
    ready = makefile[makefile.index(f"$(READY): {files}") :]
    assert ready.count("install") == ready.count("--constraint requirements.lock") == 4
    assert ready.count("--editable workflow") == 2


def wheel(clone: Path, source: str, target: Path) -> set[str]:
    """Build the distribution of a folder; return the names of its files, the metadata left out."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(target), str(clone / source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = target.glob("*.whl")
    return {name for name in zipfile.ZipFile(made).namelist() if ".dist-info/" not in name}


DATA = {".py", ".csv", ".json", ".yaml", ".rst", ".xyz", ".js", ".css", ".txt"}
"""Ends of the files that packages hold."""


@pytest.mark.parametrize(
    ("source", "root", "packages"),
    [
        (".", "src", ("e3d", "e3d_labels")),
        ("workflow", "workflow", ("study",)),
    ],
)
def test_what_pip_installs(
    source: str, root: str, packages: tuple[str, ...], tmp_path: Path
) -> None:
    """The library alone from a clone, the study from its folder, each with the data it reads."""
    for name in ("src", "workflow"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    kept = {
        str(path.relative_to(tmp_path / root))
        for package in packages
        for path in (tmp_path / root / package).rglob("*.*")
    }
    assert {Path(name).suffix for name in kept} <= DATA
    assert wheel(tmp_path, source, tmp_path / "wheel") == kept


def test_the_image_gets_the_project_s_packages(tmp_path: Path) -> None:
    """What the Dockerfile copies is there, not ignored, and gives what the project requires."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    copied = [
        name for line in re.findall("^COPY (.*) ", text, re.MULTILINE) for name in line.split()
    ]
    allowed = (ROOT / ".dockerignore").read_text().split("\n")
    assert len(copied) == 3
    for name in copied:
        assert (ROOT / name).is_file()
        assert f"!{name}" in allowed
    command = re.search(r"^RUN python (-c '.*') > requirements\.txt", text, flags=re.MULTILINE)
    assert command
    made = subprocess.run(
        [sys.executable, *shlex.split(command[1])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    listed = {
        canonicalize_name(Requirement(line).name): Requirement(line)
        for line in made.split("\n")[:-1]
    }
    assert listed == required("labels", "gpu")
    options = "--no-cache-dir --constraint requirements.lock --requirement requirements.txt"
    assert f"pip install {options}" in text


APPTAINER = """\
echo "$@" >> {home}/apptainer
case "$*" in
--version) echo apptainer version 1.3.6 ;;
"pull --name "*" docker://user/e3d:0.1") touch "$3" ;;
"exec --home {project} "*".simg bash -c "*)
    test -f "$(echo "$@" | grep -o '[^ ]*\\.simg')" || exit 9
    for command; do :; done
    exec env -i HOME={project} PATH={home}/image:/usr/bin:/bin bash -c "$command" ;;
*) echo "not known: $*" >&2; exit 8 ;;
esac"""
SETTINGS = "results/train/minispice/n32/nano/s0/run.yaml"


@pytest.fixture
def image(tmp_path: Path) -> Project:
    """A project with a stand-in for apptainer: a container is a PATH with one python on it."""
    project = make_project(tmp_path)
    project.write_program("apptainer", APPTAINER.format(home=tmp_path, project=project.folder))
    (tmp_path / "image").mkdir()
    python = tmp_path / "image" / "python"
    python.write_text(f'#!/bin/sh\necho "$PATH $*" >> {tmp_path}/ran\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return project


def in_image(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("snakemake"))
    return project.run(program, SETTINGS, "--cores", "1", "--sdm", "apptainer", *arguments)


def test_a_rule_runs_in_the_published_image(image: Project) -> None:
    """The image is pulled, and its own python runs the rule, with the packages of the checkout."""
    done = in_image(image, "--config", "runtime={container: 'docker://user/e3d:0.1'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (image.folder / SETTINGS).is_file()
    path, command = (image.home / "ran").read_text().split(" ", 1)
    assert command.startswith("-m study settings ")
    # nothing of the Python that runs Snakemake
    assert path == f"{image.home / 'image'}:/usr/bin:/bin"
    calls = (image.home / "apptainer").read_text()
    assert calls.count("pull --name") == 1
    assert f"export PYTHONPATH={image.folder / 'src'}:{image.folder / 'workflow'}" in calls


def test_apptainer_without_an_image_is_one_line(image: Project) -> None:
    done = in_image(image)
    assert done.returncode != 0
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("e3d: "))
    assert "runtime.container is empty" in line
    assert not (image.home / "apptainer").exists()


def test_without_the_method_the_image_changes_nothing(image: Project) -> None:
    """Without ``--sdm apptainer`` Snakemake's own python runs the rule."""
    program = str(Path(sys.executable).with_name("snakemake"))
    container = "runtime={container: 'docker://user/e3d:0.1'}"
    done = image.run(program, "--cores", "1", SETTINGS, "--config", container)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (image.home / "ran").exists()
