"""Feed frames of a store to nequip, in epochs of equal steps.

nequip instantiates these classes from the rendered config (``_target_``). The model section names
only nequip-allegro's own builder, so a checkpoint loads without this package.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from ase.data import atomic_numbers
from nequip.data import AtomicDataDict

from e3d.arrays import Ints
from e3d.errors import InputError
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_in, read_splits, read_subset
from study.train.pack import Packed, pack

MEMORY_BYTES = 200_000_000
"""Datasets up to this size are kept in memory with their neighbour lists.

These are 400,000 frames of 6 atoms, half a kB each. Packing takes 0.03 ms a frame and for a moment
six times the memory, which must stay below what the rule asks for.
"""

_BLOCK = 16  # batches made at a time: one gather for all of them
_SAMPLE = 32  # frames by which the size of all is judged


class StoreDataset(torch.utils.data.Dataset[AtomicDataDict.Type]):
    """Frames of a store, chosen by a subset table or a split; it hands out whole batches.

    A dataset that fits in memory finds its neighbour lists once; a larger one reads every batch
    from the store. A batch is what nequip's transforms and collation make of its frames, with edges
    sorted by centre.
    """

    def __init__(
        self,
        store: str,
        type_names: Sequence[str],
        r_max: float,
        subset: str | None = None,
        splits: str | None = None,
        split: str | None = None,
    ) -> None:
        """Take the frames of ``subset``, a CSV file, or of ``split`` in the table ``splits``.

        Those of a subset must be in the pool of ``splits``, if these are given too.
        """
        self._reader = StoreReader(Path(store))
        self._r_max = r_max
        self._type_of = np.full(max(atomic_numbers.values()) + 1, -1, dtype=np.int64)
        for index, name in enumerate(type_names):
            self._type_of[atomic_numbers[name]] = index
        unknown = [z for z in self._reader.elements if self._type_of[z] < 0]
        if unknown:
            raise InputError(
                f"{store}: atomic numbers {unknown} - the model knows {', '.join(type_names)}. "
                "Train on the store that the model's settings were made from."
            )
        table = None if splits is None else Path(splits)
        if subset is not None:
            self.frames = read_subset(Path(subset), self._reader, table)[0]
        elif table is not None:
            self.frames = frames_in(read_splits(table, self._reader), table, str(split))
        else:
            raise InputError(f"{store}: neither subset nor splits - give one of them.")
        self._packed = pack(self._reader, self.frames, r_max) if self._fits() else None

    def _fits(self) -> bool:
        """Say whether the packed frames fit in memory, judged by a few of them."""
        sample = self.frames[:: max(1, len(self.frames) // _SAMPLE)]
        each = pack(self._reader, sample, self._r_max).nbytes / len(sample)
        return each * len(self.frames) <= MEMORY_BYTES

    @property
    def in_memory(self) -> bool:
        """Whether batches come from memory, not from the store."""
        return self._packed is not None

    def __len__(self) -> int:
        return len(self.frames)

    def batches(self, indices: Ints, size: int) -> list[AtomicDataDict.Type]:
        """Return the frames at ``indices`` (n,) in batches of ``size``; the last may be smaller."""
        if self._packed is None:
            return self._for_nequip(pack(self._reader, self.frames[indices], self._r_max), size)
        return self._for_nequip(self._packed.take(indices), size)

    def __getitem__(self, index: int) -> AtomicDataDict.Type:
        """Return a batch of one frame."""
        return self.batches(np.array([index]), 1)[0]

    def _for_nequip(self, frames: Packed, size: int) -> list[AtomicDataDict.Type]:
        """Widen to nequip's dtypes, number the atoms of each batch, and cut the batches out."""
        n_frames = len(frames.energy)
        start = np.arange(0, n_frames, size)
        stop = np.minimum(start + size, n_frames)
        n_atoms, n_edges = np.diff(frames.atom_ptr), np.diff(frames.edge_ptr)
        first = np.repeat(
            frames.atom_ptr[:-1] - np.repeat(frames.atom_ptr[start], stop - start), n_edges
        )
        pbc = np.zeros((n_frames, 3), bool) if frames.pbc is None else frames.pbc
        by_frame = {
            AtomicDataDict.TOTAL_ENERGY_KEY: frames.energy[:, None],
            AtomicDataDict.NUM_NODES_KEY: n_atoms,
            AtomicDataDict.PBC_KEY: pbc,
        }
        by_atom = {
            AtomicDataDict.POSITIONS_KEY: frames.positions.astype(np.float64),
            AtomicDataDict.FORCE_KEY: frames.forces.astype(np.float64),
            AtomicDataDict.ATOMIC_NUMBERS_KEY: frames.atomic_numbers.astype(np.int64),
            AtomicDataDict.ATOM_TYPE_KEY: self._type_of[frames.atomic_numbers],
            AtomicDataDict.BATCH_KEY: np.repeat(np.arange(n_frames) % size, n_atoms),
        }
        by_edge = {}
        if frames.cell is not None and frames.shift is not None:
            by_frame[AtomicDataDict.CELL_KEY] = frames.cell
            by_edge[AtomicDataDict.EDGE_CELL_SHIFT_KEY] = frames.shift.astype(np.float64)
        edge_index = np.stack([frames.centre + first, frames.neighbour + first])
        edges = np.diff(frames.edge_ptr[[*start, n_frames]]).tolist()
        atoms = np.diff(frames.atom_ptr[[*start, n_frames]]).tolist()
        parts = {
            AtomicDataDict.EDGE_INDEX_KEY: [
                p.contiguous() for p in torch.split(torch.from_numpy(edge_index), edges, dim=1)
            ]
        }
        for arrays, lengths in (
            (by_frame, (stop - start).tolist()),
            (by_atom, atoms),
            (by_edge, edges),
        ):
            parts |= {
                key: torch.split(torch.from_numpy(array), lengths) for key, array in arrays.items()
            }
        return [
            dict(zip(parts, values, strict=True)) for values in zip(*parts.values(), strict=True)
        ]


def rank_and_number() -> tuple[int, int]:
    """Return this process's number among those that train together, and how many there are."""
    group = torch.distributed
    if group.is_available() and group.is_initialized():
        return group.get_rank(), group.get_world_size()
    return 0, 1


class FixedStepLoader:
    """Batches for an "epoch" of a fixed number of optimiser steps, whatever the dataset's size.

    The order is one endless sequence of permutations of all frames, of which each epoch takes the
    next slice: at any time, how often two frames were seen differs by one at most. It depends on
    seed and epoch alone: a resumed run, which starts at an epoch's first step, sees the same
    batches as an uninterrupted one. Each of several processes (ranks) takes its share of a batch.
    """

    def __init__(
        self,
        dataset: StoreDataset,
        generator: torch.Generator,
        batch_size: int,
        steps_per_epoch: int,
        collate_fn: object = None,
    ) -> None:
        """Draw ``steps_per_epoch`` batches of ``batch_size`` frames, by the generator's seed.

        nequip passes ``collate_fn``; the dataset needs none.
        """
        self.dataset = dataset
        self._seed = generator.initial_seed()
        self._epoch = 0
        self.sampler = self  # where Lightning looks for set_epoch
        self._batch_size = batch_size
        self._steps = steps_per_epoch

    def __len__(self) -> int:
        return self._steps

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next; Lightning calls it before each epoch."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[AtomicDataDict.Type]:
        rank, ranks = rank_and_number()
        size, rest = divmod(self._batch_size, ranks)
        if rest:
            raise InputError(
                f"{ranks} processes cannot share a batch of {self._batch_size} frames evenly. "
                "Change `training.batch_size` or the number of devices."
            )
        order = self._order()[rank::ranks]  # of every batch, since their number divides it
        for start in range(0, len(order), _BLOCK * size):
            yield from self.dataset.batches(order[start : start + _BLOCK * size], size)

    def _order(self) -> Ints:
        """Return the frames of this epoch for all ranks: a slice of the permutations end to end."""
        n, needed = len(self.dataset), self._steps * self._batch_size
        first, start = divmod(self._epoch * needed, n)
        passes = range(first, first + -(-(start + needed) // n))
        order = np.concatenate(
            [np.random.default_rng([self._seed, k]).permutation(n) for k in passes]
        )
        return order[start : start + needed]


class InOrderLoader:
    """All frames in their own order, for validation; batches of a dataset in memory are made once.

    Each of several ranks takes every n-th frame of every batch, so that all frames are seen once.
    Rank 0 has a part of each; the last batch may be too small for the others, whose metrics are
    summed over fewer.
    """

    def __init__(
        self,
        dataset: StoreDataset,
        batch_size: int,
        generator: torch.Generator | None = None,
        collate_fn: object = None,
    ) -> None:
        """Cut ``dataset`` into batches of ``batch_size`` frames; nequip passes the rest, unused."""
        self.dataset = dataset
        self._batch_size = batch_size
        self._kept: list[AtomicDataDict.Type] | None = None

    def __len__(self) -> int:
        indices, size = self._share()
        return -(-len(indices) // size)

    def __iter__(self) -> Iterator[AtomicDataDict.Type]:
        indices, size = self._share()
        if not self.dataset.in_memory:
            for start in range(0, len(indices), size):
                yield from self.dataset.batches(indices[start : start + size], size)
            return
        if self._kept is None:
            self._kept = self.dataset.batches(indices, size)
        for batch in self._kept:
            yield dict(batch)  # the model adds its results to the dictionary it is given

    def _share(self) -> tuple[Ints, int]:
        """Return the indices of this rank's frames, and how many of them make a batch."""
        rank, ranks = rank_and_number()
        n, whole = len(self.dataset), self._batch_size
        if ranks > min(n, whole):
            raise InputError(
                f"{ranks} processes cannot share {n} validation frames in batches of {whole}: each "
                "needs one. Use fewer devices, or a larger `split.validation`."
            )
        indices = np.arange(n)
        return indices[indices % whole % ranks == rank], len(range(rank, whole, ranks))
