"""Decompose a model on files of structures: stream batches in, tables and histograms out."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from e3d import provenance, tables
from e3d.decomposition.rows import Decomposer
from e3d.decomposition.totals import Totals
from e3d.decomposition.writer import BondsWriter, with_keys
from e3d.errors import InputError
from e3d.fields import BONDS_FILE, MEANS_FILE, PAIRS_FILE, SUMMARY_FILE, TEST_SPLITS
from e3d.fields import Column as C
from e3d.options import own_run
from e3d.potential import LoadedModel
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of, read_splits
from e3d.structures import STORE_SUFFIX, Structure, from_file, from_store, name_of

log = logging.getLogger(__name__)


def write_decompositions(
    model: LoadedModel | Path,
    structures: Sequence[Path],
    output: Path,
    *,
    splits: Path | None = None,
    run: Mapping[str, Any] | None = None,
    device: str = "cpu",
    skip_unknown_elements: bool = False,
) -> None:
    """Decompose a model, or that of a file, on each source of structures, into ``output/<name>/``.

    Parameters
    ----------
    structures
        The test sets of the first, a store, by name if there are ``splits``; of any other all
        frames, named by the file (``named_bonds.xyz`` -> ``named-bonds``) or, for a ``store.h5``,
        by its folder.
    run
        The run columns: run, dataset, n_train, model, seed.
    device
        Where to load the model of a file.
    skip_unknown_elements
        Whether structures with elements the model does not know are left out and logged.

    Raises
    ------
    InputError
        If two sources have one name, or one cannot be decomposed.
    """
    if isinstance(model, Path):
        from e3d.models import load_model

        model = load_model(model, device)
    # the splits are those of the first file's frames
    sources = [(path, splits if k == 0 else None) for k, path in enumerate(structures)]
    names = [name for source in sources for name in _names(*source)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"structures {', '.join(map(str, structures))}: several would be written to "
            f"{output}/{twice[0]}/, which must be unique. Rename a file, or decompose them into "
            "different folders."
        )
    for source in sources:
        for name, frames, inputs in _sources(*source):
            usable = _known(model, frames, skip=skip_unknown_elements)
            write_decomposition(
                model,
                usable,
                output / name,
                name=name,
                run=run or own_run(model.path),
                inputs=inputs,
            )


def _names(path: Path, splits: Path | None) -> tuple[str, ...]:
    """Return what the structures of a source are called: a store's test sets, or a file's stem."""
    if path.suffix == STORE_SUFFIX and splits is not None:
        return TEST_SPLITS
    return (name_of(path),)


def _sources(
    path: Path, splits: Path | None
) -> Iterator[tuple[str, Iterable[Structure], list[Path]]]:
    """Yield name, structures and input files of each set of structures in a file."""
    names = _names(path, splits)
    if path.suffix != STORE_SUFFIX:
        yield names[0], from_file(path), [path]
        return
    with StoreReader(path) as reader:
        if splits is None:
            yield names[0], from_store(reader, range(len(reader))), [path]
            return
        read_splits(splits, reader)
        for name in names:
            yield name, from_store(reader, frames_of(splits, name)), [path, splits]


def _known(
    model: LoadedModel, structures: Iterable[Structure], *, skip: bool
) -> Iterator[Structure]:
    """Pass structures through; with ``skip``, leave out and log those with unknown elements."""
    for structure in structures:
        if skip and not model.knows(structure):
            unknown = ", ".join(model.unknown(structure))
            log.warning("%s (%s) left out: %s unknown", structure.label, structure.smiles, unknown)
            continue
        yield structure


def write_decomposition(
    model: LoadedModel,
    structures: Iterable[Structure],
    folder: Path,
    *,
    name: str,
    run: Mapping[str, Any],
    inputs: Iterable[Path] = (),
) -> dict[str, Any]:
    """Write ``bonds.parquet``, ``pairs.parquet``, ``bond_means.csv`` and ``summary.json``.

    Parameters
    ----------
    name
        What the structures are called in the tables (``test-molecules``, ``named-bonds``, ...).
    run
        The run columns: run, dataset, n_train, model, seed.
    inputs
        Files the structures come from.

    Returns
    -------
    The summary.

    Raises
    ------
    InputError
        If the sum rule fails on any frame, or a structure cannot be used; nothing is left behind.
    """
    totals, decomposer = Totals(), Decomposer(model)
    keys = {C.STRUCTURES: name, **run}
    target = folder / BONDS_FILE
    with provenance.atomic(target) as temporary:
        with BondsWriter(temporary, keys) as writer:
            for batch in decomposer.batches(structures):
                totals.add(batch)
                writer.add(batch.columns, decomposer.texts())
        if not totals.frames:
            raise InputError(
                f"{name}: no structure that {model.path} can decompose (it knows "
                f"{', '.join(model.type_names)}). Give structures of these elements."
            )
    inputs = [model.path, *inputs]
    provenance.record(target, inputs=inputs, settings={"structures": name})
    means = totals.bond_means(decomposer.labels)
    tables.write(with_keys(totals.pairs(), keys), folder / PAIRS_FILE, inputs=inputs)
    tables.write(with_keys(means, keys), folder / MEANS_FILE, inputs=inputs)
    summary = {
        **run,
        "structures": name,
        **totals.summary(),
        "dtype": "float64",
        "n_parameters": model.n_parameters,
    }
    provenance.write_json(folder / SUMMARY_FILE, summary)
    violation = summary[C.SUM_RULE]
    log.info(
        "%s: %d frames, sum rule within %.1e eV, in %s", name, totals.frames, violation, folder
    )
    return summary
