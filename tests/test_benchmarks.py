"""The benchmarks run, and what the documents quote of them stands in a committed table."""

import subprocess
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import store  # noqa: E402 - a script, not a package

PUBLISHED = ROOT / "results" / "published" / "benchmarks" / "store.csv"


def test_the_store_benchmark_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "store.py"), "--repeats", "1"]
    output = tmp_path / "store.csv"
    done = subprocess.run([*command, "--sizes", "200", "400", "-o", str(output)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(output)
    assert list(table.columns[:5]) == ["case", "ours", "peer", "ratio", "unit"]
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
