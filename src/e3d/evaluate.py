"""Energy and force errors of a model on both test sets, apart, and on ionic frames on their own.

A table has a row for all frames of a test set, one per molecule and one per element (forces only).
Intervals are delete-group jackknifes over molecules.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d import lineage, tables
from e3d.chemistry import symbol
from e3d.errors import InputError
from e3d.fields import METRICS, TEST_IONIC, TEST_SPLITS
from e3d.fields import Column as C
from e3d.known_elements import KnownElements
from e3d.loading import loaded
from e3d.options import own_run
from e3d.potential import LoadedModel, Potential
from e3d.sources import name_of
from e3d.statistics import Estimate, group_mean
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_in, hash_of_splits, read_splits
from e3d.structures import Structure, from_store
from e3d.units import EV_MEV

log = logging.getLogger(__name__)

_OTHER_LEVEL_MEV: Final = 3000.0
"""Of an atom; the smallest models of the default study are off by up to 220."""
_ERROR, _ABSOLUTE, _SQUARE, _ELEMENT = "error", "absolute", "square", "element"


def write_errors(
    model: LoadedModel | Path,
    stores: Sequence[Path],
    output: Path,
    *,
    splits: Path | None = None,
    run: Mapping[str, Any] | None = None,
    device: str = "cpu",
    skip_unknown_elements: bool = False,
) -> pd.DataFrame:
    """Write the errors of a model, or that of a file, on labelled frames.

    Parameters
    ----------
    stores
        Labelled frames. Those of each store are a test set, named by the store.
    splits
        Table that names the test sets of the first store.
    run
        The run columns: run, dataset, n_train, model, seed.
    device
        Where to load the model of a file.
    skip_unknown_elements
        Whether frames with elements the model does not know are left out, logged and counted. A
        test set of which nothing is left has one row, without errors.

    Returns
    -------
    The table.

    Raises
    ------
    InputError
        If two stores have one name or hold the same frames, the model does not know an element of
        a frame, no labelled frame is left, or the model is of another run or was trained on other
        splits.
    """
    _require_names(stores, splits)
    if len(stores) > 1:
        _require_contents(stores)
    model = loaded(model, device)
    lineage.require_run(model, run)
    parts, made_from = [], lineage.of_model(model, run)
    for k, store in enumerate(stores):
        with StoreReader(store) as reader:
            sets, hashes = _test_sets(reader, splits if k == 0 else None)
            if lineage.SPLITS in hashes:
                lineage.require_training(model, hashes, splits, run)
            else:
                _warn_of_training(model, reader)
            made_from |= hashes
            for name, frames in sets.items():
                part = _errors(model, from_store(reader, frames), skip=skip_unknown_elements)
                warn_of_level(part, name)
                part.insert(0, C.TEST_SET, name)
                part.insert(1, C.N_PARAMETERS, model.n_parameters)
                parts.append(part)
    if not any(part[C.N_FRAMES].any() for part in parts):
        raise InputError(
            f"{', '.join(map(str, stores))}: no frame that {model.path} can be tested on (it knows "
            f"{', '.join(model.type_names)}). Give labelled frames of these elements."
        )
    table = tables.with_run(pd.concat(parts, ignore_index=True), run or own_run(model.path))
    inputs = [model.path, *stores] + ([] if splits is None else [splits])
    tables.write(table, output, inputs=inputs, made_from=made_from)
    return table


def _require_names(stores: Sequence[Path], splits: Path | None) -> None:
    """Refuse test sets of one name."""
    first = [name_of(stores[0])] if splits is None else [*TEST_SPLITS, TEST_IONIC]
    names = [*first, *map(name_of, stores[1:])]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"stores {', '.join(map(str, stores))}: several test sets would be called {twice}. "
            "Give each store once; rename one, or its folder if it is a store.h5."
        )


def _require_contents(stores: Sequence[Path]) -> None:
    """Refuse two stores of the same frames: a copy under another name is no other test set."""
    seen: dict[str, Path] = {}
    for store in stores:
        with StoreReader(store) as reader:
            first = seen.setdefault(reader.content, store)
        if first != store:
            raise InputError(
                f"{store}: holds the same frames as {first}, hash for hash - expected each store "
                "once. Leave the copy out."
            )


def _warn_of_training(model: LoadedModel, reader: StoreReader) -> None:
    """Say that all frames of a store are tested on, and the model was trained on some of them."""
    if lineage.trained_on(model).get(lineage.STORE) == reader.content:
        log.warning(
            "%s: the model was trained on frames of this store, and is tested on all of them; give "
            "it first, with --splits, to test on the others alone",
            reader.path,
        )


def _errors(model: LoadedModel, structures: Iterable[Structure], *, skip: bool) -> pd.DataFrame:
    """Return the errors on one test set, and how many of its frames were left out."""
    known = KnownElements(model, structures)
    table = error_table(*residuals(model, known if skip else structures))
    return table.assign(**{C.FRAMES_LEFT_OUT: known.left_out})


def warn_of_level(table: pd.DataFrame, name: str) -> None:
    """Say that energies so far off are of another level of theory, or relative to something."""
    error = float(table[METRICS[0]].iloc[0])
    if error > _OTHER_LEVEL_MEV:
        log.warning(
            "%s: energies are off by %.0f meV per atom on average: the labels are of another level "
            "of theory than the model, or have another zero",
            name,
            error,
        )


def _test_sets(
    reader: StoreReader, splits: Path | None
) -> tuple[dict[str, Iterable[int]], dict[str, str]]:
    """Return the frames of every test set, or all frames, and the hashes of what they are from.

    Ionic frames are a test set if there are any.
    """
    name = name_of(reader.path)
    if splits is None:
        return {name: range(len(reader))}, {name: reader.content}
    table, content = read_splits(splits, reader), reader.content
    hashes = {lineage.STORE: content, lineage.SPLITS: hash_of_splits(table, content)}
    ionic = (TEST_IONIC,) if (table[C.SPLIT] == TEST_IONIC).any() else ()
    return {name: frames_in(table, splits, name) for name in (*TEST_SPLITS, *ionic)}, hashes


def residuals(
    model: Potential, structures: Iterable[Structure]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the errors of ``model`` on labelled structures; others are left out.

    Returns
    -------
    frames
        A row per frame: molecule, and the ``error`` of the energy per atom in meV.
    atoms
        A row per atom: molecule, element, and the means over force components of the ``absolute``
        error in meV/Å and of its ``square``.
    """
    frames: list[pd.DataFrame] = []
    atoms: list[pd.DataFrame] = []
    for batch in model.batches(structures):
        energies, forces = model.energies_and_forces(batch)
        labelled = np.zeros(len(batch.structures), dtype=bool)
        label, components = [], [np.empty((0, 3))]
        for k, one in enumerate(batch.structures):
            if one.energy is not None and one.forces is not None:
                labelled[k] = True
                label.append(one.energy)
                components.append(one.forces)
        molecules = np.array([structure.smiles for structure in batch.structures], dtype=object)
        size = np.diff(batch.frame_ptr)[labelled]
        error = (energies[labelled] - np.array(label, dtype=float)) / size * EV_MEV
        frames.append(pd.DataFrame({C.MOLECULE: molecules[labelled], _ERROR: error}))
        chosen = labelled[batch.frame]
        error = (forces[chosen] - np.concatenate(components)) * EV_MEV
        elements, which = np.unique(batch.atomic_numbers[chosen], return_inverse=True)
        names = np.array([symbol(int(z)) for z in elements], dtype=object)
        columns = {
            C.MOLECULE: molecules[batch.frame][chosen],
            _ELEMENT: names[which],
            _ABSOLUTE: np.abs(error).mean(axis=1),
            _SQUARE: (error**2).mean(axis=1),
        }
        atoms.append(pd.DataFrame(columns))
    if not frames:
        of_atoms = (C.MOLECULE, _ELEMENT, _ABSOLUTE, _SQUARE)
        return pd.DataFrame(columns=[C.MOLECULE, _ERROR]), pd.DataFrame(columns=[*of_atoms])
    return pd.concat(frames, ignore_index=True), pd.concat(atoms, ignore_index=True)


def error_table(frames: pd.DataFrame, atoms: pd.DataFrame) -> pd.DataFrame:
    """Summarise residuals: all frames with intervals, then per molecule, then per element."""
    rows = [_row("all", "all", frames, atoms, intervals=True)]
    by_atom = atoms.groupby(C.MOLECULE)
    for name, part in frames.groupby(C.MOLECULE):
        rows.append(_row("molecule", str(name), part, by_atom.get_group(name)))
    for name, part in atoms.groupby(_ELEMENT):
        rows.append(_row("element", str(name), frames.iloc[:0], part))
    return pd.DataFrame(rows)


def _row(
    kind: str, name: str, frames: pd.DataFrame, atoms: pd.DataFrame, *, intervals: bool = False
) -> dict[str, Any]:
    """Return the mean and root mean square errors of some frames and atoms, by METRICS."""
    energy = frames[_ERROR].to_numpy(dtype=float)
    counts = {C.N_FRAMES: len(frames), "n_atoms": len(atoms)}
    row: dict[str, Any] = {C.GROUP_KIND: kind, C.GROUP: name, **counts}
    samples = (np.abs(energy), energy**2, atoms[_ABSOLUTE].to_numpy(), atoms[_SQUARE].to_numpy())
    molecules = (frames[C.MOLECULE],) * 2 + (atoms[C.MOLECULE],) * 2
    transforms: tuple[Callable[[Any], Any], ...] = (np.asarray, np.sqrt) * 2
    for metric, values, groups, transform in zip(
        METRICS, samples, molecules, transforms, strict=True
    ):
        if intervals and len(values):
            row |= group_mean(values, pd.factorize(groups)[0], transform).columns(metric)
        elif intervals:
            row |= Estimate(np.nan).columns(metric)
        else:
            row[metric] = float(transform(np.mean(values))) if len(values) else np.nan
    return row
