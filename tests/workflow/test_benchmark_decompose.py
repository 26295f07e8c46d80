"""The benchmark of the decomposition runs, and has a row for each model and peer."""

import subprocess
import sys
from pathlib import Path

import pandas as pd

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "decompose.py"


def test_the_benchmark_of_decomposing_runs(tmp_path: Path) -> None:
    output = tmp_path / "decompose.csv"
    command = [sys.executable, str(BENCHMARK), "--quick", "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(output)
    assert list(table.columns[:4]) == ["case", "ours", "peer", "ratio"]
    assert table["case"].value_counts().to_dict() == {
        "1,2,32,8": 2,
        "micro of the default study": 2,
        "2,2,64,16": 2,
        "memory": 1,
        "time": 1,
    }
    assert (table["ratio"][:6] > 0).all()
    memory = table[table["case"] == "memory"].iloc[0]
    assert 50 < memory["mb_100"] < 2000
