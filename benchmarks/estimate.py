"""What the paper's study costs, from measured tables and published figures: ranges, not points.

    folder=results/published/benchmarks
    python benchmarks/estimate.py $folder -o $folder/cost_estimate.csv

The measured tables are of a CPU. The lower end takes the published rate of an Allegro training on
H100s in BF16; the upper end an A100 in float32 at half of its peak. Edges and bonds of solids are
bracketed between those of SPICE's molecules and the densest that is plausible. Every number that is
not measured stands below with its source.
"""

import argparse
import functools
import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd
from cost import DECOMPOSITION, MOLECULES, ROOT, STEP, paper, paper_study
from measure import LINEAR, markdown_table

from e3d import tables

# Published training: janosh/matbench-discovery, models/allegro/allegro-MP-L-0.1.yml and its
# allegro_MPTrj.yaml (8 H100 for 50 h, 250 epochs of MPtrj, 18.7 million weights, 62 neighbours
# within 6 Å; BF16, cuEquivariance, compiled); MPtrj has forces on 49,295,660 atoms
# (arXiv:2302.14231).
GPU_HOURS, EPOCHS, MPTRJ_ATOMS = 8 * 50, 250, 49_295_660
NEIGHBOURS, ALLEGRO_WEIGHTS = 61.99, 18.7e6
PUBLISHED_RATE = EPOCHS * MPTRJ_ATOMS * NEIGHBOURS * ALLEGRO_WEIGHTS / (GPU_HOURS * 3600)
"""Edges times weights a second and GPU: nearly every weight of Allegro acts on every edge once."""
A100_FLOPS, REACHED, FLOPS_PER_WEIGHT = 19.5e12, 0.5, 12
"""NVIDIA's data sheet, float32 without TF32; half of it is our assumption. Operations of a step for
an edge and weight: a multiply-add in forward, in the gradient by positions, and in the gradients of
both by weights and features."""
SLOW_RATE = A100_FLOPS * REACHED / FLOPS_PER_WEIGHT
MATBENCH = (
    "https://github.com/janosh/matbench-discovery/blob/main/models/allegro/allegro-MP-L-0.1.yml"
)
INFERENCE = "https://adeeshkolluru.com/benchmarks/mlip-inference/"
LAUNCH_S = (0.01, 3 * 0.0293)
"""Least time of a step, whatever its size. Upper: three evaluations of NequIP-OAM-S on an A100,
29.3 ms each for 64 atoms, 29.9 ms for sixteen times as many (INFERENCE). Lower: our assumption for
a compiled model."""
SPICE_FRAMES, MATPES_FRAMES = 2_008_628, 400_000
"""By the archives (docs/datasets.md, arXiv:2503.04070); charged species are not taken off."""
MATPES_ATOMS = 16e9 / 281e6
"""Mean of the snapshots that MatPES was chosen from: 16 billion environments in 281 million
(arXiv:2503.04070)."""
PUBCHEM, SPECIES = 28_039, 113_999 + 23_700
"""Species of the test sets, each with means of its own in ``bond_means.csv``: at least SPICE's
PubChem molecules, which have 50 conformations each; at most all molecules and clusters of SPICE,
and every held-out solid."""
CLOSE_PACKED = 12
"""Bonds of an atom of a solid, at most."""
PER_RUN_BEST, STUDIES = 2, {"the study": None, "1000 runs": 1000}
"""Checkpoints a training keeps while it runs: the best and the last."""


@dataclass(frozen=True)
class Range:
    """A lowest and a highest value."""

    lowest: float
    highest: float

    def __add__(self, other: Self) -> "Range":
        return Range(self.lowest + other.lowest, self.highest + other.highest)

    def __mul__(self, factor: "Range | float") -> "Range":
        other = factor if isinstance(factor, Range) else Range(factor, factor)
        return Range(self.lowest * other.lowest, self.highest * other.highest)


@dataclass(frozen=True)
class Size:
    """What was measured of a model size, and how much one run of a dataset has to do."""

    model: str
    step: "pd.Series[Any]"
    decomposition: "pd.Series[Any]"

    def gpu_step(self, edges: Range) -> Range:
        """Return the seconds of a training step with this many edges."""
        work = self.decomposition["weights"]
        return Range(
            max(LAUNCH_S[0], edges.lowest * work / PUBLISHED_RATE),
            LAUNCH_S[1] + edges.highest * work / SLOW_RATE,
        )

    @property
    def evaluation(self) -> float:
        """Time of a frame's energy and forces over its share of a training step, on the CPU."""
        return float(self.step["validation_s_per_frame"] * self.step["size"] / self.step["ours"])


def sizes(cost: pd.DataFrame) -> list[Size]:
    """Return the measured sizes, the larger batch of each."""
    found = []
    for model in dict.fromkeys(cost["model"]):
        mine = cost[cost["model"] == model]
        steps = mine[mine["series"] == f"{STEP}, {model}"]
        (decomposition,) = (row for _, row in mine[mine["series"] == DECOMPOSITION].iterrows())
        found.append(Size(model, steps.loc[steps["size"].idxmax()], decomposition))
    return found


def edges_per_frame(size: Size) -> dict[str, Range]:
    """Return the directed edges of a frame of each dataset."""
    spice = float(size.step["edges_per_frame"])
    return {
        "spice2": Range(spice, spice),
        "hybrid": Range(spice, (spice + MATPES_ATOMS * NEIGHBOURS) / 2),
    }


def frames_of_datasets() -> dict[str, float]:
    """Return the frames of each dataset of the study."""
    return {"spice2": SPICE_FRAMES, "hybrid": SPICE_FRAMES + MATPES_FRAMES}


def held_out(frames: float) -> tuple[float, float]:
    """Return the frames of both test sets, and of validation, by the study's split."""
    split = paper_study().values["split"]
    pool = 1 - split["test_molecules"]
    return frames * (
        split["test_molecules"] + pool * split["test_conformations"]
    ), frames * pool * split["validation"]


def bonds_per_frame(size: Size, dataset: str) -> Range:
    """Return the bonded pairs of a frame."""
    spice = float(size.decomposition["bonds"] / size.decomposition["frames"])
    if dataset == "spice2":
        return Range(spice, spice)
    solids = MATPES_FRAMES / (SPICE_FRAMES + MATPES_FRAMES)
    return Range(spice, (1 - solids) * spice + solids * MATPES_ATOMS * CLOSE_PACKED / 2)


def bytes_of_means(size: Size) -> Range:
    """Return the bytes of ``bond_means.csv``, which has a row for every bond of every species."""
    return Range(PUBCHEM, SPECIES) * float(size.decomposition["other_files_bytes"] / len(MOLECULES))


@functools.cache
def bonds_of_minispice() -> float:
    """Return the mean number of bonds of a frame of minispice, which the analysis was timed on."""
    import h5py
    from rdkit import Chem

    bonds = frames = 0
    with h5py.File(ROOT / "resources" / "minispice.hdf5") as file:
        for group in file.values():
            molecule = Chem.MolFromSmiles(group["smiles"][0].decode(), sanitize=False)
            bonds += molecule.GetNumBonds() * len(group["conformations"])
            frames += len(group["conformations"])
    return bonds / frames


def analysis_s_per_bond(growth: pd.DataFrame) -> Range:
    """Return the seconds of a bond in all tables; upper: others take twice as long as entropy."""
    each = {}
    for stage in ("entropy", "bond energies"):
        points = growth[growth["series"] == stage]
        last = points.loc[points["size"].idxmax()]
        each[stage] = float(last["ours"] / last["size"]) / bonds_of_minispice()
    return Range(sum(each.values()), sum(each.values()) + 2 * each["entropy"])


def run_rows(size: Size, growth: pd.DataFrame, tables_of_run: float) -> Iterator[dict[str, Any]]:
    """Yield what a run of each dataset costs."""
    training = paper()[size.model].training
    per_bond = analysis_s_per_bond(growth)
    for dataset, edges in edges_per_frame(size).items():
        test, validation = held_out(frames_of_datasets()[dataset])
        step = size.gpu_step(edges * float(training.batch_size))
        of_frame = step * (size.evaluation / training.batch_size)
        epochs = training.steps // training.steps_per_epoch
        bonds = bonds_per_frame(size, dataset) * test
        bytes_per_bond = size.decomposition["bonds_file_bytes"] / size.decomposition["bonds"]
        files = bonds * float(bytes_per_bond) + bytes_of_means(size) + Range(1, 1) * tables_of_run
        found = {
            ("GPU", "s/step"): step,
            ("training steps", "GPU h"): step * (training.steps / 3600),
            ("validation", "GPU h"): of_frame * (validation * epochs / 3600),
            # the test sets twice, for errors and D; the latter in float64, half as fast on an A100
            ("errors and decomposition", "GPU h"): of_frame * (test * 3 / 3600),
            ("analysis", "CPU h"): bonds * per_bond * (1 / 3600),
            ("files that stay", "GB"): (files + Range(1, 1) * (size.step["model_MB"] * 1e6)) * 1e-9,
            ("checkpoints while it trains", "GB"): Range(1, 1)
            * (PER_RUN_BEST * size.step["checkpoint_MB"] * 1e-3),
        }
        for (what, unit), value in found.items():
            yield {
                "what": what,
                "model": size.model,
                "dataset": dataset,
                "unit": unit,
                **vars(value),
            }


def totals(runs: pd.DataFrame, n_runs: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Yield the sums over the study, and over 1,000 runs in the same proportions."""
    total = sum(n_runs.values())
    sums = runs[
        runs["unit"].isin(["GPU h", "CPU h", "GB"])
        & (runs["what"] != "checkpoints while it trains")
    ]
    for name, count in STUDIES.items():
        for unit, part in sums.groupby("unit", sort=False):
            weights = (
                part["model"].map(n_runs) / part["dataset"].nunique() * ((count or total) / total)
            )
            values = {key: float((part[key] * weights).sum()) for key in ("lowest", "highest")}
            yield {"what": name, "model": "", "dataset": "", "unit": unit, **values}


def stores(size: Size) -> Iterator[dict[str, Any]]:
    """Yield the sizes of the stores."""
    each = float(size.step["store_bytes_per_frame"])
    solid = Range(1, MATPES_ATOMS / size.step["atoms_per_frame"]) * (each * MATPES_FRAMES * 1e-9)
    spice = Range(1, 1) * (each * SPICE_FRAMES * 1e-9)
    for dataset, value in {"spice2": spice, "hybrid": spice + solid}.items():
        yield {"what": "store", "model": "", "dataset": dataset, "unit": "GB", **vars(value)}


def estimate(folder: Path) -> pd.DataFrame:
    """Return the estimate made from the tables of a folder of published benchmarks."""
    measured = sizes(tables.read(folder / "cost.csv"))
    growth = tables.read(folder / "growth.csv")
    default = folder.parent / "default"
    n_default = len(pd.read_csv(default / "train" / "metrics.csv")["run"].unique())
    tables_of_run = sum(path.stat().st_size for path in default.rglob("*.csv")) / n_default
    runs = pd.DataFrame([row for size in measured for row in run_rows(size, growth, tables_of_run)])
    counts = paper_runs()
    more = [*totals(runs, counts), *stores(measured[0])]
    return pd.concat([runs, pd.DataFrame(more)], ignore_index=True)


def paper_runs() -> dict[str, int]:
    """Return the number of runs of each size in the paper's study."""
    models = [run["model"] for run in paper_study().runs()]
    return {model: models.count(model) for model in dict.fromkeys(models)}


def as_markdown(cost: pd.DataFrame, found: pd.DataFrame) -> str:
    """Return the block of ``docs/benchmarks.md``: what was measured, what is estimated, and why."""
    return "\n\n".join((_measured(cost), _per_run(found), _in_all(found), _sources()))


def _measured(cost: pd.DataFrame) -> str:
    slopes = cost[cost["peer_name"] == LINEAR].set_index("model")["ours"]
    atoms, edges = (cost.loc[0, f"{name}_per_frame"] for name in ("atoms", "edges"))
    rows = [
        (
            size.model,
            f"{size.decomposition['weights']:,.0f}",
            f"{_short(size.step['ours'])} s",
            f"{slopes[size.model]:.2f}",
            f"{_short(size.step['peak_MB'] / 1e3)} GB",
            f"{_short(size.decomposition['ours'] * 1e3)} ms",
            f"{_short(size.step['checkpoint_MB'])} MB",
        )
        for size in sizes(cost)
    ]
    head = ("size", "weights", "step", "slope", "peak memory", "frame decomposed", "checkpoint")
    about = (
        f"Measured on one core in float32, with batches of 32 frames of {atoms:.0f} atoms and "
        f"{edges:.0f} directed edges; slope is that of log time of a step against log frames of a "
        "batch:"
    )
    return f"{_wrapped(about)}\n\n{markdown_table(head, rows)}"


def _per_run(found: pd.DataFrame) -> str:
    columns = {
        "GPU": "step, s",
        "training steps": "steps, GPU h",
        "validation": "validation, GPU h",
        "errors and decomposition": "tests, GPU h",
        "analysis": "analysis, CPU h",
        "files that stay": "files, GB",
    }
    rows = []
    for (model, dataset), part in found[found["what"].isin(columns)].groupby(
        ["model", "dataset"], sort=False
    ):
        each = part.set_index("what")
        cells = [_ends(each.loc[name]) for name in columns]
        rows.append((f"{model}, {dataset}", *cells))
    about = (
        "**Estimated**, lowest to highest, for one run on one GPU; tests are errors and "
        "decompositions of both test sets, files those that stay:"
    )
    return f"{_wrapped(about)}\n\n{markdown_table(('run', *columns.values()), rows)}"


def _in_all(found: pd.DataFrame) -> str:
    n_runs = sum(paper_runs().values())
    rows = []
    for name, runs in STUDIES.items():
        each = found[found["what"] == name].set_index("unit", drop=False)
        cells = [_between(each.loc[unit]) for unit in ("GPU h", "CPU h", "GB")]
        more = f"{n_runs} runs" if runs is None else "in the same proportions"
        rows.append((f"{name}, {more}", *cells))
    table = markdown_table(("", "GPU", "CPU, analysis", "files that stay"), rows)
    of_stores = found[found["what"] == "store"].set_index("dataset")
    kept = ", ".join(f"{name} {_between(row)}" for name, row in of_stores.iterrows())
    while_training = found[found["what"] == "checkpoints while it trains"]["highest"].max()
    more = (
        f"Stores: {kept}, made from a store of each of its parts. A training keeps at most "
        f"{while_training * 1e3:.0f} MB of checkpoints until it ends."
    )
    return f"{table}\n\n{_wrapped(more)}"


def _short(value: float) -> str:
    """Write a number with two significant digits, never as a power of ten."""
    return f"{value:,.{max(0, 1 - math.floor(math.log10(value)))}f}"


def _ends(row: "pd.Series[Any]") -> str:
    lowest, highest = _short(row["lowest"]), _short(row["highest"])
    return lowest if lowest == highest else f"{lowest}–{highest}"


def _between(row: "pd.Series[Any]") -> str:
    return f"{_ends(row)} {row['unit']}"


def _wrapped(text: str, indent: str = "") -> str:
    """Break a paragraph, or an item of a list, into lines of a document."""
    lines = textwrap.wrap(
        text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines)


def _sources() -> str:
    return "\n".join(
        ["What the ranges rest on:", "", *(_wrapped(f"- {text}", "  ") for text in _reasons())]
    )


def _reasons() -> Iterator[str]:
    yield (
        f"Lower end of a step: {PUBLISHED_RATE:.1e} edges times weights a second and GPU, or "
        f"{LAUNCH_S[0] * 1e3:.0f} ms (an assumption), whichever is longer. It is the rate of "
        "Allegro-MP-L on H100s in BF16 with cuEquivariance, by "
        f"[matbench-discovery]({MATBENCH}): 8 GPUs for 50 h, {EPOCHS} epochs of MPtrj, "
        f"{ALLEGRO_WEIGHTS / 1e6:.1f} million weights, {NEIGHBOURS:.0f} neighbours within 6 Å."
    )
    yield (
        f"Upper end: {SLOW_RATE:.1e} edges times weights a second, an A100 at "
        f"{REACHED * 100:.0f} % (an assumption) of its {A100_FLOPS / 1e12:.1f} TFLOP/s in "
        f"float32 without TF32, {FLOPS_PER_WEIGHT} operations each; and "
        f"{LAUNCH_S[1] * 1e3:.0f} ms that a step takes whatever its size, three times an "
        "evaluation by NequIP-OAM-S on an A100 "
        f"([mlip-inference]({INFERENCE})). No published time of a training step of such sizes was "
        "found."
    )
    yield (
        f"Mixtures with solids: from frames like SPICE's up to {MATPES_ATOMS:.0f} atoms, the mean "
        "of the snapshots that MatPES was chosen from "
        f"([arXiv:2503.04070](https://arxiv.org/abs/2503.04070)), with {NEIGHBOURS:.0f} neighbours "
        f"as in MPtrj and {CLOSE_PACKED} bonds each."
    )
    yield (
        "Validation, errors and decomposition: their measured ratio to a step on the CPU. All "
        f"{SPICE_FRAMES:,} frames of SPICE are counted, charged ones too."
    )
    yield (
        f"Files: measured bytes of a bond, and of `bond_means.csv` for {PUBCHEM:,} to {SPECIES:,} "
        "species. Analysis: seconds of a bond of entropies and bond energies in `growth.csv`, "
        "measured on few species; at the upper end the other tables take twice as long as the "
        "entropies."
    )


def write(folder: Path, output: Path) -> pd.DataFrame:
    """Write the estimate made from the tables of a folder; return it as it reads back."""
    tables.write(estimate(folder), output, inputs=[folder / "cost.csv", folder / "growth.csv"])
    return tables.read(output)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of published benchmarks")
    parser.add_argument("-o", "--output", type=Path, required=True, help="table to write (.csv)")
    arguments = parser.parse_args()
    write(arguments.folder, arguments.output)


if __name__ == "__main__":
    main()
