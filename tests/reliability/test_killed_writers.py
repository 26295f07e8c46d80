"""Readers and writers that are killed with much on the disk: nothing of it stays."""

import contextlib
import gzip
import os
import signal
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from starving import killed

from e3d import provenance
from e3d.cli import main
from e3d.store.files import compressed
from planning import ROOT

READ = ["data", "read", str(ROOT / "resources" / "minispice.hdf5"), "--layout", "spice"]
READ += ["--theory", "wB97M-D3(BJ)/def2-TZVPPD", "-o"]

Tried = Callable[[str, int, str], None]


def end(*_: object, **__: object) -> None:
    """End this process as the kernel ends one that takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def read(place: str, store: Path) -> None:
    """Read a dataset, and be killed at the first call of ``place``."""
    with mock.patch(place, end):
        main([*READ, str(store)])


@pytest.mark.parametrize(
    ("place", "left"),
    [
        ("e3d.store.writer.StoreWriter._assemble", 0),  # all frames are spooled
        ("e3d.store.writer._copy", 1),  # the store itself is begun
        ("e3d.provenance.os.replace", 1),  # it is finished, and has not its name
    ],
)
def test_a_killed_reader_leaves_no_spool(
    place: str, left: int, tmp_path: Path, tried: Tried
) -> None:
    store = tmp_path / "new" / "store.h5"
    killed(read, place, store)
    assert len(list(store.parent.iterdir())) == left
    assert main([*READ, str(store)]) == 0
    names = {path.name.removeprefix(store.name) for path in store.parent.iterdir()}
    assert "" in names
    assert all(name == "" or name.endswith(".json") for name in names)
    tried("readers killed", 1, "no spool, no leftovers after the next")


def unpack(path: Path, folder: Path) -> None:
    """Unpack a file, and be killed while it is read."""
    with mock.patch("tempfile.tempdir", str(folder)), compressed.plain(path) as copy:
        assert copy.read_bytes() == b"much" * 1000
        end()


def test_an_unpacked_copy_goes_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Tried
) -> None:
    packed, folder = tmp_path / "a.hdf5.gz", tmp_path / "temporary"
    packed.write_bytes(gzip.compress(b"much" * 1000))
    folder.mkdir()
    killed(unpack, packed, folder)
    (left,) = folder.iterdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with compressed.plain(packed) as copy:
        assert list(folder.iterdir()) == [copy]
        assert left != copy
    assert not list(folder.iterdir())
    tried("readers killed", 1, "no spool, no leftovers after the next")


def replace(folder: Path, *, done: int) -> None:
    """Replace a folder, and be killed after so many of its two renames."""
    rename, calls = Path.rename, []

    def counted(self: Path, target: Path) -> Path:
        if len(calls) == done:
            end()
        calls.append(target)
        return rename(self, target)

    with mock.patch.object(Path, "rename", counted), provenance.whole_folder(folder) as new:
        (new / "page").write_text("new")
    end()


@pytest.mark.parametrize(("done", "page"), [(0, "old"), (1, "old"), (2, "new")])
def test_a_folder_is_the_old_one_or_the_new_one(
    done: int, page: str, tmp_path: Path, tried: Tried
) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "page").write_text("old")
    killed(replace, folder, done=done)
    with contextlib.suppress(KeyError), provenance.whole_folder(folder):
        assert (folder / "page").read_text() == page
        raise KeyError("the next one fails")
    assert (folder / "page").read_text() == page
    assert list(tmp_path.iterdir()) == [folder]
    tried("writers of a folder killed", 1, "the old one or the new one, no leftovers")
