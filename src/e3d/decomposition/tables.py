"""Decompose a model on files of structures: stream batches in, tables and histograms out."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from e3d import lineage, provenance, tables
from e3d.decomposition.rows import Decomposer
from e3d.decomposition.totals import Totals, by_type
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
from e3d.store.splits import frames_in, hash_of_splits, read_splits
from e3d.structures import Structure, from_file, from_smiles, from_store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Set:
    """A set of structures: its name, its files, and the hashes of what it is taken from."""

    name: str
    structures: Iterable[Structure]
    inputs: list[Path]
    hashes: dict[str, str]


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
        If two sources have one name, one cannot be decomposed, nothing is left of all of them,
        there are splits and the first source is no store, or the model is of another run or was
        trained on other splits.
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
    lineage.require_run(model, run)
    sets = (_of_model(one, model, run) for source in sources for one in _sources(*source))
    common: dict[str, Any] = {"run": run or own_run(model.path), "csv": csv}
    if skip_unknown_elements:
        _write_known(model, sets, output, common)
        return
    for one in sets:
        write_decomposition(
            *(model, one.structures, output / one.name),
            name=one.name,
            inputs=one.inputs,
            made_from=one.hashes,
            **common,
        )


def _write_known(
    model: LoadedModel, sets: Iterable[_Set], output: Path, common: Mapping[str, Any]
) -> None:
    """Decompose what the model knows of each set; sets of which nothing is left come last."""
    written, empty = 0, []
    for one in sets:
        known = KnownElements(model, one.structures)
        settings = {
            **common,
            **{"name": one.name, "inputs": one.inputs, "made_from": one.hashes},
        }
        try:
            write_decomposition(model, known, output / one.name, **settings)
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
    """Yield each set of structures in a source."""
    names = _names(source, splits)
    if isinstance(source, str):
        hashes = {names[0]: lineage.content_hash([source.encode()])}
        yield _Set(names[0], [from_smiles(source)], [], hashes)
        return
    if source.suffix != STORE_SUFFIX:
        yield _Set(names[0], from_file(source), [source], {names[0]: lineage.file_hash(source)})
        return
    with StoreReader(source) as reader:
        if splits is None:
            frames = from_store(reader, range(len(reader)))
            yield _Set(names[0], frames, [source], {names[0]: reader.content})
            return
        table = read_splits(splits, reader)
        hashes = {
            lineage.STORE: reader.content,
            lineage.SPLITS: hash_of_splits(table, reader.content),
        }
        for name in names:
            frames = from_store(reader, frames_in(table, splits, name))
            yield _Set(name, frames, [source, splits], hashes)


def _of_model(one: _Set, model: LoadedModel, run: Mapping[str, Any] | None) -> _Set:
    """Return a set as one that a model may be tested on, with the hashes of the model.

    Raises
    ------
    InputError
        If it is a test set of other splits than those the model was trained on.
    """
    if lineage.SPLITS in one.hashes:
        lineage.require_training(model, one.hashes, f"{one.name} of {one.inputs[-1]}", run)
    return replace(one, hashes={**lineage.of_model(model, run), **one.hashes})


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
    made_from: lineage.Hashes | None = None,
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
    made_from
        Hashes of the model and of the structures, which the tables carry.

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
    inputs, made_from = [model.path, *inputs], made_from or {}
    with provenance.together(folder) as temporary:
        with BondsWriter(temporary / BONDS_FILE, keys, made_from) as writer:
            for batch in decomposer.batches(structures):
                totals.add(batch)
                writer.add(batch.columns, decomposer.texts())
        left_out = structures.left_out if isinstance(structures, KnownElements) else 0
        if not (totals.frames or may_be_empty):
            raise _no_structures(name, model, left_out)
        if csv:
            write_csv(temporary / BONDS_FILE, temporary / BONDS_CSV_FILE)
        means = totals.bond_means(decomposer.labels)
        for table, file in ((totals.pairs(), PAIRS_FILE), (means, MEANS_FILE)):
            path = temporary / file
            tables.write(with_keys(table, keys), path, inputs=inputs, made_from=made_from)
        summary = {
            **run,
            "structures": name,
            **totals.summary(),
            "dtype": "float64",
            "n_parameters": model.n_parameters,
            C.FRAMES_LEFT_OUT: left_out,
        }
        provenance.write_json(temporary / SUMMARY_FILE, summary)
        for file in (BONDS_FILE, *([BONDS_CSV_FILE] if csv else []), SUMMARY_FILE):
            provenance.record(
                temporary / file,
                inputs=inputs,
                settings={"structures": name},
                stamp=lineage.stamp(made_from),
            )
    if not csv:  # of an earlier decomposition
        for path in (folder / BONDS_CSV_FILE, provenance.note(folder / BONDS_CSV_FILE)):
            path.unlink(missing_ok=True)
    facts = name, totals.frames, summary[C.SUM_RULE], folder
    log.info("%s: %d frames, sum rule within %.1e eV, in %s", *facts)
    if len(means):
        text = by_type(means).to_string(index=False, float_format="{:.2f}".format)
        log.info("%s: D by bond type, those of each bond in %s\n%s", name, MEANS_FILE, text)
    return summary


def _no_structures(name: str, model: LoadedModel, left_out: int) -> NoStructuresError:
    if not left_out:
        return NoStructuresError(f"{name}: holds no structures. Give a file with at least one.")
    return NoStructuresError(
        f"{name}: no structure that {model.path} can decompose (it knows "
        f"{', '.join(model.type_names)}). Give structures of these elements."
    )
