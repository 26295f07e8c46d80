"""A model's numbers, and the files made of them, are the same bits in every process.

Processes differ in where their memory lies, in what it held before, and in the order of sets. The
last two are set here: glibc fills memory that it hands out with the complement of
``MALLOC_PERTURB_``, so that whoever reads it before writing to it gets another number.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoint_fixtures import TODAY, weights, write
from e3d.fast.polynomials import harmonics
from planning import PYTHONPATH

TESTS = Path(__file__).parents[1]
STARTS = [
    {"PYTHONHASHSEED": str(seed), **perturbed}
    for seed, perturbed in enumerate(
        [{}, {"MALLOC_PERTURB_": "255"}, {"MALLOC_PERTURB_": "254"}, {"MALLOC_PERTURB_": "90"}, {}]
    )
]
"""Environments: memory as it comes, full of zeros, of small numbers, of large ones."""

COMMANDS = [
    ["decompose", "MODEL", "STORE", "CO", "--csv", "--skip-unknown-elements", "-o", "decomposed"],
    ["evaluate", "MODEL", "STORE", "--skip-unknown-elements", "-o", "errors.csv"],
    ["report", "MODEL", "STORE", "-o", "page"],
]


def start(words: list[str], changed: Mapping[str, str], folder: Path) -> str:
    """Run Python in ``folder`` with a changed environment; return what it says."""
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1", **changed}
    done = subprocess.run(
        [sys.executable, *words], env=environment, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Networks of H, C and O with l_max 1, 2 and 3."""
    folder = tmp_path_factory.mktemp("checkpoints")
    found = []
    for l_max in (1, 2, 3):
        settings: dict[str, Any] = {**TODAY, "l_max": l_max}
        found.append(write(folder / f"l{l_max}.ckpt", settings, weights(settings)))
    return found


def test_every_process_has_the_same_numbers(checkpoints: list[Path], tmp_path: Path) -> None:
    words = [str(TESTS / "same_bytes_worker.py"), *map(str, checkpoints)]
    with ThreadPoolExecutor(2) as pool:
        texts = pool.map(lambda changed: start(words, changed, tmp_path), STARTS)
        first, *others = [json.loads(text) for text in texts]
    assert len(first) > 100
    for other in others:
        assert {name for name in first if other.get(name) != first[name]} == set()
        assert other.keys() == first.keys()


def test_commands_write_the_same_bytes(
    checkpoints: list[Path], prepared: Any, tmp_path: Path
) -> None:
    """Provenance notes also say how long it took."""
    given = {"MODEL": str(checkpoints[1]), "STORE": str(prepared.store)}
    code = "import sys; from e3d.cli import main; sys.exit(any(main(w) for w in {}))"
    words = [[given.get(word, word) for word in command] for command in COMMANDS]

    def run(number: int) -> dict[str, bytes]:
        folder = tmp_path / str(number)
        folder.mkdir()
        start(["-c", code.format(words)], STARTS[number], folder)
        return {str(path.relative_to(folder)): content(path) for path in files(folder)}

    with ThreadPoolExecutor(2) as pool:
        first, again = pool.map(run, (0, 3))
    assert {"errors.csv", "page/report.html", "decomposed/CO/bonds.parquet"} <= first.keys()
    assert {name for name in first if again.get(name) != first[name]} == set()
    assert again.keys() == first.keys()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def content(path: Path) -> bytes:
    """Return the bytes of a file, of a provenance note without wall time and commit of the code.

    Somebody may commit in the checkout meanwhile.
    """
    if not path.name.endswith(".provenance.json"):
        return path.read_bytes()
    note = json.loads(path.read_text(encoding="utf-8"))
    assert note.pop("wall_time_s") > 0
    del note["commit"]
    return json.dumps(note).encode()


@pytest.mark.parametrize("normalization", ["component", "norm", "integral"])
def test_spherical_harmonics_are_those_of_e3nn(normalization: str) -> None:
    """Up to l = 11, the last degree that e3nn has."""
    from e3nn.o3 import SphericalHarmonics

    generator = torch.Generator().manual_seed(3)
    xyz = torch.randn(100, 3, dtype=torch.float64, generator=generator)
    x, y, z = torch.nn.functional.normalize(xyz, dim=1).T
    for degree in range(12):
        ours = torch.stack(
            [
                torch.stack([c * x**a * y**b * z**d for (a, b, d), c in one.items()]).sum(0)
                for one in harmonics(degree, normalization)
            ],
            dim=1,
        )
        wanted = SphericalHarmonics([degree], True, normalization)(xyz)
        error = float((ours - wanted).abs().max())
        assert error < 1e-13, f"l = {degree}: {error:.1e}"  # sums of at most 12 terms below 30
