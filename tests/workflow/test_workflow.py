"""The workflow: the study it plans, mistakes in one line, and the whole smoke study for real."""

import filecmp
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from planning import ROOT, SMOKE, dry_run, overlay, plan, planned, snakemake, with_those_below
from study.config import load_study
from study.stages import FIGURES, figures_made, tables_made

DRAWN = figures_made(sets=1)
"""Figures of a study that names no stages."""


def refusal(folder: Path, *arguments: str) -> str:
    """Return the one line in which a dry run is refused."""
    done = dry_run(folder, *arguments)
    assert done.returncode
    assert "Traceback" not in done.text
    assert "Exception" not in done.text
    (line,) = [line for line in done.text.splitlines() if line.startswith("e3d:")]
    return line


def test_the_default_study_plans_its_grid(fresh: Path) -> None:
    jobs = plan(fresh)
    config, datasets = (
        yaml.safe_load((fresh / "config" / f"{name}.yaml").read_text())
        for name in ("config", "datasets")
    )
    study = load_study(config, datasets)
    runs = len(list(study.runs()))
    for rule in (
        "train_run",
        "evaluate_run",
        "decompose_run",
        "bde_run",
        "entropy_run",
        "null_run",
    ):
        assert jobs[rule] == runs
    assert jobs["data_subset"] == jobs["null_fit"] == len(study.used("n_train"))
    assert {rule for rule in jobs if rule.startswith("figures_")} == {
        *(f"figures_{name}" for name in DRAWN),
        "figures_findings",
    }


@pytest.mark.parametrize(
    ("options", "limit"), [((), "None"), (("--max-jobs-per-timespan", "7/2s"), "7 in 2")]
)
def test_only_a_limit_that_was_asked_for_wakes_the_scheduler(
    project: Path, options: tuple[str, ...], limit: str
) -> None:
    """A limit costs a pass a second for every job that has ended; the default one never binds."""
    (project / "Snakefile").write_text(
        """include: "workflow/Snakefile"
rule small:
    output: "small"
    shell: "touch {output}"
onsuccess:
    left = workflow.scheduler.job_rate_limiter
    shown = None if left is None else f"{left.max_jobs} in {left.timespan:.0f}"
    Path("limit").write_text(str(shown))
"""
    )
    done = snakemake(project, "small", *options)
    assert done.returncode == 0, done.stderr
    assert (project / "limit").read_text() == limit


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "config").glob("*.yaml")))
def test_every_overlay_plans(fresh: Path, name: str) -> None:
    if name not in ("config.yaml", "datasets.yaml", "models.yaml"):
        jobs = plan(fresh, "--configfile", *with_those_below(ROOT, name))
        assert jobs["given_fetch" if name == "spice2-medium.yaml" else "train_run"] > 0


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
def test_a_bad_config_is_one_line(
    project: Path, tmp_path_factory: pytest.TempPathFactory, change: dict[str, object], text: str
) -> None:
    aside = tmp_path_factory.mktemp("overlay")
    assert text in refusal(project, *overlay(aside, **change))
    assert not (project / "results").exists()


def test_too_many_training_frames_is_one_line(project: Path) -> None:
    line = refusal(project, "data", *overlay(project, grid={"n_train": [16, 100000]}))
    assert "n_train = 100000 of dataset 'minispice'" in line
    assert "resources/minispice.hdf5 has 1120 frames, allowed 1..1120, less those" in line
    assert not (project / "results").exists()


def test_an_overlay_that_sets_the_grid_has_no_controls_of_another_file(
    fresh: Path, tmp_path: Path
) -> None:
    more = tmp_path / "one.yaml"
    more.write_text(yaml.safe_dump({"grid": {"n_train": [32], "model": ["nano"]}}))
    assert plan(fresh, "train", "--configfile", str(more))["train_run"] == 1
    assert plan(fresh, "train", *SMOKE, str(more))["train_run"] == 1
    more.write_text(yaml.safe_dump({"controls": [{"n_train": [40], "model": ["nano"]}]}))
    assert plan(fresh, "train", *SMOKE, str(more))["train_run"] == 4  # beside the grid of three


def test_the_smoke_study_makes_everything(smoke: Path) -> None:
    results = smoke / "results" / "smoke"
    for figure in DRAWN:
        for suffix in ("png", "svg", "pdf"):
            assert (results / "figures" / f"{figure}.{suffix}").stat().st_size > 5000
        pdf, numbered = (
            results / "figures" / f"{figure}.pdf",
            results / "figures" / f"fig{FIGURES[figure].number}.pdf",
        )
        assert pdf.read_bytes() == numbered.read_bytes()
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
    for caption in DRAWN:
        assert f"{caption}.png" in text
    # what is shown of it can be looked at; a browser saves Markdown
    assert '"results/smoke/site/findings.html": {"name"' in text
    assert '"results/smoke/figures/findings.md": {"name"' not in text
    # its first page, before the drawing of the workflow
    assert "first-page" in text
    assert "6 models trained on minispice: 8 to 32 training frames" in text


def test_the_page_holds_the_tables_of_the_study(smoke: Path) -> None:
    page = (smoke / "results" / "smoke" / "site" / "index.html").read_text()
    for table in tables_made(sets=1):
        assert f'"name":"{table}"' in page
    for figure in DRAWN:
        assert f'id="figure-{figure}"' in page
    assert "minispice/n32/nano/s1" in page


def test_published_tables_give_the_same_figures_without_data_or_training(
    smoke: Path, project: Path
) -> None:
    source, published = smoke / "results" / "smoke", project / "results" / "published" / "smoke"
    for table in source.glob("*/*.csv"):
        published.joinpath(table.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(table, published / table.parent.name)
    (project / "resources" / "minispice.hdf5").unlink()
    done = snakemake(project, "figures", *SMOKE, "-p", "--config", "published=True")
    assert done.returncode == 0, done.stderr
    assert planned(done.stderr) == {f"figures_{name}": 1 for name in (*DRAWN, "findings")} | {
        "figures": 1
    }
    for figure in source.glob("figures/*.*"):
        if figure.suffix in {".png", ".svg", ".pdf", ".md"}:
            again = project / "results" / "smoke" / "figures-published" / figure.name
            assert filecmp.cmp(figure, again, shallow=False), f"{figure.name} differs"
    assert not (project / "results" / "smoke" / "train").exists()
    (published / "bde" / "named.csv").unlink()  # as in a publication older than some figure
    line = refusal(project, "figures", *SMOKE, "--config", "published=True")
    assert "results/published/smoke lacks bde/named.csv of the" in line
    assert "e3d publish RESULTS -o results/published/smoke" in line


def test_a_run_repeats_byte_for_byte(smoke: Path, project: Path) -> None:
    run = "minispice/n8/nano/s0"
    target = f"results/smoke/bde/{run}.named.csv"
    done = snakemake(project, target, *SMOKE)
    assert done.returncode == 0, done.stderr
    for name in (
        target,
        f"results/smoke/train/{run}/metrics.csv",
        "results/smoke/data/minispice/store.h5",
    ):
        assert filecmp.cmp(smoke / name, project / name, shallow=False), f"{name} differs"
