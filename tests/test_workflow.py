"""The workflow: what it plans, what makes a job run again, and the whole smoke study for real."""

import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from e3d.config import load_study
from e3d.figures import FIGURES

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "workflow", "config", "profiles", "resources", "envs")
BIN = Path(sys.executable).parent
Run = Callable[..., subprocess.CompletedProcess[str]]


def snakemake(folder: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run Snakemake in ``folder`` as a user would, with nothing of this checkout on the path."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"OMP_NUM_THREADS": "1", "PATH": f"{BIN}:{path}:{environment['PATH']}"}
    return subprocess.run(
        [str(BIN / "snakemake"), "--cores", "2", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def planned(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Return the number of jobs of each rule that a dry run plans."""
    assert done.returncode == 0, done.stdout + done.stderr
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", done.stdout, flags=re.MULTILINE | re.DOTALL)
    if table is None:
        assert "Nothing to be done" in done.stdout + done.stderr
        return {}
    return {rule: int(count) for rule, count in (line.split() for line in table[1].splitlines())}


def copy_project(folder: Path) -> Path:
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def edit(module: Path) -> None:
    """Change the text of a module, not what it does."""
    module.write_text(f"{module.read_text()}# edited\n")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project without results."""
    return copy_project(tmp_path)


CONDA_INFO = json.dumps({"conda_version": "25.5.0", "conda_prefix": "/none", "platform": "linux-64"})
CONDA_CONFIG = json.dumps({"get": {"channel_priority": "strict"}})
SMOKE = ("--configfile", "config/smoke.yaml")


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the whole smoke study has run, with its report."""
    folder = copy_project(tmp_path_factory.mktemp("smoke"))
    done = snakemake(folder, *SMOKE, "--show-failed-logs", "--report", "report.html", "--report-after-run")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return folder


def test_the_default_study_plans_its_grid(project: Path) -> None:
    jobs = planned(snakemake(project, "-n"))
    config, datasets = (
        yaml.safe_load((project / "config" / f"{name}.yaml").read_text()) for name in ("config", "datasets")
    )
    study = load_study(config, datasets)
    runs = len(list(study.runs()))
    for rule in ("train_run", "evaluate_run", "decompose_run", "bde_run", "entropy_run", "null_run"):
        assert jobs[rule] == runs
    assert jobs["data_subset"] == jobs["null_fit"] == len(study.used("n_train"))
    assert {rule for rule in jobs if rule.startswith("figures_")} == {
        *(f"figures_{name}" for name in FIGURES),
        "figures_findings",
    }


@pytest.mark.parametrize("overlay", sorted(path.name for path in (ROOT / "config").glob("*.yaml")))
def test_every_overlay_plans(project: Path, overlay: str) -> None:
    if overlay not in ("config.yaml", "datasets.yaml"):
        assert planned(snakemake(project, "-n", "--configfile", f"config/{overlay}"))["train_run"] > 0


@pytest.mark.parametrize(
    ("target", "trains"),
    [
        ("data", 0),
        ("train", 6),
        ("decompose", 6),
        ("bde", 6),
        ("scaling", 6),
        ("gauge", 6),
        ("null", 4),
        ("figures", 6),
    ],
)
def test_targets(project: Path, target: str, trains: int) -> None:
    assert planned(snakemake(project, target, "-n", *SMOKE)).get("train_run", 0) == trains


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"trainning": {}}, "did you mean 'training'"),
        ({"grid": {"dataset": ["minispise"]}}, "did you mean 'minispice'"),
        ({"grid": {"model": ["mikro"]}}, "did you mean 'micro'"),
        ({"training": {"steps": 101}}, "not a multiple"),
        ({"training": {"steps": -1}}, "must be at least 1"),
        ({"grid": {"seed": [0, 0]}}, "must not repeat"),
    ],
)
def test_a_bad_config_is_one_line(project: Path, change: dict[str, object], text: str) -> None:
    (project / "bad.yaml").write_text(yaml.safe_dump(change))
    done = snakemake(project, "-n", "--configfile", "config/smoke.yaml", "bad.yaml")
    lines = [line for line in done.stderr.splitlines() if line.startswith("e3d:")]
    assert done.returncode != 0
    assert len(lines) == 1
    assert text in lines[0]
    assert "Traceback" not in done.stderr
    assert not (project / "results").exists()


def test_too_many_training_frames_is_one_line(project: Path) -> None:
    (project / "bad.yaml").write_text(yaml.safe_dump({"grid": {"n_train": [100000]}}))
    done = snakemake(project, "data", "--configfile", "config/smoke.yaml", "bad.yaml")
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("e3d: error:")]
    assert "n_train = 100000" in line
    assert re.search(r"has (\d+) frames .* allowed 1\.\.\1\.", line)
    assert not list(project.glob("results/smoke/data/**/n100000*"))


def test_the_smoke_study_makes_everything(smoke: Path) -> None:
    results = smoke / "results" / "smoke"
    for figure in FIGURES:
        for suffix in ("png", "svg", "pdf"):
            assert (results / "figures" / f"{figure}.{suffix}").stat().st_size > 5000
    summary = pd.read_csv(results / "decompose" / "summary.csv")
    assert (summary["sum_rule_max_abs_eV"] <= 1e-8).all()
    assert len(summary) == 18  # six runs on three sets of structures
    fits = pd.read_csv(results / "scaling" / "fits.csv")
    assert set(fits.loc[fits["form"] == "power+floor", "status"]) == {
        "not identifiable: 3 values of N, the form needs 5"
    }
    for table in results.glob("*/*.csv"):
        assert (table.parent / f"{table.name}.provenance.json").is_file()


def test_the_report_is_self_contained(smoke: Path) -> None:
    text = (smoke / "report.html").read_text()
    assert not re.search(r"""(src|href)=["']https?://""", text)
    for caption in FIGURES:
        assert f"{caption}.png" in text


def test_a_finished_study_has_nothing_to_do(smoke: Path) -> None:
    assert planned(snakemake(smoke, "-n", *SMOKE)) == {}


def test_a_new_seed_or_size_runs_only_what_is_new(smoke: Path) -> None:
    (smoke / "more.yaml").write_text(yaml.safe_dump({"grid": {"seed": [0, 1]}}))
    jobs = planned(snakemake(smoke, "-n", "--configfile", "config/smoke.yaml", "more.yaml"))
    assert jobs["train_run"] == jobs["decompose_run"] == 2  # seed 1 at 32 frames is among the controls
    assert "data_read" not in jobs
    (smoke / "more.yaml").write_text(yaml.safe_dump({"grid": {"n_train": [8, 16, 32, 64]}}))
    jobs = planned(snakemake(smoke, "-n", "--configfile", "config/smoke.yaml", "more.yaml"))
    assert jobs["train_run"] == jobs["data_subset"] == 1


def test_what_plans_a_training_and_what_does_not(smoke: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(smoke, study, copy_function=shutil.copy2)
    (study / "gpu.yaml").write_text(yaml.safe_dump({"runtime": {"device": "cuda"}}))
    assert planned(snakemake(study, "-n", "--configfile", "config/smoke.yaml", "gpu.yaml")) == {}
    conda = tmp_path / "bin" / "conda"  # answers what Snakemake asks of conda before it plans: enough for a dry run
    conda.parent.mkdir()
    answers = f"info) echo '{CONDA_INFO}';; config) echo '{CONDA_CONFIG}';; *) echo conda 25.5.0;;"
    conda.write_text(f"#!/bin/sh\ncase $1 in {answers} esac\n")
    conda.chmod(0o755)
    with_conda = snakemake(study, "-n", *SMOKE, "--sdm", "conda", path=str(conda.parent))
    assert planned(with_conda) == {}
    package = study / "workflow" / "e3d"
    for name in ("train/run.py", "data/store.py", "config.py"):
        edit(package / name)
    rules = study / "workflow" / "rules" / "train.smk"
    rules.write_text(rules.read_text().replace("python -m e3d train", "python  -m e3d train"))
    assert planned(snakemake(study, "-n", *SMOKE)) == {}
    edit(package / "entropy" / "tables.py")
    jobs = planned(snakemake(study, "-n", *SMOKE))
    assert jobs["entropy_run"] == 4  # of plain sizes
    assert not {"train_run", "decompose_run", "bde_run"} & set(jobs)
    (study / "wide.yaml").write_text(yaml.safe_dump({"models": {"nano": {"mlp_width": 40}}}))
    jobs = planned(snakemake(study, "-n", "--configfile", "config/smoke.yaml", "wide.yaml"))
    assert jobs["train_run"] == 6  # the control: what identifies a run does retrain it


def test_one_rule_runs_again_alone(smoke: Path) -> None:
    jobs = planned(snakemake(smoke, "-n", *SMOKE, "--forcerun", "bde_run"))
    assert jobs["bde_run"] == 6
    assert not {"train_run", "evaluate_run", "decompose_run", "entropy_run"} & set(jobs)


def test_published_tables_give_the_same_figures_without_data_or_training(smoke: Path, project: Path) -> None:
    source, published = smoke / "results" / "smoke", project / "results" / "published" / "smoke"
    for table in source.glob("*/*.csv"):
        published.joinpath(table.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(table, published / table.parent.name)
    (project / "resources" / "minispice.hdf5").unlink()
    done = snakemake(project, "figures", *SMOKE, "--config", "published=True")
    assert done.returncode == 0, done.stderr
    for figure in source.glob("figures/*.*"):
        if figure.suffix in {".png", ".svg", ".pdf", ".md"}:
            again = project / "results" / "smoke" / "figures-published" / figure.name
            assert filecmp.cmp(figure, again, shallow=False), f"{figure.name} differs"
    assert not (project / "results" / "smoke" / "train").exists()


def test_a_run_repeats_byte_for_byte(smoke: Path, project: Path) -> None:
    run = "minispice/n8/nano/s0"
    target = f"results/smoke/bde/{run}.named.csv"
    done = snakemake(project, target, *SMOKE)
    assert done.returncode == 0, done.stderr
    for name in (target, f"results/smoke/train/{run}/metrics.csv", "results/smoke/data/minispice/store.h5"):
        assert filecmp.cmp(smoke / name, project / name, shallow=False), f"{name} differs"
