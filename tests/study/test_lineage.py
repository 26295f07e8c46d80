"""What is joined was made from the same: stores, splits, subsets, models, decompositions, tables.

Each mistake is one that ran to its end before, with numbers of the wrong frames or run.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from e3d import lineage, tables
from e3d.decomposition.decomposed import load, run_of
from e3d.decomposition.tables import write_decompositions
from e3d.errors import InputError
from e3d.evaluate import write_errors
from e3d.fields import (
    BONDS_FILE,
    MEANS_FILE,
    NAMED_BONDS,
    POOL,
    TEST_CONFORMATIONS,
    TEST_MOLECULES,
    VALIDATION,
    Column,
)
from e3d.named_bonds.table import BDE_FILE, ENERGIES_FILE
from e3d.options import read_yaml, run_columns
from e3d.store.convert import write_store
from e3d.store.reader import CONTENT_ATTRIBUTE, StoreReader
from e3d.store.splits import frames_of, hash_of_splits, read_splits, read_subset
from model_fixtures import NAMED, Prepared
from planning import PYTHONPATH
from study.bde.tables import write_tables as write_bde
from study.data.split import write_splits
from study.data.subset import write_subset
from study.entropy.tables import write_tables as write_entropy
from study.label_theory.bond_orders import orders_table
from study.null.fit import write_tables as write_fit
from study.run_settings import RunSettings
from study.train.training import train

if TYPE_CHECKING:
    from e3d.models import AnalysisModel

RUN = "minispice/n16/tiny/s0"


@pytest.fixture(scope="module")
def other(minispice: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The frames of minispice in another order: as many, and other ones under each number."""
    folder = tmp_path_factory.mktemp("other")
    source = folder / "reversed.hdf5"
    with h5py.File(minispice, "r") as file, h5py.File(source, "w") as copy:
        for k, name in enumerate(reversed(list(file))):
            file.copy(name, copy, name=f"{k:04d}")
    made = Prepared(folder, folder / "store.h5", folder / "splits.parquet", folder / "n16.csv")
    write_store(source, made.store)
    write_splits(made.store, made.splits)
    write_subset(made.store, made.splits, made.subset, n=16)
    return made


@pytest.fixture(scope="module")
def reseeded(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other splits of the same store, in which training frames are test frames."""
    path = tmp_path_factory.mktemp("reseeded") / "splits.parquet"
    write_splits(prepared.store, path, seed=5)
    return path


def content(store: Path) -> str:
    with StoreReader(store) as reader:
        return reader.content


# --- stores


def test_a_store_says_what_it_holds_wherever_it_lies(
    prepared: Prepared, other: Prepared, minispice: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "another name.hdf5"
    shutil.copy(minispice, elsewhere)
    write_store(elsewhere, tmp_path / "again.h5")
    assert content(tmp_path / "again.h5") == content(prepared.store) != content(other.store)
    with h5py.File(prepared.store, "r") as file:
        assert file.attrs[CONTENT_ATTRIBUTE] == content(prepared.store)


@pytest.mark.parametrize("name", ["energy", "positions", "forces", "atomic_numbers", "molecule"])
def test_a_store_that_was_changed_is_refused(
    name: str, prepared: Prepared, tmp_path: Path, input_error: Any
) -> None:
    path = tmp_path / "store.h5"
    shutil.copy(prepared.store, path)
    with h5py.File(path, "r+") as file:
        file[name][...] = file[name][...][::-1]
    with StoreReader(path) as reader, input_error("store.h5", content(prepared.store), "data read"):
        read_splits(prepared.splits, reader)


def test_a_store_of_an_earlier_version_is_read(prepared: Prepared, tmp_path: Path) -> None:
    path = tmp_path / "store.h5"
    shutil.copy(prepared.store, path)
    with h5py.File(path, "r+") as file:
        del file.attrs[CONTENT_ATTRIBUTE]
    with StoreReader(path) as reader:
        assert len(read_splits(prepared.splits, reader)) == len(reader)


# --- splits and subsets


def test_splits_of_another_store_are_refused_also_after_a_move(
    prepared: Prepared, other: Prepared, tmp_path: Path, input_error: Any
) -> None:
    shutil.copy(other.splits, tmp_path / "moved.parquet")
    hashes = content(prepared.store), content(other.store)
    assert lineage.origin(tmp_path / "moved.parquet").made_from[lineage.STORE] == hashes[1]
    refused: list[Callable[[], object]] = [
        lambda: train(_settings(prepared, tmp_path, splits=tmp_path / "moved.parquet"), tmp_path),
        lambda: write_subset(
            prepared.store, tmp_path / "moved.parquet", tmp_path / "subset.csv", n=8
        ),
        lambda: _fit(prepared, tmp_path, splits=tmp_path / "moved.parquet"),
    ]
    for call in refused:
        with input_error("moved.parquet", *hashes, "e3d data split"):
            call()
    assert {path.name for path in tmp_path.iterdir()} == {"moved.parquet", "run.yaml"}


def test_splits_of_an_earlier_version_go_by_their_molecules(
    prepared: Prepared, tmp_path: Path, input_error: Any
) -> None:
    table = pd.read_parquet(prepared.splits)
    shifted = table.assign(molecule=np.roll(table["molecule"], 1))
    for name, part in (("own", table), ("other", shifted)):
        part.to_parquet(tmp_path / f"{name}.parquet")
        assert lineage.origin(tmp_path / f"{name}.parquet") == lineage.Origin()
    with StoreReader(prepared.store) as reader:
        assert len(read_splits(tmp_path / "own.parquet", reader)) == len(reader)
        with input_error("other.parquet", "other molecules", "e3d data split"):
            read_splits(tmp_path / "other.parquet", reader)


@pytest.mark.parametrize("to", [POOL, VALIDATION, TEST_CONFORMATIONS])
@pytest.mark.parametrize("stamped", [True, False])
def test_a_molecule_is_not_both_held_out_and_trained_on(
    to: str, stamped: bool, prepared: Prepared, tmp_path: Path, input_error: Any
) -> None:
    table = pd.read_parquet(prepared.splits)
    frame = frames_of(prepared.splits, TEST_MOLECULES)[0]
    table.loc[frame, "split"] = to
    path = tmp_path / "changed.parquet"
    made_from = lineage.origin(prepared.splits).made_from
    tables.write(table, path, made_from=made_from if stamped else None)
    with (
        StoreReader(prepared.store) as reader,
        input_error("changed.parquet", f"frame {frame} of ", f"is in '{to}'", TEST_MOLECULES),
    ):
        read_splits(path, reader)


@pytest.mark.parametrize(
    ("column", "value"), [("smiles", "CC"), ("molecule", 0), ("molecule", None), ("smiles", None)]
)
@pytest.mark.parametrize("of", ["splits", "subset"])
def test_molecules_are_those_of_the_store(
    of: str, column: str, value: object, prepared: Prepared, tmp_path: Path, input_error: Any
) -> None:
    """Also in tables that carry the hash of the store."""
    with StoreReader(prepared.store) as reader:
        smiles = np.array(reader.molecule_smiles, dtype=object)[reader.molecule]
        if of == "splits":
            table, path = pd.read_parquet(prepared.splits), tmp_path / "changed.parquet"
            table["smiles"] = smiles
        else:
            table, path = pd.read_csv(prepared.subset), tmp_path / "changed.csv"
        made_from = {lineage.STORE: reader.content}
        tables.write(table, path, made_from=made_from)
        read = read_splits if of == "splits" else read_subset
        read(path, reader)
        row = int(np.argmax((table["smiles"] != "CC") & (table["molecule"] != 0)))
        table[column] = table[column].astype(object)
        table.loc[row, column] = value
        tables.write(table, path, made_from=made_from)
        with input_error(path.name, f"row {row + 1}: frame ", f" has {column} ", "other molecule"):
            read(path, reader)


def _changed(prepared: Prepared, last: object, path: Path) -> Path:
    """Write the subset with another last frame, as by hand: with its hashes, without its note."""
    table = pd.read_csv(prepared.subset, dtype=object).drop(columns=["molecule", "smiles"])
    table.loc[len(table) - 1, "frame"] = last
    table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (-1, "-1 - allowed are whole numbers 0..1119"),
        (1120, "1120 - allowed are whole numbers 0..1119"),
        (3.5, "3.5 - allowed are whole numbers"),
        ("x", "row 16: frame is 'x'"),
        (None, "nan - allowed are whole numbers"),
        ("first", "more than once"),
        (TEST_MOLECULES, f"is in '{TEST_MOLECULES}'"),
        (TEST_CONFORMATIONS, f"is in '{TEST_CONFORMATIONS}'"),
        (VALIDATION, f"is in '{VALIDATION}'"),
    ],
)
def test_frames_that_cannot_be_trained_on_are_refused_by_all_that_read_them(
    last: object, text: str, prepared: Prepared, tmp_path: Path, input_error: Any
) -> None:
    if last in (TEST_MOLECULES, TEST_CONFORMATIONS, VALIDATION):
        last = frames_of(prepared.splits, str(last))[0]
    elif last == "first":
        last = pd.read_csv(prepared.subset)["frame"].iloc[0]
    path = _changed(prepared, last, tmp_path / "subset.csv")
    with input_error("subset.csv", text):
        train(_settings(prepared, tmp_path, subset=path), tmp_path / "out")
    with input_error("subset.csv", text):
        _fit(prepared, tmp_path, subset=path)
    assert {path.name for path in tmp_path.iterdir()} == {"subset.csv", "run.yaml"}


def test_a_subset_is_of_one_store_and_its_splits(
    prepared: Prepared, other: Prepared, reseeded: Path, tmp_path: Path, input_error: Any
) -> None:
    shutil.copy(other.subset, tmp_path / "moved.csv")
    with StoreReader(prepared.store) as reader:
        frames, hashes = read_subset(prepared.subset, reader, prepared.splits)
        assert len(frames) == 16
        assert set(hashes) == {lineage.STORE, lineage.SPLITS, lineage.SUBSET}
        with input_error("moved.csv", content(prepared.store), content(other.store)):
            read_subset(tmp_path / "moved.csv", reader)
        pool = frames_of(reseeded, POOL)
        both = pd.read_csv(prepared.subset)[["store", "splits"]].assign(
            frame=np.intersect1d(frames_of(prepared.splits, POOL), pool)[:16]
        )  # in either pool, and chosen from one of them
        both.to_csv(tmp_path / "both.csv", index=False)
        with input_error("both.csv", "the splits", hashes[lineage.SPLITS], "sha256:"):
            read_subset(tmp_path / "both.csv", reader, reseeded)


def test_a_subset_of_an_earlier_version_goes_by_its_molecules(
    prepared: Prepared, other: Prepared, tmp_path: Path, input_error: Any
) -> None:
    for name, source in (("own", prepared.subset), ("other", other.subset)):
        table = pd.read_csv(source).drop(columns=[Column.STORE, Column.SPLITS])
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    with StoreReader(prepared.store) as reader:
        assert len(read_subset(tmp_path / "own.csv", reader, prepared.splits)[0]) == 16
        with input_error("other.csv", "another store"):
            read_subset(tmp_path / "other.csv", reader)


def _settings(prepared: Prepared, folder: Path, **files: Path) -> Path:
    path = folder / "run.yaml"
    values = read_yaml(prepared.run()) | {name: str(file) for name, file in files.items()}
    RunSettings.from_dict(values).write(path)
    return path


def _fit(prepared: Prepared, folder: Path, **files: Path) -> None:
    given: dict[str, Any] = {"subset": prepared.subset, "splits": prepared.splits, **files}
    write_fit(
        store=prepared.store,
        named=NAMED,
        dataset="minispice",
        energy_weight=1.0,
        force_weight=1.0,
        r_max=4.0,
        output=folder / "out" / "fit.csv",
        **given,
    )


# --- models


def _model(facts: Mapping[str, str], path: Path) -> Any:
    path.write_text("weights")
    return SimpleNamespace(path=path, facts=facts)


def test_a_checkpoint_says_what_it_was_trained_on(
    prepared: Prepared, model: "AnalysisModel"
) -> None:
    with StoreReader(prepared.store) as reader:
        hashes = read_subset(prepared.subset, reader, prepared.splits)[1]
    assert lineage.trained_on(model) == hashes
    assert model.facts[lineage.trained_on_fact("run")] == RUN


def test_test_sets_that_a_model_may_know_are_refused(
    prepared: Prepared,
    other: Prepared,
    reseeded: Path,
    model: "AnalysisModel",
    tmp_path: Path,
    input_error: Any,
) -> None:
    """Of the same store by other splits, or of another store: in decompositions and in errors."""
    with StoreReader(prepared.store) as reader:
        splits = [
            hash_of_splits(read_splits(path, reader), reader.content)
            for path in (prepared.splits, reseeded)
        ]
    cases = [
        (prepared.store, reseeded, ["the splits", *splits]),
        (other.store, other.splits, ["the store", content(prepared.store), content(other.store)]),
    ]
    run = run_columns(prepared.run())
    for store, table, texts in cases:
        for columns in (None, run):
            with input_error("model.ckpt", str(table), *texts):
                write_decompositions(model, [store], tmp_path / "out", splits=table, run=columns)
            with input_error("model.ckpt", str(table), *texts):
                write_errors(model, [store], tmp_path / "out.csv", splits=table, run=columns)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("run", "minispice/n16/tiny/s7", "has seed 0, and its name says 7"),
        ("run", "given/other", "has model 'tiny', and its name says other"),
        ("dataset", "ani1x", "has dataset 'ani1x', and its name says minispice"),
        ("model", "micro", "has model 'micro', and its name says tiny"),
        ("n_train", 512, "has n_train 512, and its name says 16"),
        ("n_train", -16, "n_train = -16 - must be a whole number"),
        ("seed", "0", "seed = '0' - must be a whole number"),
        ("seed", True, "seed = True - must be a whole number"),
        ("run", 5, "run = 5 - must be a text"),
    ],
)
def test_a_run_file_does_not_contradict_itself(
    name: str, value: object, text: str, prepared: Prepared, tmp_path: Path, input_error: Any
) -> None:
    path = tmp_path / "RUN.yaml"
    path.write_text(yaml.safe_dump(read_yaml(prepared.run()) | {name: value}))
    with input_error("RUN.yaml", text):
        run_columns(path)


@pytest.mark.parametrize("name", ["r_max", "l_max", "num_layers", "num_tensor_features"])
def test_a_run_file_is_of_the_network_of_its_model(
    name: str, prepared: Prepared, model: "AnalysisModel", tmp_path: Path, input_error: Any
) -> None:
    lineage.require_run(model, run_columns(prepared.run()))
    values = read_yaml(prepared.run())
    values["architecture"][name] += 1
    path = tmp_path / "RUN.yaml"
    path.write_text(yaml.safe_dump(values))
    with input_error("model.ckpt", f"{name} = ", f"says {values['architecture'][name]}"):
        write_errors(model, [prepared.store], tmp_path / "errors.csv", run=run_columns(path))


def test_results_of_a_model_go_by_its_own_run(
    prepared: Prepared, model: "AnalysisModel", tmp_path: Path, input_error: Any
) -> None:
    another = run_columns(prepared.run()) | {"run": "minispice/n32/tiny/s0", "n_train": 32}
    with input_error("model.ckpt", RUN, "minispice/n32/tiny/s0"):
        write_decompositions(model, [NAMED], tmp_path / "out", run=another)
    with input_error("model.ckpt", RUN, "minispice/n32/tiny/s0"):
        write_errors(model, [prepared.store], tmp_path / "out.csv", run=another)


def test_a_given_model_is_tested_on_what_it_was_not_trained_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """But never on other splits of its own store; and others' models say nothing."""
    facts = {lineage.trained_on_fact(key): f"sha256:{key}" for key in ("store", "splits", "subset")}
    ours = _model(facts | {"trained_on_run": "a/n8/nano/s0"}, tmp_path / "ours.ckpt")
    given = {"run": "given/ours"}
    lineage.require_run(ours, given)
    elsewhere = {"store": "sha256:other", "splits": "sha256:other"}
    lineage.require_training(ours, elsewhere, "b", given)
    assert set(lineage.of_model(ours, given)) == {lineage.MODEL}
    with pytest.raises(InputError, match="the splits"):
        lineage.require_training(ours, {**elsewhere, "store": "sha256:store"}, "b", given)
    theirs = _model({}, tmp_path / "theirs.ckpt")
    with caplog.at_level("INFO"):
        lineage.require_training(theirs, elsewhere, "b")
    assert "does not say what it was trained on" in caplog.text


# --- decompositions


@pytest.fixture(scope="module")
def decomposed(
    prepared: Prepared, model: "AnalysisModel", tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Decompositions of the trained model on both test sets and the named bonds."""
    folder = tmp_path_factory.mktemp("decomposed")
    write_decompositions(
        model,
        [prepared.store, NAMED],
        folder,
        splits=prepared.splits,
        run=run_columns(prepared.run()),
        skip_unknown_elements=True,
    )
    return folder


SETS = (TEST_MOLECULES, TEST_CONFORMATIONS, NAMED_BONDS)


def test_a_decomposition_carries_what_it_was_made_from(
    decomposed: Path, prepared: Prepared, model: "AnalysisModel", tmp_path: Path
) -> None:
    hashes = {**lineage.trained_on(model), lineage.MODEL: lineage.file_hash(model.path)}
    for path in decomposed.glob("*/*.[cpj]*[vtn]"):
        if not path.name.endswith(".provenance.json"):
            more = {NAMED_BONDS: lineage.file_hash(NAMED)} if NAMED_BONDS in path.parts else {}
            assert lineage.origin(path).made_from == hashes | more, path
    shutil.copy(decomposed / TEST_MOLECULES / BONDS_FILE, tmp_path)
    assert lineage.origin(tmp_path / BONDS_FILE).made_from == hashes


def test_no_rows_go_by_the_name_of_another_run(
    decomposed: Path, prepared: Prepared, tmp_path: Path, input_error: Any
) -> None:
    folders = [decomposed / name for name in SETS]
    another = run_columns(prepared.run()) | {"run": "minispice/n32/tiny/s0", "n_train": 32}
    with input_error(BONDS_FILE, f"of run {RUN}", "for run minispice/n32/tiny/s0"):
        write_bde(folders, BDE_FILE, ENERGIES_FILE, None, tmp_path / "bde.csv", another)
    with input_error(BONDS_FILE, f"of run {RUN}", "for run minispice/n32/tiny/s0"):
        write_entropy(folders, tmp_path / "entropy.csv", 0.05, 0.05, 0.02, another)
    assert list(tmp_path.iterdir()) == []
    write_bde(folders, BDE_FILE, ENERGIES_FILE, None, tmp_path / "bde.csv", None)
    assert set(tables.read(tmp_path / "bde.csv")["run"]) == {RUN}, "by default its own"


def test_decompositions_of_two_runs_are_refused(
    decomposed: Path, tmp_path: Path, input_error: Any
) -> None:
    shutil.copytree(decomposed / NAMED_BONDS, tmp_path / NAMED_BONDS)
    for file in (BONDS_FILE, MEANS_FILE):
        path = tmp_path / NAMED_BONDS / file
        table = tables.read(path).assign(run="minispice/n32/tiny/s0", n_train=32)
        tables.write(
            table, path, made_from=lineage.origin(decomposed / NAMED_BONDS / file).made_from
        )
    parts = load([decomposed / TEST_MOLECULES, tmp_path / NAMED_BONDS])
    with input_error(RUN, "minispice/n32/tiny/s0", "one run"):
        run_of(parts)


def test_a_folder_goes_by_the_structures_it_holds(
    decomposed: Path, tmp_path: Path, input_error: Any
) -> None:
    """Thermal frames called relaxed molecules would be compared as such."""
    shutil.copytree(decomposed / TEST_MOLECULES, tmp_path / NAMED_BONDS)
    with input_error(BONDS_FILE, TEST_MOLECULES, NAMED_BONDS):
        load([tmp_path / NAMED_BONDS])


def test_bonds_and_training_frames_belong_together(
    decomposed: Path, prepared: Prepared, other: Prepared, tmp_path: Path, input_error: Any
) -> None:
    write_subset(prepared.store, prepared.splits, tmp_path / "n8.csv", n=8)
    (tmp_path / "n8.csv.provenance.json").unlink()  # its columns are enough
    folders = [decomposed / name for name in SETS]
    for subset, what in ((tmp_path / "n8.csv", "the training frames"), (other.subset, "the store")):
        with input_error(what, "sha256:"):
            write_bde(folders, BDE_FILE, ENERGIES_FILE, subset, tmp_path / "out" / "s0.csv", None)
    assert not (tmp_path / "out").exists()


def test_bonds_are_not_looked_up_in_a_store_that_was_made_again(
    decomposed: Path, prepared: Prepared, other: Prepared, minispice: Path, input_error: Any
) -> None:
    folders = [decomposed / TEST_MOLECULES]
    assert len(orders_table(folders, prepared.store, minispice))
    with input_error(BONDS_FILE, content(prepared.store), content(other.store)):
        orders_table(folders, other.store, minispice)


# --- what is published


def test_what_a_training_leaves_names_no_machine(prepared: Prepared, tmp_path: Path) -> None:
    """Not by the paths that it is given, which may be absolute; and it is the same elsewhere."""
    made = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        files = {}
        for key in ("store", "splits", "subset"):
            files[key] = folder / getattr(prepared, key).name
            shutil.copy(getattr(prepared, key), files[key])
        values = read_yaml(prepared.run(steps=2, steps_per_epoch=1))
        values |= {key: str(path) for key, path in files.items()}
        RunSettings.from_dict(values).write(folder / "run.yaml")
        command = [sys.executable, "-m", "study", "train", str(folder / "run.yaml")]
        environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1"}
        subprocess.run(
            [*command, "-o", str(folder / "out")], cwd=folder, env=environment, check=True
        )
        for path in (folder / "out").iterdir():
            assert str(tmp_path).encode() not in path.read_bytes(), path.name
        made.append(folder / "out")
    for file in ("model.ckpt", "metrics.csv", "nequip.yaml"):
        assert (made[0] / file).read_bytes() == (made[1] / file).read_bytes(), file
