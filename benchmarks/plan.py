"""A dry run of the paper's study grown to 1,000 runs, against plain Snakemake with as many jobs.

    python benchmarks/plan.py -o results/benchmarks/plan.csv

Unlike the dry runs of ``startup.py`` every job's resources are computed from its run's settings,
and each run has all stages of the paper's study. Beside wall time, the processor time of the whole
command (the wall time of an idle core), the time until the graph stands and peak memory are
compared.
"""

import os
import re
import resource
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import yaml
from measure import Cost, Row, finish, in_child, log, pair_of, parser, row
from startup import BIN, PARTS, PLAIN, PLAIN_STEP, PLAN_GOAL_S, PYTHONPATH, ROOT

SEEDS, QUICK_SEEDS = 25, 1
"""Of 2 datasets, 5 sizes of training set and 4 of model: 1,000 runs, or 40."""
MEASURED = (
    ("wall time of the graph", "s"),
    ("wall time", "s"),
    ("processor time", "s"),
    ("peak memory", "MB"),
)
"""What a row is of, in the order of a :class:`Plan`."""


def ours(folder: Path, seeds: int) -> Path:
    """Link the project into ``folder`` with an overlay of so many seeds."""
    folder.mkdir()
    for name in PARTS:
        (folder / name).symlink_to(ROOT / name)
    (folder / "seeds.yaml").write_text(
        yaml.safe_dump({"grid": {"seed": list(range(seeds))}}), encoding="utf-8"
    )
    return folder


def plain(folder: Path, runs: int, rules: int) -> Path:
    """Write a Snakefile of a chain of ``rules`` plain rules for every run."""
    folder.mkdir()
    steps = [PLAIN_STEP.format(step=step, before=step - 1) for step in range(1, rules)]
    (folder / "Snakefile").write_text(
        PLAIN.format(last=rules - 1, runs=runs) + "".join(steps), encoding="utf-8"
    )
    return folder


class Plan(NamedTuple):
    """What one dry run took, and how many jobs it planned."""

    graph_s: float
    """Wall time until the graph of jobs stands; the rest prints every job."""
    wall_s: float
    processor_s: float
    peak_mb: float
    jobs: int


def dry_run(folder: Path, *options: str) -> Plan:
    """Plan once.

    Called in a process of its own: children's usage is added up over all children of a process.
    """
    command = [str(BIN / "snakemake"), "--dry-run", "--quiet", "rules", "--cores", "1", *options]
    environment = os.environ | {"PYTHONPATH": PYTHONPATH, "PATH": f"{BIN}:{os.environ['PATH']}"}
    start, graph, lines = time.perf_counter(), 0.0, []
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        for line in running.stdout or ():
            lines.append(line)
            if line.startswith("Job stats:") and not graph:
                graph = time.perf_counter() - start
    wall, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    said = "".join(lines)
    total = re.search(r"^total +(\d+)$", said, flags=re.MULTILINE)
    if running.returncode or total is None or not graph:
        raise RuntimeError(f"{' '.join(command)}: exit code {running.returncode}: {said[-2000:]}")
    processor = used.ru_utime + used.ru_stime
    return Plan(graph, wall, processor, used.ru_maxrss * 1024 / 1e6, int(total[1]))


def rows_of(seeds: int, rounds: int) -> list[Row]:
    """Return the rows of the graph, of wall time, processor time and memory."""
    runs = 40 * seeds
    options = ("--configfile", "config/paper.yaml", "seeds.yaml")
    with tempfile.TemporaryDirectory() as name:
        mine = partial(dry_run, ours(Path(name) / "ours", seeds), *options)
        jobs = _result(in_child(mine)).jobs
        rules = round(jobs / runs)
        theirs = partial(dry_run, plain(Path(name) / "peer", runs, rules))
        both = [(_result(in_child(mine)), _result(in_child(theirs))) for _ in range(rounds)]
    peer = f"snakemake, {both[0][1].jobs} plain jobs"
    rows = []
    for index, (what, unit) in enumerate(MEASURED):
        pair = pair_of(*zip(*((a[index], b[index]) for a, b in both), strict=True))
        goal: Row = {} if unit == "MB" else {"goal_ours": PLAN_GOAL_S}
        rows.append(
            row(f"{runs} runs, {jobs} jobs: {what}", pair, unit=unit, peer_name=peer, **goal)
        )
        log.info("%s: %.1f %s, plain %.1f %s", rows[-1]["case"], pair.ours, unit, pair.peer, unit)
    return rows


def _result(cost: Cost) -> Plan:
    found: Plan = cost.result
    return found


def main() -> None:
    """Measure and write the table."""
    options = parser(__doc__)
    options.set_defaults(rounds=3)
    arguments = options.parse_args()
    finish("plan", rows_of(QUICK_SEEDS if arguments.quick else SEEDS, arguments.rounds), arguments)


if __name__ == "__main__":
    main()
