"""The library alone: without study and labels it reads data, loads a trained model, decomposes."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from ase.build import molecule
from ase.io import write

OURS = ("e3d", "study", "__editable__")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Callable[..., str]:
    """Run a Python that finds what is installed and, of this project, the library alone."""
    folder = tmp_path_factory.mktemp("site")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(OURS):
            (folder / path.name).symlink_to(path)
    (folder / "e3d").symlink_to(root / "src" / "e3d")
    environment = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}

    def run(*arguments: object) -> str:
        command = [sys.executable, "-S", *map(str, arguments)]  # -S: not what is installed
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_its_program_has_its_own_commands(python: Callable[..., str]) -> None:
    shown = python("-m", "e3d", "--help")
    assert all(f"\n    {name}" in shown for name in ("decompose", "evaluate", "data"))
    assert "train" not in shown
    found = "import importlib.util as i; print(*(bool(i.find_spec(m)) for m in ('e3d', 'study')))"
    assert python("-c", found).split() == ["True", "False"]


def test_it_reads_data_and_decomposes(
    python: Callable[..., str], minispice: Path, trained: Path, tmp_path: Path
) -> None:
    store, model, water = tmp_path / "store.h5", trained / "model.ckpt", tmp_path / "water.xyz"
    python("-m", "e3d", "data", "read", minispice, "-o", store)
    write(water, molecule("H2O"), format="extxyz")
    python("-m", "e3d", "decompose", model, water, "-o", tmp_path / "out")
    assert len(pd.read_parquet(tmp_path / "out" / "water" / "bonds.parquet")) == 2
    assert store.is_file()
