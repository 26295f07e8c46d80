"""Feed frames of a store to nequip: a dataset with cached neighbour lists and epochs of equal steps.

nequip instantiates both classes from the rendered config (``_target_``). The model section names
only nequip-allegro's own builder, so a checkpoint loads without this package.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nequip.data import AtomicDataDict, from_dict
from nequip.data.dataset import AtomicDataset

from e3d import tables
from e3d.data.split import frames_of
from e3d.data.store import StoreReader
from e3d.fields import Column

CACHE_FRAMES = 200_000
"""Keep the transformed frames in memory up to this many (about 5 kB each for 10 atoms)."""


class StoreDataset(AtomicDataset):  # type: ignore[misc] # nequip is untyped
    """Frames of a store, chosen by a subset table or a split, each transformed once."""

    def __init__(
        self,
        store: str,
        transforms: list[Callable[[Any], Any]],
        subset: str | None = None,
        splits: str | None = None,
        split: str | None = None,
    ) -> None:
        """Take the frames of ``subset`` (a CSV with a frame column), or of ``split`` in ``splits``."""
        super().__init__(transforms=transforms)
        self._reader = StoreReader(Path(store))
        if subset is not None:
            self.frames = tables.read(Path(subset))[Column.FRAME].to_numpy(dtype=np.int64)
        else:
            self.frames = frames_of(Path(str(splits)), str(split))
        self._cache: dict[int, AtomicDataDict.Type] = {}

    def __len__(self) -> int:
        return len(self.frames)

    def __getitems__(self, indices: Any) -> list[AtomicDataDict.Type]:
        """Return the transformed frames at ``indices``."""
        return [self._transformed(int(index)) for index in indices]

    def _get_data_list(self, indices: Any) -> list[AtomicDataDict.Type]:
        return [self._load(int(index)) for index in indices]

    def _transformed(self, index: int) -> AtomicDataDict.Type:
        data = self._cache.get(index)
        if data is None:
            data = self._transform(self._load(index))
            if len(self) <= CACHE_FRAMES:
                self._cache[index] = data
        return data

    def _load(self, index: int) -> AtomicDataDict.Type:
        frame = self._reader.frame(int(self.frames[index]))
        return from_dict(
            {
                AtomicDataDict.POSITIONS_KEY: frame.positions.astype(np.float64),
                AtomicDataDict.FORCE_KEY: frame.forces.astype(np.float64),
                AtomicDataDict.ATOMIC_NUMBERS_KEY: frame.atomic_numbers.astype(np.int64),
                AtomicDataDict.TOTAL_ENERGY_KEY: frame.energy,
            }
        )


class FixedStepLoader:
    """Batches for an "epoch" of a fixed number of optimiser steps, whatever the dataset's size.

    Frames come in full passes of a fresh permutation each, so every frame is seen equally often up
    to one. The generator's state is saved in the checkpoint by nequip: a resumed run, which starts
    at an epoch's first step, sees the same batches as an uninterrupted one.
    """

    def __init__(
        self,
        dataset: AtomicDataset,
        generator: torch.Generator,
        batch_size: int,
        steps_per_epoch: int,
        collate_fn: Callable[[list[AtomicDataDict.Type]], AtomicDataDict.Type],
    ) -> None:
        """Draw ``steps_per_epoch`` batches of ``batch_size`` frames with ``generator``."""
        self.dataset = dataset
        self._generator = generator
        self._batch_size = batch_size
        self._steps = steps_per_epoch
        self._collate = collate_fn

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[AtomicDataDict.Type]:
        needed = self._steps * self._batch_size
        passes = -(-needed // len(self.dataset))
        order = [torch.randperm(len(self.dataset), generator=self._generator) for _ in range(passes)]
        for batch in torch.split(torch.cat(order)[:needed], self._batch_size):
            yield self._collate(self.dataset.__getitems__(batch.tolist()))
