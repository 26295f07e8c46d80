"""What the Snakefile hands to the logger plug-in, in records of Snakemake's own logger."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from study.costs import COSTS_FILE, kind_of
from study.progress.expected import UNKNOWN_S
from study.progress.jobs import Job, Training

FACTS: Final = "e3d_facts"
"""Attribute of the record that holds the facts of a study."""
PLAN: Final = "e3d_plan"
"""Attribute of the record that holds the jobs of a run."""
TRAINING: Final = "train/run"
"""The row of trainings in a table of costs."""
START_S: Final = 6.0
"""Imports, reading and packing of a training on small molecules, whatever its steps."""


@dataclass(frozen=True)
class Facts:
    """Where a study's things are, and what its jobs are expected to take.

    Parameters
    ----------
    results, costs, figures
        Its folders.
    findings
        Its findings, in Markdown.
    mean_s
        Mean seconds of a job of each kind, of an earlier study.
    training
        What the wildcards of a training stand for, and the seconds it is expected to take.
    """

    results: Path
    costs: Path
    figures: Path
    findings: Path
    mean_s: Mapping[str, float]
    training: Callable[[Mapping[str, str]], tuple[Training, float]]

    def job(
        self,
        number: int,
        rule: str,
        benchmark: str | None,
        wildcards: Mapping[str, str],
        *,
        makes: bool,
        cores: int = 1,
        **more: Any,
    ) -> Job:
        """Return a job of a rule; one that makes nothing, a target, takes no time."""
        if benchmark is None:
            return Job(number, rule, UNKNOWN_S if makes else 0.0, cores, **more)
        path = Path(benchmark)
        inside = path.is_relative_to(self.costs)
        kind = kind_of(path.relative_to(self.costs)) if inside else benchmark
        if kind == TRAINING:
            training, seconds = self.training(wildcards)
            return Job(number, kind, seconds, cores, path, training=training, **more)
        return Job(number, kind, self.mean_s.get(kind, UNKNOWN_S), cores, path, **more)


def planned(facts: Facts, dag: Any) -> Iterator[Job]:
    """Yield the jobs of Snakemake's graph, those that are done among them."""
    for job in dag.jobs:
        yield facts.job(
            dag.jobid(job),
            job.rule.name,
            job.benchmark,
            job.wildcards_dict,
            makes=bool(job.output),
            cores=job.threads,
            after=tuple(dag.jobid(before) for before in dag.dependencies[job]),
            done=not dag.needrun(job),
        )


def earlier_means(folders: Iterable[Path]) -> dict[str, float]:
    """Return the mean seconds of each kind of job, of the first of these studies that has them."""
    for folder in folders:
        try:
            with (folder / COSTS_FILE).open(encoding="utf-8") as file:
                rows = csv.DictReader(file)
                return {row["rule"]: float(row["mean_s"]) for row in rows if row["mean_s"]}
        except (OSError, ValueError, KeyError):
            continue
    return {}


def speed_of(mean_s: Mapping[str, float], computed_s: Iterable[float]) -> float:
    """Return what trainings of a study took over what was computed for them.

    Parameters
    ----------
    mean_s
        Mean seconds of its jobs.
    computed_s
        Seconds computed for its trainings.

    >>> speed_of({"train/run": 16.0}, [50.0, 150.0])
    0.1
    """
    computed = list(computed_s)
    if TRAINING not in mean_s or not sum(computed):
        return 1.0
    return max(mean_s[TRAINING] - START_S, 1.0) / (sum(computed) / len(computed))
