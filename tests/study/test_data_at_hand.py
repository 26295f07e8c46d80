"""Training sets larger than their data are refused before anything runs."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from e3d.errors import InputError
from model_fixtures import MINISPICE
from study.at_hand import require_frames
from study.config import Study

DATASETS: dict[str, Any] = {
    "a": {"path": str(MINISPICE), "layout": "spice"},
    "part": {"same_as": "a"},
    "fetched": {"path": "none.hdf5", "layout": "spice"},
}


def study(dataset: str, *n_train: int) -> Study:
    grid = {"dataset": [dataset], "n_train": list(n_train), "model": ["nano"], "seed": [0]}
    return Study({"grid": grid, "controls": []}, DATASETS)


@pytest.mark.parametrize("dataset", ["a", "part"])
def test_the_frames_of_a_small_file_are_counted(tmp_path: Path, dataset: str) -> None:
    require_frames(study(dataset, 8, 1120), tmp_path)
    with pytest.raises(InputError, match=rf"n_train = 1121 of dataset '{dataset}': .* 1120 frames"):
        require_frames(study(dataset, 8, 1121), tmp_path)
    require_frames(study("fetched", 10**9), tmp_path)  # nobody knows yet


def test_the_pool_of_a_dataset_that_is_split_is_the_limit(tmp_path: Path) -> None:
    splits = tmp_path / "data" / "a" / "splits.parquet"
    splits.parent.mkdir(parents=True)
    pd.DataFrame({"split": ["pool"] * 5 + ["validation"] * 3}).to_parquet(splits)
    require_frames(study("a", 5), tmp_path)
    with pytest.raises(InputError, match=r"pool has 5 frames, allowed 1\.\.5\. Lower"):
        require_frames(study("a", 6), tmp_path)
    splits.write_text("no table")
    require_frames(study("a", 6), tmp_path)
