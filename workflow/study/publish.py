"""Copy what a study publishes: its tables, PNG figures, findings, and what each rule cost.

What is copied is small and is what ``published: true`` draws from; data, models and the long
per-frame tables stay behind.
"""

import json
import os
import platform
import re
import shutil
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from e3d import provenance
from e3d.errors import InputError, choices
from study.findings.sections import write_findings
from study.stages import FIGURES, STAGES, findings_tables

COSTS_FILE = "costs.csv"
STUDY = "study"
FIGURES_FOLDER = "figures"
MACHINE_FILE = "machine.json"


def publish(results: Path, output: Path, only: Sequence[str] = ()) -> None:
    """Copy ``results`` of a finished study into ``output``, replacing an earlier copy there.

    ``only`` names stages (``gauge``): then their figures, tables and findings alone are published.

    Raises
    ------
    InputError
        If the study is not finished, or ``output`` holds something else than a published study.
    """
    drawn = {
        stage.name: [figure.name for figure in stage.figures]
        for stage in STAGES
        if stage.figures and stage.findings
    }
    unknown = [name for name in only if name not in drawn]
    if unknown:
        raise InputError(
            f"--only {unknown[0]!r} - {choices(unknown[0], drawn)}. "
            "Name stages with figure and findings."
        )
    chosen = [figure for name in only for figure in drawn[name]] or list(FIGURES)
    names = {table for name in chosen for table in FIGURES[name].tables} | {*findings_tables(only)}
    tables = (
        sorted(results / f"{name}.csv" for name in names)
        if only
        else sorted(results.glob("*/*.csv"))
    )
    figures = [results / FIGURES_FOLDER / f"{name}.png" for name in chosen]
    if not only:
        figures.append(results / FIGURES_FOLDER / "findings.md")
    missing = [str(path) for path in (*figures, *tables) if not path.is_file()]
    if missing or not tables:
        raise InputError(
            f"{results}: lacks {', '.join(missing) or 'tables'}. Run the study to its end first: make study."
        )
    inside = results.resolve().is_relative_to(output.resolve())
    if inside or (output.exists() and not (output / COSTS_FILE).is_file()):
        raise InputError(
            f"{output}: is not a published study (it has no {COSTS_FILE}), so it is not replaced. "
            "Give a new folder, or one published before."
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder:
        fresh = Path(folder) / "new"
        for path in (*tables, *figures):
            target = fresh / path.relative_to(results)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        if only:
            write_findings([fresh], fresh / FIGURES_FOLDER / "findings.md", only)
        costs(results / "costs").to_csv(fresh / COSTS_FILE, index=False, lineterminator="\n")
        provenance.write_json(fresh / MACHINE_FILE, machine(tables[0]))
        if output.exists():
            output.rename(Path(folder) / "old")
        fresh.rename(output)


def machine(table: Path) -> dict[str, Any]:
    """Say on what the costs were measured, and by which commit and versions ``table`` was made."""
    beside = table.with_name(f"{table.name}.provenance.json")
    made = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
    info = Path("/proc/cpuinfo")
    names = (
        re.findall(r"^model name\s*:\s*(.+)$", info.read_text(), flags=re.MULTILINE)
        if info.is_file()
        else []
    )
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "commit": made.get("commit"),
        "versions": made.get("versions"),
    }


def costs(folder: Path) -> pd.DataFrame:
    """Return jobs, wall seconds and memory of every rule from Snakemake's benchmark files.

    The row ``study`` is the time during which at least one job ran: the wall time of a study that ran
    in one go, but for what Snakemake needs between jobs.
    """
    rows, spans = [], []
    for path in sorted(folder.rglob("*.tsv")):
        row = pd.read_csv(path, sep="\t").iloc[0]
        name = path.relative_to(folder)
        rule = (
            "/".join(name.parts[:2])
            if name.parts[0] in ("train", "data", "figures")
            else name.parts[0]
        )
        rows.append(
            {
                "rule": rule.removesuffix(".tsv"),
                "s": float(row["s"]),
                "mb": pd.to_numeric(row["max_rss"], errors="coerce"),
            }
        )
        spans.append((path.stat().st_mtime - float(row["s"]), path.stat().st_mtime))
    if not rows:
        raise InputError(f"{folder}: no benchmark files. Run the study first: make study.")
    grouped = pd.DataFrame(rows).groupby("rule")
    table = pd.DataFrame(
        {
            "jobs": grouped.size(),
            "total_s": grouped["s"].sum().round(1),
            "mean_s": grouped["s"].mean().round(1),
            "max_rss_MB": grouped["mb"].max().round(0),
        }
    ).reset_index()
    wall = {"rule": STUDY, "jobs": len(rows), "total_s": round(_covered(spans), 1)}
    return pd.concat([pd.DataFrame([wall]), table], ignore_index=True)


def _covered(spans: list[tuple[float, float]]) -> float:
    """Return the length of the union of intervals."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def fill_readme(text: str, published: Path) -> str:
    """Return README's ``text`` with every ``<!-- name:start -->`` block written from ``published``.

    Raises
    ------
    InputError
        If a block is not there exactly once.
    """
    return fill_blocks(text, _blocks(published), "README")


def fill_blocks(text: str, blocks: Mapping[str, str], document: str) -> str:
    """Return ``text`` with every ``<!-- name:start -->`` block replaced.

    Raises
    ------
    InputError
        If a block is not there exactly once, naming the ``document``.
    """
    for name, content in blocks.items():
        start, end = f"<!-- {name}:start -->\n", f"<!-- {name}:end -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise InputError(
                f"{document}: the markers of the block `{name}` are not there once each. Restore them."
            )
        before, rest = text.split(start)
        text = f"{before}{start}{content}\n{end}{rest.split(end)[1]}"
    return text


def _blocks(published: Path) -> dict[str, str]:
    cost = pd.read_csv(published / COSTS_FILE).set_index("rule")
    total, mean = (
        {str(k): float(v) / 60 for k, v in cost[column].items()} for column in ("total_s", "mean_s")
    )
    on = json.loads((published / MACHINE_FILE).read_text(encoding="utf-8"))
    rows = [
        f"| {figure.number} | {figure.shows} | `figures_{name}` | {mean[f'figures/{name}']:.2f} |"
        for name, figure in FIGURES.items()
    ]
    time = (
        f"On {on['cores']} cores ({on['processor']}, no GPU) the study took {total[STUDY]:.0f} "
        f"minutes after installation, two jobs at a time; a training takes "
        f"{mean['train/run']:.1f} minutes on average "
        f"([`costs.csv`]({published.as_posix()}/{COSTS_FILE}))."
    )
    return {
        "figures": "\n".join(["| Fig. | shows | rule | minutes |", "|---|---|---|---|", *rows]),
        "time": textwrap.fill(time, 100, break_long_words=False, break_on_hyphens=False),
    }


def publish_study(results: Path, output: Path, readme: Path | None, only: Sequence[str]) -> None:
    """Publish a study, and write its figures and times into ``readme`` if that is given."""
    publish(results, output, only)
    if readme is not None:
        text = fill_readme(readme.read_text(encoding="utf-8"), output)
        provenance.write_text(readme, text)
