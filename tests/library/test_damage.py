"""Damaged files of every kind are refused, not read as something else, and never for ever."""

import shutil
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

import checkpoint_fixtures as checkpoints
from e3d import tables
from e3d.models import load_model
from e3d.models.inert import read as read_checkpoint
from e3d.store.files.hdf5 import open_hdf5
from e3d.store.reader import StoreReader
from model_fixtures import Prepared

InputErrors = Callable[..., AbstractContextManager[None]]


def flip(path: Path, place: int) -> None:
    """Flip one bit of the byte at a place."""
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


# --- HDF5


def test_a_heap_of_texts_that_hdf5_never_leaves(tmp_path: Path, input_error: InputErrors) -> None:
    """Zeros in place of the size of what is left: HDF5 2.0 goes on by no byte."""
    path = tmp_path / "texts.h5"
    with h5py.File(path, "w") as file:
        file["smiles"] = ["C", "CC"]
    with open_hdf5(path) as file:
        assert file["smiles"].asstr()[1] == "CC"
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    size = int.from_bytes(content[heap + 8 : heap + 16], "little")
    place = heap + 16
    while int.from_bytes(content[place : place + 2], "little"):  # to the free space at the end
        place += 16 + -(-int.from_bytes(content[place + 8 : place + 16], "little") // 8) * 8
    content[place : heap + size] = bytes(heap + size - place)
    path.write_bytes(content)
    with input_error("texts.h5", "its heap of texts is damaged"):
        open_hdf5(path)


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("positions", None, "lacks positions"),
        ("group", h5py.SoftLink("/nowhere"), "leads nowhere"),
        ("energy", h5py.ExternalLink("other.h5", "/energy"), "leads to another file"),
        ("forces", lambda found: found[:, :2], "forces holds float32 of shape"),
        ("energy", lambda found: found.astype(np.float32), "energy holds float32"),
        ("frame_ptr", lambda found: found[::-1], "does not ascend from 0"),
        ("frame_ptr", lambda found: found + 1, "does not ascend from 0"),
        ("molecule", lambda found: found + 10_000, "molecule of frame 0 is 10000"),
        ("subset", lambda found: found - 1, "subset of frame 0 is -1"),
        ("group_smiles", lambda found: np.arange(len(found)), "expected a list of texts"),
        ("molecule_smiles", lambda found: np.array([b"\xff\xfe"] * len(found)), "can't decode"),
    ],
)
def test_a_store_that_is_none_any_more(
    name: str,
    change: object,
    text: str,
    prepared: Prepared,
    tmp_path: Path,
    input_error: InputErrors,
) -> None:
    path = Path(shutil.copy(prepared.store, tmp_path))
    with h5py.File(path, "r+") as file:
        before = file[name][()]
        del file[name]
        if callable(change):
            file[name] = change(before)
        elif change is not None:
            file[name] = change
    with input_error(str(path), text):
        StoreReader(path)


@pytest.mark.parametrize("value", ["", "{}x", '{"1": NaN}', "[" * 5000, 3])
def test_a_store_without_its_isolated_atoms(
    value: object, prepared: Prepared, tmp_path: Path, input_error: InputErrors
) -> None:
    path = Path(shutil.copy(prepared.store, tmp_path))
    with h5py.File(path, "r+") as file:
        file.attrs["isolated_atom_energy_eV"] = value
    with input_error("isolated_atom_energy_eV is missing or damaged"):
        StoreReader(path)


# --- checkpoints


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint with arbitrary weights."""
    path = tmp_path_factory.mktemp("models") / "model.ckpt"
    return checkpoints.write(path, checkpoints.TODAY, checkpoints.weights(checkpoints.TODAY))


def test_a_flipped_bit_of_a_weight(
    checkpoint: Path, tmp_path: Path, input_error: InputErrors
) -> None:
    """PyTorch reads it: its reader does not look at the checksums that its writer puts there."""
    path = Path(shutil.copy(checkpoint, tmp_path))
    with zipfile.ZipFile(path) as archive:
        member = max(archive.infolist(), key=lambda one: one.file_size)
        place = path.read_bytes().index(archive.read(member))
    flip(path, place + 2)
    assert torch.load(path, weights_only=False)["state_dict"]
    with input_error(member.filename, "is damaged"):
        load_model(path)


def test_an_archive_without_checksums_is_read(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(torch.load(checkpoint, weights_only=False), path)
    finally:
        torch.serialization.set_crc32_options(before)
    assert read_checkpoint(path)["state_dict"].keys()


# --- tables


def test_a_flipped_bit_of_a_parquet_table(tmp_path: Path, input_error: InputErrors) -> None:
    path = tmp_path / "table.parquet"
    rng = np.random.default_rng(0)
    tables.write(pd.DataFrame({"bond_energy_eV": rng.normal(size=500)}), path)
    assert len(tables.read(path)) == 500
    flip(path, 1000)
    assert len(pd.read_parquet(path)) == 500  # without checksums: another number
    with input_error("table.parquet", "not a readable table"):
        tables.read(path)


def test_a_word_among_numbers(tmp_path: Path, input_error: InputErrors) -> None:
    path = tmp_path / "table.csv"
    path.write_text("model,n,verdict\n8,1,no\nnano,2,\n8,x,yes\n16,4,\n")
    with input_error("table.csv: row 3: n is 'x', and it holds numbers"):
        tables.read(path)
    path.write_text("model,n,verdict\n8,1,no\nnano,,\n8,nan,1 of 3\n16,4,\n")
    assert list(tables.read(path)["model"]) == ["8", "nano", "8", "16"]
