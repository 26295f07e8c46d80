"""Copy what a study publishes: its tables, PNG figures, findings, and what each rule cost.

What is copied is small and is what ``published: true`` draws from; data, models and the long
per-frame tables stay behind.
"""

import shutil
from pathlib import Path

import pandas as pd

from e3d import provenance
from e3d.errors import InputError
from e3d.figures import FIGURES

COSTS_FILE = "costs.csv"
STUDY = "study"
FIGURES_FOLDER = "figures"


def publish(results: Path, output: Path) -> None:
    """Copy ``results`` of a finished study into ``output``, replacing what is there.

    Raises
    ------
    InputError
        If the study is not finished.
    """
    tables = sorted(results.glob("*/*.csv"))
    figures = [results / FIGURES_FOLDER / f"{name}.png" for name in FIGURES]
    figures.append(results / FIGURES_FOLDER / "findings.md")
    missing = [str(path) for path in figures if not path.is_file()]
    if missing or not tables:
        raise InputError(
            f"{results}: lacks {', '.join(missing) or 'tables'}. Run the study to its end first: make study."
        )
    cost = costs(results / "costs")
    shutil.rmtree(output, ignore_errors=True)
    for path in (*tables, *figures):
        target = output / path.relative_to(results)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    with provenance.atomic(output / COSTS_FILE) as temporary:
        cost.to_csv(temporary, index=False, lineterminator="\n")


def costs(folder: Path) -> pd.DataFrame:
    """Return jobs, wall seconds and memory of every rule from Snakemake's benchmark files.

    The row ``study`` is the time from the start of the first job to the end of the last, which is
    the study's wall time if it ran in one go.
    """
    rows, starts, ends = [], [], []
    for path in sorted(folder.rglob("*.tsv")):
        row = pd.read_csv(path, sep="\t").iloc[0]
        name = path.relative_to(folder)
        rule = "/".join(name.parts[:2]) if name.parts[0] in ("train", "data", "figures") else name.parts[0]
        rows.append(
            {
                "rule": rule.removesuffix(".tsv"),
                "s": float(row["s"]),
                "mb": pd.to_numeric(row["max_rss"], errors="coerce"),
            }
        )
        ends.append(path.stat().st_mtime)
        starts.append(path.stat().st_mtime - float(row["s"]))
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
    wall = {"rule": STUDY, "jobs": len(rows), "total_s": round(max(ends) - min(starts), 1)}
    return pd.concat([pd.DataFrame([wall]), table], ignore_index=True)
