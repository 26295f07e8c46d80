"""Structures that a user gives: files of XYZ with words and lines changed, and SMILES."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import fuzz_inputs as inputs
import mutations
import numpy as np
import pytest
from fuzzing import Try

CASES = {"xyz": 60, "smiles": 30}
"""Cases of a kind in the seeded part."""
SMILES = ("CO", "CC(=O)N", "c1ccccc1", "O=C=O", "[CH3]", "C[N+](=O)[O-]", "OO", "N#N", "C1CC1")


@pytest.mark.parametrize("kind", CASES)
def test_structures(kind: str, fuzzed: Callable[[str, int], None]) -> None:
    fuzzed(f"{__name__}:{kind}", CASES[kind])


# --- the process of the cases


def prepare(base: Path) -> None:
    """Write a few molecules in the forms that chemists and programs use."""
    spice = inputs.write_spice(base / "spice.hdf5", groups=5, frames=2)
    inputs.write_extxyz(base / "extended.xyz", spice)
    inputs.write_morse(base / "morse.pair.yaml")
    text = (base / "extended.xyz").read_text()
    lines = [
        "a molecule" if "=" in line else " ".join(line.split()[:4]) for line in text.split("\n")
    ]
    (base / "plain.xyz").write_text("\n".join(lines))


def xyz(rng: Random, base: Path, folder: Path) -> Try:
    """A file of some frames, one or two changes."""
    path = inputs.copied(base / rng.choice(("extended.xyz", "plain.xyz")), folder)
    what, text = mutations.of_text(path.read_text(), rng, " =")
    if rng.random() < 0.2:
        more, text = mutations.of_text(text, rng, " =")
        what = f"{what}; {more}"
    path.write_text(text, newline="")
    if rng.random() < 0.15:
        what, content = mutations.of_bytes(path.read_bytes(), rng)
        path.write_bytes(content)
    output = folder / "out"
    argv = ["decompose", str(base / "morse.pair.yaml"), str(path), "-o", str(output)]
    if rng.random() < 0.5:
        argv.append("--skip-unknown-elements")
    return Try(f"{path.name}: {what}", argv, lambda: _of_xyz(output, path))


def _of_xyz(output: Path, path: Path) -> str:
    """Compare the frames that were decomposed with those that a plain reading finds."""
    frames = frames_of(path.read_bytes().decode(errors="replace"))
    if frames is None:
        return "read, though its counts of atoms do not fit its lines"
    rows = inputs.bonds_of(output)
    (said,) = (json.loads(file.read_text()) for file in output.rglob("summary.json"))
    found = said["frames"] + said["frames_left_out"]
    if found != frames:
        return f"{found} frames of {frames}"
    numbers = rows.select_dtypes("number").to_numpy(float)
    return "another" if np.isfinite(numbers).all() else "bonds that are not finite"


def frames_of(text: str) -> int | None:
    """Return how many frames an XYZ has: a count, a comment, so many lines; None if it does not."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    place = frames = 0
    while place < len(lines):
        if not lines[place].strip():
            place += 1
            continue
        try:
            place += 2 + int(lines[place])
        except ValueError:
            return None
        if place > len(lines):
            return None
        frames += 1
    return frames


def smiles(rng: Random, base: Path, folder: Path) -> Try:
    """A SMILES with letters changed."""
    text = list(rng.choice(SMILES))
    for _ in range(rng.randrange(1, 4)):
        letter = rng.choice([*"CNOHcno[]()=#123+-@/\\.:%$ *{}\0é~?", "C" * 40])
        place = rng.randrange(len(text) + 1)
        if rng.random() < 0.6:
            text.insert(place, letter)
        elif text:
            text.pop(min(place, len(text) - 1))
    given = "".join(text)
    output = folder / "out"
    argv = ["decompose", str(base / "morse.pair.yaml"), "-o", str(output), "--", given]
    return Try(f"SMILES {given!r}", argv, lambda: _of_smiles(output))


def _of_smiles(output: Path) -> str:
    numbers = inputs.bonds_of(output).select_dtypes("number").to_numpy(float)
    return "another" if np.isfinite(numbers).all() else "bonds that are not finite"
