"""What a study cost: jobs, time and memory of each rule, and the machine it ran on."""

import json
import os
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd

from e3d.errors import InputError

COSTS_FILE: Final = "costs.csv"
MACHINE_FILE: Final = "machine.json"
FINISHED: Final = "finished"
"""In the machine's file: the day, in UTC, on which the study's last job ended."""
STUDY: Final = "study"
"""The row of the costs that is about the whole study."""
_MANY_RULES = ("train", "data", "figures")
"""Stages whose rules have a row each."""


def costs(folder: Path) -> pd.DataFrame:
    """Return jobs, wall seconds and memory of every rule from Snakemake's benchmark files.

    The row ``study`` is the time during which at least one job ran: the wall time of a study that
    ran in one go, but for what Snakemake needs between jobs.

    Raises
    ------
    InputError
        If there are no benchmark files.
    """
    rows, spans = [], []
    for path in sorted(folder.rglob("*.tsv")):
        row = pd.read_csv(path, sep="\t").iloc[0]
        seconds, rule = float(row["s"]), kind_of(path.relative_to(folder))
        rows.append((rule, seconds, pd.to_numeric(row["max_rss"], errors="coerce")))
        spans.append((path.stat().st_mtime - seconds, path.stat().st_mtime))
    if not rows:
        raise InputError(f"{folder}: no benchmark files. Run the study first: make study.")
    grouped = pd.DataFrame(rows, columns=["rule", "s", "mb"]).groupby("rule")
    columns = {
        "jobs": grouped.size(),
        "total_s": grouped["s"].sum().round(1),
        "mean_s": grouped["s"].mean().round(1),
        "max_rss_MB": grouped["mb"].max().round(0),
    }
    wall = {"rule": STUDY, "jobs": len(rows), "total_s": round(_covered(spans), 1)}
    return pd.concat([pd.DataFrame([wall]), pd.DataFrame(columns).reset_index()], ignore_index=True)


def kind_of(file: Path) -> str:
    """Return the row of the costs that a benchmark file belongs to.

    >>> kind_of(Path("bde/minispice/n8/nano/s0.tsv")), kind_of(Path("data/read/minispice.tsv"))
    ('bde', 'data/read')
    """
    parts = file.with_suffix("").parts
    return "/".join(parts[: 2 if parts[0] in _MANY_RULES else 1])


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length of the union of intervals."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def finished(folder: Path) -> str:
    """Return the day, in UTC, on which the last job ended, by Snakemake's benchmark files."""
    last = max(path.stat().st_mtime for path in folder.rglob("*.tsv"))
    return datetime.fromtimestamp(last, UTC).date().isoformat()


def machine(table: Path) -> dict[str, Any]:
    """Return the machine this runs on, and the commit and versions that made ``table``."""
    beside = table.with_name(f"{table.name}.provenance.json")
    made = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.is_file() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, flags=re.MULTILINE)
    return {
        "processor": name[1] if name else platform.processor(),
        "cores": os.cpu_count(),
        "commit": made.get("commit"),
        "versions": made.get("versions"),
    }
