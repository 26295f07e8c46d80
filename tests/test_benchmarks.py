"""The benchmarks run, and what the documents quote of them stands in a committed table."""

import functools
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import measure  # noqa: E402 - scripts, not a package
import store  # noqa: E402

PUBLISHED = ROOT / "results" / "published" / "benchmarks" / "store.csv"


def test_a_ratio_above_one_means_ours_is_better() -> None:
    pair = measure.compare(lambda: time.sleep(0.002), lambda: time.sleep(0.01), rounds=3)
    assert pair.ours < pair.peer
    assert 1 < pair.ratio_lo <= pair.ratio <= pair.ratio_hi


def test_a_child_has_memory_of_its_own() -> None:
    held = bytearray(300_000_000)
    held[::4096] = b"1" * len(held[::4096])  # touched, so that it is this process's
    small, big = (measure.in_child(functools.partial(bytearray, size)) for size in (10, 300_000_000))
    assert measure.peak_mb() > 300
    assert small.peak_mb < 300, "a child does not begin at what its parent holds"
    assert big.peak_mb > 300


def test_the_slope_covers_the_power_it_was_made_with() -> None:
    sizes = np.array([10.0, 30, 100, 300, 1000])
    noise = np.array([1.02, 0.97, 1.03, 0.99, 1.0])
    found = measure.slope(sizes, 0.3 * sizes**1.5 * noise)
    assert found.lo < 1.5 < found.hi
    assert found.half_width < 0.05
    assert np.isnan(measure.slope(sizes[:2], sizes[:2]).lo)


def test_the_store_benchmark_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "store.py"), "--quick"]
    output = tmp_path / "store.csv"
    done = subprocess.run([*command, "-o", str(output)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(output)
    assert tuple(table.columns[:8]) == measure.COLUMNS
    assert len(table) == 5
    assert (table["ratio"] > 0).all()
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".h5", ".hdf5")] == []


def test_the_documented_table_is_the_published_one() -> None:
    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert store.as_markdown(pd.read_csv(PUBLISHED)) in text


def test_the_size_of_spice_2_as_documented() -> None:
    write = pd.read_csv(PUBLISHED.with_name("store-2m.csv")).iloc[0]
    assert write["frames"] == 2_000_000
    assert write["peak_GB"] < 2.0
    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert f"took {write['ours']:.0f} s and {write['peak_GB']:.2f} GB, {1 / write['ratio']:.1f} times" in text


def test_the_published_table_meets_the_goals() -> None:
    table = pd.read_csv(PUBLISHED)
    assert table["frames"].max() >= 200_000
    assert table["peak_GB"].max() < 2.0
    batches = table[table["case"].str.startswith("random")]
    assert (batches["ratio"] >= 0.5).all(), "at most twice the time of a plain read of the same bytes"
    assert table.loc[table["case"] == "growth of writing", "ours"].item() < 1.15, "linear in the frames"
