"""Training sets larger than their data, found before anything runs."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from e3d.errors import InputError
from e3d.fields import POOL, Column
from e3d.store.layouts import reader
from study.config import Study

_COUNTED_BYTES: Final = 10_000_000
"""Files up to this size are read to count their frames, in about a second."""


def require_frames(study: Study, results: Path) -> None:
    """Refuse runs with more training frames than their dataset has.

    Known is the training pool where the dataset is split, else the number of frames of a small
    file, of which the pool is a part. Where neither is at hand, choosing the subset says it.

    Raises
    ------
    InputError
        Naming the largest training set, of the first dataset that has too few.
    """
    wanted: dict[str, int] = {}
    for run in study.runs():
        wanted[run["dataset"]] = max(run["n_train"], wanted.get(run["dataset"], 0))
    for name, n_train in wanted.items():
        pool = _pool(results / "data" / name / "splits.parquet")
        whole = study.datasets[name].get("same_as", name)
        frames = _frames(study.datasets[whole]) if pool is None else pool
        if frames is not None and n_train > frames:
            least = "" if pool is not None else ", less those that are held out"
            what = "its training pool" if pool is not None else study.datasets[whole]["path"]
            raise InputError(
                f"n_train = {n_train} of dataset {name!r}: {what} has {frames} frames, allowed "
                f"1..{frames}{least}. Lower `n_train` in `grid` and `controls`."
            )


def _pool(splits: Path) -> int | None:
    """Return the frames of the training pool; None where the dataset is not split yet."""
    if not splits.is_file():
        return None
    with contextlib.suppress(Exception):  # a broken table is said by the job that reads it
        split = pd.read_parquet(splits, columns=[Column.SPLIT])[Column.SPLIT]
        return int((split == POOL).sum())
    return None


def _frames(entry: Mapping[str, Any]) -> int | None:
    """Return the frames of a dataset's small file, whose theory may leave some out."""
    path = Path(entry.get("path", ""))
    if not path.is_file() or path.stat().st_size > _COUNTED_BYTES:
        return None
    with contextlib.suppress(Exception):  # a broken file is said by the job that reads it
        return sum(len(group.energy) for group in reader(entry["layout"])(path))
    return None
