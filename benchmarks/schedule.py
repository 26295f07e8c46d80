"""Snakemake's own processor time while it runs a study: jobs that sleep stand in for the real ones.

    python benchmarks/schedule.py -o results/benchmarks/schedule.csv

Rules, inputs, outputs and resources are those of the smoke study, two jobs at a time; each job
sleeps and leaves its outputs. The peer is Snakemake with a limit of jobs a second, which it has
unless told otherwise: every pass of its scheduler then starts another one a second later. The
share is of the time of the whole command, so it falls with the length of the jobs, and the time
that is left without jobs, to read the workflow and to plan, is in it.
"""

import os
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from measure import Row, finish, log, pair_of, parser, row
from startup import BIN, PARTS, PYTHONPATH, ROOT

JOB_S, QUICK_JOB_S = 2.0, 0.01
"""What a job of the default study takes is more, see ``results/published/default/costs.csv``."""
GOAL_SHARE = 0.05
LIMIT = ("--max-jobs-per-timespan", "1000/1s")
"""Of the peer: never reached, and not the default, which the workflow takes back."""
CLOCK_S = 0.1
"""Seconds between two looks at the clock of the process."""

STAND_INS = """
include: "workflow/Snakefile"
workflow.default_target = "all"

rule stand_in:
    output: "stand-in"
    shell: "sleep {seconds}; for f in {{output}}; do mkdir -p $(dirname $f); touch $f; done"

for one in workflow.rules:
    if one.shellcmd is not None and one.name != "stand_in":
        one.run_func = workflow.get_rule("stand_in").run_func
"""


def run(job_s: float, *options: str) -> tuple[float, float]:
    """Run the stand-ins in a new folder; return Snakemake's own processor seconds, and wall time.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in PARTS:
            if part != "Snakefile":
                (folder / part).symlink_to(ROOT / part)
        (folder / "Snakefile").write_text(STAND_INS.format(seconds=job_s), encoding="utf-8")
        command = [str(BIN / "snakemake"), *options, "--cores", "2", "--quiet", "all"]
        command += ["--configfile", "config/smoke.yaml"]
        environment = os.environ | {"PYTHONPATH": PYTHONPATH, "PATH": f"{BIN}:{os.environ['PATH']}"}
        start, used = time.perf_counter(), 0.0
        with (folder / "log").open("w") as file:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT
            )
            while process.poll() is None:
                used = max(used, processor_seconds(process.pid))
                time.sleep(CLOCK_S)
        if process.returncode:
            raise RuntimeError((folder / "log").read_text(encoding="utf-8")[-2000:])
        return used, time.perf_counter() - start


def processor_seconds(process: int) -> float:
    """Return the processor time of a process of Linux without its children; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def rows_of(job_s: float, rounds: int, *targets: str) -> list[Row]:
    """Return the rows of Snakemake's share of a core and of its processor time."""
    ours, peer = partial(run, job_s, *targets), partial(run, job_s, *targets, *LIMIT)
    both = [(ours(), peer()) for _ in range(rounds)]
    case, peer_name = f"snakemake itself, jobs of {job_s:g} s", "with a limit of jobs a second"
    rows = []
    for unit in ("share", "s"):
        used = [[a / b if unit == "share" else a for a, b in times] for times in both]
        pair = pair_of(*zip(*used, strict=True))
        goal: Row = {"goal_ours": GOAL_SHARE} if unit == "share" else {}
        name = f"{case}: {'of a core' if unit == 'share' else 'processor time'}"
        rows.append(row(name, pair, unit=unit, peer_name=peer_name, **goal))
        log.info("%s: %.3f, with a limit %.3f", name, pair.ours, pair.peer)
    return rows


def main() -> None:
    """Measure and write the table."""
    options = parser(__doc__)
    options.set_defaults(rounds=2)
    arguments = options.parse_args()
    settings: tuple[Any, ...] = (JOB_S, arguments.rounds)
    if arguments.quick:
        settings = (QUICK_JOB_S, arguments.rounds, "data")
    finish("schedule", rows_of(*settings), arguments)


if __name__ == "__main__":
    main()
