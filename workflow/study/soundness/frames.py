"""The structures that a model's laws are checked on: few, small, the same for every run."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from e3d.arrays import Ints
from e3d.fields import TEST_SPLITS
from e3d.fields import Column as C
from e3d.fields import Store as F
from e3d.potential import LoadedModel
from e3d.store.reader import StoreReader
from e3d.store.splits import read_splits
from e3d.structures import Structure, from_file, from_store

Rng = np.random.Generator

_SMALL: Final = 40
"""Atoms; larger frames are taken where there are no others, the smallest first."""
_ATOMS: Final = 5
"""Of a molecule, where there is one."""
_TRIED: Final = 64
"""Frames that are looked at for one with elements that the model knows."""
RATTLED_ANG: Final = 0.05
"""Atoms are moved by this, so that no symmetry of a relaxed molecule hides a law that is broken."""


def structures_to_check(
    model: LoadedModel, store: Path, splits: Path, tests: Sequence[Path], named: Path, rng: Rng
) -> list[Structure]:
    """Return two test frames, a periodic one if there is any, one of each of ``tests``, a molecule.

    The molecule is one of the named bonds'. Those with elements that the model does not know are
    passed over.
    """
    with StoreReader(store) as reader:
        table = read_splits(splits, reader)
        frames = np.flatnonzero(table[C.SPLIT].isin(TEST_SPLITS))
        found = [*_known(model, reader, frames, 2, rng)]
        if F.PBC in reader and not any(one.cell is not None for one in found):
            periodic = frames[reader.gather(F.PBC, frames).any(axis=1)]
            found += _known(model, reader, periodic, 1, rng)
    for path in tests:
        with StoreReader(path) as reader:
            found += _known(model, reader, np.arange(len(reader)), 1, rng)
    molecules = [one for one in from_file(named) if model.knows(one)]
    molecules = [one for one in molecules if len(one.positions) >= _ATOMS] or molecules
    found += [molecules[k] for k in rng.permutation(len(molecules))[:1]]
    return [
        replace(one, positions=one.positions + RATTLED_ANG * rng.normal(size=one.positions.shape))
        for one in found
    ]


def _known(
    model: LoadedModel, reader: StoreReader, frames: Ints, n: int, rng: Rng
) -> Iterator[Structure]:
    """Yield ``n`` of some frames with elements that a model knows, at random, small ones first."""
    drawn = rng.permutation(frames)[:_TRIED]
    atoms = reader.frame_ptr[drawn + 1] - reader.frame_ptr[drawn]
    drawn = drawn[np.argsort(np.maximum(atoms, _SMALL), kind="stable")]
    structures = (one for k in drawn.tolist() for one in from_store(reader, [k]))
    yield from islice((one for one in structures if model.knows(one)), n)
