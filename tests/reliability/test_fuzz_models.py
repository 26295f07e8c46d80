"""Files of models: checkpoints, their bytes and settings, and pair potentials."""

import copy
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import fuzz_inputs as inputs
import mutations
import pytest
import yaml
from fuzzing import Try

import checkpoint_fixtures as checkpoints

CASES = {"archives": 40, "settings": 40, "potentials": 60}
"""Cases of a kind in the seeded part."""
WATER = "O"


@pytest.mark.parametrize("kind", CASES)
def test_models(kind: str, fuzzed: Callable[[str, int], None]) -> None:
    fuzzed(f"{__name__}:{kind}", CASES[kind])


# --- the process of the cases


def prepare(base: Path) -> None:
    """Write a checkpoint and a pair potential; decompose water with each."""
    import torch

    from study.cli import main

    settings = checkpoints.TODAY
    weights = checkpoints.weights(settings)
    torch.save({"settings": settings, "weights": weights}, base / "parts.pt")
    paths = [checkpoints.write(base / "model.ckpt", settings, weights)]
    paths.append(inputs.write_morse(base / "morse.pair.yaml"))
    for path in paths:
        assert main(decomposing(path, base / f"{path.name}.out")) == 0


def decomposing(path: Path, output: Path) -> list[str]:
    """Return the command that decomposes water."""
    return ["decompose", str(path), WATER, "-o", str(output)]


def _same(output: Path, usual: Path) -> bool:
    return inputs.bonds_of(output).equals(inputs.bonds_of(usual))


def archives(rng: Random, base: Path, folder: Path) -> Try:
    """A checkpoint's bytes, or members of its archive."""
    path = inputs.copied(base / "model.ckpt", folder)
    if rng.random() < 0.8:
        what, content = mutations.of_bytes(path.read_bytes(), rng)
        path.write_bytes(content)
    else:
        what = _other_members(path, rng)
    output = folder / "out"

    def wrong() -> str:
        same = _same(output, base / "model.ckpt.out")
        return "the same" if same else "other energies from a damaged checkpoint"

    return Try(what, decomposing(path, output), wrong)


def _other_members(path: Path, rng: Random) -> str:
    """Write the archive again, a member dropped, renamed, twice or damaged; its checksum fits."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(members))
    kind = rng.choice(("dropped", "renamed", "empty", "cut"))
    content = members.pop(name)
    if kind == "renamed":
        members[f"{name}x"] = content
    elif kind in ("empty", "cut"):
        members[name] = content[: 0 if kind == "empty" else len(content) // 2]
    with zipfile.ZipFile(path, "w") as archive:
        for other, value in members.items():
            archive.writestr(other, value)
    return f"{name} {kind}"


def settings(rng: Random, base: Path, folder: Path) -> Try:
    """The settings of a checkpoint, its versions, and names and shapes of its weights."""
    import torch

    parts = torch.load(base / "parts.pt", weights_only=True)
    given, weights = copy.deepcopy(parts["settings"]), dict(parts["weights"])
    more: dict[str, Any] = {}
    kind = rng.choice(("settings", "settings", "settings", "weight", "version"))
    if kind == "settings":
        what = mutations.of_tree(given, rng)
    elif kind == "version":
        more["nequip"] = mutations.of_value("0.8.0", rng)
        what = f"nequip version {str(more['nequip'])[:50]!r}"
    else:
        name = rng.choice(list(weights))
        value = weights.pop(name)
        other = rng.choice(("gone", "renamed", "shape", "nan", "type", "number"))
        what = f"{name}: {other}"
        if other != "gone":
            weights[f"{name}x" if other == "renamed" else name] = {
                "renamed": value,
                "shape": value.flatten()[:-1],
                "nan": value * float("nan"),
                "type": value.to(torch.complex64),
                "number": 1.0,
            }[other]
    path = checkpoints.write(folder / "model.ckpt", given, weights, **more)
    output = folder / "out"
    return Try(what, decomposing(path, output), lambda: _of_settings(output, base))


def _of_settings(output: Path, base: Path) -> str:
    """A change of what a network is gives other energies; they are numbers."""
    if _same(output, base / "model.ckpt.out"):
        return "the same"
    rows = inputs.bonds_of(output).select_dtypes("number")
    return "another" if rows.notna().all(axis=None) else "energies that are no numbers"


def potentials(rng: Random, base: Path, folder: Path) -> Try:
    """A pair potential: its text, or its values."""
    path = folder / "morse.pair.yaml"
    if rng.random() < 0.5:
        what, text = mutations.of_text((base / path.name).read_text(), rng, " :")
        path.write_text(text, newline="")
    else:
        content = copy.deepcopy(inputs.MORSE)
        what = mutations.of_tree(content, rng)
        path.write_text(yaml.safe_dump(content))
    output = folder / "out"
    return Try(what, decomposing(path, output), lambda: _of_potential(output, path))


def _of_potential(output: Path, path: Path) -> str:
    """Compare D of the O-H bonds of water with what the file's own parameters give."""
    import numpy as np

    values = yaml.safe_load(path.read_text())
    one = values["pairs"].get("H-O", values["pairs"].get("O-H"))
    rows = inputs.bonds_of(output)
    if one is None:
        return "another" if not rows["bond_energy_eV"].any() else "D without parameters"
    if not len(rows):
        return "another" if values["r_max_ang"] < 1 else "no bond within the cutoff"
    r = rows["r_ang"].to_numpy()

    def morse(at: Any) -> Any:
        bent = 1 - np.exp(-one["steepness_per_ang"] * (at - one["length_ang"]))
        return one["depth_eV"] * (bent**2 - 1)

    expected = morse(values["r_max_ang"]) - morse(r)
    found, limit = rows["bond_energy_eV"].to_numpy(), 1e-6 * abs(expected).max()
    close = np.allclose(found, expected, rtol=1e-6, atol=limit)
    return "another" if close else f"D is {found.tolist()}, not {expected.tolist()}"
