"""Copy the tables and the figure of what was measured, and fill the documents' blocks from them.

    python benchmarks/publish.py results/benchmarks -o results/published/benchmarks

Tables that are not there stay as they were published before.
"""

import argparse
import shutil
from pathlib import Path

import estimate
import measure
import pandas as pd
import step
import store

from e3d import provenance
from e3d.errors import InputError
from study.readme import fill_blocks

DOCS = Path(__file__).parents[1] / "docs"
PERFORMANCE, BENCHMARKS = DOCS / "performance.md", DOCS / "benchmarks.md"
TABLES = ("step", "job", "decompose", "plan", "gpu")
"""Each has a block of its name in :func:`page`."""
QUOTED = ("startup", "schedule", "growth", "store", "cost")
"""What a page says of these is made otherwise, or is a sentence."""
FIGURE = "speed"


def gpu_as_markdown(table: pd.DataFrame) -> str:
    """Return the table of a GPU: differences from the CPU, steps, decomposition."""
    compared = table[table["unit"] != "s"]
    steps, decomposed = (
        table[table["case"].str.startswith(kind)].to_dict("records")
        for kind in ("step", "decomposition")
    )
    differences = [
        (line["case"].removeprefix("agreement of "), f"{line['ours']:.1e}", f"{line['peer']:.1e}")
        for line in compared.to_dict("records")
    ]
    times = [
        (
            line["case"].removeprefix("step "),
            *("" if pd.isna(one) else f"{one * 1e3:.1f}" for one in modes),
            measure.spread(line),
        )
        for line in steps
        for modes in [[line[f"{mode}_s"] for mode in ("ours", "eager", "compiled")]]
    ]
    frames = [
        (line["case"].removeprefix("decomposition, "), f"{line['frames_per_s']:,.0f}")
        for line in decomposed
    ]
    parts = (
        (("largest difference from the CPU", "ours", "shipped"), differences),
        (("step, ms", "ours, eager", "shipped, eager", "compiled", "better one / ours"), times),
        (("decomposition", "frames/s"), frames),
    )
    return "\n\n".join(measure.markdown_table(head, rows) for head, rows in parts)


def page(name: str) -> Path:
    """Return the document that shows a table."""
    return PERFORMANCE if name == "step" else BENCHMARKS


def missed_goals(steps: pd.DataFrame) -> str:
    """Return a sentence for every goal of the steps that their table misses."""
    missed = steps[steps["ratio"] < steps["goal_ratio"]].to_dict("records")
    return "\n".join(
        f"- Goal missed: {line['case'].removeprefix('step ')} is {line['ratio']:.2f} times as "
        f"fast, and {line['goal_ratio']:g} was aimed at."
        for line in missed
    )


MARKDOWN = {"step": step.as_markdown, "gpu": gpu_as_markdown}
"""How a table is written where it is not as all others."""


def publish(folder: Path, output: Path) -> list[str]:
    """Copy every table of ``folder`` with its provenance, and the figure; return the tables' names.

    Raises
    ------
    InputError
        If there is no table, or one of a quick run: its numbers say nothing about speed.
    """
    found = [name for name in (*TABLES, *QUOTED) if (folder / f"{name}.csv").is_file()]
    if not found:
        raise InputError(f"{folder}: no benchmark tables. Run make bench first.")
    for name in found:
        note = folder / f"{name}.csv.provenance.json"
        if '"quick": true' in note.read_text(encoding="utf-8"):
            raise InputError(
                f"{folder / name}.csv: of a --quick run, which is not published. Run make bench."
            )
    output.mkdir(parents=True, exist_ok=True)
    for name in found:
        for suffix in ("csv", "csv.provenance.json"):
            shutil.copyfile(folder / f"{name}.{suffix}", output / f"{name}.{suffix}")
    for picture in sorted(folder.glob(f"{FIGURE}.???")):
        if picture.suffix in (".png", ".svg"):
            shutil.copyfile(picture, output / picture.name)
    return found


def fill_cost(output: Path) -> None:
    """Estimate the paper's study from the published tables, and fill its block."""
    estimated = estimate.write(output, output / "cost_estimate.csv")
    block = estimate.as_markdown(pd.read_csv(output / "cost.csv"), estimated)
    text = BENCHMARKS.read_text(encoding="utf-8")
    provenance.write_text(BENCHMARKS, fill_blocks(text, {"cost": block}, str(BENCHMARKS)))


def main() -> None:
    """Publish and fill the documents."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of benchmark tables")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="folder of the committed copies"
    )
    arguments = parser.parse_args()
    for name in publish(arguments.folder, arguments.output):
        table = arguments.output / f"{name}.csv"
        if name == "store":
            measure.fill(DOCS / "datasets.md", "bench", table, store.as_markdown)
        elif name in TABLES:
            measure.fill(page(name), name, table, MARKDOWN.get(name, measure.as_markdown))
    measure.fill(PERFORMANCE, "goals", arguments.output / "step.csv", missed_goals)
    if (arguments.output / "cost.csv").is_file():
        fill_cost(arguments.output)


if __name__ == "__main__":
    main()
