"""Tables of several runs are stacked in run order."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d import tables
from study.collect import collect, collect_tables


def _run(n: int, seed: int, model: str = "nano") -> dict[str, Any]:
    name = f"a/n{n}/{model}/s{seed}"
    return {"run": name, "dataset": "a", "n_train": n, "model": model, "seed": seed}


def test_collect_stacks_in_run_order(tmp_path: Path, input_error: Any) -> None:
    runs = [_run(256, 0), _run(32, 1), _run(32, 0), _run(32, 0, "micro")]
    paths = []
    for k, run in enumerate(runs):
        paths.append(tmp_path / f"{k}.csv")
        tables.write(
            tables.with_run(pd.DataFrame({"row": [0, 1], "lo": [np.nan, 1.0 + k]}), run), paths[-1]
        )
    paths.append(tmp_path / "empty.csv")
    tables.write(tables.with_run(pd.DataFrame({"row": []}), _run(64, 0)), paths[-1])
    table = collect(paths)
    assert table["run"].tolist()[::2] == [
        "a/n32/micro/s0",
        "a/n32/nano/s0",
        "a/n32/nano/s1",
        "a/n256/nano/s0",
    ]
    assert table["row"].tolist() == [0, 1] * 4
    pd.testing.assert_frame_equal(table, collect(paths[::-1]), check_dtype=False)
    tables.write(pd.DataFrame({"row": [0]}), tmp_path / "other.csv")
    with input_error("other.csv", "no column run, dataset"):
        collect([*paths, tmp_path / "other.csv"])


def test_a_check_refuses_a_stacked_table(tmp_path: Path) -> None:
    for k in (0, 1):
        tables.write(tables.with_run(pd.DataFrame({"n": [k]}), _run(32, k)), tmp_path / f"{k}.csv")
    paths, output = [tmp_path / "0.csv", tmp_path / "1.csv"], tmp_path / "all.csv"
    with pytest.raises(ValueError, match="refused 2 rows"):
        collect_tables(paths, output, f"{__name__}:_refuse")
    assert not output.exists()
    collect_tables(paths, output)
    assert len(tables.read(output)) == 2


def _refuse(table: pd.DataFrame) -> None:
    raise ValueError(f"refused {len(table)} rows")
