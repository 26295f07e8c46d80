"""Decompose a model on files of structures: stream batches in, tables and histograms out."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from e3d import provenance, tables
from e3d.decomposition.rows import Decomposer
from e3d.decomposition.totals import Totals
from e3d.decomposition.writer import BondsWriter, with_keys, write_csv
from e3d.errors import InputError
from e3d.fields import (
    BONDS_CSV_FILE,
    BONDS_FILE,
    MEANS_FILE,
    PAIRS_FILE,
    SUMMARY_FILE,
    TEST_SPLITS,
)
from e3d.fields import Column as C
from e3d.known_elements import KnownElements
from e3d.loading import loaded
from e3d.options import own_run
from e3d.potential import LoadedModel
from e3d.sources import STORE_SUFFIX, file_or_smiles, name_of
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of, read_splits
from e3d.structures import Structure, from_file, from_smiles, from_store

log = logging.getLogger(__name__)

_Set: TypeAlias = tuple[str, Iterable[Structure], list[Path]]
"""Name, structures and input files of a set of structures."""


class NoStructuresError(InputError):
    """A set of structures without one that the model can decompose."""


def write_decompositions(
    model: LoadedModel | Path,
    structures: Sequence[Path | str],
    output: Path,
    *,
    splits: Path | None = None,
    run: Mapping[str, Any] | None = None,
    device: str = "cpu",
    skip_unknown_elements: bool = False,
    csv: bool = False,
) -> None:
    """Decompose a model, or that of a file, on each source of structures, into ``output/<name>/``.

    Parameters
    ----------
    structures
        The test sets of the first, a store, by name if there are ``splits``; of any other all
        frames, named by :func:`~e3d.sources.name_of` (``named_bonds.xyz`` -> ``named-bonds``). A
        text that is no file is a SMILES.
    run
        The run columns: run, dataset, n_train, model, seed.
    device
        Where to load the model of a file.
    skip_unknown_elements
        Whether structures with elements the model does not know are left out, logged and counted.
        A set of which nothing is left has tables without rows.
    csv
        Whether to write the rows of bonds as ``bonds.csv``, too.

    Raises
    ------
    InputError
        If two sources have one name, one cannot be decomposed, nothing is left of all of them, or
        there are splits and the first source is no store.
    """
    found = [file_or_smiles(one) for one in structures]
    if splits is not None and not _is_store(found[0]):
        raise InputError(
            f"--splits {splits}: its frames are those of the first structures, and {found[0]} is "
            f"no store (*{STORE_SUFFIX}). Give the store first, or leave out --splits."
        )
    # the splits are those of the first file's frames
    sources = [(one, splits if k == 0 else None) for k, one in enumerate(found)]
    _require_names([name for source in sources for name in _names(*source)], structures, output)
    model = loaded(model, device)
    sets = (one for source in sources for one in _sources(*source))
    common: dict[str, Any] = {"run": run or own_run(model.path), "csv": csv}
    if skip_unknown_elements:
        _write_known(model, sets, output, common)
        return
    for name, frames, inputs in sets:
        write_decomposition(model, frames, output / name, name=name, inputs=inputs, **common)


def _write_known(
    model: LoadedModel, sets: Iterable[_Set], output: Path, common: Mapping[str, Any]
) -> None:
    """Decompose what the model knows of each set; sets of which nothing is left come last."""
    written, empty = 0, []
    for name, frames, inputs in sets:
        known = KnownElements(model, frames)
        settings = {**common, "name": name, "inputs": inputs}
        try:
            write_decomposition(model, known, output / name, **settings)
            written += 1
        except NoStructuresError as error:
            empty.append((error, known, settings))
    if empty and not written:
        raise empty[0][0]
    for _, known, settings in empty:  # all frames were passed: nothing is read again
        folder = output / settings["name"]
        write_decomposition(model, known, folder, may_be_empty=True, **settings)


def _require_names(names: Sequence[str], structures: Sequence[Path | str], output: Path) -> None:
    """Refuse sets of structures of one name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"structures {', '.join(map(str, structures))}: several would be written to "
            f"{output}/{twice[0]}/, which must be unique. Rename a file, or decompose them into "
            "different folders."
        )


def _is_store(source: Path | str) -> bool:
    return isinstance(source, Path) and source.suffix == STORE_SUFFIX


def _names(source: Path | str, splits: Path | None) -> tuple[str, ...]:
    """Return what the structures of a source are called: a store's test sets, or by the source."""
    return TEST_SPLITS if splits is not None else (name_of(source),)


def _sources(source: Path | str, splits: Path | None) -> Iterator[_Set]:
    """Yield name, structures and input files of each set of structures in a source."""
    names = _names(source, splits)
    if isinstance(source, str):
        yield names[0], [from_smiles(source)], []
        return
    if source.suffix != STORE_SUFFIX:
        yield names[0], from_file(source), [source]
        return
    with StoreReader(source) as reader:
        if splits is None:
            yield names[0], from_store(reader, range(len(reader))), [source]
            return
        read_splits(splits, reader)
        for name in names:
            yield name, from_store(reader, frames_of(splits, name)), [source, splits]


def write_decomposition(
    model: LoadedModel,
    structures: Iterable[Structure],
    folder: Path,
    *,
    name: str,
    run: Mapping[str, Any],
    inputs: Iterable[Path] = (),
    csv: bool = False,
    may_be_empty: bool = False,
) -> dict[str, Any]:
    """Write ``bonds.parquet``, ``pairs.parquet``, ``bond_means.csv`` and ``summary.json``.

    Parameters
    ----------
    structures
        Those that :class:`~e3d.known_elements.KnownElements` leaves out are counted.
    name
        What the structures are called in the tables (``test-molecules``, ``named-bonds``, ...).
    run
        The run columns: run, dataset, n_train, model, seed.
    inputs
        Files the structures come from.
    csv
        Whether to write ``bonds.csv``, too.
    may_be_empty
        Whether tables without rows are written where there is no structure.

    Returns
    -------
    The summary.

    Raises
    ------
    NoStructuresError
        If there is no structure.
    InputError
        If the sum rule fails on any frame, or a structure cannot be used; nothing is left behind.
    """
    totals, decomposer = Totals(), Decomposer(model)
    keys = {C.STRUCTURES: name, **run}
    inputs = [model.path, *inputs]
    with provenance.together(folder) as temporary:
        with BondsWriter(temporary / BONDS_FILE, keys) as writer:
            for batch in decomposer.batches(structures):
                totals.add(batch)
                writer.add(batch.columns, decomposer.texts())
        left_out = structures.left_out if isinstance(structures, KnownElements) else 0
        if not (totals.frames or may_be_empty):
            raise _no_structures(name, model, left_out)
        if csv:
            write_csv(temporary / BONDS_FILE, temporary / BONDS_CSV_FILE)
        for file in (BONDS_FILE, *([BONDS_CSV_FILE] if csv else [])):
            provenance.record(temporary / file, inputs=inputs, settings={"structures": name})
        means = totals.bond_means(decomposer.labels)
        tables.write(with_keys(totals.pairs(), keys), temporary / PAIRS_FILE, inputs=inputs)
        tables.write(with_keys(means, keys), temporary / MEANS_FILE, inputs=inputs)
        summary = {
            **run,
            "structures": name,
            **totals.summary(),
            "dtype": "float64",
            "n_parameters": model.n_parameters,
            C.FRAMES_LEFT_OUT: left_out,
        }
        provenance.write_json(temporary / SUMMARY_FILE, summary)
    if not csv:  # of an earlier decomposition
        for path in (folder / BONDS_CSV_FILE, provenance.note(folder / BONDS_CSV_FILE)):
            path.unlink(missing_ok=True)
    facts = name, totals.frames, summary[C.SUM_RULE], folder
    log.info("%s: %d frames, sum rule within %.1e eV, in %s", *facts)
    return summary


def _no_structures(name: str, model: LoadedModel, left_out: int) -> NoStructuresError:
    if not left_out:
        return NoStructuresError(f"{name}: holds no structures. Give a file with at least one.")
    return NoStructuresError(
        f"{name}: no structure that {model.path} can decompose (it knows "
        f"{', '.join(model.type_names)}). Give structures of these elements."
    )
