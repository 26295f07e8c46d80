"""Feed frames of a store to nequip, in epochs of equal steps, and keep the metrics of each.

nequip instantiates these classes from the rendered config (``_target_``). The model section names
only nequip-allegro's own builder, so a checkpoint loads without this package.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from nequip.data import AtomicDataDict, from_dict
from nequip.data.dataset import AtomicDataset

from e3d import provenance, tables
from e3d.data.split import frames_of
from e3d.data.store import StoreReader
from e3d.fields import Column

CACHE_FRAMES = 200_000
"""Keep the transformed frames in memory up to this many (about 5 kB each for 10 atoms)."""


_EPOCHS = 1_000_003  # seeds of different runs never meet: no run has so many epochs


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
        data = {
            AtomicDataDict.POSITIONS_KEY: frame.positions.astype(np.float64),
            AtomicDataDict.FORCE_KEY: frame.forces.astype(np.float64),
            AtomicDataDict.ATOMIC_NUMBERS_KEY: frame.atomic_numbers.astype(np.int64),
            AtomicDataDict.TOTAL_ENERGY_KEY: frame.energy,
        }
        if frame.cell is not None and frame.pbc is not None:
            # every frame of a batch needs a cell; a unit cube that is periodic nowhere has a volume for the stress
            data[AtomicDataDict.CELL_KEY] = frame.cell if frame.pbc.any() else np.eye(3)
            data[AtomicDataDict.PBC_KEY] = frame.pbc
        return from_dict(data)


class FixedStepLoader:
    """Batches for an "epoch" of a fixed number of optimiser steps, whatever the dataset's size.

    Frames come in full passes of a fresh permutation each, so within an epoch every frame is seen
    equally often up to one; where an epoch is shorter than the dataset, each draws its frames anew.
    The order depends on the seed and the epoch alone: a resumed run, which starts at an epoch's first
    step, sees the same batches as an uninterrupted one.
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
        self._seed = generator.initial_seed()
        self._epoch = 0
        self.sampler = self  # where Lightning looks for set_epoch
        self._batch_size = batch_size
        self._steps = steps_per_epoch
        self._collate = collate_fn

    def __len__(self) -> int:
        return self._steps

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next; Lightning calls it before each epoch."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[AtomicDataDict.Type]:
        generator = torch.Generator().manual_seed(self._seed * _EPOCHS + self._epoch)
        needed = self._steps * self._batch_size
        passes = -(-needed // len(self.dataset))
        order = [torch.randperm(len(self.dataset), generator=generator) for _ in range(passes)]
        for batch in torch.split(torch.cat(order)[:needed], self._batch_size):
            yield self._collate(self.dataset.__getitems__(batch.tolist()))


class MetricsHistory(Callback):
    """Keep the validation metrics of every epoch, inside the checkpoint and as a CSV.

    A checkpoint carries the history up to itself, so that a killed run that goes on from it loses
    no epoch and repeats none.
    """

    def __init__(self, path: str) -> None:
        """Write the history to ``path`` after every epoch."""
        self._path = Path(path)
        self._rows: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"rows": self._rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint's history."""
        self._rows = list(state_dict["rows"])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the metrics of the epoch that ends; checkpoint callbacks come after this one."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self._rows.append({"epoch": trainer.current_epoch, "step": trainer.global_step, **metrics})
        with provenance.atomic(self._path) as temporary:
            pd.DataFrame(self._rows).to_csv(temporary, index=False)
