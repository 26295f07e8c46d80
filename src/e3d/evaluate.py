"""The ``evaluate`` stage: energy and force errors of a model on both test sets, apart; ionic frames on their own.

One table per run with a row for all frames of a test set, one per molecule and one per element
(forces only). Intervals are delete-group jackknifes over molecules.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from e3d import tables
from e3d.chemistry import symbol
from e3d.fields import TEST_IONIC, TEST_SPLITS
from e3d.fields import Column as C
from e3d.options import own_run
from e3d.potential import Potential
from e3d.statistics import group_mean
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of, read_splits
from e3d.structures import Structure, from_store
from e3d.units import EV_MEV

if TYPE_CHECKING:  # null models are evaluated without torch
    from e3d.models import AnalysisModel

ALL_FRAMES = "all-frames"


def evaluate(
    model: "AnalysisModel", store: Path, splits: Path | None, output: Path, run: Mapping[str, Any]
) -> pd.DataFrame:
    """Write the table of errors of ``model`` on both test sets of ``splits``, or on all frames."""
    parts = []
    with StoreReader(store) as reader:
        for name, frames in _test_sets(reader, splits).items():
            part = error_table(*residuals(model, from_store(reader, frames)))
            part.insert(0, C.TEST_SET, name)
            part.insert(1, C.N_PARAMETERS, model.n_parameters)
            parts.append(part)
    table = tables.with_run(pd.concat(parts, ignore_index=True), run)
    inputs = [model.path, store] + ([] if splits is None else [splits])
    tables.write(table, output, inputs=inputs)
    return table


def _test_sets(reader: StoreReader, splits: Path | None) -> dict[str, Iterable[int]]:
    """Return the frames of every test set, that of ionic frames only if there are any; or all frames."""
    if splits is None:
        return {ALL_FRAMES: range(len(reader))}
    table = read_splits(splits, reader)
    ionic = (TEST_IONIC,) if (table[C.SPLIT] == TEST_IONIC).any() else ()
    return {name: frames_of(splits, name) for name in (*TEST_SPLITS, *ionic)}


def residuals(
    model: Potential, structures: Iterable[Structure]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the errors of ``model``: one row per frame (energy) and per atom (force components).

    Energies are per atom in meV; ``absolute`` and ``square`` of a force row are means over the
    three components, in meV/Å and its square.
    """
    frames: list[pd.DataFrame] = []
    atoms: list[pd.DataFrame] = []
    for batch in model.batches(structures):
        energies, forces = model.energies_and_forces(batch)
        sizes = np.diff(batch.frame_ptr)
        molecules = np.array([structure.smiles for structure in batch.structures], dtype=object)
        labelled = np.array(
            [s.energy is not None and s.forces is not None for s in batch.structures]
        )
        reference = np.array([structure.energy for structure in batch.structures], dtype=float)[
            labelled
        ]
        error = (energies[labelled] - reference) / sizes[labelled] * EV_MEV
        frames.append(pd.DataFrame({C.MOLECULE: molecules[labelled], "error": error}))
        chosen = labelled[batch.frame]
        expected = [
            s.forces for s in batch.structures if s.energy is not None and s.forces is not None
        ]
        error = (forces[chosen] - np.concatenate([np.empty((0, 3)), *expected])) * EV_MEV
        elements, which = np.unique(batch.atomic_numbers[chosen], return_inverse=True)
        atoms.append(
            pd.DataFrame(
                {
                    C.MOLECULE: molecules[batch.frame][chosen],
                    "element": np.array([symbol(int(z)) for z in elements], dtype=object)[which],
                    "absolute": np.abs(error).mean(axis=1),
                    "square": (error**2).mean(axis=1),
                }
            )
        )
    return pd.concat(frames, ignore_index=True), pd.concat(atoms, ignore_index=True)


def error_table(frames: pd.DataFrame, atoms: pd.DataFrame) -> pd.DataFrame:
    """Summarise residuals: all frames with intervals, then per molecule, then per element."""
    rows = [_row("all", "all", frames, atoms, intervals=True)]
    by_frame, by_atom = frames.groupby(C.MOLECULE), atoms.groupby(C.MOLECULE)
    for name, part in by_frame:
        rows.append(_row("molecule", str(name), part, by_atom.get_group(name)))
    for name, part in atoms.groupby("element"):
        rows.append(_row("element", str(name), frames.iloc[:0], part))
    return pd.DataFrame(rows)


def _row(
    kind: str, name: str, frames: pd.DataFrame, atoms: pd.DataFrame, *, intervals: bool = False
) -> dict[str, Any]:
    error = frames["error"].to_numpy(dtype=float)
    values = {
        C.ENERGY_MAE: (np.abs(error), frames[C.MOLECULE], False),
        C.ENERGY_RMSE: (error**2, frames[C.MOLECULE], True),
        C.FORCE_MAE: (atoms["absolute"].to_numpy(), atoms[C.MOLECULE], False),
        C.FORCE_RMSE: (atoms["square"].to_numpy(), atoms[C.MOLECULE], True),
    }
    row: dict[str, Any] = {
        C.GROUP_KIND: kind,
        C.GROUP: name,
        C.N_FRAMES: len(frames),
        "n_atoms": len(atoms),
    }
    for metric, (samples, molecules, is_rms) in values.items():
        transform = np.sqrt if is_rms else np.asarray
        if intervals:
            row |= group_mean(samples, pd.factorize(molecules)[0], transform).columns(metric)
        else:
            row[metric] = float(transform(np.mean(samples))) if len(samples) else np.nan
    return row


def write_errors(
    model: Path,
    store: Path,
    output: Path,
    splits: Path | None,
    device: str,
    run: Mapping[str, Any] | None,
) -> None:
    """Load the model of a file and write its table of errors, see :func:`evaluate`."""
    from e3d.models import load_model

    columns = run or own_run(model)
    evaluate(load_model(model, device), store, splits, output, columns)
