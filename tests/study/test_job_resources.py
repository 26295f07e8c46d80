"""What jobs ask for: more for more work, twice as much at each attempt, and enough."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from study.job_resources import grown, training_memory_mb, training_minutes, work_of_size
from study.run_settings import Architecture, Training

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"
CPU = {"device": "cpu", "devices": 1, "nodes": 1}
GPU = {**CPU, "device": "cuda"}
SPARE = 4.0
"""No job asks for more than this many times what it was seen to need."""


def settings(name: str) -> dict[str, Any]:
    """Return a study's configuration as it stands."""
    values: dict[str, Any] = yaml.safe_load(
        (ROOT / "config" / f"{name}.yaml").read_text(encoding="utf-8")
    )
    return values


def sizes(name: str) -> dict[str, Architecture]:
    """Return the model sizes of a configuration, smallest first."""
    return {size: Architecture(**values) for size, values in settings(name)["models"].items()}


def training(name: str) -> Training:
    """Return how a configuration trains; what it leaves out is the default study's."""
    return Training(**settings("config")["training"] | settings(name).get("training", {}))


PAPER, PAPER_TRAINING = sizes("paper"), training("paper")
MEMORY: Callable[..., int] = training_memory_mb


def asked_minutes(
    architecture: Architecture,
    training: Training,
    runtime: dict[str, Any],
    n_train: int,
    attempt: int,
) -> int:
    """Return the minutes, with the parameters of the memory."""
    return training_minutes(architecture, training, runtime, attempt)


def test_an_amount_doubles_with_each_attempt() -> None:
    assert [grown(10, attempt) for attempt in (1, 2, 3, 4)] == [10, 20, 40, 80]
    assert grown(0.1, 1) == 1, "Snakemake takes whole numbers"


@pytest.mark.parametrize("runtime", [CPU, GPU], ids=["cpu", "gpu"])
@pytest.mark.parametrize("asked", [MEMORY, asked_minutes], ids=["memory", "minutes"])
def test_more_work_asks_for_more(asked: Callable[..., int], runtime: dict[str, Any]) -> None:
    by_size = [
        asked(architecture, PAPER_TRAINING, runtime, 1000, 1) for architecture in PAPER.values()
    ]
    batches = [replace(PAPER_TRAINING, batch_size=size) for size in (8, 32, 128)]
    by_batch = [asked(PAPER["m"], changed, runtime, 1000, 1) for changed in batches]
    for values in (by_size, by_batch):
        assert all(more > less for less, more in itertools.pairwise(values)), values
    first = asked(PAPER["m"], PAPER_TRAINING, runtime, 1000, 1)
    assert asked(PAPER["m"], PAPER_TRAINING, runtime, 1000, 2) == pytest.approx(2 * first, abs=2)


def test_memory_grows_with_the_frames_until_they_are_read_from_the_store() -> None:
    values = [
        MEMORY(PAPER["s"], PAPER_TRAINING, CPU, n, 1) for n in (1_000, 10_000, 64_000, 256_000)
    ]
    assert values[0] < values[1] < values[2] == values[3]


def test_time_grows_with_steps_and_shrinks_with_devices() -> None:
    short = replace(PAPER_TRAINING, steps=PAPER_TRAINING.steps // 2)
    first = training_minutes(PAPER["l"], PAPER_TRAINING, GPU, 1)
    assert training_minutes(PAPER["l"], short, GPU, 1) < first
    assert training_minutes(PAPER["l"], PAPER_TRAINING, GPU | {"devices": 4}, 1) < first
    assert training_minutes(PAPER["l"], PAPER_TRAINING, CPU, 1) > 10 * first


def test_work_follows_the_architecture() -> None:
    works = [work_of_size(architecture) for architecture in PAPER.values()]
    assert works == sorted(works)
    assert work_of_size(replace(PAPER["m"], num_layers=4)) == 2 * work_of_size(PAPER["m"])


def cost_of(model: str) -> "pd.Series[Any]":
    """Return the measured training step of a size at the study's batch."""
    cost = pd.read_csv(PUBLISHED / "benchmarks" / "cost.csv")
    steps = cost[
        (cost["series"] == f"training step, {model}") & (cost["size"] == PAPER_TRAINING.batch_size)
    ]
    assert len(steps) == 1
    return steps.iloc[0]


@pytest.mark.parametrize("model", PAPER)
def test_the_measured_peak_fits_at_the_first_attempt(model: str) -> None:
    peak = cost_of(model)["peak_MB"]
    asked = MEMORY(PAPER[model], PAPER_TRAINING, CPU, 64, 1)
    assert peak < asked < SPARE * peak, f"{model}: {peak:.0f} MB measured, {asked} MB asked for"


def test_the_default_study_fits_at_the_first_attempt() -> None:
    costs = pd.read_csv(PUBLISHED / "default" / "costs.csv").set_index("rule")
    peak, mean_s = costs.loc["train/run", ["max_rss_MB", "mean_s"]]
    for architecture in sizes("config").values():
        run = training("config")
        asked = MEMORY(architecture, run, CPU, 512, 1)
        assert peak < asked < SPARE * peak
        assert training_minutes(architecture, run, CPU, 1) > mean_s / 60


@pytest.mark.parametrize("model", PAPER)
def test_the_measured_training_ends_in_time(model: str) -> None:
    needed = cost_of(model)["ours"] * PAPER_TRAINING.steps / 60
    asked = training_minutes(PAPER[model], PAPER_TRAINING, CPU, 1)
    assert needed < asked < SPARE * needed


@pytest.mark.parametrize("model", PAPER)
def test_a_gpu_is_asked_for_until_the_slow_end_of_the_estimate(model: str) -> None:
    estimate = pd.read_csv(PUBLISHED / "benchmarks" / "cost_estimate.csv")
    mine = estimate[
        (estimate["model"] == model) & estimate["what"].isin(["training steps", "validation"])
    ]
    needed = mine.groupby("dataset")["highest"].sum().max() * 60
    asked = training_minutes(PAPER[model], PAPER_TRAINING, GPU, 1)
    assert needed < asked < SPARE * needed
